// tests/sim/client.h - a correct BOSH client on a bad network.
// It keeps one request open, sends numbered stanzas in order, stays inside the window (by its lowest open rid), reads
// answers in rid order, repeats what it lost on new connections, and sometimes reloads: it leaves a poll and goes on
// with the next rid. In a share of the sessions it acknowledges, keys its requests, pauses, polls, or has several
// streams. What the network does to it is listed in README.md.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "keys.h"
#include "stage.h"

namespace nxb::sim {

class Client final : public Peer {
 public:
  Client(World& world, Stage& stage);

  void start();
  void terminate();  // when it is its turn
  void vanish();     // closes everything, never comes back

  bool told() const { return told_; }  // it was told that the session ended
  bool polls() const { return hold_ == 0 || wait_ == 0; }
  std::uint64_t sent_to_all() const { return broadcasts_; }
  std::uint64_t sent(bosh::StreamNumber stream) const { return lines_.at(stream - 1).sent; }
  std::uint64_t received(bosh::StreamNumber stream) const { return lines_.at(stream - 1).received; }
  std::size_t streams() const { return lines_.size(); }  // ever asked for and heard of

  void answered(RequestId id, const std::string& text) override;

 private:
  struct Outgoing {
    bosh::Body body;
    int attempts = 0;
    RequestId id;
    bool in_flight = false;  // not known to have failed
    bool arrives = false;    // the session has it, as far as the network is concerned
    enum class Fate : std::uint8_t { Good, CutInRequest, CutInAnswer, CutHeld } fate = Fate::Good;
  };
  // One of the session's streams.
  struct Line {
    std::string name;
    std::uint64_t sent = 0, received = 0;
    bool open = true;   // stanzas may be sent to it
    bool told = false;  // that it ended
  };

  // client.cc: the network and the order of requests
  bosh::Body creation();
  void created(const std::string& text);
  void pump();
  void add(bosh::Body body);
  void transmit(std::uint64_t rid);
  void arrive(std::uint64_t rid, RequestId id);
  void copy(const bosh::Body& body);
  void cut_later(std::uint64_t rid, RequestId id);
  void failed(std::uint64_t rid, RequestId id);
  void comes(std::uint64_t rid, RequestId id, const std::string& text);
  void maybe_reload();
  bool current(std::uint64_t rid, RequestId id) const;
  Duration travel();

  // client_use.cc: what it says and reads
  void choose_features();
  void learn(const std::string& creation_answer);
  void fill(bosh::Body& body);
  void fill_payloads(bosh::Body& body);
  void append_payloads(bosh::Body& body, std::uint32_t stream, std::uint64_t count);
  void use_streams(bosh::Body& body);
  void sign(bosh::Body& body);
  void read_in_order();
  void read(const std::string& text);
  void read_end(std::string_view name);
  bool present_name() const { return !lines_.front().name.empty(); }
  void heed_report(const std::string& text);
  void pause_for(bosh::Body& body);
  void maybe_rest();

  World& world_;
  Stage& stage_;
  std::uint32_t hold_ = 1, wait_ = 60, requests_ = 2;
  std::uint64_t loss_ = 0;  // percent
  bool slow_ = false;       // reads late
  std::uint64_t next_rid_ = 0, next_to_read_ = 0, oldest_alive_ = 0;
  std::map<std::uint64_t, Outgoing> open_;
  std::map<std::uint64_t, std::string> unread_;
  bool running_ = false, wants_end_ = false, ending_ = false, told_ = false, vanished_ = false;
  bool restarts_ = true;

  bool acks_ = false, pauses_ = false, wants_streams_ = false;
  std::optional<KeyChain> keys_;
  bool keys_begun_ = false;
  std::vector<Line> lines_;          // by number
  std::uint32_t asked_streams_ = 0;  // add-stream requests without an answer
  std::uint64_t broadcasts_ = 0;
  bool purple_ = false, purple_seen_ = false;
  Duration polling_{0};
  Instant next_poll_;
  std::uint64_t max_pause_ = 0, inactivity_ = 0;  // seconds; 0: pausing is not offered
  std::uint64_t pause_ = 0;                       // seconds, while pausing
  std::uint64_t pause_rid_ = 0;
  bool disturbed_ = false, resting_ = false;
};

}  // namespace nxb::sim
