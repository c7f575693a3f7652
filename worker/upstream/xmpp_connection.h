// worker/upstream/xmpp_connection.h - one stream to an XMPP server: resolve, connect, TLS, xmpp::ClientStream.
// Runs in: worker. I/O: DNS, TCP or a unix socket, TLS. Owned by: upstream::Streams. Known above by its StreamId.
// An adapter: it carries out the machine's steps and feeds it what the network says. The addresses of a target are
// tried in turn; what an attempt needs is freed once the stream is usable, so that an idle stream stays small.
// Events may be raised from within a call, and the session may call back from within an event: steps are queued and
// carried out by the pump already running.
// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/config/config.h"
#include "common/stats/stats.h"
#include "common/uv/deadlines.h"
#include "common/uv/loop.h"
#include "common/uv/stream.h"
#include "worker/dns/resolver.h"
#include "worker/tls/contexts.h"
#include "worker/tls/engine.h"
#include "worker/upstream/congestion.h"
#include "worker/upstream/policy.h"
#include "worker/upstream/upstream.h"
#include "worker/xmpp/client_stream.h"

namespace nxb::upstream {

// What all connections of a worker share.
struct XmppServices {
  uv::Loop& loop;
  const config::Config& config;
  xml::Pool& pool;
  uv::Deadlines& deadlines;
  uv::Deadlines::Family family;
  stats::Counters& counters;
  Events& events;
  const Policy& policy;
  dns::Resolver& resolver;
  tls::Contexts& contexts;
};

class XmppConnection final : public Upstream, private uv::StreamSink {
 public:
  XmppConnection(StreamId id, XmppServices& services) : id_(id), services_(services) {}
  ~XmppConnection() override;

  void open(const StreamSpec& spec) override;
  void send(std::string_view elements) override;
  void restart(std::string_view stream_attrs) override;
  void set_reading(bool on) override;
  void close(Parting parting, const std::vector<xmpp::Stanza>& undelivered) override;

  void on_deadline(Instant now);
  void let_go();  // nothing of it touches the services any more; it only waits to be destroyed

  static constexpr std::size_t kMaxAddresses = 8;  // U-17

 private:
  enum class Stage : std::uint8_t { Policy, Dns, Tcp, Tls, Stream };
  // Needed until the stream is usable.
  struct Attempt {
    Choice choice;
    std::string client_address;
    std::vector<Address> addresses;
    std::size_t next = 0;
    std::size_t tried = 0;
    dns::LookupId lookup;
    Instant usable_by;
    std::optional<Instant> connect_by;  // set while a TCP connection is being made
    std::string last_error;
  };

  void on_connected() override;
  void on_bytes(std::string_view bytes) override;
  void on_end() override;
  void on_broken(const Error& error) override;
  void on_drained() override;

  void watch_unsent();
  std::size_t most_unsent() const;

  void look_up();
  void on_answer(dns::Answer answer);
  void try_next_address();
  bool start_tls(tls::Engine::Offer offer);
  void take_ciphertext(std::string_view bytes);
  void take_plaintext(std::string_view bytes);

  void feed(const xmpp::StreamInput& input);
  void pump();
  void perform(xmpp::step::Write& step);
  void perform(xmpp::step::StartTls& step);
  void perform(xmpp::step::Usable& step);
  void perform(xmpp::step::Deliver& step);
  void perform(xmpp::step::Ended& step);
  void fail(Stage stage, bosh::Condition condition, std::string why);
  void log_failure(Stage stage, std::string_view why) const;
  void say_goodbye();
  void finish(Closed closed);
  void raise(Event event) { services_.events.on_stream_event(id_, std::move(event)); }
  void arm();

  StreamId id_;
  XmppServices& services_;
  std::optional<xmpp::ClientStream> machine_;
  std::unique_ptr<Attempt> attempt_;
  std::unique_ptr<uv::Stream> stream_;
  std::unique_ptr<tls::Engine> engine_;
  std::unique_ptr<Congestion> congestion_;  // while the server does not take what is sent
  std::unique_ptr<Closed> goodbye_;         // raised when the last bytes are out, or at goodbye_by_
  std::optional<Instant> goodbye_by_;
  std::optional<Instant> armed_;
  xmpp::StreamSteps steps_;  // not yet carried out
  bool pumping_ = false;
  bool reading_ = true;
  bool done_ = false;  // Closed was raised, or only waits for the last bytes
};

}  // namespace nxb::upstream
