// worker/upstream/connector.cc - see connector.h.
// SPDX-License-Identifier: MIT
#include "worker/upstream/connector.h"

#include <algorithm>
#include <utility>

#include "common/base/secret.h"

namespace nxb::upstream {
namespace {

using bosh::Condition;

constexpr std::size_t kMostReasons = 8;

// "192.0.2.1:5222 (xmpp.example.org)"
std::string named(const Address& address, const Target& target) {
  bool literal = target.unix_socket || address.ip_text() == target.host;
  return address.text() + (literal ? "" : " (" + target.host + ")");
}

std::string reason_of(const Error& error, const std::string& where) {
  if (error.code == Code::Refused) return "connection refused by " + where;
  if (error.code == Code::TimedOut) return "no answer from " + where;
  auto at = error.text.find(": ");  // behind what was attempted
  return where + ": " + (at == std::string::npos ? error.text : error.text.substr(at + 2));
}

std::string in_seconds(Duration time) {
  std::string text = std::to_string(time.count() / 1000);
  if (auto rest = time.count() % 1000 / 100) text += "." + std::to_string(rest);
  return text + " s";
}

}  // namespace

// One address. It says which it is to the connector, which may be gone from within its calls.
struct Connector::Attempt final : uv::StreamSink {
  Attempt(Connector& o, const race::Connect& what)
      : owner(o), id(what.attempt), target(what.target), to(what.address) {}
  void on_connected() override { owner.on_connected(id); }
  void on_bytes(std::string_view) override {}  // reads begin after on_connected, which gives the stream away
  void on_end() override {}
  void on_broken(const Error& error) override { owner.on_broken(id, error); }

  Connector& owner;
  std::size_t id, target;
  Address to;
  std::unique_ptr<uv::Stream> stream;
};

Connector::Connector(XmppServices& services, Choice choice, Asker asker, Instant end_by, ConnectorSink& sink)
    : services_(services), choice_(std::move(choice)), asker_(std::move(asker)), end_by_(end_by), sink_(sink) {}

Connector::~Connector() = default;

void Connector::cancel() {
  if (std::exchange(over_, true)) return;
  services_.resolver.cancel(lookup_);
  for (auto& attempt : std::exchange(attempts_, {})) discard(std::move(attempt));
}

void Connector::start() {
  begun_ = services_.loop.now();
  last_target_ = choice_.target.text();
  if (choice_.by_srv) return look_up_services();
  begin_race({choice_.target});
}

// --- which targets ---

void Connector::look_up_services() {
  lookup_ = services_.resolver.lookup_services(choice_.domain.ascii,
                                               [this](const dns::Services& services) { on_services(services); });
  sink_.on_under_way();
}

void Connector::on_services(const dns::Services& services) {
  lookup_ = {};
  const auto& telling = services.plain.outcome == dns::Outcome::Failed ? services.plain : services.direct;
  if (telling.outcome == dns::Outcome::Failed) note(telling.why + " (SRV)");
  dns::Plan plan = dns::plan_of(services.plain, services.direct, random_up_to);
  unsure_ = plan.unsure;
  switch (plan.verdict) {
    case dns::Plan::Verdict::NotOffered:
      return fail(Stage::Dns, Condition::RemoteConnectionFailed,
                  "the domain offers no XMPP to clients (its SRV target is \".\")");  // U-07, U-64
    case dns::Plan::Verdict::Fallback:
      return begin_race({choice_.target});
    case dns::Plan::Verdict::Targets:
      break;
  }
  std::vector<Target> targets;
  for (const dns::SrvTarget& each : plan.targets) {
    if (auto target = target_of(choice_.target, each.host, each.port, each.direct_tls)) {
      targets.push_back(*std::move(target));
    }
  }
  if (targets.empty()) {
    return fail(Stage::Dns, Condition::RemoteConnectionFailed, "none of its SRV targets has direct TLS, as configured");
  }
  begin_race(std::move(targets));
}

void Connector::begin_race(std::vector<Target> targets) {
  targets_ = std::move(targets);
  race_.emplace(RaceSetup{targets_.size(), services_.config.upstream.connect_timeout, end_by_});
  feed(race::Started{});
}

// --- the race's events ---

void Connector::feed(const race::Event& event) {
  race_->on(event, services_.loop.now(), actions_);
  if (std::exchange(pumping_, true)) return;  // called from an action: the loop below takes it
  for (std::size_t i = 0; i < actions_.size() && !over_; ++i) {
    auto action = actions_[i];
    std::visit([this](const auto& each) { perform(each); }, action);
  }
  actions_.clear();
  pumping_ = false;
  if (!over_) sink_.on_under_way();
}

void Connector::on_answer(dns::Answer answer) {
  lookup_ = {};
  if (answer.addresses.empty()) {
    const std::string& host = targets_[looked_up_].host;
    bool absent = answer.failure == Code::NotFound;
    unsure_ = unsure_ || !absent;
    note(absent ? "DNS has no address for " + host : answer.why + " (" + host + ")");
  }
  resolved(answer.addresses);
}

// Each is judged by what it is, not by the name that led to it (U-16).
void Connector::resolved(const std::vector<Address>& addresses) {
  const Target& target = targets_[looked_up_];
  std::vector<Address> usable;
  for (const Address& address : addresses) {
    if (services_.policy.may_connect(target, address)) {
      usable.push_back(address);
    } else {
      refused_ = true;
      note(named(address, target) + " may not be connected to");
    }
  }
  feed(race::Resolved{std::move(usable)});
}

void Connector::on_connected(std::size_t attempt) { feed(race::Connected{attempt}); }

void Connector::on_broken(std::size_t attempt, const Error& error) {
  auto failed = take(attempt);
  if (!failed) return;
  note(reason_of(error, named(failed->to, targets_[failed->target])));
  discard(std::move(failed));
  feed(race::Failed{attempt});
}

void Connector::go_on(Stage stage, std::string why) {
  useless_at_ = stage;
  note(last_address_ + ": " + std::move(why));
  feed(race::GoOn{});
}

void Connector::on_deadline(Instant now) {
  if (over_) return;
  if (race_) return feed(race::TimePassed{});
  if (now >= end_by_) {
    fail(Stage::Dns, Condition::RemoteConnectionFailed,
         "DNS gave no answer within " + in_seconds(services_.config.upstream.setup_timeout));
  }
}

std::optional<Instant> Connector::next_deadline() const {
  if (over_) return std::nullopt;
  return race_ ? race_->next_deadline() : end_by_;
}

Stage Connector::stage() const { return race_ && first_attempt_ ? Stage::Tcp : Stage::Dns; }

// --- the race's actions ---

void Connector::perform(const race::LookUp& action) {
  const Target& target = targets_[looked_up_ = action.target];
  last_target_ = target.text();
  if (target.unix_socket) return resolved({*target.unix_socket});
  auto known = dns::known_addresses(target.host, target.port);
  if (!known.empty()) return resolved(known);
  lookup_ =
      services_.resolver.lookup(target.host, target.port, [this](dns::Answer answer) { on_answer(std::move(answer)); });
}

void Connector::perform(const race::Connect& action) {
  if (!first_attempt_) first_attempt_ = services_.loop.now();
  last_address_ = action.address.text();
  auto attempt = std::make_unique<Attempt>(*this, action);
  auto stream = uv::Stream::connect(services_.loop, action.address, *attempt);
  if (!stream) {
    note(reason_of(stream.error(), named(action.address, targets_[action.target])));
    return feed(race::Failed{action.attempt});
  }
  attempt->stream = *std::move(stream);
  attempts_.push_back(std::move(attempt));
}

void Connector::perform(const race::Drop& action) {
  auto dropped = take(action.attempt);
  if (!dropped) return;
  if (action.timed_out) {
    Duration waited = std::min(services_.config.upstream.connect_timeout, services_.config.upstream.setup_timeout);
    note("no answer from " + named(dropped->to, targets_[dropped->target]) + " within " + in_seconds(waited));
  }
  discard(std::move(dropped));
}

void Connector::perform(const race::Won& action) {
  auto winner = take(action.attempt);
  if (!NXB_EXPECT(winner != nullptr, "who wins is under way")) return;
  services_.resolver.cancel(std::exchange(lookup_, {}));  // of the target behind it
  Instant now = services_.loop.now();
  const Target& target = targets_[winner->target];
  last_target_ = target.text();
  last_address_ = winner->to.text();
  introduce(*winner->stream, winner->to);
  Connection connection{std::move(winner->stream), target, winner->to, *first_attempt_ - begun_, now - *first_attempt_};
  discard(std::move(winner));
  sink_.on_reached(std::move(connection));
}

void Connector::perform(const race::Lost& action) {
  if (lookup_) note("no answer from DNS for " + targets_[looked_up_].host);
  std::string why = reasons();
  if (action.timed_out) {
    why =
        "not connected within " + in_seconds(services_.config.upstream.setup_timeout) + (why.empty() ? "" : ": " + why);
  }
  if (useless_at_) return fail(*useless_at_, Condition::RemoteConnectionFailed, std::move(why));
  if (first_attempt_) return fail(Stage::Tcp, Condition::RemoteConnectionFailed, std::move(why));  // U-64
  if (unsure_ || action.timed_out) return fail(Stage::Dns, Condition::RemoteConnectionFailed, std::move(why));
  fail(refused_ ? Stage::Policy : Stage::Dns, Condition::HostUnknown, std::move(why));  // U-62, U-63
}

// The first bytes of a connection, before TLS and the stream (O-30).
void Connector::introduce(uv::Stream&, const Address&) const {}

// --- the end ---

std::unique_ptr<Connector::Attempt> Connector::take(std::size_t attempt) {
  auto at = std::ranges::find_if(attempts_, [&](const auto& each) { return each->id == attempt; });
  if (at == attempts_.end()) return nullptr;
  auto out = std::move(*at);
  attempts_.erase(at);
  return out;
}

// The socket goes at once; its attempt may be what calls.
void Connector::discard(std::unique_ptr<Attempt> attempt) {
  attempt->stream.reset();
  services_.loop.retire(std::move(attempt));
}

void Connector::note(std::string reason) {
  if (reasons_.size() < kMostReasons) reasons_.push_back(std::move(reason));
}

std::string Connector::reasons() const {
  std::string out;
  for (const std::string& reason : reasons_) out += (out.empty() ? "" : "; ") + reason;
  return out;
}

void Connector::fail(Stage stage, Condition condition, std::string why) {
  cancel();
  sink_.on_unreachable({stage, condition, std::move(why), last_target_, last_address_});
}

}  // namespace nxb::upstream
