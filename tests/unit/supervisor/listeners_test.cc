// tests/unit/supervisor/listeners_test.cc - listening sockets by number, while [[listen]] changes.
// SPDX-License-Identifier: MIT
#include "supervisor/listeners.h"

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <filesystem>

#include "common/base/descriptor.h"
#include "tests/support/contains.h"
#include "tests/support/folder.h"

using namespace nxb;
using namespace nxb::supervisor;

namespace {

// Unix sockets: their names are the test's own, and nobody else can have taken them.
struct Rig {
  testing::TemporaryFolder folder;
  Listeners listeners;

  config::Listen at(const std::string& name) const {
    config::Listen listen;
    listen.address = "unix:" + folder.file(name);
    return listen;
  }
  bool answers(const std::string& name) const {
    Address where = *Address::parse("unix:" + folder.file(name));
    Descriptor fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    return connect(fd.get(), where.get(), where.size()) == 0;
  }
  std::vector<std::uint16_t> numbers() const {
    std::vector<std::uint16_t> list;
    for (const auto& one : listeners.open()) list.push_back(one.number);
    return list;
  }
  int fd_of(std::uint16_t number) const {
    for (const auto& one : listeners.open()) {
      if (one.number == number) return one.fd;
    }
    return -1;
  }
  bool change(const std::vector<config::Listen>& wanted) { return static_cast<bool>(listeners.change(wanted)); }
};

using Numbers = std::vector<std::uint16_t>;

config::Listen speaking_proxy(config::Listen listen) {
  listen.accept_proxy = true;
  return listen;
}

}  // namespace

TEST_CASE("O-33: what stays keeps number and socket, in whatever order; what is new gets the next number") {
  Rig rig;
  REQUIRE(rig.change({rig.at("a"), rig.at("b")}));
  CHECK(rig.numbers() == Numbers{0, 1});
  const int a = rig.fd_of(0), b = rig.fd_of(1);
  REQUIRE(rig.change({rig.at("c"), rig.at("b"), rig.at("a")}));
  CHECK(rig.numbers() == Numbers{0, 1, 2});
  CHECK(rig.fd_of(0) == a);
  CHECK(rig.fd_of(1) == b);
  CHECK(rig.listeners.numbered()[2].address == rig.at("c").address);
  CHECK(rig.listeners.texts() == std::vector{rig.at("a").address, rig.at("b").address, rig.at("c").address});
}

TEST_CASE("O-33: a removed listener answers until close_removed(), and its number stays, closed, with its rules") {
  Rig rig;
  config::Listen first = rig.at("a");
  first.trusted_proxies = {"unix"};
  first.tls = {"certificate", "key"};
  REQUIRE(rig.change({first, rig.at("b")}));
  REQUIRE(rig.change({rig.at("b")}));
  CHECK(rig.answers("a"));  // workers are told first
  rig.listeners.close_removed();
  CHECK(!rig.answers("a"));
  CHECK(!std::filesystem::exists(rig.folder.file("a")));
  CHECK(rig.answers("b"));
  CHECK(rig.numbers() == Numbers{1});
  CHECK(rig.listeners.texts() == std::vector{rig.at("b").address});
  const auto numbered = rig.listeners.numbered();
  REQUIRE(numbered.size() == 2);
  CHECK(!numbered[0].is_open());
  CHECK(numbered[0].trusted_proxies == first.trusted_proxies);  // its connections live on
  CHECK(numbered[0].tls == config::ListenTls{});                // but nobody needs its key any more
  CHECK(numbered[1].is_open());
}

TEST_CASE("O-33: an address that comes back gets a new number") {
  Rig rig;
  REQUIRE(rig.change({rig.at("a")}));
  REQUIRE(rig.change({}));
  rig.listeners.close_removed();
  REQUIRE(rig.change({rig.at("a")}));
  CHECK(rig.numbers() == Numbers{1});
  CHECK(rig.answers("a"));
}

TEST_CASE("O-33 O-30: another accept_proxy is a new number for the same socket, which never stops answering") {
  Rig rig;
  REQUIRE(rig.change({rig.at("a")}));
  const int fd = rig.fd_of(0);
  REQUIRE(rig.change({speaking_proxy(rig.at("a"))}));
  rig.listeners.close_removed();
  CHECK(rig.numbers() == Numbers{1});
  CHECK(rig.fd_of(1) == fd);
  CHECK(rig.answers("a"));
  const auto numbered = rig.listeners.numbered();
  CHECK(!numbered[0].is_open());
  CHECK(!numbered[0].accept_proxy);  // older connections began without a header
  CHECK(numbered[1].accept_proxy);
}

TEST_CASE("O-33: everything else changes in place") {
  Rig rig;
  REQUIRE(rig.change({rig.at("a")}));
  config::Listen other = rig.at("a");
  other.trusted_proxies = {"10.0.0.0/8"};
  other.tls = {"certificate", "key"};
  REQUIRE(rig.change({other}));
  CHECK(rig.numbers() == Numbers{0});
  CHECK(rig.listeners.numbered()[0] == other);
}

TEST_CASE("O-33: all or nothing: one that cannot be opened leaves everything as it was") {
  Rig rig;
  REQUIRE(rig.change({rig.at("a"), rig.at("b")}));
  const auto before = rig.listeners.numbered();
  config::Listen other = rig.at("a");
  other.trusted_proxies = {"unix"};
  auto failed = rig.listeners.change({other, rig.at("c"), rig.at("no/such/folder")});
  REQUIRE(!failed);
  CHECK(testing::contains(failed.error().text, "no/such/folder"));
  rig.listeners.close_removed();
  CHECK(rig.listeners.numbered() == before);
  CHECK(rig.answers("a"));
  CHECK(rig.answers("b"));
  CHECK(!std::filesystem::exists(rig.folder.file("c")));
}

TEST_CASE("O-33: numbers are not given for ever; at their end it is said, and nothing changes") {
  Rig rig;
  REQUIRE(rig.change({rig.at("a")}));
  for (std::size_t turn = 1; turn + 1 < Listeners::kMostNumbers; ++turn) {  // a new number each time
    REQUIRE(rig.change({turn % 2 == 1 ? speaking_proxy(rig.at("a")) : rig.at("a")}));
  }
  CHECK(rig.numbers() == Numbers{Listeners::kMostNumbers - 2});
  CHECK(rig.change({rig.at("a"), rig.at("a")}) == false);
  CHECK(rig.numbers() == Numbers{Listeners::kMostNumbers - 2});
  CHECK(rig.answers("a"));
}

TEST_CASE("O-12 O-33: sockets that were passed in are taken for their addresses; one that nobody wants is an error") {
  Rig rig;
  auto pass = [&rig](const std::string& name) {
    Address where = *Address::parse(rig.at(name).address);
    Descriptor fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE((bind(fd.get(), where.get(), where.size()) == 0 && listen(fd.get(), 8) == 0));
    auto adopted = ListeningSocket::adopt(fd.release());
    REQUIRE(static_cast<bool>(adopted));
    std::vector<ListeningSocket> list;
    list.push_back(*std::move(adopted));
    return list;
  };
  auto passed = pass("a");
  const int fd = passed[0].fd();
  REQUIRE(static_cast<bool>(rig.listeners.change({rig.at("b"), rig.at("a")}, std::move(passed))));
  CHECK(rig.fd_of(1) == fd);
  CHECK(rig.answers("b"));
  Listeners others;
  auto failed = others.change({rig.at("d")}, pass("c"));
  REQUIRE(!failed);
  CHECK(testing::contains(failed.error().text, rig.at("c").address));
  CHECK(testing::contains(failed.error().text, rig.at("d").address));  // what there is instead
}
