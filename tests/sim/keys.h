// tests/sim/keys.h - key sequences (XEP-0124 15): a client's chain, and the hash both sides of it are checked with.
// The hash is the simulation's own: what judges a session shares no code with it.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "world.h"

namespace nxb::sim {

std::string sha1_hex(std::string_view text);
bool is_key(std::string_view text);                      // 40 hexadecimal digits
bool follows(std::string_view key, std::string before);  // its hash is the one before, whatever the case (B-84)

// One sequence after the other.
class KeyChain {
 public:
  explicit KeyChain(World& world) : world_(world) {}
  std::string begin();                            // a newkey
  std::string next();                             // the key of the next request
  bool used_up() const { return keys_.empty(); }  // this request begins another sequence

 private:
  World& world_;
  std::vector<std::string> keys_;  // K(1) ... K(n-1), those not used
};

}  // namespace nxb::sim
