// supervisor/privileges.cc - see privileges.h.
// Runs in: supervisor.
// SPDX-License-Identifier: MIT
#include "supervisor/privileges.h"

#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

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

}  // namespace

Result<std::optional<uv::Identity>> identity_for(const config::Config::Server& server) {
  if (server.user.empty()) return std::optional<uv::Identity>();
  const passwd* user = getpwnam(server.user.c_str());
  if (!user) return Error{Code::Refused, "there is no user \"" + server.user + '"'};
  uv::Identity identity{user->pw_uid, user->pw_gid};
  if (!server.group.empty()) {
    NXB_TRY(identity.gid, group_named(server.group));
  }
  if (geteuid() == 0) return std::optional(identity);
  if (geteuid() != identity.uid) log::warn("supervisor.user", {{"user", server.user}, {"why", "not started as root"}});
  return std::optional<uv::Identity>();
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
