// common/ipc/sid_route.h - which worker owns a sid. Minting and routing both go through here (ARCHITECTURE, The life of one request).
// Runs in: worker. The hash is keyed with a secret made at start, so clients cannot aim at one worker.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/secret.h"

namespace nxb::ipc {

class SidRoute {
 public:
  SidRoute(HashKey key, std::uint32_t workers) : key_(key), workers_(workers) {}
  std::uint32_t owner(std::string_view sid) const;  // 0 .. workers-1
  std::string mint() const;                         // 24 characters, 144 random bits (B-29)

 private:
  HashKey key_;
  std::uint32_t workers_;
};

}  // namespace nxb::ipc
