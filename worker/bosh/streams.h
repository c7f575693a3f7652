// worker/bosh/streams.h - the XMPP streams of a session: what each has to say to the client, and whose turn it is.
// Runs in: worker. I/O: none. Owned by: bosh::Session. XEP-0124 16.
// Nearly every session has one stream for all its life; more are added by the client, each with its own server.
// An ended stream stays until the client was told. Bounded: at most `most` open ones, and twice that in all.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "worker/bosh/conditions.h"
#include "worker/bosh/outbox.h"

namespace nxb::bosh {

using StreamNumber = std::uint32_t;  // of a stream in its session: from 1, never used twice

// What the `stream` attribute says (B-38). Nobody can know it who does not know the sid, and it does not tell the sid.
std::string stream_name(std::string_view sid, StreamNumber number);

// What the client has not been told of a stream that is open (B-35, B-90).
struct Greeting {
  std::string from, to;  // of the answer to add-stream; said first
  std::string authid, xmpp_version;
  bool announced = false;         // `from` was said; that of the first stream is in the creation answer
  bool opened = false;            // the server's header came: authid and version are known
  bool without_features = false;  // the server is older than features (U-22)
};

// What the client has not been told of a stream that has ended (B-96, B-97).
struct Farewell {
  Condition condition = Condition::None;
  std::string stream_error;
};

struct Stream {
  StreamNumber number = 1;
  std::uint32_t turn = 0;              // when it spoke last, as Streams counts
  bool reading = true;                 // its server is read (U-36)
  bool congested = false;              // its server does not take what the client sends (U-36)
  Outbox outbox;                       // what it said
  std::unique_ptr<Greeting> greeting;  // nothing: the client knows
  std::unique_ptr<Farewell> farewell;  // nothing: it is open

  bool open() const { return !farewell; }
  bool speaks() const;  // an answer could say something of it
};

class Streams final {
 public:
  static constexpr Duration kRemembered{30'000};  // the name of an ended stream, from when the client was told (B-92)

  Streams();      // with the first stream
  Stream& add();  // the next one
  Stream* find(StreamNumber number);
  Stream* find_open(std::string_view sid, std::string_view name);
  bool is_remembered(std::string_view sid, std::string_view name, Instant now) const;
  void end(Stream& stream, Farewell farewell);

  bool had_several() const { return last_ > 1; }
  std::size_t open_count() const;
  std::size_t size() const { return streams_.size(); }
  Stream& first() { return streams_.front(); }
  std::vector<Stream>& all() { return streams_; }
  const std::vector<Stream>& all() const { return streams_; }

  bool anyone_speaks() const;
  bool anyone_congested() const;
  Stream* next_to_speak();                      // who waited longest (B-93); nothing: nobody speaks
  void drop(StreamNumber number, Instant now);  // an ended one, once the client was told
  std::size_t undelivered() const;              // stanzas in all outboxes
  void clear();                                 // at the end of the session

 private:
  struct Past {
    StreamNumber number;
    Instant until;
  };
  static constexpr std::size_t kMostRemembered = 64;

  std::vector<Stream> streams_;  // ascending by number
  std::vector<Past> past_;
  StreamNumber last_ = 1;    // the number given last
  std::uint32_t turns_ = 0;  // taken so far
};

}  // namespace nxb::bosh
