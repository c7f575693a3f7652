// worker/gateway/links.h - the streams towards XMPP servers of all sessions: whose each is, and what is done with it.
// Runs in: worker. Owned by: gateway::Gateway. The streams themselves are kept behind Ports.
// A stream may outlive its session, while it closes; then its words find nobody.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/base/ids.h"
#include "worker/gateway/census.h"
#include "worker/gateway/context.h"
#include "worker/upstream/upstream.h"

namespace nxb::gateway {

// The streams of one session, in its cell, each with its number in the session. Nearly always one.
class Held {
 public:
  StreamId find(std::uint32_t number) const;  // names nothing when it holds none of this number
  void add(std::uint32_t number, StreamId id, std::string domain) { held_.push_back({number, id, std::move(domain)}); }
  void drop(std::uint32_t number);
  bool empty() const { return held_.empty(); }
  template <class F>
  void for_each(F&& f) const {  // f(StreamId); it may not change what is held
    for (const One& one : held_) f(one.id);
  }
  std::uint32_t any() const { return held_.back().number; }

  struct One {
    std::uint32_t number;
    StreamId id;
    std::string domain;
    bool opened = false;  // its server has answered
  };
  One* one(std::uint32_t number);
  const std::vector<One>& all() const { return held_; }

 private:
  std::vector<One> held_;
};

class Links {
 public:
  struct Owner {
    Kind kind;
    std::uint64_t session;  // SessionKey or SocketId
    std::uint32_t number;   // of the stream, in its session
  };

  Links(const Context& context, Census& census) : context_(context), census_(census) {}

  // Gives a reason when the session may not have the stream just now.
  [[nodiscard]] std::optional<upstream::Closed> open(const Owner& owner, Held& held, Record& record,
                                                     upstream::StreamSpec& spec);
  void send(Held& held, Record& record, std::uint32_t number, std::string_view elements, std::uint32_t count);
  void restart(Held& held, const Record& record, std::uint32_t number, std::string_view attributes);
  void acknowledged(const Held& held, std::uint32_t answers);
  void set_reading(const Held& held, std::uint32_t number, bool on);
  void close(Held& held, const Record& record, std::uint32_t number, upstream::Parting parting,
             const std::vector<xmpp::Stanza>& undelivered = {});
  void abandon(Held& held, const Record& record);  // closes all: the client is lost

  // A stream spoke: counts it, and drops the stream if that was its last word. Whose it is; nothing: it is not known.
  std::optional<Owner> heard(StreamId stream, const upstream::Event& event);
  // The same for the cell of the session whose it is.
  void heard(Held& held, Record& record, std::uint32_t number, const upstream::Event& event);

 private:
  struct Link {
    Owner owner;
    bool let_go = false;  // by its session
  };
  upstream::Upstream* find(const Held& held, std::uint32_t number) const;
  void trace(std::string_view event, const Record& record, std::uint32_t number, std::string_view xml) const;
  void note_closed(Held& held, Record& record, const Held::One& one, const upstream::Closed& closed);

  const Context& context_;
  Census& census_;
  std::unordered_map<StreamId, Link> links_;
  std::uint64_t last_ = 0;
};

}  // namespace nxb::gateway
