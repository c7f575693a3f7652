// worker/gateway/causes.cc - see causes.h.
// SPDX-License-Identifier: MIT
#include "worker/gateway/causes.h"

namespace nxb::gateway {

using bosh::Condition;
using stats::Cause;

namespace {

// Words of the machines that say more than the condition with them; the stream's are those of upstream::reason.
struct Word {
  std::string_view why;
  Cause cause;
};
constexpr Word kWords[] = {
    {"closed without goodbye", Cause::connection_lost},
    {"client gone before creation", Cause::connection_lost},
    {"inactivity", Cause::inactivity},
    {"no pong", Cause::inactivity},
    {"gap in the rids", Cause::inactivity},
    {"server closed", Cause::server_closed},
    {"stream error", Cause::stream_error},
    {"server lost", Cause::server_lost},
    {"server not found", Cause::server_unreachable},
    {"server not reached", Cause::server_unreachable},
    {"TLS failed", Cause::server_unreachable},
    {"refused by policy", Cause::refused},
    {"too much unsent", Cause::limit},
    {"internal error", Cause::internal},
};

}  // namespace

Cause cause_of(const Ending& ending) {
  for (const Word& word : kWords) {
    if (word.why == ending.why) return word.cause;
  }
  if (ending.by == bosh::EndedBy::Operator) return Cause::shutdown;
  if (ending.by == bosh::EndedBy::Client) return Cause::client;
  if (ending.by == bosh::EndedBy::Server) return Cause::server_lost;
  switch (ending.condition) {
    case Condition::None:
      return Cause::connection_lost;
    case Condition::PolicyViolation:
      return Cause::limit;
    case Condition::SeeOtherUri:
    case Condition::HostGone:
    case Condition::HostUnknown:
      return Cause::refused;
    case Condition::InternalServerError:
      return Cause::internal;
    default:
      return Cause::protocol;
  }
}

}  // namespace nxb::gateway
