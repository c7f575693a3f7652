// tests/sim/client.h - a correct BOSH client on a bad network.
// It keeps one request open, sends numbered stanzas in order, stays inside the window (by its lowest open rid), reads
// answers in rid order, repeats what it lost on new connections, and sometimes reloads: it leaves a poll and goes on
// with the next rid. The network loses requests and answers, cuts held connections and delivers late copies.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "stage.h"

namespace nxb::sim {

class Client {
 public:
  Client(World& world, Stage& stage);

  void start();
  void terminate();  // when it is its turn
  void vanish();     // closes everything, never comes back

  bool told() const { return told_; }  // it was told that the session ended
  bool idle() const { return open_.empty(); }
  std::uint64_t sent() const { return sent_; }          // numbered stanzas it gave to requests
  std::uint64_t received() const { return received_; }  // the server's, read in order without gaps

 private:
  struct Outgoing {
    bosh::Body body;
    int attempts = 0;
    RequestId id;
    bool in_flight = false;  // not known to have failed
  };

  bosh::Body creation();
  void created(const std::string& text);
  void pump();
  void add(bosh::Body body);
  void transmit(std::uint64_t rid);
  void arrive(std::uint64_t rid, RequestId id, bool lose_answer);
  void copy(const bosh::Body& body);
  void cut_later(std::uint64_t rid, RequestId id);
  void failed(std::uint64_t rid, RequestId id);
  void answered(std::uint64_t rid, RequestId id, const std::string& text);
  void read_in_order();
  void maybe_reload();
  bool current(std::uint64_t rid, RequestId id) const;

  World& world_;
  Stage& stage_;
  std::uint32_t hold_ = 1, wait_ = 60, requests_ = 2;
  std::uint64_t loss_ = 0;  // percent
  std::uint64_t next_rid_ = 0, next_to_read_ = 0, oldest_alive_ = 0;
  std::map<std::uint64_t, Outgoing> open_;
  std::map<std::uint64_t, std::string> unread_;
  std::uint64_t sent_ = 0, received_ = 0;
  bool running_ = false, wants_end_ = false, ending_ = false, told_ = false, vanished_ = false, poll_due_ = true;
};

}  // namespace nxb::sim
