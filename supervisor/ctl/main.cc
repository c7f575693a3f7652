// supervisor/ctl/main.cc - nxbctl: asks the running supervisor and prints the answer (O-14).
// Runs in: nxbctl. Exit codes: 0 ok, 1 the command failed, 2 usage, 3 not running (O-03).
// `events` prints until Ctrl-C, or until nobody reads what it prints; both are 0.
// SPDX-License-Identifier: MIT
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdint>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/secret.h"
#include "supervisor/admin/commands.def"
#include "supervisor/ctl/client.h"
#include "supervisor/ctl/doctor.h"
#include "supervisor/ctl/render.h"
#include "supervisor/ctl/watch.h"

namespace nxb::ctl {
namespace {

enum class Exit : int { Ok = 0, Failed = 1, Usage = 2, NotRunning = 3 };

struct Options {
  std::string socket;  // "" = the default places
  std::string command;
  std::map<std::string, std::string> arguments;  // those given
  bool json = false;
  std::string domain;             // of `doctor`
  std::optional<Duration> watch;  // `stats` again and again
};

struct Command {
  std::string name;
  const char* help;
};
#define NXB_CTL_ROW(name, help) Command{#name, help},
const Command kCommands[] = {NXB_ADMIN_COMMANDS(NXB_CTL_ROW)};
#undef NXB_CTL_ROW

enum Kind : std::uint8_t { Needed, Optional, Flag };
struct Argument {
  std::string of, name;
  const char* spelling;
  Kind kind;
  const char* help;
};
#define NXB_CTL_ROW(of, name, spelling, must, help) Argument{#of, #name, spelling, must, help},
const Argument kArguments[] = {NXB_ADMIN_ARGUMENTS(NXB_CTL_ROW)};
#undef NXB_CTL_ROW

// Nxbctl's own: it asks for several things.
constexpr const char* kDoctor = "doctor";

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

// The answer is shown only if it is a refusal; then event by event.
Status print_events(const Options& options, const std::string& path, const std::string& request, Exit& how) {
  std::signal(SIGPIPE, SIG_IGN);  // `| head`: a failed write ends us, in good order
  std::signal(SIGINT, [](int) { _exit(static_cast<int>(Exit::Ok)); });
  bool answered = false;
  return follow(path, request, [&](std::string_view line) {
    if (!std::exchange(answered, true)) {
      if (render("", line)) return true;
      how = print(options, std::string(line));
      return false;
    }
    std::cout << (options.json ? std::string(line) : render_event(line)) << std::endl;  // whoever waits sees it now
    return std::cout.good();
  });
}

Status examine_at(const Options& options, const std::string& path, Exit& how) {
  NXB_TRY(auto findings, examine(path, options.domain));
  std::cout << render_findings(findings, options.json);
  bool bad = std::ranges::find(findings, Finding::Kind::Bad, &Finding::kind) != findings.end();
  how = bad ? Exit::Failed : Exit::Ok;
  return Done{};
}

Status run_at(const std::string& path, const Options& options, Exit& how) {
  if (options.command == kDoctor) return examine_at(options, path, how);
  std::string request = request_line(options.command, options.arguments);
  if (options.command == "events" || options.command == "watch") return print_events(options, path, request, how);
  if (options.watch) return watch_stats(path, request, *options.watch, options.json ? Form::Json : Form::Table);
  NXB_TRY(auto answer, ask(path, request, options.command == "probe" ? kProbePatience : kPatience));
  how = print(options, answer);
  return Done{};
}

Exit run(const Options& options) {
  std::vector<std::string> paths = options.socket.empty() ? default_sockets() : std::vector{options.socket};
  std::string tried;
  for (const std::string& path : paths) {
    Exit how = Exit::Ok;
    auto done = run_at(path, options, how);
    if (done) return how;
    if (done.error().code != Code::NotFound) {
      std::cerr << "nxbctl: " << done.error().text << '\n';
      return Exit::Failed;
    }
    tried += (tried.empty() ? "" : ", ") + path;
  }
  std::cerr << "nxbctl: nxb is not running: nobody listens at " << tried
            << ".\nStart it with: systemctl start nxb, or nxb-supervisor -c FILE. If its [server] admin_socket is "
               "elsewhere: nxbctl -s SOCKET.\n";
  return Exit::NotRunning;
}

// Of nxbctl itself: the supervisor never hears of it.
void add_watch(CLI::App& stats, Options& options) {
  auto parse = [](const std::string& text) { return parse_interval(text == "true" ? "" : text); };  // "true": no value
  auto check = [parse](const std::string& text) {
    auto interval = parse(text);
    return interval ? std::string() : interval.error().text;
  };
  auto take = [&options, parse](const std::string& text) {
    if (auto interval = parse(text)) options.watch = *interval;
  };
  stats.add_option_function<std::string>("--watch", take, "again every SECONDS, 2 if not given, with rates; q ends it")
      ->expected(0, 1)
      ->check(check)
      ->type_name("SECONDS");
}

void add_commands(CLI::App& app, Options& options) {
  for (const Command& command : kCommands) {
    CLI::App* sub = app.add_subcommand(command.name, command.help);
    sub->callback([&options, &command] { options.command = command.name; });
    for (const Argument& argument : kArguments) {
      if (argument.of != command.name) continue;
      if (argument.kind == Flag) {
        sub->add_flag_callback(
            argument.spelling, [&options, &argument] { options.arguments[argument.name] = "yes"; }, argument.help);
        continue;
      }
      auto take = [&options, &argument](const std::string& value) { options.arguments[argument.name] = value; };
      sub->add_option_function<std::string>(argument.spelling, take, argument.help)->required(argument.kind == Needed);
    }
    if (command.name == "stats") add_watch(*sub, options);
  }
}

void add_doctor(CLI::App& app, Options& options) {
  CLI::App* doctor = app.add_subcommand(
      kDoctor, "looks at workers, descriptors, clock and counters, and says what is not as it should be");
  doctor->callback([&options] { options.command = kDoctor; });
  doctor->add_option("--domain", options.domain, "and at the XMPP servers of this domain, as streams meet them");
}

// CLI11 asks for a command where there is a word that is none.
std::string usage_error(const CLI::App* app, const CLI::Error& error) {
  const std::vector<std::string> left = app->remaining();
  auto word = std::ranges::find_if(left, [](const std::string& one) { return !one.starts_with('-'); });
  const bool misspelt = app->get_subcommands().empty() && word != left.end();
  return "nxbctl: " + (misspelt ? "unknown command " + *word : std::string(error.what())) +
         "\nRun with --help for more information.\n";
}

// One sid in 64 begins with a dash, and would be taken for an option: its short form says the same.
std::vector<std::string> without_dashes(int argc, char** argv) {
  constexpr std::size_t kSidLength = 24;
  std::vector<std::string> all;  // last first, as CLI11 takes them
  for (int i = argc - 1; i > 0; --i) {
    std::string_view word = argv[i];
    bool sid = word.size() == kSidLength && word.front() == '-';
    all.push_back(sid ? short_hash(word) : std::string(word));
  }
  return all;
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
  app.failure_message(&nxb::ctl::usage_error);
  app.fallthrough();  // `nxbctl status --json` is as good as `nxbctl --json status`
  nxb::ctl::add_commands(app, options);
  nxb::ctl::add_doctor(app, options);
  try {
    app.parse(nxb::ctl::without_dashes(argc, argv));
  } catch (const CLI::ParseError& error) {
    return static_cast<int>(app.exit(error, std::cout, std::cerr) == 0 ? Exit::Ok : Exit::Usage);
  }
  return static_cast<int>(nxb::ctl::run(options));
}
