// supervisor/descriptor_limit.cc - see descriptor_limit.h.
// Runs in: supervisor.
// SPDX-License-Identifier: MIT
#include "supervisor/descriptor_limit.h"

#include <sys/resource.h>

#include <algorithm>

#include "common/log/log.h"

namespace nxb::supervisor {
namespace {

constexpr std::uint64_t kMargin = 64;

std::uint64_t beside_sessions(const config::Config& config) {
  return kMargin + config.server.workers + config::all_listeners(config).size();
}

// The client's connection and the server's. A client of a TLS listener costs both ends of the pair that its plaintext
// goes through besides (worker/edge/tls_clients.h), somewhere among the workers.
std::uint64_t for_a_session(const config::Config& config) {
  const bool tls = std::ranges::any_of(config.listen, [](const config::Listen& one) { return !one.tls.cert.empty(); });
  return tls ? 4 : 2;
}

}  // namespace

std::uint64_t descriptors_needed(const config::Config& config) {
  return for_a_session(config) * config.server.max_sessions + beside_sessions(config);
}

std::uint32_t sessions_within(std::uint64_t descriptors, const config::Config& config) {
  const std::uint64_t taken = beside_sessions(config);
  const std::uint64_t room = descriptors > taken ? (descriptors - taken) / for_a_session(config) : 0;
  return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(room, 1, config.server.max_sessions));
}

void fit_to_descriptors(config::Config& config) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) log::warn("supervisor.limits", {{"why", "cannot raise RLIMIT_NOFILE"}});
  if (limit.rlim_max == RLIM_INFINITY || limit.rlim_max >= descriptors_needed(config)) return;
  const std::uint32_t sessions = sessions_within(limit.rlim_max, config);
  log::warn("supervisor.descriptors", {{"limit", limit.rlim_max},
                                       {"needed", descriptors_needed(config)},
                                       {"max_sessions", config.server.max_sessions},
                                       {"sessions_per_worker", sessions},
                                       {"why", "too few descriptors (RLIMIT_NOFILE): fewer sessions are taken"}});
  config.server.max_sessions = sessions;
}

}  // namespace nxb::supervisor
