// common/uv/child.cc - uv_spawn.
// SPDX-License-Identifier: MIT
#include "common/uv/child.h"

#include <linux/close_range.h>
#include <unistd.h>

#include <climits>

namespace nxb::uv {

Result<std::unique_ptr<Child>> Child::spawn(Loop& loop, const std::vector<std::string>& argv,
                                            const std::vector<int>& descriptors, const std::optional<Identity>& as,
                                            std::function<void(ChildExit)> on_exit) {
  NXB_CHECK(!argv.empty(), "spawning nothing");
  std::vector<std::string> words = argv;  // libuv takes them as char*
  std::vector<char*> args;
  args.reserve(words.size() + 1);
  for (auto& word : words) args.push_back(word.data());
  args.push_back(nullptr);
  std::vector<uv_stdio_container_t> containers(descriptors.size());
  for (std::size_t i = 0; i < descriptors.size(); ++i) {
    containers[i].flags = UV_INHERIT_FD;
    containers[i].data.fd = descriptors[i];
  }
  uv_process_options_t options{};
  options.file = args.front();
  options.args = args.data();
  options.stdio = containers.data();
  options.stdio_count = static_cast<int>(containers.size());
  options.exit_cb = &call<&Child::on_exit, Child, uv_process_t, std::int64_t, int>;

  if (as) {  // libuv drops the supplementary groups as well
    options.flags = UV_PROCESS_SETUID | UV_PROCESS_SETGID;
    options.uid = as->uid;
    options.gid = as->gid;
  }

  // Descriptors are opened close-on-exec throughout nxb; this covers those that this process itself was started with.
  close_range(STDERR_FILENO + 1, UINT_MAX, CLOSE_RANGE_CLOEXEC);

  auto child = std::make_unique<Child>(Private());
  child->on_exit_ = std::move(on_exit);
  // A failed uv_spawn leaves the handle on the loop, so it is closed like any other, not just freed.
  int rc = 0;
  NXB_TRY(child->process_, Handle<uv_process_t>::make(child.get(), [&](uv_process_t* raw) {
            rc = uv_spawn(loop.raw(), raw, &options);
            return 0;
          }));
  if (rc != 0) return Error{Code::Io, argv.front() + ": " + uv_strerror(rc)};
  child->running_ = true;
  return child;
}

int Child::pid() const { return uv_process_get_pid(process_.raw()); }

void Child::kill(int signal) {
  if (running_) uv_process_kill(process_.raw(), signal);  // afterwards the number may be another process's
}

void Child::on_exit(std::int64_t status, int signal) {
  running_ = false;
  auto callee = on_exit_;  // a copy: it may destroy this object
  callee(ChildExit{static_cast<int>(status), signal});
}

}  // namespace nxb::uv
