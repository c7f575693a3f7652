// supervisor/exit_text.cc - see exit_text.h.
// SPDX-License-Identifier: MIT
#include "supervisor/exit_text.h"

#include <cstring>

#include "common/ipc/contract.h"

namespace nxb::supervisor {

std::string describe(uv::ChildExit how) {
  if (how.signal != 0) return "signal " + std::to_string(how.signal) + " (" + strsignal(how.signal) + ")";
  std::string text = "exit " + std::to_string(how.status);
  switch (static_cast<contract::Exit>(how.status)) {
    case contract::Exit::Clean:
      return text;
    case contract::Exit::Usage:
      return text + " (wrong arguments)";
    case contract::Exit::CannotBind:
      return text + " (cannot bind)";
    case contract::Exit::Failed:
      return text + " (failed)";
    case contract::Exit::LostSupervisor:
      return text + " (lost the supervisor)";
    case contract::Exit::OtherVersion:
      return text + " (another version than the supervisor)";
    case contract::Exit::Permission:
      return text + " (permission)";
    case contract::Exit::BadConfig:
      return text + " (refused its configuration)";
  }
  return text;
}

}  // namespace nxb::supervisor
