// tests/sim/jobs.cc - see jobs.h.
// SPDX-License-Identifier: MIT
#include "jobs.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <new>
#include <vector>

#include "common/base/check.h"
#include "common/base/clock.h"

namespace nxb::sim {

namespace {

constexpr std::uint64_t kEnoughFailures = 5;

// Seen by all of them.
struct Board {
  std::atomic<std::uint64_t> next{0}, done{0}, operations{0}, sessions{0}, failures{0};
};

void work(Board& board, int done, std::uint64_t first, std::uint64_t count,
          const std::function<Report(std::uint64_t)>& play) {
  while (board.failures < kEnoughFailures) {
    std::uint64_t mine = board.next++;
    if (mine >= count) return;
    Report report = play(first + mine);
    board.operations += report.operations;
    board.sessions += report.sessions;
    if (!report.good) ++board.failures;
    ++board.done;
    NXB_CHECK(write(done, ".", 1) == 1, "the parent reads what is done");
  }
}

void tell(const Board& board, std::uint64_t count, Instant begun) {
  auto ms = static_cast<double>((monotonic_now() - begun).count());
  std::printf("%llu of %llu seeds, %llu operations in %llu sessions, %.0f s, %llu failed\n",
              static_cast<unsigned long long>(board.done), static_cast<unsigned long long>(count),
              static_cast<unsigned long long>(board.operations), static_cast<unsigned long long>(board.sessions),
              ms / 1e3, static_cast<unsigned long long>(board.failures));
  std::fflush(stdout);
}

}  // namespace

Report play_all(std::uint64_t first, std::uint64_t count, std::uint64_t jobs,
                const std::function<Report(std::uint64_t)>& play) {
  void* shared = mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  NXB_CHECK(shared != MAP_FAILED, "a page for the processes");
  Board& board = *std::construct_at(static_cast<Board*>(shared));
  Instant begun = monotonic_now(), told = begun;
  std::vector<pid_t> children;
  int done[2];
  NXB_CHECK(pipe(done) == 0, "a pipe from the processes");
  std::fflush(stdout);
  for (std::uint64_t i = 0; i < jobs; ++i) {
    pid_t child = fork();
    NXB_CHECK(child >= 0, "a process for a share of the seeds");
    if (child == 0) {
      work(board, done[1], first, count, play);
      std::fflush(stdout);
      _exit(0);
    }
    children.push_back(child);
  }
  close(done[1]);
  char some[64];
  while (read(done[0], some, sizeof some) > 0) {  // until the last of them is gone
    if (monotonic_now() - told < 30s) continue;
    told = monotonic_now();
    tell(board, count, begun);
  }
  close(done[0]);
  bool crashed = false;
  for (pid_t child : children) {
    int status = 0;
    crashed = waitpid(child, &status, 0) != child || status != 0 || crashed;
  }
  tell(board, count, begun);
  return {board.operations, board.sessions, !crashed && board.failures == 0 && board.done == count};
}

}  // namespace nxb::sim
