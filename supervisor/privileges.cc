// supervisor/privileges.cc - see privileges.h.
// Runs in: supervisor.
// SPDX-License-Identifier: MIT
#include "supervisor/privileges.h"

#include <grp.h>
#include <pwd.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "common/base/address.h"
#include "common/log/log.h"

namespace nxb::supervisor {
namespace {

constexpr std::uint16_t kFirstFreePort = 1024;

Error failed(const char* what) { return {Code::Refused, std::string(what) + ": " + std::strerror(errno)}; }

Result<gid_t> group_named(const std::string& name) {
  const group* found = getgrnam(name.c_str());
  if (!found) return Error{Code::Refused, "there is no group \"" + name + '"'};
  return found->gr_gid;
}

// setfsuid() tells no failure, only what was before.
bool take_file_rights(uid_t uid, gid_t gid) {
  setfsgid(gid);
  setfsuid(uid);
  constexpr auto kAsk = static_cast<uid_t>(-1);
  return static_cast<gid_t>(setfsgid(kAsk)) == gid && static_cast<uid_t>(setfsuid(kAsk)) == uid;
}

}  // namespace

Result<std::optional<uv::Identity>> identity_for(const config::Config::Server& server) {
  if (server.user.empty()) return std::optional<uv::Identity>();
  const passwd* user = getpwnam(server.user.c_str());
  if (!user) return Error{Code::Refused, "there is no user \"" + server.user + '"'};
  uv::Identity identity{user->pw_uid, user->pw_gid};
  if (!server.group.empty()) {
    NXB_TRY(identity.gid, group_named(server.group));
  }
  return geteuid() == 0 ? std::optional(identity) : std::nullopt;
}

std::string problem_with_user(const config::Config::Server& server) {
  const bool root = geteuid() == 0;
  if (server.user.empty()) return root ? "workers face the web as root: set [server] user" : "";
  const passwd* user = getpwnam(server.user.c_str());
  return root || !user || user->pw_uid == geteuid() ? "" : "\"" + server.user + "\": not started as root";
}

Status with_rights_of(const std::optional<uv::Identity>& identity, const std::function<Status()>& work) {
  if (!identity || geteuid() != 0) return work();
  const int count = getgroups(0, nullptr);
  std::vector<gid_t> groups(static_cast<std::size_t>(std::max(count, 0)));
  if (count < 0 || getgroups(count, groups.data()) != count || setgroups(0, nullptr) != 0) return failed("setgroups");
  Status done = take_file_rights(identity->uid, identity->gid) ? work() : failed("setfsuid");
  const bool back = take_file_rights(geteuid(), getegid()) && setgroups(groups.size(), groups.data()) == 0;
  return back || !done ? std::move(done) : failed("setfsuid");
}

Result<std::optional<gid_t>> admin_group_of(const config::Config::Server& server) {
  if (server.admin_group.empty()) return std::optional<gid_t>();
  NXB_TRY(gid_t group, group_named(server.admin_group));
  return std::optional(group);
}

Status become(const uv::Identity& identity) {
  if (setgroups(0, nullptr) != 0) return failed("setgroups");
  if (setresgid(identity.gid, identity.gid, identity.gid) != 0) return failed("setresgid");
  if (setresuid(identity.uid, identity.uid, identity.uid) != 0) return failed("setresuid");
  if (identity.uid != 0 && setuid(0) == 0) return Error{Code::Refused, "root was given up and came back"};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("no_new_privs");
  return Done{};
}

bool has_privileged_port(const config::Config& config) {
  return std::ranges::any_of(config::all_listeners(config), [](const config::Listen& listen) {
    auto address = Address::parse(listen.address);
    return address && address->family() != AF_UNIX && address->port() != 0 && address->port() < kFirstFreePort;
  });
}

void forbid_core_dumps() {
  const rlimit none{0, 0};
  if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
    log::warn("supervisor.core_dumps", {{"why", "cannot be switched off"}});
  }
}

}  // namespace nxb::supervisor
