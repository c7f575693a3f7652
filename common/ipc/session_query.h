// common/ipc/session_query.h - which sessions `sessions` asks workers for, in which order (O-16); what `kick` may say (O-17).
// Runs in: supervisor, worker. I/O: none. Between the two it travels as the argument of a Question, in words.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace nxb::ipc {

enum class SessionOrder : std::uint8_t { Age, Idle, Bytes, Queue };  // the largest first
inline constexpr std::array<std::string_view, 4> kSessionOrders{"age", "idle", "bytes", "queue"};

struct SessionQuery {
  static constexpr std::uint32_t kUsual = 50, kMost = 1000;  // rows

  SessionOrder order = SessionOrder::Age;
  std::uint32_t limit = kUsual;
  std::string transport{};  // "bosh" or "websocket"; "": both
  std::string domain{};     // plain_domain() of a stream; "": all
  std::string ip{};         // an address or a range; "": all
};

// What a kicked client can be told: names that BOSH (XEP-0124 17.2) and stream errors (RFC 6120 4.9.3) have in common.
// The first is the default: clients take it as final, whereas many come back at once after the others.
inline constexpr std::array<std::string_view, 5> kKickConditions{
    "policy-violation", "system-shutdown", "internal-server-error", "undefined-condition", "host-gone"};

std::string to_text(const SessionQuery& query);
Result<SessionQuery> parse_session_query(std::string_view text);
// What an operator writes; "": the default.
Status set_order(SessionQuery& query, std::string_view word);
Status set_limit(SessionQuery& query, std::string_view word);
Status set_transport(SessionQuery& query, std::string_view word);
Status set_ip(SessionQuery& query, std::string_view word);

}  // namespace nxb::ipc
