// tests/unit/worker/gateway/fake_upstream.h - a stream that remembers what it was asked, for sessions of either kind.
// It answers open() at once, from within the call, as `echo` does; or never, if it is told so.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "worker/upstream/upstream.h"

namespace nxb::gateway {

struct FakeUpstream final : upstream::Upstream {
  FakeUpstream(upstream::Events& e, StreamId s, bool at_once) : events(e), id(s), open_at_once(at_once) {}

  void open(const upstream::StreamSpec& asked) override {
    spec = asked;
    if (!open_at_once) return;
    events.on_stream_event(id, upstream::Opened{"authid-1", "1.0", {}, {}});
    events.on_stream_event(
        id, upstream::Arrived{
                {{xmpp::Kind::Features, "<stream:features xmlns:stream='http://etherx.jabber.org/streams'/>"}}});
  }
  void send(std::string_view elements) override {
    sent += elements;
    if (on_send) on_send(*this);
  }
  void restart(std::string_view attributes) override {
    ++restarts;
    stream_attrs = attributes;
  }
  void acknowledged(std::uint32_t answers) override { acknowledged_answers += answers; }
  void set_reading(bool on) override { reading = on; }
  void close(upstream::Parting why, const std::vector<xmpp::Stanza>& left) override {
    parting = why;
    undelivered = left.size();
  }

  upstream::Events& events;
  const StreamId id;
  const bool open_at_once;
  std::function<void(FakeUpstream&)> on_send;  // what its server does with what it is told
  upstream::StreamSpec spec;
  std::string sent, stream_attrs;
  int restarts = 0;
  std::uint32_t acknowledged_answers = 0;
  bool reading = true;
  std::optional<upstream::Parting> parting;
  std::size_t undelivered = 0;
};

}  // namespace nxb::gateway
