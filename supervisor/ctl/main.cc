// supervisor/ctl/main.cc - nxbctl: asks the running supervisor and prints the answer (O-14).
// Runs in: nxbctl. Exit codes: 0 ok, 1 the command failed, 2 usage, 3 not running (O-03).
// SPDX-License-Identifier: MIT
#include <CLI/CLI.hpp>
#include <iostream>
#include <string>
#include <vector>

#include "supervisor/admin/commands.def"
#include "supervisor/ctl/client.h"
#include "supervisor/ctl/render.h"

namespace nxb::ctl {
namespace {

enum class Exit : int { Ok = 0, Failed = 1, Usage = 2, NotRunning = 3 };

struct Options {
  std::string socket;  // "" = the default places
  std::string command;
  bool json = false;
};

struct Command {
  const char* name;
  const char* help;
};
#define NXB_CTL_ROW(name, help) Command{#name, help},
constexpr Command kCommands[] = {NXB_ADMIN_COMMANDS(NXB_CTL_ROW)};
#undef NXB_CTL_ROW

Exit print(const Options& options, const std::string& answer) {
  auto text = render(options.command, answer);
  if (options.json) std::cout << answer << '\n';  // as it came; "ok":false is in it
  if (!text) {
    if (!options.json) std::cerr << "nxbctl: " << text.error().text << '\n';
    return Exit::Failed;
  }
  if (!options.json) std::cout << *text;
  return Exit::Ok;
}

Exit run(const Options& options) {
  std::vector<std::string> paths = options.socket.empty() ? default_sockets() : std::vector{options.socket};
  std::string tried;
  for (const std::string& path : paths) {
    auto answer = ask(path, "{\"command\":\"" + options.command + "\"}");
    if (answer) return print(options, *answer);
    if (answer.error().code != Code::NotFound) {
      std::cerr << "nxbctl: " << answer.error().text << '\n';
      return Exit::Failed;
    }
    tried += (tried.empty() ? "" : ", ") + path;
  }
  std::cerr
      << "nxbctl: nxb is not running: nobody listens at " << tried
      << ".\nStart it with: nxb-supervisor -c FILE. If its [server] admin_socket is elsewhere: nxbctl -s SOCKET.\n";
  return Exit::NotRunning;
}

}  // namespace
}  // namespace nxb::ctl

int main(int argc, char** argv) {
  using nxb::ctl::Exit;
  nxb::ctl::Options options;
  CLI::App app{"nxbctl: asks a running nxb-supervisor.", "nxbctl"};
  app.set_version_flag("--version", "nxbctl " NXB_VERSION);
  app.add_option("-s,--socket", options.socket, "the admin socket (default: where a supervisor puts it)");
  app.add_flag("--json", options.json, "print the answer as JSON, one line");
  app.require_subcommand(1);
  app.fallthrough();  // `nxbctl status --json` is as good as `nxbctl --json status`
  for (const auto& command : nxb::ctl::kCommands) {
    app.add_subcommand(command.name, command.help)->callback([&options, &command] { options.command = command.name; });
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return static_cast<int>(app.exit(error, std::cout, std::cerr) == 0 ? Exit::Ok : Exit::Usage);
  }
  return static_cast<int>(nxb::ctl::run(options));
}
