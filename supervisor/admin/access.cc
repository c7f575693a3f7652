// supervisor/admin/access.cc - see access.h.
// Runs in: supervisor.
// SPDX-License-Identifier: MIT
#include "supervisor/admin/access.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "common/base/descriptor.h"

namespace nxb::supervisor::admin {
namespace {

constexpr mode_t kOwnerAndGroup = 0660;
constexpr std::size_t kMostGroups = 65536;  // the kernel's own limit (NGROUPS_MAX)

bool has_group(int fd, gid_t group) {
  std::vector<gid_t> groups(64);
  auto size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
  int rc = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size);
  if (rc != 0 && errno == ERANGE && size <= kMostGroups * sizeof(gid_t)) {  // it said how many there are
    groups.resize(size / sizeof(gid_t));
    rc = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size);
  }
  if (rc != 0) return false;
  groups.resize(size / sizeof(gid_t));
  return std::ranges::find(groups, group) != groups.end();
}

}  // namespace

// First the group, then the mode: at no instant may another group connect. Both of what was opened, not of what
// somebody else may have put at the path since.
Status open_to_group(const std::string& path, gid_t group) {
  constexpr auto kSameUser = static_cast<uid_t>(-1);
  Descriptor at(open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  const std::string itself = "/proc/self/fd/" + std::to_string(at.get());
  struct stat what {};
  if (at && fstat(at.get(), &what) == 0 && S_ISSOCK(what.st_mode) &&
      fchownat(at.get(), "", kSameUser, group, AT_EMPTY_PATH) == 0 && chmod(itself.c_str(), kOwnerAndGroup) == 0) {
    return Done{};
  }
  return Error{Code::Refused, "cannot give the admin socket to admin_group, which needs root or a member of it: " +
                                  std::string(std::strerror(errno))};
}

bool may_command(int fd, std::optional<gid_t> group) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  if (peer.uid == 0 || peer.uid == geteuid()) return true;
  return group && (peer.gid == *group || has_group(fd, *group));
}

}  // namespace nxb::supervisor::admin
