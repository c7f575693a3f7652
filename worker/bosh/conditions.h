// worker/bosh/conditions.h - what a client is told when something ends (XEP-0124 17.2).
// Runs in: worker. I/O: none. Condition is kept apart from nxb::Error: one is for clients, the other for operators.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "worker/bosh/conditions.def"

namespace nxb::bosh {

#define NXB_CONDITION_ENUM(name, wire) name,
enum class Condition : std::uint8_t { None, NXB_CONDITIONS(NXB_CONDITION_ENUM) };
#undef NXB_CONDITION_ENUM

// Who ended a session: the client asked for it or left, its server, nxb by a rule or a limit, or the operator.
enum class EndedBy : std::uint8_t { Client, Server, Nxb, Operator };
constexpr std::string_view name_of(EndedBy who) {
  constexpr std::string_view kNames[] = {"client", "server", "nxb", "operator"};
  return kNames[static_cast<std::size_t>(who)];
}

Condition condition_named(std::string_view wire);  // None: there is none of this name
std::string_view wire_name(Condition condition);   // "item-not-found"; "" for None
// The HTTP status of a terminating answer: 200, or for a client that sent no `ver` 400, 403, 404 (B-106).
int http_status(Condition condition, bool legacy_client);

}  // namespace nxb::bosh
