// tests/sim/main.cc - nxb-sim: plays seeds in the worlds of a correct and of a hostile client, and says which one
// failed.
//
//   nxb-sim [--seed N] [--count N] [--ops N] [--world correct|hostile] [--trace] [--twice] [--fresh [TEXT]]
//
// --twice plays each seed again and compares the traces; --fresh takes the seed from TEXT, or from the clock, and
// prints it.
// SPDX-License-Identifier: MIT
#include <charconv>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

#include "client.h"
#include "common/base/check.h"
#include "hostile.h"

namespace nxb::sim {
namespace {

struct Options {
  std::uint64_t seed = 1, count = 1, operations = 2'000;
  bool correct = true, hostile = true, trace = false, twice = false;
};

struct Outcome {
  std::string failure;
  std::uint64_t hash = 0;
};

constexpr std::uint64_t kMostSteps = 5'000'000;

// After the budget of operations: one of the ways a session ends, and what must be true then.
void finish_correct(World& world, Stage& stage, Client& client) {
  std::uint64_t way = world.dice.below(4);
  world.note("ending " + std::to_string(way));
  if (way == 0) client.terminate();
  if (way == 1) stage.server().end();
  if (way == 2) client.vanish();
  if (way == 3) stage.deliver(bosh::ShutDown{});
  std::uint64_t steps = 0;
  while (world.step() && ++steps < kMostSteps) {
  }
  if (!world.failure().empty()) return;
  const Witness& witness = stage.witness();
  world.expect(stage.forgotten(), "the session is never forgotten");
  world.expect(way == 2 || client.told(), "the client was not told that the session ended");
  world.expect(client.received() <= witness.said(), "the client read what nobody said");
  if (way == 0) {
    world.expect(witness.why() == "client terminated", "a terminate that ended otherwise");
    world.expect(stage.server().received() == client.sent(), "stanzas of the client are lost (delivery)");
    world.expect(client.received() == witness.said(), "stanzas said are not read (delivery)");
  }
  if (way == 1) world.expect(client.received() == stage.server().sent(), "stanzas are lost at the server's end (B-83)");
  if (way == 2) world.expect(witness.why() == "inactivity" || witness.why() == "gap in the rids", "a wrong end");
}

Outcome play_correct(const Options& options, std::uint64_t seed) {
  World world(seed, options.operations, options.trace);
  bosh::SessionLimits limits;
  limits.polling = limits.max_pause = Duration::zero();  // this world knows neither
  if (world.dice.percent(30)) limits.max_pending = 1'500;
  Stage stage(world, limits);
  Client client(world, stage);
  client.start();
  std::uint64_t steps = 0;
  while (world.busy() && !stage.ended() && ++steps < kMostSteps && world.step()) {
  }
  world.expect(!stage.ended(), "the session of a correct client ended");
  world.expect(steps < kMostSteps, "the world stands still");
  if (world.failure().empty()) finish_correct(world, stage, client);
  return {world.failure(), world.hash()};
}

Outcome play_hostile(const Options& options, std::uint64_t seed) {
  World world(seed, options.operations, options.trace);
  Hostile hostile(world);
  hostile.start();
  std::uint64_t steps = 0;
  while (++steps < kMostSteps && world.step()) {
  }
  world.expect(steps < kMostSteps, "the world stands still");
  return {world.failure(), world.hash()};
}

using Play = Outcome (*)(const Options&, std::uint64_t);

bool play(const Options& options, std::uint64_t seed, const char* name, Play world) {
  Outcome outcome = world(options, seed);
  if (options.twice && outcome.failure.empty() && world(options, seed).hash != outcome.hash) {
    outcome.failure = "the same seed played differently";
  }
  if (outcome.failure.empty()) return true;
  std::printf("FAILED: %s\nreplay: nxb-sim --seed %llu --ops %llu --world %s --trace\n", outcome.failure.c_str(),
              static_cast<unsigned long long>(seed), static_cast<unsigned long long>(options.operations), name);
  return false;
}

std::uint64_t seed_from(std::string_view text) {
  std::uint64_t hash = 1469598103934665603ULL;
  for (char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return hash >> 20;
}

bool read_number(std::string_view text, std::uint64_t& into) {
  return std::from_chars(text.data(), text.data() + text.size(), into).ptr == text.data() + text.size() &&
         !text.empty();
}

bool parse(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    std::string_view word = argv[i];
    std::string_view value = i + 1 < argc ? argv[i + 1] : "";
    bool good = true;
    if (word == "--trace") {
      options.trace = true;
    } else if (word == "--twice") {
      options.twice = true;
    } else if (word == "--fresh") {
      bool text = !value.empty() && !value.starts_with("--");
      options.seed = seed_from(text ? std::string(value) : std::to_string(wall_clock_ms()));
      if (text) ++i;
    } else if (word == "--world") {
      good = value == "correct" || value == "hostile";
      (value == "correct" ? options.hostile : options.correct) = false;
      ++i;
    } else {
      std::uint64_t& number = word == "--seed" ? options.seed : word == "--count" ? options.count : options.operations;
      good = (word == "--seed" || word == "--count" || word == "--ops") && read_number(value, number);
      ++i;
    }
    if (!good) return false;
  }
  return true;
}

}  // namespace
}  // namespace nxb::sim

int main(int argc, char** argv) {
  using namespace nxb::sim;
  nxb::expectations_are_fatal(true);
  Options options;
  if (!parse(argc, argv, options)) {
    std::fprintf(stderr,
                 "usage: nxb-sim [--seed N] [--count N] [--ops N] [--world correct|hostile] [--trace] [--twice]"
                 " [--fresh [TEXT]]\n");
    return 64;
  }
  std::printf("seeds %llu to %llu, %llu operations each\n", static_cast<unsigned long long>(options.seed),
              static_cast<unsigned long long>(options.seed + options.count - 1),
              static_cast<unsigned long long>(options.operations));
  bool good = true;
  for (std::uint64_t seed = options.seed; seed < options.seed + options.count; ++seed) {
    if (options.correct) good = play(options, seed, "correct", play_correct) && good;
    if (options.hostile) good = play(options, seed, "hostile", play_hostile) && good;
    if (!good) return 1;
  }
  return 0;
}
