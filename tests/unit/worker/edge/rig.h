// tests/unit/worker/edge/rig.h - an Edge as worker 0 of two, with scripted requests and clients on socket pairs.
// SPDX-License-Identifier: MIT
#pragma once

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "tests/support/loop_rig.h"
#include "tests/support/sockets.h"
#include "worker/edge/edge.h"
#include "worker/xml/reader.h"

namespace nxb::testing {

class ScriptedRequests final : public edge::Requests {
 public:
  struct Seen {
    RequestId id;
    bosh::Body body;
    std::string client, sid;
    bool secure = false;
    std::uint16_t port = 0;
  };
  void on_request(RequestId id, bosh::Body&& body, const gateway::Client& client, std::string_view sid) override {
    seen.push_back({id, std::move(body), client.address, std::string(sid), client.secure, client.port});
    if (at_once) at_once(id);
  }
  void on_request_gone(RequestId id) override { gone.push_back(id); }
  std::vector<Seen> seen;
  std::vector<RequestId> gone;
  std::function<void(RequestId)> at_once;  // answers from within on_request
};

class ScriptedSockets final : public edge::Sockets {
 public:
  void on_socket(SocketId id, const gateway::Client& client) override {
    opened.push_back({id, client});
    if (at_once) at_once(id);
  }
  void on_socket_event(SocketId id, ws::Event event) override {
    heard.emplace_back(id, std::move(event));
    if (then) then(id, heard.back().second);
  }
  // How many events of this kind were heard; the last one of it.
  template <class E>
  std::size_t count() const {
    return static_cast<std::size_t>(std::count_if(
        heard.begin(), heard.end(), [](const auto& one) { return std::holds_alternative<E>(one.second); }));
  }
  template <class E>
  const E* last() const {
    for (auto at = heard.rbegin(); at != heard.rend(); ++at) {
      if (const E* event = std::get_if<E>(&at->second)) return event;
    }
    return nullptr;
  }
  struct Opened {
    SocketId id;
    gateway::Client client;
  };
  std::vector<Opened> opened;
  std::deque<std::pair<SocketId, ws::Event>> heard;
  std::function<void(SocketId)> at_once;                 // from within on_socket
  std::function<void(SocketId, const ws::Event&)> then;  // from within on_socket_event
};

struct EdgeRig : LoopRig {
  EdgeRig() {
    config.listen.resize(1);
    for (std::size_t worker : {0, 1}) stats::Pulse(segment->pulse(worker)).set_open(true);
  }

  // After the configuration was adjusted.
  void open() {
    for (Descriptor* pair : {own, other}) {
      std::array<int, 2> ends{};
      REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) == 0);
      pair[0] = Descriptor(ends[0]);
      pair[1] = Descriptor(ends[1]);
    }
    relay::Mailboxes boxes;
    boxes.in = own[0].get();
    boxes.out = {own[1].get(), other[1].get()};
    boxes.on_arrived = [this](relay::Handover handover) { edge->take(std::move(handover)); };
    boxes.on_refused = [this](relay::Handover handover) { edge->take_back(std::move(handover)); };
    boxes.patience = patience;
    mailroom = *relay::Mailroom::make(loop, counters, std::move(boxes));
    edge = std::make_unique<edge::Edge>(edge::Context{.loop = loop,
                                                      .config = config,
                                                      .requests = requests,
                                                      .sockets = sockets,
                                                      .mailroom = *mailroom,
                                                      .pool = pool,
                                                      .route = route,
                                                      .index = 0,
                                                      .workers = 2,
                                                      .deadlines = deadlines,
                                                      .counters = counters,
                                                      .stats = *segment,
                                                      .ask = ask,
                                                      .tls = tls});
  }
  // What worker 1 finds in its mailbox.
  void open_other() {
    relay::Mailboxes boxes;
    boxes.in = other[0].get();
    boxes.on_arrived = [this](relay::Handover handover) { handed_over.push_back(std::move(handover)); };
    other_room = *relay::Mailroom::make(loop, other_counters, std::move(boxes));
  }
  std::string sid_of(std::uint32_t worker) const {
    for (;;) {
      std::string sid = route.mint();
      if (route.owner(sid) == worker) return sid;
    }
  }
  gateway::Reply reply(std::string body) const {
    gateway::Reply out;
    out.body = std::move(body);
    return out;
  }
  void answer(std::size_t index, const std::string& body) { edge->reply(requests.seen.at(index).id, reply(body)); }
  bool until_seen(std::size_t count) {
    return run_until([this, count] { return requests.seen.size() >= count; });
  }
  std::uint64_t count(stats::Counter counter) const { return counters.get(counter); }

  config::Config config;
  edge::Supervised::Ask ask;  // none: there is no supervisor
  Duration patience = relay::kPatience;
  stats::Counters counters, other_counters;
  Result<stats::Segment> segment = stats::Segment::create(2);
  const tls::ServerContexts* tls = nullptr;
  xml::Pool pool;
  ipc::SidRoute route{HashKey{1, 2, 3}, 2};
  uv::Deadlines deadlines{loop};
  Descriptor own[2], other[2];
  std::unique_ptr<relay::Mailroom> mailroom, other_room;
  std::vector<relay::Handover> handed_over;
  ScriptedRequests requests;
  ScriptedSockets sockets;
  std::unique_ptr<edge::Edge> edge;
};

// The far end of a connection of the edge.
class Client {
 public:
  static Client from(EdgeRig& rig, std::string peer) {
    return Client(rig, Family::Unix, 0, 0, "", "", std::move(peer));
  }
  Client(EdgeRig& rig, Descriptor fd) : rig_(rig), fd_(std::move(fd)) {}  // it is connected already
  explicit Client(EdgeRig& rig, Family family = Family::Unix, int send_buffer = 0, std::uint8_t hops = 0,
                  std::string minted = "", std::string bytes = "", std::string peer = "192.0.2.7:4000")
      : rig_(rig) {
    auto pair = connected_pair(family, send_buffer);
    fd_ = Descriptor(pair[0]);
    relay::Handover handover;
    handover.fd = Descriptor(pair[1]);
    handover.peer = std::move(peer);
    handover.hops = hops;
    handover.minted_sid = std::move(minted);
    handover.bytes = std::move(bytes);
    rig.edge->take(std::move(handover));
  }
  void send(std::string_view bytes) {
    REQUIRE(::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
  }
  std::size_t send_some(std::string_view bytes) {
    const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent > 0 ? static_cast<std::size_t>(sent) : 0;
  }
  void half_close() { shutdown(fd_.get(), SHUT_WR); }
  void close() { fd_.reset(); }
  // Runs until what was received contains `text`.
  bool gets(const std::string& text) {
    return rig_.run_until([&] {
      read();
      return received.find(text) != std::string::npos;
    });
  }
  bool is_closed_by_nxb() {
    return rig_.run_until([&] {
      read();
      return ended;
    });
  }
  void read() {
    char buffer[65536];
    while (!ended) {
      ssize_t size = recv(fd_.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
      if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
      if (size <= 0) {
        ended = true;
        return;
      }
      received.append(buffer, static_cast<std::size_t>(size));
    }
  }
  void read_some(char* to, std::size_t size) {
    const ssize_t got = recv(fd_.get(), to, size, MSG_DONTWAIT);
    if (got > 0) received.append(to, static_cast<std::size_t>(got));
  }
  std::size_t answers() const {
    std::size_t count = 0;
    for (std::size_t at = 0; (at = received.find("HTTP/1.1 ", at)) != std::string::npos; ++at) ++count;
    return count;
  }
  std::string entity() const { return received.substr(received.find("\r\n\r\n") + 4); }  // of the only answer
  bool has(const std::string& text) const { return received.find(text) != std::string::npos; }
  std::string received;
  bool ended = false;

 private:
  EdgeRig& rig_;
  Descriptor fd_;
};

// Clients with this request, which is for worker 1, until its mailbox is full, as nobody reads it: the last one's request
// cannot be handed over.
inline std::vector<std::unique_ptr<Client>> until_one_waits(EdgeRig& rig, const std::string& request) {
  std::vector<std::unique_ptr<Client>> clients;
  while (rig.mailroom->waiting() == 0) {
    REQUIRE(clients.size() < 2000);
    clients.push_back(std::make_unique<Client>(rig));
    clients.back()->send(request);
    rig.run_until([&] { return rig.edge->idle(); });
  }
  return clients;
}

inline std::string post(const std::string& body, const std::string& fields = "") {
  return "POST /http-bind HTTP/1.1\r\nHost: x\r\n" + fields + "Content-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

inline std::string body(const std::string& attributes) {
  return "<body xmlns='http://jabber.org/protocol/httpbind' " + attributes + "/>";
}

// The same body as post(), in the query; `more` is further parameters.
inline std::string get_body(const std::string& body, const std::string& more = "", const std::string& fields = "") {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string target = "/http-bind?data=";
  for (char c : body) {
    auto byte = static_cast<unsigned char>(c);
    (target += '%') += kHex[byte >> 4];
    target += kHex[byte & 15];
  }
  return "GET " + target + more + " HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n";
}

inline std::string get(const std::string& target, const std::string& fields = "") {
  return "GET " + target + " HTTP/1.1\r\nHost: localhost\r\n" + fields + "\r\n";
}

}  // namespace nxb::testing
