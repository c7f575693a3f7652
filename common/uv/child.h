// common/uv/child.h - spawn a program with an exact list of descriptors, and hear how it ended.
// Runs in: supervisor. fork and exec by uv_spawn: nothing of this process is inherited but the list.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/uv/handle.h"
#include "common/uv/loop.h"

namespace nxb::uv {

struct ChildExit {
  int status = 0;  // exit code; meaningless when signal != 0
  int signal = 0;
};

// As whom it runs, without supplementary groups.
struct Identity {
  uid_t uid = 0;
  gid_t gid = 0;
};

// Destroying it while the program runs abandons that program: nobody hears of its end.
class Child {
  struct Private {
    explicit Private() = default;
  };

 public:
  explicit Child(Private) {}
  // descriptors[i] becomes number i in the child (0, 1, 2 included); they stay open here.
  static Result<std::unique_ptr<Child>> spawn(Loop& loop, const std::vector<std::string>& argv,
                                              const std::vector<int>& descriptors, const std::optional<Identity>& as,
                                              std::function<void(ChildExit)> on_exit);
  int pid() const;
  void kill(int signal);

 private:
  bool running_ = false;
  void on_exit(std::int64_t status, int signal);
  std::function<void(ChildExit)> on_exit_;
  Handle<uv_process_t> process_;
};

}  // namespace nxb::uv
