// tests/sim/main.cc - nxb-sim: plays seeds in the worlds of a correct and of a hostile client, and says which one
// failed.
//
//   nxb-sim [--seed N] [--count N] [--ops N] [--world correct|hostile|bytes|websocket] [--jobs N] [--trace] [--twice]
//           [--fresh [TEXT]]
//
// Without --world both clients play, over BOSH. bytes: the correct client, with every server behind a wire of bytes.
// websocket: both kinds of client over WebSocket. --jobs N forks N processes that share the seeds. --twice plays each
// seed again and compares the traces; --fresh takes the seed from TEXT, or from the clock, and prints it.
// SPDX-License-Identifier: MIT
#include <charconv>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "jobs.h"
#include "worlds.h"
#include "ws_world.h"

namespace nxb::sim {
namespace {

struct Options {
  std::uint64_t seed = 1, count = 1, operations = 2'000, jobs = 0;
  bool correct = true, hostile = true, bytes = false, websocket = false, trace = false, twice = false;
};

using Play = Outcome (*)(const Setting&);

bool play(const Options& options, std::uint64_t seed, const char* name, Play world, Report& report) {
  Setting setting{seed, options.operations, options.trace, options.bytes};
  Outcome outcome = world(setting);
  report.operations += outcome.operations;
  report.sessions += outcome.sessions;
  if (options.twice && outcome.failure.empty() && world(setting).hash != outcome.hash) {
    outcome.failure = "the same seed played differently";
  }
  if (outcome.failure.empty()) return true;
  std::printf("FAILED: %s\nreplay: nxb-sim --seed %llu --ops %llu --world %s --trace\n", outcome.failure.c_str(),
              static_cast<unsigned long long>(seed), static_cast<unsigned long long>(options.operations), name);
  std::fflush(stdout);
  return false;
}

Report play_seed(const Options& options, std::uint64_t seed) {
  Report report;
  const char* correct = options.bytes ? "bytes" : "correct";
  if (options.correct) report.good = play(options, seed, correct, play_correct, report);
  if (options.websocket) report.good = play(options, seed, "websocket", play_websocket, report);
  if (options.hostile && report.good) report.good = play(options, seed, "hostile", play_hostile, report);
  return report;
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
      options.correct = value == "correct" || value == "bytes";
      options.hostile = value == "hostile";
      options.bytes = value == "bytes";
      options.websocket = value == "websocket";
      good = options.correct || options.hostile || options.websocket;
      ++i;
    } else {
      std::uint64_t* number = word == "--seed"    ? &options.seed
                              : word == "--count" ? &options.count
                              : word == "--ops"   ? &options.operations
                              : word == "--jobs"  ? &options.jobs
                                                  : nullptr;
      good = number && read_number(value, *number);
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
                 "usage: nxb-sim [--seed N] [--count N] [--ops N] [--world correct|hostile|bytes|websocket] [--jobs N] "
                 "[--trace] [--twice] [--fresh [TEXT]]\n");
    return 64;
  }
  std::printf("seeds %llu to %llu, %llu operations each\n", static_cast<unsigned long long>(options.seed),
              static_cast<unsigned long long>(options.seed + options.count - 1),
              static_cast<unsigned long long>(options.operations));
  auto one = [&options](std::uint64_t seed) { return play_seed(options, seed); };
  if (options.jobs != 0) return play_all(options.seed, options.count, options.jobs, one).good ? 0 : 1;
  for (std::uint64_t seed = options.seed; seed < options.seed + options.count; ++seed) {
    if (!one(seed).good) return 1;
  }
  return 0;
}
