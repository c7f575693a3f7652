// worker/gateway/record.h - what there is to know of a session besides its machine, and of its end.
// Runs in: worker. I/O: none. A Record lives in its session's cell, and for a while in its tombstone.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/rare.h"
#include "worker/bosh/conditions.h"
#include "worker/upstream/upstream.h"

namespace nxb::gateway {

enum class Kind : std::uint8_t { Bosh, WebSocket };
constexpr std::string_view name_of(Kind kind) { return kind == Kind::Bosh ? "bosh" : "websocket"; }

// How much the operator wants to know of a session.
enum class Depth : std::uint8_t { Brief, Full };

// What the upstream said of the end of a stream, the last that ended.
struct ServerEnd {
  std::string why;
  std::string target;                    // where one that failed was connected to, or was to be
  std::optional<upstream::Stage> stage;  // how far it had come
};

struct Record {
  Kind kind;
  std::string name;               // as the log names it: a hash
  std::string client;             // its address
  std::uint16_t client_port = 0;  // 0: not known
  bool secure = false;            // its client came by https
  std::string ua = {};            // its name for itself (C-44)
  Instant started;
  bool live = false;             // begun, and not ended
  bool counted = false;          // among those of its address: there was a limit when it began
  std::uint16_t close_code = 0;  // of the client's Close; a WebSocket's; 0: there was none
  std::uint32_t requests = 0;    // or messages
  std::uint64_t up = 0;          // elements from the client
  std::uint64_t down = 0;        // elements from servers
  std::uint64_t bytes_up = 0;    // of these elements
  std::uint64_t bytes_down = 0;
  Rare<ServerEnd> server_end{};    // of a stream that has ended
  std::string domain{};            // of its first stream
  Rid last_rid{};                  // the highest heard; a BOSH session's
  std::optional<Instant> heard{};  // when the last request or message came
};

// As text; "": there was none.
inline std::string close_text(const Record& record) {
  return record.close_code == 0 ? std::string() : std::to_string(record.close_code);
}

// How a machine says that it has ended.
struct Ending {
  std::string_view why;  // a literal
  bosh::Condition condition = bosh::Condition::None;
  bosh::EndedBy by = bosh::EndedBy::Nxb;
  std::uint64_t undelivered = 0;
  bool by_stream = false;  // what its last stream said of its own end is the reason
};

}  // namespace nxb::gateway
