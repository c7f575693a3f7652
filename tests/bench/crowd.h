// tests/bench/crowd.h - the sessions of a run: made, logged in a hundred at a time, closed. What they do in between is the
// work's business. Runs in nxb-load; owns the sessions and what they share.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "tests/bench/http_pool.h"
#include "tests/bench/load_options.h"
#include "tests/bench/poller.h"
#include "tests/bench/session.h"

namespace nxb::bench {

class Crowd {
 public:
  Crowd(Poller& poller, const LoadOptions& options);

  std::unique_ptr<Session> make(SessionUser& user, std::size_t index);
  void open_all(SessionUser& user);  // the first hundred of them
  void open_next();                  // as one of these is usable
  std::size_t size() const { return all_.size(); }
  Session& at(std::size_t index) { return *all_[index]; }

 private:
  Poller& poller_;
  const LoadOptions& options_;
  std::unique_ptr<HttpPool> shared_;  // before the sessions, which use it
  std::vector<std::unique_ptr<Session>> all_;
  std::size_t opened_ = 0;
};

}  // namespace nxb::bench
