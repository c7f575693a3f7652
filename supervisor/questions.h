// supervisor/questions.h - questions to workers, and their answers: each waits for all whom it was put to, not for long.
// Runs in: supervisor. I/O: a timer; messages go out through `send`. Owned by: Fleet.
// A worker that hangs, or is gone, is told as such (O-13). An answer that comes too late is forgotten.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/ipc/message.h"
#include "common/uv/loop.h"
#include "supervisor/policy.h"

namespace nxb::supervisor {

struct Reply {
  enum class State : std::uint8_t {
    Silent,    // it did not answer in time
    Absent,    // there is no process now, or it ended meanwhile
    Answered,  // with `json`, which may be anything
  };
  Index worker = 0;
  State state = State::Silent;
  std::string json{};
};

class Questions {
 public:
  static constexpr Duration kPatience{800};

  using Send = std::function<Reply::State(Index, const ipc::Question&)>;  // Answered: it is on its way
  using Done = std::function<void(std::vector<Reply>)>;

  Questions(uv::Loop& loop, Send send, Duration patience = kPatience);
  // `done` is called once; at once if there is nobody to wait for.
  // Without `patience` it is as for all.
  void ask(const std::vector<Index>& whom, const std::string& what, const std::string& argument, Done done,
           std::optional<Duration> patience = std::nullopt);
  void on_answer(Index from, const ipc::Answer& answer);
  void on_gone(Index worker);
  void on_word(Index worker) { silent_.erase(worker); }  // it said something, whatever it was
  // It left its last question unanswered, and has said nothing since.
  bool silent(Index worker) const { return silent_.contains(worker); }

 private:
  struct Open {
    std::uint32_t id;
    Instant until;
    std::vector<Reply> replies;
    std::vector<Index> awaited;  // of those asked
    Done done;
  };
  void settle(Open& question, Index worker, Reply::State state, std::string json);
  void finish_settled();
  void on_due();
  void arm();

  uv::Loop& loop_;
  Send send_;
  const Duration patience_;
  std::set<Index> silent_;
  std::deque<Open> open_;  // oldest first
  std::uint32_t last_id_ = 0;
  uv::Timer timer_;
};

}  // namespace nxb::supervisor
