// tests/scenario/stage_live.h - real processes of nxb, and real sockets of clients and servers on loopback. One poll()
// for all of them.
// SPDX-License-Identifier: MIT
#pragma once

#include <poll.h>

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/descriptor.h"
#include "live_nxb.h"
#include "stage.h"

namespace nxb::scenario {

class StageLive final : public Stage {
 public:
  static Result<std::unique_ptr<StageLive>> make(const Script& script, const std::string& supervisor,
                                                 Listener*& listener);
  explicit StageLive(Listener*& listener) : listener_(listener) {}

  Instant now() const override { return monotonic_now(); }
  // What is expected is there as soon as it is; a busy machine must not make a test fail.
  Duration patience(Duration wanted) const override { return std::max<Duration>(wanted, Duration(15'000)); }
  Duration slack() const override { return Duration(15'000); }
  RequestNumber send(const Sending& sending) override;
  void cut(RequestNumber request) override;
  SocketNumber connect_socket(const std::string& path, const std::string& protocol) override;
  void send_to_socket(SocketNumber socket, std::string_view bytes, std::size_t chunk) override;
  void cut_socket(SocketNumber socket) override;
  void send_to_nxb(LinkNumber link, std::string_view bytes, std::size_t chunk) override;
  void close(LinkNumber link, Close how) override;
  void wait(Instant until) override;
  bool settled(std::size_t open) override;
  std::optional<std::uint64_t> counter(std::string_view name, int worker) override {
    return nxb_.counter(name, worker);
  }
  std::string log() override { return nxb_.log(); }
  Status kill(int worker, int signal) override { return nxb_.kill(worker, signal); }
  bool worker_ready(int worker) override { return nxb_.worker_ready(worker); }
  Status stop() override { return nxb_.ask_to_stop(); }
  int workers() const override { return nxb_.workers(); }
  Status finish() override;

 private:
  struct Socket {
    Descriptor fd;
    std::deque<std::string> out;  // one segment each
    bool closes = false;          // half, when all is out
  };
  struct Connection {  // of a client
    std::string client, name;
    Socket socket;
    std::string in;
    std::deque<RequestNumber> waiting;
    bool head_only = false;      // the answer to HEAD has no body
    SocketNumber websocket = 0;  // it is one, or is to become one
    bool upgraded = false;
  };
  struct Door {  // where a server listens
    std::string domain;
    Descriptor fd;
  };

  Connection* connection_for(const Sending& sending);
  Connection* connect(const std::string& client, const std::string& name);
  Connection* websocket(SocketNumber socket);
  void take_frames(Connection& connection);
  void write_to(Socket& socket);
  static void enqueue(Socket& socket, std::string_view bytes, std::size_t chunk);
  void read_from(Connection& connection);
  void take_answers(Connection& connection);
  void read_from(LinkNumber link, Socket& socket);
  void accept_from(Door& door);
  void hang_up(Connection& connection);
  bool transact(int timeout_ms);
  bool fence();

  Listener*& listener_;
  LiveNxb nxb_;
  std::vector<Door> doors_;
  Descriptor probe_;                    // asks nxb for its health: see fence()
  std::deque<Connection> connections_;  // one whose descriptor is gone is over
  std::map<LinkNumber, Socket> links_;
  RequestNumber last_request_ = 0;
  SocketNumber last_socket_ = 0;
  LinkNumber last_link_ = 0;
};

}  // namespace nxb::scenario
