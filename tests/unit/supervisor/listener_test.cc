// tests/unit/supervisor/listener_test.cc - listening sockets: modes, stale files, ports, clear errors.
// SPDX-License-Identifier: MIT
#include "supervisor/listener.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <optional>

#include "common/base/descriptor.h"
#include "supervisor/listeners.h"
#include "tests/support/folder.h"

using namespace nxb;
using namespace nxb::supervisor;

namespace {

Address address(const std::string& text) {
  auto parsed = Address::parse(text);
  REQUIRE(static_cast<bool>(parsed));
  return *parsed;
}

mode_t mode_of(const std::string& path) {
  struct stat at {};
  return lstat(path.c_str(), &at) == 0 ? at.st_mode & 07777 : 0;
}

bool answers(const Address& at) {
  Descriptor fd(socket(at.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  return connect(fd.get(), at.get(), at.size()) == 0;
}

int option(int fd, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  getsockopt(fd, level, name, &value, &size);
  return value;
}

}  // namespace

TEST_CASE("O-03: port 0 gives a real port, which is told, answers, and is closed with the object") {
  std::string text;
  {
    auto socket = ListeningSocket::open(address("127.0.0.1:0"), kEverybody);
    REQUIRE(static_cast<bool>(socket));
    text = socket->text();
    CHECK(text != "127.0.0.1:0");
    CHECK(answers(address(text)));
    CHECK((fcntl(socket->fd(), F_GETFD) & FD_CLOEXEC) != 0);
    CHECK((fcntl(socket->fd(), F_GETFL) & O_NONBLOCK) != 0);
  }
  CHECK(!answers(address(text)));
}

TEST_CASE("an IPv6 listener takes IPv6 only") {
  auto socket = ListeningSocket::open(address("[::1]:0"), kEverybody);
  if (!socket) return;  // a machine without IPv6
  CHECK(option(socket->fd(), IPPROTO_IPV6, IPV6_V6ONLY) == 1);
}

TEST_CASE("O-03: an address in use is exit code 69 and says so") {
  auto first = ListeningSocket::open(address("127.0.0.1:0"), kEverybody);
  REQUIRE(static_cast<bool>(first));
  auto second = ListeningSocket::open(address(first->text()), kEverybody);
  REQUIRE(!second);
  CHECK(exit_code_of(second.error()) == contract::Exit::CannotBind);
  CHECK(second.error().text.find(first->text()) != std::string::npos);
}

TEST_CASE("O-03: a refused permission is exit code 77") {
  CHECK(exit_code_of(Error{Code::Refused, ""}) == contract::Exit::Permission);
  testing::TemporaryFolder folder;
  if (geteuid() == 0) return;  // root may do everything
  chmod(folder.file("").c_str(), 0500);
  auto socket = ListeningSocket::open(address("unix:" + folder.file("s")), kEverybody);
  REQUIRE(!socket);
  CHECK(exit_code_of(socket.error()) == contract::Exit::Permission);
}

TEST_CASE("O-13: a unix socket has its mode whatever the umask, and is removed with the object") {
  testing::TemporaryFolder folder;
  mode_t before = umask(0);
  {
    auto admin = ListeningSocket::open(address("unix:" + folder.file("a")), kOwnerOnly);
    umask(0777);
    auto open = ListeningSocket::open(address("unix:" + folder.file("b")), kEverybody);
    CHECK(umask(before) == 0777);  // and the umask is as it was
    REQUIRE(static_cast<bool>(admin));
    REQUIRE(static_cast<bool>(open));
    CHECK(mode_of(folder.file("a")) == 0600);
    CHECK(mode_of(folder.file("b")) == 0666);
    CHECK(answers(address("unix:" + folder.file("b"))));
  }
  CHECK(mode_of(folder.file("a")) == 0);
  CHECK(mode_of(folder.file("b")) == 0);
}

TEST_CASE("a stale unix socket is replaced; one that answers, and a file of another kind, are left alone") {
  testing::TemporaryFolder folder;
  Address at = address("unix:" + folder.file("s"));
  {
    Descriptor left(socket(AF_UNIX, SOCK_STREAM, 0));
    REQUIRE(bind(left.get(), at.get(), at.size()) == 0);
  }
  auto socket = ListeningSocket::open(at, kEverybody);
  REQUIRE(static_cast<bool>(socket));
  CHECK(answers(at));

  auto second = ListeningSocket::open(at, kEverybody);
  REQUIRE(!second);
  CHECK(exit_code_of(second.error()) == contract::Exit::CannotBind);
  CHECK(answers(at));

  std::ofstream(folder.file("f")) << "precious";
  auto third = ListeningSocket::open(address("unix:" + folder.file("f")), kEverybody);
  REQUIRE(!third);
  CHECK(std::filesystem::file_size(folder.file("f")) == 8);
}

TEST_CASE("a successor's socket at the same path is not removed by its predecessor") {
  testing::TemporaryFolder folder;
  Address at = address("unix:" + folder.file("s"));
  std::optional<ListeningSocket> first(*ListeningSocket::open(at, kEverybody));
  unlink(folder.file("s").c_str());
  auto second = ListeningSocket::open(at, kEverybody);
  REQUIRE(static_cast<bool>(second));
  first.reset();
  CHECK(answers(at));
}

TEST_CASE("O-33 a change of listeners is undone as a whole: opened, moved and removed ones, and their rules") {
  testing::TemporaryFolder folder;
  auto listen = [&folder](const std::string& name, bool accept_proxy = false) {
    config::Listen one;
    one.address = "unix:" + folder.file(name);
    one.accept_proxy = accept_proxy;
    return one;
  };
  auto addresses = [](const Listeners& listeners) {
    std::vector<std::string> all;
    for (const config::Listen& one : listeners.numbered()) all.push_back(one.address);
    return all;
  };
  Listeners listeners;
  REQUIRE(listeners.change({listen("removed"), listen("moved"), listen("stays")}));
  listeners.close_removed();
  const auto before = addresses(listeners);
  const auto texts = listeners.texts();

  config::Listen ruled = listen("stays");
  ruled.trusted_proxies = {"192.0.2.1"};
  REQUIRE(listeners.change({listen("moved", true), ruled, listen("opened")}));
  CHECK(addresses(listeners).size() == 5);
  CHECK(answers(address("unix:" + folder.file("opened"))));
  listeners.undo();
  CHECK(addresses(listeners) == before);
  CHECK(listeners.texts() == texts);
  CHECK(listeners.numbered()[2].trusted_proxies == listen("stays").trusted_proxies);
  CHECK_FALSE(listeners.numbered()[1].accept_proxy);
  CHECK(mode_of(folder.file("opened")) == 0);
  for (const char* name : {"removed", "moved", "stays"}) CHECK(answers(address("unix:" + folder.file(name))));

  REQUIRE(listeners.change({listen("stays")}));
  listeners.close_removed();
  CHECK(listeners.texts().size() == 1);
  CHECK(mode_of(folder.file("removed")) == 0);
}
