// tests/unit/worker/relay/mailroom_test.cc - two mailrooms of one process, real sockets between them.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>

#include <cstring>
#include <filesystem>

#include "tests/support/loop_rig.h"
#include "tests/support/sockets.h"
#include "worker/relay/mailroom.h"

using namespace nxb;
using namespace nxb::relay;
using nxb::testing::connected_pair;
using nxb::testing::Family;
using nxb::testing::LoopRig;
using stats::Counter;

namespace {

std::size_t open_descriptors() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
  return count;
}

// Worker 0 sends to worker 1; `out` is the sending end of its mailbox.
struct Rig : LoopRig {
  explicit Rig(Duration patience = kPatience) {
    std::array<int, 2> ends{};
    REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) == 0);
    in = Descriptor(ends[0]);
    out = Descriptor(ends[1]);
    REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) == 0);
    unused_in = Descriptor(ends[0]);
    unused_out = Descriptor(ends[1]);
    Mailboxes boxes;
    boxes.in = unused_in.get();
    boxes.out = {unused_out.get(), out.get()};
    boxes.on_arrived = [](Handover) { FAIL("nobody sends to worker 0"); };
    boxes.on_refused = [this](Handover handover) { refused.push_back(std::move(handover)); };
    boxes.patience = patience;
    sender = *Mailroom::make(loop, sent, std::move(boxes));
  }
  void open_receiver() {
    Mailboxes boxes;
    boxes.in = in.get();
    boxes.on_arrived = [this](Handover handover) { arrived.push_back(std::move(handover)); };
    receiver = *Mailroom::make(loop, received, std::move(boxes));
  }
  // A connection whose other end stays in `peers`.
  Handover connection(std::string bytes) {
    auto pair = connected_pair(Family::Unix);
    peers.emplace_back(pair[0]);
    Handover handover;
    handover.fd = Descriptor(pair[1]);
    handover.hops = 1;
    handover.peer = "127.0.0.1:4000";
    handover.bytes = std::move(bytes);
    return handover;
  }
  // Sends until the mailbox is full.
  std::size_t fill() {
    std::size_t count = 0;
    while (sender->waiting() == 0) {
      sender->send(1, connection(std::string(40000, 'x')));
      REQUIRE(++count < 100);
    }
    return count - 1;
  }

  Descriptor in, out, unused_in, unused_out;
  stats::Counters sent, received;
  std::vector<Handover> refused, arrived;
  std::vector<Descriptor> peers;
  std::unique_ptr<Mailroom> sender, receiver;
};

void send_raw(int fd, std::string_view text, const std::vector<int>& descriptors) {
  iovec part{const_cast<char*>(text.data()), text.size()};
  std::vector<char> control(CMSG_SPACE(sizeof(int) * std::max<std::size_t>(descriptors.size(), 1)));
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!descriptors.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int) * descriptors.size());
    std::memcpy(CMSG_DATA(rights), descriptors.data(), sizeof(int) * descriptors.size());
  }
  REQUIRE(sendmsg(fd, &message, 0) >= 0);
}

}  // namespace

TEST_CASE("a connection arrives with its bytes, non-blocking, and works") {
  Rig rig;
  rig.open_receiver();
  Handover handover = rig.connection("GET / HTTP/1.1\r\n");
  handover.minted_sid = "sid-1";
  handover.listener = 3;
  fcntl(handover.fd.get(), F_SETFL, 0);
  rig.sender->send(1, std::move(handover));
  REQUIRE(rig.run_until([&] { return rig.arrived.size() == 1; }));
  Handover& got = rig.arrived[0];
  CHECK(got.bytes == "GET / HTTP/1.1\r\n");
  CHECK(got.minted_sid == "sid-1");
  CHECK(got.peer == "127.0.0.1:4000");
  CHECK(got.listener == 3);
  CHECK(got.hops == 1);
  CHECK((fcntl(got.fd.get(), F_GETFL) & O_NONBLOCK) != 0);
  CHECK((fcntl(got.fd.get(), F_GETFD) & FD_CLOEXEC) != 0);
  REQUIRE(write(got.fd.get(), "hello", 5) == 5);
  char buffer[8] = {};
  CHECK(read(rig.peers[0].get(), buffer, sizeof(buffer)) == 5);
  CHECK(rig.sent.get(Counter::handovers_out) == 1);
  CHECK(rig.received.get(Counter::handovers_in) == 1);
}

TEST_CASE("bytes beyond the inline limit travel in a memfd, at the limit and one beyond") {
  Rig rig;
  rig.open_receiver();
  std::size_t before = open_descriptors();
  for (std::size_t size : {kInline - 1, kInline, kInline + 1, std::size_t{300000}}) {
    std::string bytes(size, 'a');
    bytes.front() = 'b';
    bytes.back() = 'c';
    rig.sender->send(1, rig.connection(bytes));
    REQUIRE(rig.run_until([&] { return rig.arrived.size() == 1; }));
    CHECK(rig.arrived[0].bytes == bytes);
    rig.arrived.clear();
    rig.peers.clear();
  }
  CHECK(open_descriptors() == before);
}

TEST_CASE("a full mailbox: the connection waits, is delivered when there is room, and in order") {
  Rig rig;
  std::size_t delivered = rig.fill();
  rig.sender->send(1, rig.connection("last"));
  CHECK(rig.sender->waiting() == 2);
  rig.open_receiver();
  REQUIRE(rig.run_until([&] { return rig.arrived.size() == delivered + 2; }));
  CHECK(rig.arrived.back().bytes == "last");
  CHECK(rig.sender->waiting() == 0);
  CHECK(rig.refused.empty());
  CHECK(rig.sent.get(Counter::handovers_out) == delivered + 2);
}

TEST_CASE("a connection never overtakes one that waits, even when there is room again") {
  Rig rig;
  std::size_t delivered = rig.fill();
  std::vector<char> buffer(kMaxMessage);
  for (std::size_t i = 0; i < delivered; ++i) {
    REQUIRE(recv(rig.in.get(), buffer.data(), buffer.size(), MSG_DONTWAIT) > 0);
  }
  rig.sender->send(1, rig.connection("later"));
  CHECK(rig.sender->waiting() == 2);
  rig.open_receiver();
  REQUIRE(rig.run_until([&] { return rig.arrived.size() == 2; }));
  CHECK(rig.arrived[1].bytes == "later");
}

TEST_CASE("a mailbox that stays full: the connection is given back when patience is over") {
  Rig rig(20ms);
  rig.fill();
  rig.sender->send(1, rig.connection("mine"));
  CHECK(rig.refused.empty());  // never from within send()
  REQUIRE(rig.run_until([&] { return rig.refused.size() == 2; }));
  CHECK(rig.refused.back().bytes == "mine");
  CHECK(rig.refused.back().fd);
  CHECK(rig.sender->waiting() == 0);
  CHECK(rig.sent.get(Counter::handovers_refused) == 2);
}

TEST_CASE("H-44 the queue for a full mailbox is bounded in number and in bytes") {
  Rig rig;
  rig.fill();
  for (std::size_t i = 1; i < kMaxWaiting; ++i) rig.sender->send(1, rig.connection("x"));
  CHECK(rig.sender->waiting() == kMaxWaiting);
  rig.sender->send(1, rig.connection("one too many"));
  REQUIRE(rig.run_until([&] { return !rig.refused.empty(); }));
  CHECK(rig.refused[0].bytes == "one too many");
  CHECK(rig.sender->waiting() == kMaxWaiting);

  Rig bytes;
  bytes.fill();
  bytes.sender->send(1, bytes.connection(std::string(kMaxWaitingBytes - 40000, 'x')));
  CHECK(bytes.sender->waiting() == 2);
  bytes.sender->send(1, bytes.connection("x"));
  REQUIRE(bytes.run_until([&] { return !bytes.refused.empty(); }));
  CHECK(bytes.refused[0].bytes == "x");
}

TEST_CASE("malformed messages: every descriptor is closed, the error counted, the next message read") {
  Rig rig;
  rig.open_receiver();
  std::size_t before = open_descriptors();
  Handover good = rig.connection("good");
  std::string header = encode_header(good, true);
  Descriptor memory(memfd_create("test", MFD_CLOEXEC));
  int socket_fd = good.fd.get();
  int out = rig.out.get();
  send_raw(out, "", {});
  send_raw(out, "nonsense", {socket_fd, socket_fd, socket_fd});
  send_raw(out, header + "good", {});                                    // no descriptor
  send_raw(out, header + "good", {socket_fd, memory.get()});             // one too many
  send_raw(out, header + "good", {memory.get()});                        // not a socket
  send_raw(out, header + "good", {out});                                 // not a stream
  send_raw(out, header + "goo", {socket_fd});                            // short
  send_raw(out, encode_header(good, false), {socket_fd, memory.get()});  // the memfd is empty
  send_raw(out, header + "good", std::vector<int>(20, socket_fd));       // more than there is room for
  send_raw(out, std::string(kMaxMessage + 1000, 'x'), {socket_fd});      // too long
  rig.sender->send(1, std::move(good));
  REQUIRE(rig.run_until([&] { return rig.arrived.size() == 1; }));
  CHECK(rig.arrived[0].bytes == "good");
  CHECK(rig.received.get(Counter::errors) == 10);
  rig.arrived.clear();
  rig.peers.clear();
  memory.reset();
  CHECK(open_descriptors() == before);
}

TEST_CASE("many messages at once are taken in portions, so that connections get their turn") {
  Rig rig;
  for (int i = 0; i < kMessagesPerTurn + 5; ++i) rig.sender->send(1, rig.connection("x"));
  REQUIRE(rig.sender->waiting() == 0);
  rig.open_receiver();
  REQUIRE(rig.run_until([&] { return !rig.arrived.empty(); }));
  CHECK(rig.arrived.size() == static_cast<std::size_t>(kMessagesPerTurn));
  REQUIRE(rig.run_until([&] { return rig.arrived.size() == static_cast<std::size_t>(kMessagesPerTurn) + 5; }));
}

TEST_CASE("a mailbox that all senders closed is no longer watched") {
  Rig rig;
  rig.open_receiver();
  rig.sender.reset();
  rig.out.reset();
  rig.run_turns(3);
  CHECK(rig.arrived.empty());
  int turns = rig.turns;
  rig.run_until([] { return false; }, 30ms);
  CHECK(rig.turns - turns < 10);  // it does not spin
}
