// tests/sim/streams.h - the witness's account of the streams of one session: what each server said, what of it left in
// an answer, what the client is known to have, and what the session must do to each.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "account.h"
#include "marks.h"
#include "world.h"

namespace nxb::sim {

struct Stream {
  bosh::StreamNumber number = 0;
  std::string name, from;
  bool open = true;
  bool by_client = false;             // closed by it
  std::uint64_t known_when_left = 0;  // then; requests behind it may have acknowledged more
  bool refused = false;               // one too many
  bool introduced = false;            // an answer named it first
  bool told = false;                  // that it ended
  Instant told_at;
  bool opened = false;         // the server's header came
  bool owes_greeting = false;  // of a server that sends no features (U-22)
  bool reading = true;
  bool congested = false;  // its server does not take what the client sends
  Instant closed_at;
  bosh::Condition condition = bosh::Condition::None;

  std::uint64_t sent = 0, said = 0;            // highest numbers: from the server, in an answer
  std::uint64_t known = 0, perhaps_known = 0;  // surely read by the client; at most read by it
  std::uint64_t pending_bytes = 0, pending_count = 0;
  std::uint32_t passed_over = 0;  // answers with payloads of others while it had some
  bool owes_end() const { return !open && !told; }
};

class Streams {
 public:
  Streams(World& world, const Granted& granted, const bosh::Body& creation);

  bool offered() const { return offered_; }
  std::uint32_t ever() const { return ever_; }
  std::size_t open() const;
  std::size_t open_or_untold() const;
  bool congested() const;
  Stream* find(bosh::StreamNumber number);
  const Stream* find(bosh::StreamNumber number) const;
  Stream* find(std::string_view name);
  std::deque<Stream>& all() { return streams_; }
  Stream& only_open();

  // A wish for a stream (B-90): its number, and whether there is room for it.
  Stream& add(const bosh::Body& body, bool refused);
  void take(const bosh::ServerSpoke& spoke);
  void close(Stream& stream, bool by_client);

  bool owes() const;  // there is something to tell the client
  // The account of a first answer.
  void say(std::string_view text, bool first_of_all, bosh::StreamNumber& whose, std::uint64_t& upto);
  void know(const Kept& answer, bool surely);
  void on_read(const bosh::ReadServer& read);
  void on_close(const bosh::CloseStream& close, bool session_ends);
  void check(bool takes);  // between events; `takes`: a live request is held

 private:
  Stream* named_by(std::string_view text);
  void say_end(Stream& stream, std::string_view text);
  void forget_old();

  World& world_;
  const Granted& granted_;
  bool offered_;
  std::uint32_t ever_ = 1;
  std::deque<Stream> streams_;  // ascending; those long closed are gone
};

}  // namespace nxb::sim
