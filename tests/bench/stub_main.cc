// tests/bench/stub_main.cc - nxb-stub: a cheap XMPP server for measurements (stub_session.h says what it does).
//
//   nxb-stub [tls=CERTIFICATE,KEY,TICKETS] PORT...     listens on 127.0.0.1 until its standard input closes; "ready" on its output when it does listen
//
// With a certificate it requires STARTTLS, and each full handshake gives so many tickets, with which a client may resume.
// It has several ports because one address of a server can be connected to from one other address only 28,000 times.
// SPDX-License-Identifier: MIT
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/base/check.h"
#include "tests/bench/orders.h"
#include "tests/bench/poller.h"
#include "tests/bench/stub_session.h"

namespace nxb::bench {
namespace {

// All sessions. Those that are over are swept once in a while.
class Stub {
 public:
  explicit Stub(TlsContext context) : context_(std::move(context)) {}

  void add(Descriptor socket) {
    ++count_;
    sessions_.emplace(count_,
                      std::make_unique<StubSession>(poller_, push_times_, std::move(socket), count_, context_.get()));
    if (sessions_.size() > 2 * alive_ + 1000) sweep();
  }

  void turn() {
    poller_.turn(push_times_.empty() ? -1 : std::max<Micros>(push_times_.top().first - now_us(), 0));
    for (Micros now = now_us(); !push_times_.empty() && push_times_.top().first <= now;) {
      auto session = sessions_.find(push_times_.top().second);
      push_times_.pop();
      if (session != sessions_.end()) session->second->push(now);
    }
  }
  Poller& poller() { return poller_; }

 private:
  void sweep() {
    std::erase_if(sessions_, [](const auto& entry) { return entry.second->is_over(); });
    alive_ = sessions_.size();
  }

  TlsContext context_;  // before the sessions, which use it
  Poller poller_;
  PushTimes push_times_;
  std::unordered_map<std::uint64_t, std::unique_ptr<StubSession>> sessions_;
  std::uint64_t count_ = 0;
  std::size_t alive_ = 0;  // sessions after the last sweep
};

// A listening socket on loopback.
class Door final : public Watcher {
 public:
  Door(Stub& stub, std::uint16_t port)
      : stub_(stub), socket_(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    int one = 1;
    setsockopt(socket_.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    sockaddr_in address = loopback(1, port);
    NXB_CHECK(bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0, "the port is taken");
    NXB_CHECK(listen(socket_.get(), 4096) == 0, "cannot listen");
    stub_.poller().watch(socket_.get(), EPOLLIN, *this);
  }

  void ready(std::uint32_t) override {
    for (int i = 0; i < 64; ++i) {
      Descriptor client(accept4(socket_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!client) return;
      int one = 1;
      setsockopt(client.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
      stub_.add(std::move(client));
    }
  }

 private:
  Stub& stub_;
  Descriptor socket_;
};

// "tls=CERTIFICATE,KEY,TICKETS"
TlsContext context_of(std::string_view word) {
  word.remove_prefix(word.find('=') + 1);
  std::size_t key = word.find(','), tickets = word.rfind(',');
  if (tickets == std::string_view::npos || tickets == key) return nullptr;
  return tls_server(std::string(word.substr(0, key)), std::string(word.substr(key + 1, tickets - key - 1)),
                    std::strtoul(word.substr(tickets + 1).data(), nullptr, 10));
}

int run(std::span<char*> words) {
  TlsContext context;
  if (std::string_view(words[0]).starts_with("tls=")) {
    context = context_of(words[0]);
    NXB_CHECK(context, "the certificate or its key cannot be used");
    words = words.subspan(1);
  }
  Stub stub(std::move(context));
  std::vector<std::unique_ptr<Door>> doors;
  for (const char* port : words) {
    doors.push_back(std::make_unique<Door>(stub, static_cast<std::uint16_t>(std::strtoul(port, nullptr, 10))));
  }
  raise_descriptor_limit();
  Orders orders(stub.poller());
  std::puts("ready");
  std::fflush(stdout);
  while (!orders.is_end()) stub.turn();
  return 0;
}

}  // namespace
}  // namespace nxb::bench

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("usage: nxb-stub [tls=CERTIFICATE,KEY,TICKETS] PORT...\n", stderr);
    return 64;
  }
  return nxb::bench::run(std::span(argv, static_cast<std::size_t>(argc)).subspan(1));
}
