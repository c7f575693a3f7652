// tests/sim/worlds.h - what is played with a seed: the world of a correct client and that of a hostile one.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

namespace nxb::sim {

struct Setting {
  std::uint64_t seed = 1, operations = 2'000;
  bool trace = false;
  // Of the correct client's world: every session on wires of bytes (else one in sixteen).
  bool bytes = false;
};

struct Outcome {
  std::string failure;
  std::uint64_t hash = 0, operations = 0, sessions = 0;
};

Outcome play_correct(const Setting& setting);
Outcome play_hostile(const Setting& setting);

}  // namespace nxb::sim
