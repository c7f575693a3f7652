// common/ipc/sid_route.cc - sid -> worker.
// SPDX-License-Identifier: MIT
#include "common/ipc/sid_route.h"

#include "common/base/check.h"

namespace nxb::ipc {
namespace {

constexpr std::size_t kSidBytes = 18;  // 144 bits, 24 characters without padding

}  // namespace

std::uint32_t SidRoute::owner(std::string_view sid) const {
  NXB_CHECK(workers_ > 0, "routing among no workers");
  if (workers_ == 1) return 0;
  return static_cast<std::uint32_t>(keyed_hash(key_, sid) % workers_);
}

std::string SidRoute::mint() const { return random_token(kSidBytes); }

}  // namespace nxb::ipc
