// supervisor/questions.cc - see questions.h.
// SPDX-License-Identifier: MIT
#include "supervisor/questions.h"

#include <algorithm>
#include <utility>

namespace nxb::supervisor {

Questions::Questions(uv::Loop& loop, Send send, Duration patience)
    : loop_(loop), send_(std::move(send)), patience_(patience), timer_(loop, [this] { on_due(); }) {}

void Questions::ask(const std::vector<Index>& whom, const std::string& what, const std::string& argument, Done done,
                    std::optional<Duration> patience) {
  Open question{++last_id_, loop_.now() + patience.value_or(patience_), {}, {}, std::move(done)};
  for (Index worker : whom) {
    Reply::State state = send_(worker, {question.id, what, argument});
    bool asked = state == Reply::State::Answered;
    question.replies.push_back({worker, asked ? Reply::State::Silent : state});
    if (asked) question.awaited.push_back(worker);
    if (state == Reply::State::Silent) silent_.insert(worker);
  }
  open_.push_back(std::move(question));
  finish_settled();
}

void Questions::on_answer(Index from, const ipc::Answer& answer) {
  on_word(from);
  auto at = std::ranges::find(open_, answer.id, &Open::id);
  if (at == open_.end()) return;
  settle(*at, from, Reply::State::Answered, answer.json);
  finish_settled();
}

void Questions::on_gone(Index worker) {
  silent_.erase(worker);
  for (Open& question : open_) settle(question, worker, Reply::State::Absent, {});
  finish_settled();
}

void Questions::settle(Open& question, Index worker, Reply::State state, std::string json) {
  if (std::erase(question.awaited, worker) == 0) return;  // not asked, or it has answered
  auto at = std::ranges::find(question.replies, worker, &Reply::worker);
  at->state = state;
  at->json = std::move(json);
}

void Questions::finish_settled() {
  for (;;) {
    auto at = std::ranges::find_if(open_, [](const Open& question) { return question.awaited.empty(); });
    if (at == open_.end()) break;
    Open settled = std::move(*at);
    open_.erase(at);
    settled.done(std::move(settled.replies));  // may ask again
  }
  arm();
}

void Questions::arm() {
  auto next = std::ranges::min_element(open_, {}, &Open::until);
  if (next == open_.end()) return timer_.stop();
  timer_.start(std::max(next->until - loop_.now(), Duration::zero()));
}

void Questions::on_due() {
  for (Open& question : open_) {
    if (question.until > loop_.now()) continue;
    silent_.insert(question.awaited.begin(), question.awaited.end());
    question.awaited.clear();
  }
  finish_settled();
}

}  // namespace nxb::supervisor
