// worker/gateway/census.h - the beginning and the end of every session, of whatever kind: who may have one, how many
// there are, and what the operator hears of it (counters; session.start, session.refused, session.end in the log).
// Runs in: worker. Owned by: gateway::Gateway.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "worker/gateway/admission.h"
#include "worker/gateway/context.h"
#include "worker/gateway/record.h"
#include "worker/gateway/tombstones.h"

namespace nxb::gateway {

class Census {
 public:
  enum class Objection : std::uint8_t { None, Draining, Full, AddressFull, TooFast };

  // The limit of [server] that bit, by its key; "shutdown": none did, we drain.
  static std::string_view name_of(Objection objection);

  explicit Census(const Context& context) : context_(context), tombstones_(context.now()) {}

  // May this address have a session more? No: that is counted and logged, unless the reason is that we drain, which is
  // known and not its doing.
  Objection judge(Kind kind, std::string_view address);
  void begin(Record& record);
  void end(Record& record, const Ending& ending);  // nothing happens to one that was never begun
  // May it have this stream, the `number`th? The first was judged with the session; one more is as much work for the
  // world as a session is (H-46).
  bool admit_stream(Record& record, std::uint32_t number, std::string_view domain);  // no: logged, too

  void drain(bool on) { draining_ = on; }  // nobody may have one any more, or again
  bool draining() const { return draining_; }
  std::size_t live() const { return live_; }
  Tombstones& tombstones() { return tombstones_; }

 private:
  void refuse_stream(const Record& record, std::uint32_t number, std::string_view domain);
  void tell_end(const Record& record, const Ending& ending);
  void count_error(const Record& record, const Ending& ending);
  const Context& context_;
  Admission admission_;
  Tombstones tombstones_;
  std::size_t live_ = 0;
  bool draining_ = false;
};

}  // namespace nxb::gateway
