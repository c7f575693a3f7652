// worker/gateway/census.h - the beginning and the end of every session, of whatever kind: who may have one, how many
// there are, and what the operator hears of it (counters; session.start, session.refused, session.end in the log).
// Runs in: worker. Owned by: gateway::Gateway.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "worker/bosh/conditions.h"
#include "worker/gateway/admission.h"
#include "worker/gateway/context.h"

namespace nxb::gateway {

enum class Kind : std::uint8_t { Bosh, WebSocket };

// What there is to know of a session besides its machine. Lives in its cell.
struct Record {
  Kind kind;
  std::string name;               // as the log names it: a hash
  std::string client;             // its address
  std::uint16_t client_port = 0;  // 0: not known
  std::string ua = {};            // its name for itself (C-44)
  Instant started;
  bool live = false;           // begun, and not ended
  std::uint32_t requests = 0;  // or messages
  std::uint64_t up = 0;        // elements from the client
  std::uint64_t down = 0;      // elements from servers
  std::string server_end{};    // what its upstream said of the end of a stream
  std::string close_code{};    // of the client's Close; a WebSocket's
};

// How a machine says that it has ended.
struct Ending {
  std::string_view why;
  bosh::Condition condition = bosh::Condition::None;
  std::uint64_t undelivered = 0;
};

class Census {
 public:
  enum class Objection : std::uint8_t { None, ShuttingDown, Full, AddressFull, TooFast };

  // The limit of [server] that bit, by its key; "shutdown" when there was none.
  static std::string_view name_of(Objection objection);

  explicit Census(const Context& context) : context_(context) {}

  // May this address have a session more? No: that is counted and logged.
  Objection judge(Kind kind, std::string_view address);
  void begin(Record& record);
  void end(Record& record, const Ending& ending);  // nothing happens to one that was never begun
  // May it have this stream, the `number`th? The first was judged with the session; one more is as much work for the
  // world as a session is (H-46).
  bool admit_stream(const Record& record, std::uint32_t number, std::string_view domain);

  void shut_down() { shutting_down_ = true; }
  bool shutting_down() const { return shutting_down_; }
  std::size_t live() const { return live_; }

 private:
  void count_error(bosh::Condition condition);
  const Context& context_;
  Admission admission_;
  std::size_t live_ = 0;
  bool shutting_down_ = false;
};

}  // namespace nxb::gateway
