// tests/scenario/sim_upstream.h - a stream to a server of the script: xmpp::ClientStream without a socket. It does what
// upstream::XmppConnection does after a TCP connection was made, without TLS.
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "common/config/config.h"
#include "stage.h"
#include "worker/upstream/policy.h"
#include "worker/upstream/upstream.h"
#include "worker/xmpp/client_stream.h"

namespace nxb::scenario {

// What happens, ordered by instant and, within one, by when it was said.
struct VirtualTime {
  Instant now{Duration(1'000'000)};
  std::multimap<Instant, std::function<void()>> events;
  void soon(std::function<void()> what) { events.emplace(now, std::move(what)); }
};

class SimUpstream final : public upstream::Upstream {
 public:
  struct World {
    const config::Config& config;
    const upstream::Policy& policy;
    xml::Pool& pool;
    VirtualTime& clock;
    upstream::Events& events;
    Listener*& listener;
    LinkNumber& last_link;
    std::function<SimUpstream*(StreamId)> find;
  };
  SimUpstream(StreamId id, World world) : id_(id), world_(std::move(world)) {}

  void open(const upstream::StreamSpec& spec) override;
  void send(std::string_view elements) override { feed(xmpp::event::Send{elements}); }
  void restart(std::string_view stream_attrs) override { feed(xmpp::event::Restart{stream_attrs}); }
  void set_reading(bool on) override;
  void close(upstream::Parting parting, const std::vector<xmpp::Stanza>& undelivered) override;

  LinkNumber link() const { return link_; }
  std::optional<Instant> next_deadline() const { return machine_ ? machine_->next_deadline() : std::nullopt; }
  void time_passed() { feed(xmpp::event::TimePassed{}); }
  void receive(std::string_view bytes);
  void transport_ended(std::string_view why) { feed(xmpp::event::TransportEnded{why}); }

 private:
  void feed(const xmpp::StreamInput& input);
  void perform(xmpp::step::Write& step);
  void perform(xmpp::step::StartTls& step);
  void perform(xmpp::step::Usable& step);
  void perform(xmpp::step::Deliver& step);
  void perform(xmpp::step::Ended& step);
  void raise(upstream::Event event) { world_.events.on_stream_event(id_, std::move(event)); }
  void soon(std::function<void(SimUpstream&)> what);

  StreamId id_;
  World world_;
  std::optional<xmpp::ClientStream> machine_;
  LinkNumber link_ = 0;
  xmpp::StreamSteps steps_;
  std::string unread_;  // while nxb does not read
  bool pumping_ = false, reading_ = true, done_ = false;
};

}  // namespace nxb::scenario
