// tests/unit/supervisor/admin_rig.h - the admin server on its own loop, which turns only while a test waits for something.
// SPDX-License-Identifier: MIT
#pragma once

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <cerrno>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "common/base/descriptor.h"
#include "supervisor/admin/server.h"
#include "tests/support/folder.h"

namespace nxb::supervisor {

struct AdminRig {
  explicit AdminRig(admin::Source source, admin::Fleetwork fleet = {[](bool) {}, [](const auto&, const auto&) {}}) {
    auto made = admin::Server::make(loop, path, std::move(source), std::move(fleet));
    REQUIRE(static_cast<bool>(made));
    server = *std::move(made);
  }
  Descriptor connect_to() {
    auto at = Address::parse("unix:" + path);
    Descriptor fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    CHECK(connect(fd.get(), at->get(), at->size()) == 0);
    turn();
    return fd;
  }
  void turn(int times = 6) {
    for (int i = 0; i < times; ++i) uv_run(loop.raw(), UV_RUN_NOWAIT);
  }
  void say(const Descriptor& fd, const std::string& text) {
    CHECK(send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()));
    turn();
  }
  std::string hear(const Descriptor& fd) {
    std::string text(1 << 16, '\0');
    ssize_t got = recv(fd.get(), text.data(), text.size(), 0);
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return text;
  }
  bool closed(const Descriptor& fd) {
    char byte;
    ssize_t got = recv(fd.get(), &byte, 1, MSG_PEEK);
    return got == 0 || (got < 0 && errno == ECONNRESET);
  }

  testing::TemporaryFolder folder;
  std::string path = folder.file("admin.sock");
  uv::Loop loop;
  std::unique_ptr<admin::Server> server;
};

}  // namespace nxb::supervisor
