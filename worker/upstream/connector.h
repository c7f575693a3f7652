// worker/upstream/connector.h - from what the policy chose to a connected socket: SRV, addresses, TCP (U-05 to U-17).
// Runs in: worker. I/O: DNS, TCP or unix sockets. Owned by: XmppConnection, until its stream is usable.
// An adapter of upstream::Race: it looks up and connects when told to, and judges each address before it is connected to
// (U-16). Whatever it had under way is gone with cancel(); then it only waits to be destroyed.
// When a connection proves useless before the server said anything on it, go_on() takes the next address: a load
// balancer may accept for a server that is away, and direct TLS may be announced and not be there.
// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/uv/stream.h"
#include "worker/upstream/race.h"
#include "worker/upstream/services.h"

namespace nxb::upstream {

struct Connection {
  std::unique_ptr<uv::Stream> stream;
  Target target;
  Address address;
  Duration dns, tcp;  // how long it took
};

struct Failure {
  Stage stage;
  bosh::Condition condition;
  std::string why;
  std::string target;   // the last that was tried, or was to be
  std::string address;  // likewise; may be empty
};

class ConnectorSink {
 public:
  virtual void on_reached(Connection connection) = 0;  // the stream's sink is to be set
  virtual void on_unreachable(Failure failure) = 0;    // the end
  virtual void on_under_way() = 0;                     // next_deadline() may be another

 protected:
  ~ConnectorSink() = default;
};

// Who asks, for the server (PROXY protocol).
struct Asker {
  std::string address;
  std::uint16_t port = 0;
};

class Connector {
 public:
  Connector(XmppServices& services, Choice choice, Asker asker, Instant end_by, ConnectorSink& sink);
  ~Connector();
  Connector(const Connector&) = delete;
  Connector& operator=(const Connector&) = delete;

  // The sink may be called from within these, and may cancel from within its call.
  void start();
  void go_on(Stage stage, std::string why);  // after on_reached; its stream must be gone
  void on_deadline(Instant now);
  void cancel();

  std::optional<Instant> next_deadline() const;
  Stage stage() const;          // what is being waited for
  std::string reasons() const;  // what failed so far

 private:
  struct Attempt;

  void look_up_services();
  void on_services(const dns::Services& services);
  void begin_race(std::vector<Target> targets);
  void on_answer(dns::Answer answer);
  void resolved(const std::vector<Address>& addresses);
  void on_connected(std::size_t attempt);
  void on_broken(std::size_t attempt, const Error& error);
  void introduce(uv::Stream& stream, const Address& to) const;

  void feed(const race::Event& event);
  void perform(const race::LookUp& action);
  void perform(const race::Connect& action);
  void perform(const race::Drop& action);
  void perform(const race::Won& action);
  void perform(const race::Lost& action);

  std::unique_ptr<Attempt> take(std::size_t attempt);
  void discard(std::unique_ptr<Attempt> attempt);
  void note(std::string reason);
  void fail(Stage stage, bosh::Condition condition, std::string why);

  XmppServices& services_;
  Choice choice_;
  Asker asker_;
  Instant end_by_;
  ConnectorSink& sink_;
  std::optional<Race> race_;  // once it is known what to connect to
  std::vector<Target> targets_;
  std::vector<std::unique_ptr<Attempt>> attempts_;
  race::Actions actions_;  // not yet carried out
  dns::LookupId lookup_;
  std::size_t looked_up_ = 0;  // the target that it is for
  std::vector<std::string> reasons_;
  std::string last_target_, last_address_;
  std::optional<Stage> useless_at_;  // how far a connection came that was of no use
  Instant begun_;
  std::optional<Instant> first_attempt_;
  bool unsure_ = false;   // something could not be asked
  bool refused_ = false;  // an address that may not be connected to
  bool pumping_ = false;
  bool over_ = false;
};

}  // namespace nxb::upstream
