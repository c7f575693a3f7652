// tests/unit/worker/edge/listeners_test.cc - listening sockets that come and go with [[listen]], all of them or none.
// SPDX-License-Identifier: MIT
#include "worker/edge/listeners.h"

#include <fcntl.h>

#include "tests/unit/worker/edge/rig.h"

using namespace nxb;
using namespace nxb::testing;
using stats::Counter;

namespace {

struct ListenersRig : EdgeRig {
  ListenersRig() {
    open();
    REQUIRE(listeners.open(*edge, 0, copy(ports[0])));
  }
  ~ListenersRig() { edge.reset(); }
  static Descriptor copy(const Listening& socket) { return Descriptor(fcntl(socket.fd(), F_DUPFD_CLOEXEC, 0)); }
  // Numbers with an address are open in it.
  static config::Config wanting(std::initializer_list<bool> open) {
    config::Config next;
    next.listen.clear();
    for (bool one : open) {
      next.listen.emplace_back();
      next.listen.back().address = one ? "127.0.0.1:1" : "";
    }
    return next;
  }
  std::vector<ipc::ListenerMail> mail(std::initializer_list<std::uint16_t> numbers) {
    std::vector<ipc::ListenerMail> all;
    for (std::uint16_t number : numbers) all.push_back({number, copy(ports[number])});
    return all;
  }
  // The edge accepts on it, which it does at once, or it does not.
  bool serves(std::size_t number) {
    const auto before = count(Counter::connections_accepted);
    Descriptor client(connected_to(ports[number].address()));
    run_turns(10);
    return count(Counter::connections_accepted) > before;
  }
  Listening ports[3] = {Listening{Family::Tcp}, Listening{Family::Tcp}, Listening{Family::Tcp}};
  edge::Listeners listeners;
};

}  // namespace

TEST_CASE("O-33 listeners that arrived are served when they are named, and closed when they are not") {
  ListenersRig rig;
  REQUIRE(rig.listeners.open_added(*rig.edge, rig.wanting({true, true}), rig.mail({1, 2})));
  rig.listeners.close_removed(*rig.edge, rig.wanting({true, true}));
  CHECK(rig.serves(0));
  CHECK(rig.serves(1));
  REQUIRE(rig.listeners.open_added(*rig.edge, rig.wanting({false, true, true}), {}));  // 2 was ahead of its Reload
  rig.listeners.close_removed(*rig.edge, rig.wanting({false, true, true}));
  CHECK(rig.serves(2));
  CHECK_FALSE(rig.serves(0));
}

TEST_CASE("O-33 a change that is refused opens nothing: one of its listeners did not arrive") {
  ListenersRig rig;
  auto refused = rig.listeners.open_added(*rig.edge, rig.wanting({true, true, true}), rig.mail({1}));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::NotFound);
  CHECK_FALSE(rig.serves(1));
  CHECK(rig.serves(0));
  REQUIRE(rig.listeners.open_added(*rig.edge, rig.wanting({true, true, true}), rig.mail({2})));  // 1 was kept
  rig.listeners.close_removed(*rig.edge, rig.wanting({true, true, true}));
  CHECK(rig.serves(1));
  CHECK(rig.serves(2));
}

TEST_CASE("O-33 a change that is undone leaves what was open, and may be asked for again") {
  ListenersRig rig;
  REQUIRE(rig.listeners.open_added(*rig.edge, rig.wanting({true, true}), rig.mail({1})));
  rig.listeners.undo(*rig.edge);
  CHECK_FALSE(rig.serves(1));
  CHECK(rig.serves(0));
  REQUIRE(rig.listeners.open_added(*rig.edge, rig.wanting({true, true}), {}));
  CHECK(rig.serves(1));
}
