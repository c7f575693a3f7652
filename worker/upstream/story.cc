// worker/upstream/story.cc - see story.h.
// SPDX-License-Identifier: MIT
#include "worker/upstream/story.h"

#include "common/log/log.h"

namespace nxb::upstream {
namespace {

using stats::Counter;

constexpr std::size_t kLongestWord = 40;

Counter counter_of(Stage stage) {
  switch (stage) {
    case Stage::Policy:
      return Counter::streams_failed_policy;
    case Stage::Dns:
      return Counter::streams_failed_dns;
    case Stage::Tcp:
      return Counter::streams_failed_tcp;
    case Stage::Tls:
      return Counter::streams_failed_tls;
    case Stage::Stream:
      return Counter::streams_failed_stream;
  }
  return Counter::streams_failed_stream;
}

}  // namespace

void Story::failed(Stage stage, bosh::Condition condition, std::string_view why, stats::Counters& counters) const {
  counters.add(Counter::streams_failed);
  counters.add(counter_of(stage));
  // A stream error is the server's own decision, often an everyday one: conflict, system-shutdown.
  auto level = condition == bosh::Condition::RemoteStreamError ? log::Level::Info : log::Level::Warn;
  log::write(level, "stream.failed",
             {{"sid", session},
              {"domain", domain},
              {"stage", name_of(stage)},
              {"target", target},
              {"address", address},
              {"client", client},
              {"condition", bosh::wire_name(condition)},
              {"why", why}});
}

void log_open(const Story& story, const SetupTimes& times, std::string_view tls) {
  if (!log::enabled(log::Level::Debug)) return;  // mostly: then its fields are not made
  log::debug("stream.open", {{"sid", story.session},
                             {"domain", story.domain},
                             {"target", story.target},
                             {"address", story.address},
                             {"tls", tls},
                             {"dns_ms", times.dns.count()},
                             {"tcp_ms", times.tcp.count()},
                             {"tls_ms", times.tls.count()},
                             {"stream_ms", times.stream.count()}});
}

std::string_view condition_in(std::string_view stream_error) {
  auto root = stream_error.find('>');
  if (root == std::string_view::npos) return "";
  auto child = stream_error.find('<', root);
  if (child == std::string_view::npos) return "";
  std::string_view name = stream_error.substr(child + 1);
  name = name.substr(0, name.find_first_not_of("abcdefghijklmnopqrstuvwxyz-"));
  return name.size() <= kLongestWord ? name : "";
}

}  // namespace nxb::upstream
