// tests/unit/common/listener_mail_test.cc - listening sockets on their way to a worker that runs already.
// SPDX-License-Identifier: MIT
#include "common/ipc/listener_mail.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>

#include <array>

#include "tests/support/sockets.h"

namespace nxb::ipc {
namespace {

struct Channel {
  Descriptor supervisor, worker;
  Channel() {
    std::array<int, 2> pair{};
    REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair.data()) == 0);
    supervisor = Descriptor(pair[0]);
    worker = Descriptor(pair[1]);
  }
};

TEST_CASE("O-33: listeners arrive with their numbers, in order, as sockets of the worker's own") {
  Channel channel;
  testing::Listening first(testing::Family::Tcp), second(testing::Family::Unix);
  REQUIRE(static_cast<bool>(send_listener(channel.supervisor.get(), 3, first.fd())));
  REQUIRE(static_cast<bool>(send_listener(channel.supervisor.get(), 4095, second.fd())));
  auto taken = take_listeners(channel.worker.get());
  REQUIRE(static_cast<bool>(taken));
  REQUIRE(taken->size() == 2);
  CHECK((*taken)[0].number == 3);
  CHECK((*taken)[1].number == 4095);
  const int copy = (*taken)[0].socket.get();
  CHECK(copy != first.fd());
  CHECK((fcntl(copy, F_GETFD) & FD_CLOEXEC) != 0);
  Descriptor client(testing::connected_to(first.address()));
  Descriptor accepted(accept4(copy, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  CHECK(static_cast<bool>(accepted));
}

TEST_CASE("O-33: nothing there is nothing, also when the supervisor is gone") {
  Channel channel;
  auto taken = take_listeners(channel.worker.get());
  REQUIRE(static_cast<bool>(taken));
  CHECK(taken->empty());
  channel.supervisor.reset();
  taken = take_listeners(channel.worker.get());
  REQUIRE(static_cast<bool>(taken));
  CHECK(taken->empty());
}

TEST_CASE("O-33: what carries no socket, or no whole number, is refused") {
  for (const char* content : {"ab", "abc"}) {
    Channel channel;
    REQUIRE(send(channel.supervisor.get(), content, std::char_traits<char>::length(content), 0) > 0);
    auto taken = take_listeners(channel.worker.get());
    REQUIRE(!taken);
    CHECK(taken.error().code == Code::BadInput);
  }
}

TEST_CASE("O-33: a worker that takes nothing is a full channel, not a wait; one that is gone is an error") {
  Channel channel;
  testing::Listening listening(testing::Family::Tcp);
  Status sent = Done{};
  int rounds = 0;
  while (sent && ++rounds < 100'000) sent = send_listener(channel.supervisor.get(), 1, listening.fd());
  REQUIRE(!sent);
  CHECK(sent.error().code == Code::TimedOut);
  CHECK(take_listeners(channel.worker.get())->size() == static_cast<std::size_t>(rounds - 1));
  CHECK(static_cast<bool>(send_listener(channel.supervisor.get(), 1, listening.fd())));  // there is room again
  channel.worker.reset();
  sent = send_listener(channel.supervisor.get(), 1, listening.fd());
  REQUIRE(!sent);
  CHECK(sent.error().code == Code::Io);
}

}  // namespace
}  // namespace nxb::ipc
