// tests/scenario/live_nxb.cc - see live_nxb.h.
// SPDX-License-Identifier: MIT
#include "live_nxb.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "common/base/descriptor.h"
#include "common/ipc/contract.h"
#include "configuration.h"

extern char** environ;  // NOLINT: POSIX spells it so

namespace nxb::scenario {

namespace {

using Json = nlohmann::json;

constexpr Duration kReadyWithin{60'000};  // sanitizers on a busy machine
constexpr Duration kEndsWithin{30'000};
constexpr int kTries = 3;
constexpr std::array<std::string_view, 7> kAlarms{"AddressSanitizer", "LeakSanitizer", "runtime error:", "event=bug",
                                                  "expectation",      "corrupt",       "check failed"};

// The condition is looked at every few milliseconds.
template <class Condition>
bool until(Duration bound, Condition condition) {
  Instant end = monotonic_now() + bound;
  while (!condition()) {
    if (monotonic_now() >= end) return false;
    ::poll(nullptr, 0, 3);
  }
  return true;
}

std::uint16_t free_port() {
  Descriptor probe(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(probe.get(), generic, size) != 0 || ::getsockname(probe.get(), generic, &size) != 0) return 0;
  return ntohs(address.sin_port);
}

bool alive(pid_t pid) { return ::kill(pid, 0) == 0 || errno == EPERM; }

pid_t spawn(const std::string& program, const std::string& configuration, const std::string& log) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  std::array<std::string, 3> words{program, "-c", configuration};
  std::array<char*, 4> arguments{words[0].data(), words[1].data(), words[2].data(), nullptr};
  pid_t pid = -1;
  int failed = ::posix_spawn(&pid, program.c_str(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  return failed == 0 ? pid : -1;
}

const Json* row_of(const Json& answer, int worker) {
  auto rows = answer.find("workers");
  if (rows == answer.end() || !rows->is_array()) return nullptr;
  for (const Json& row : *rows) {
    if (row.value("index", -1) == worker) return &row;
  }
  return nullptr;
}

pid_t pid_of(const Json& row) {
  auto at = row.find("pid");
  return at != row.end() && at->is_number_integer() ? at->get<pid_t>() : -1;
}

Json read(const std::string& line) {
  Json json = Json::parse(line, nullptr, false);
  return json.is_object() ? json : Json::object();
}

}  // namespace

LiveNxb::~LiveNxb() {
  int status = 0;
  if (pid_ > 0 && ::kill(pid_, SIGKILL) == 0) ::waitpid(pid_, &status, 0);  // workers follow their supervisor
  std::error_code ignored;
  if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
}

Status LiveNxb::start(const std::string& supervisor, const Arguments& options,
                      const std::map<std::string, std::string>& targets) {
  if (!std::filesystem::exists(supervisor)) return Error{Code::NotFound, "--supervisor must name nxb-supervisor"};
  std::string folder = "/tmp/nxb-XXXXXX";  // short: a socket's path ends at 107 bytes
  if (!::mkdtemp(folder.data())) return Error{Code::Io, "no temporary folder"};
  folder_ = folder;
  const std::string* workers = find(options, "workers");
  workers_ = workers ? std::atoi(workers->c_str()) : 1;
  for (int tries = 1;; ++tries) {  // somebody else may take the port between finding and using it
    port_ = free_port();
    Places places{"127.0.0.1:" + std::to_string(port_), folder_ + "/admin.sock", targets};
    std::ofstream(folder_ + "/nxb.toml") << write_configuration(options, places);
    pid_ = spawn(supervisor, folder_ + "/nxb.toml", folder_ + "/nxb.log");
    if (pid_ < 0) return Error{Code::Io, "cannot start " + supervisor};
    int status = 0;
    if (!until(kReadyWithin, [&] { return supervisor_ended(status) || all_ready(); })) {
      return Error{Code::TimedOut, "the workers are not ready:\n" + log()};
    }
    if (pid_ > 0) return Done{};
    bool taken = WIFEXITED(status) && WEXITSTATUS(status) == static_cast<int>(contract::Exit::CannotBind);
    if (!taken || tries == kTries) return Error{Code::Config, "the supervisor ended at once:\n" + log()};
  }
}

bool LiveNxb::supervisor_ended(int& status) {
  if (pid_ > 0 && ::waitpid(pid_, &status, WNOHANG) == pid_) pid_ = -1;
  return pid_ < 0;
}

bool LiveNxb::all_ready() {
  for (int i = 0; i < workers_; ++i) {
    if (!worker_ready(i)) return false;
  }
  Json answer = read(admin("workers"));
  for (int i = 0; i < workers_; ++i) {
    if (const Json* row = row_of(answer, i)) worker_pids_.insert(pid_of(*row));
  }
  return true;
}

std::string LiveNxb::admin(std::string_view command) const {
  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::string path = folder_ + "/admin.sock";
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  timeval patience{10, 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) return {};
  std::string request = "{\"command\":\"" + std::string(command) + "\"}\n";
  if (::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) return {};
  std::string line;
  std::array<char, 16384> buffer{};
  while (line.find('\n') == std::string::npos) {
    auto size = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
    if (size <= 0) return {};
    line.append(buffer.data(), static_cast<std::size_t>(size));
  }
  return line;
}

std::optional<std::uint64_t> LiveNxb::counter(std::string_view name, int worker) const {
  Json answer = read(admin("stats"));
  const Json* values = nullptr;
  if (worker < 0) {
    auto at = answer.find("total");
    values = at == answer.end() ? nullptr : &*at;
  } else if (const Json* row = row_of(answer, worker)) {
    auto at = row->find("counters");
    values = at == row->end() ? nullptr : &*at;
  }
  if (!values) return std::nullopt;
  auto at = values->find(std::string(name));
  return at != values->end() && at->is_number_unsigned() ? std::optional(at->get<std::uint64_t>()) : std::nullopt;
}

Status LiveNxb::kill(int worker, int signal) {
  Json answer = read(admin("workers"));
  const Json* row = row_of(answer, worker);
  pid_t pid = row ? pid_of(*row) : -1;
  if (pid <= 0) return Error{Code::NotFound, "there is no such worker"};
  killed_[worker] = pid;
  if (::kill(pid, signal) != 0) return Error{Code::Io, "it cannot be killed"};
  return Done{};
}

bool LiveNxb::worker_ready(int worker) const {
  Json answer = read(admin("workers"));
  const Json* row = row_of(answer, worker);
  if (!row || row->value("state", "") != "ready") return false;
  auto killed = killed_.find(worker);
  return killed == killed_.end() || killed->second != pid_of(*row);
}

std::string LiveNxb::log() const {
  std::ifstream in(folder_ + "/nxb.log");
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

Status LiveNxb::ask_to_stop() {
  if (pid_ < 0 || asked_) return Done{};
  all_ready();  // the successors of those killed are known now
  asked_ = true;
  if (::kill(pid_, SIGTERM) != 0) return Error{Code::Io, "the supervisor cannot be stopped"};
  return Done{};
}

Status LiveNxb::stop() {
  if (pid_ < 0) return Error{Code::Closed, "the supervisor has ended:\n" + log()};
  if (auto asked = ask_to_stop(); !asked) return asked;
  int status = 0;
  if (!until(kEndsWithin, [&] { return supervisor_ended(status); })) {
    return Error{Code::TimedOut, "the supervisor does not end:\n" + log()};
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return Error{Code::Closed, "the supervisor ended with status " + std::to_string(status) + ":\n" + log()};
  }
  for (pid_t pid : worker_pids_) {
    if (pid > 0 && !until(kEndsWithin, [pid] { return !alive(pid); })) return Error{Code::Refused, "a worker is left"};
  }
  if (std::filesystem::exists(folder_ + "/admin.sock")) return Error{Code::Refused, "the admin socket is left"};
  return judge_log();
}

Status LiveNxb::judge_log() const {
  std::string text = log();
  for (auto alarm : kAlarms) {
    auto at = text.find(alarm);
    if (at != std::string::npos) return Error{Code::Refused, "in the log: " + text.substr(at, 4000)};
  }
  return Done{};
}

}  // namespace nxb::scenario
