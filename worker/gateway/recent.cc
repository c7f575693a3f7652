// worker/gateway/recent.cc - see recent.h.
// SPDX-License-Identifier: MIT
#include "worker/gateway/recent.h"

#include <algorithm>
#include <limits>

#include "common/log/line.h"

namespace nxb::gateway {

Recent::Name Recent::key_of(std::string_view name) {
  Name key{};
  std::ranges::copy(name.substr(0, key.size()), key.begin());
  return key;
}

void Recent::note(Instant at, ipc::EventType type, std::string_view name, std::uint32_t stream, std::uint64_t count) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
  Moment moment{at, key_of(name), stream, static_cast<std::uint32_t>(std::min(count, kMost)), type};
  if (whole()) {
    ring_.push_back(moment);
  } else {
    ring_[next_] = moment;
    next_ = (next_ + 1) % kKept;
  }
}

std::string Recent::json(std::string_view name, Instant now) const {
  const Name key = key_of(name);
  std::vector<const Moment*> found;  // newest first
  for (std::size_t back = 1; back <= ring_.size() && found.size() < kShown; ++back) {
    const Moment& moment = ring_[(next_ + ring_.size() - back) % ring_.size()];
    if (moment.name == key) found.push_back(&moment);
  }
  std::string all;
  for (auto at = found.rbegin(); at != found.rend(); ++at) {
    const Moment& moment = **at;
    std::vector<log::Field> fields{{"time", log::timestamp(wall_clock_ms() - (now - moment.at).count())},
                                   {"type", ipc::name_of(moment.type)}};
    if (moment.stream != 0) fields.emplace_back("stream", moment.stream);
    if (moment.count != 0) fields.emplace_back("count", moment.count);
    all += (all.empty() ? "" : ",") + log::json_object(fields);
  }
  return '[' + all + ']';
}

}  // namespace nxb::gateway
