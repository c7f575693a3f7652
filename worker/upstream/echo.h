// worker/upstream/echo.h - a tiny XMPP peer inside the worker: quick start, self-test, benchmarks (ARCHITECTURE, Inside a worker).
// Runs in: worker. I/O: the log, by its story. Any user may log in with any password; what one sends to anybody comes back to oneself.
// It offers SASL PLAIN and ANONYMOUS, resource binding and session, answers roster, ping and disco#info, and sends
// messages and the user's own presence back. Other requests get service-unavailable.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/stats/stats.h"
#include "worker/upstream/policy.h"
#include "worker/upstream/story.h"
#include "worker/upstream/upstream.h"
#include "worker/xml/tree.h"

namespace nxb::upstream {

class Echo final : public Upstream {
 public:
  Echo(StreamId id, const Policy& policy, xml::Pool& pool, stats::Counters& counters, Events& events)
      : id_(id), policy_(policy), pool_(pool), counters_(counters), events_(events) {}

  void open(const StreamSpec& spec) override;
  void send(std::string_view elements) override;
  void restart(std::string_view stream_attrs) override;
  void set_reading(bool on) override;
  void close(Parting parting, const std::vector<xmpp::Stanza>& undelivered) override;

 private:
  void begin_stream();
  void take(const xml::Node& element, std::string_view raw);
  void take_auth(const xml::Node& auth);
  void take_iq(const xml::Node& iq);
  void take_message(const xml::Node& message, std::string_view raw);
  void take_presence(const xml::Node& presence, std::string_view raw);
  void bind(const xml::Node& iq, const xml::Node& request);
  void answer(const xml::Node& iq, std::string_view payload);
  void refuse(const xml::Node& iq);
  void reply(xmpp::Kind kind, std::string bytes);
  void flush();
  void end_with_error(std::string_view condition);
  void finish(Closed closed);
  std::string bare_jid() const { return user_ + "@" + domain_; }

  StreamId id_;
  Story story_;
  const Policy& policy_;
  xml::Pool& pool_;
  stats::Counters& counters_;
  Events& events_;
  std::string domain_, user_, full_jid_;  // user_ is set by SASL, full_jid_ by binding
  std::vector<xmpp::Stanza> replies_;     // of the call running, or held while the client does not collect
  std::size_t held_bytes_ = 0;            // of replies_
  bool reading_ = true, closed_ = false;
};

}  // namespace nxb::upstream
