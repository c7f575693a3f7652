// tests/sim/stage.cc - see stage.h.
// SPDX-License-Identifier: MIT
#include "stage.h"

#include <utility>

namespace nxb::sim {

namespace {

std::string id_text(RequestId id) { return "c" + std::to_string(id.conn.value); }

std::string brief(const std::string& text) {
  std::string note = is_terminate(text) ? "terminate" : is_recoverable(text) ? "recoverable" : "body";
  auto condition = text.find("condition=");
  if (condition != std::string::npos) note += " " + text.substr(condition + 11, 14);
  for (std::uint64_t number : numbers_in(text)) note += " " + std::to_string(number);
  return note;
}

}  // namespace

// --- the server ---

Server::Server(World& world, std::function<void(upstream::Event)> say) : world_(world), say_(std::move(say)) {}

void Server::open() {
  open_ = true;
  bool slow = world_.dice.percent(10);
  Duration header = world_.dice.upto(slow ? 15'000ms : 300ms);
  world_.in(header, [this] {
    say(upstream::Opened{"id", "1.0"});
    features(world_.dice.upto(world_.dice.percent(10) ? 12'000ms : 200ms));
  });
}

void Server::restart() {
  world_.in(world_.dice.upto(200ms), [this] {
    say(upstream::Opened{"id2", "1.0"});
    features(world_.dice.upto(300ms));
  });
}

void Server::features(Duration in) {
  world_.in(in, [this] {
    say(upstream::Arrived{{{xmpp::Kind::Features, "<stream:features xmlns:stream='s'/>"}}});
    if (!std::exchange(talking_, true)) talk();
  });
}

void Server::talk() {
  if (!open_ || !world_.busy()) return;
  if (reading_ && world_.operation()) {
    upstream::Arrived burst;
    std::uint64_t count = 1 + world_.dice.below(4);
    for (std::uint64_t i = 0; i < count; ++i) {
      std::string padding(world_.dice.percent(10) ? 700 : 5, 'x');
      burst.stanzas.push_back(
          {xmpp::Kind::Message, "<message n='" + std::to_string(++sent_) + "'>" + padding + "</message>"});
    }
    say(std::move(burst));
  }
  Duration pause = world_.dice.percent(70) ? world_.dice.upto(400ms) : world_.dice.upto(20'000ms);
  world_.in(pause, [this] { talk(); });
}

void Server::say(upstream::Event event) {
  if (open_) say_(std::move(event));
}

void Server::receive(const bosh::Forward& forward) {
  for (std::uint64_t number : numbers_in(forward.elements)) {
    world_.expect(number == received_ + 1, "a client's stanza is lost, doubled or out of order (delivery)");
    received_ = number;
  }
}

void Server::close() { open_ = false; }

void Server::set_reading(bool on) { reading_ = on; }

void Server::end() {
  if (!open_) return;
  upstream::Closed closed;
  if (world_.dice.percent(60)) closed.condition = bosh::Condition::RemoteConnectionFailed;
  if (world_.dice.percent(30)) {
    closed.condition = bosh::Condition::RemoteStreamError;
    closed.stream_error = "<stream:error/>";
  }
  say(std::move(closed));
  open_ = false;
}

// --- the session and the machine-side end of its connections ---

Stage::Stage(World& world, bosh::SessionLimits limits)
    : world_(world), limits_(limits), server_(world, [this](upstream::Event event) {
        deliver(bosh::ServerSpoke{1, std::move(event)});
      }) {}

void Stage::create(RequestId id, bosh::Body body, std::function<void(std::string)> answered) {
  answered_[id] = std::move(answered);
  witness_.emplace(world_, limits_, body, id);
  bosh::Actions actions;
  session_.emplace(limits_, "sid", id, std::move(body), world_.now, actions);
  world_.expect(!actions.empty() && std::holds_alternative<bosh::OpenStream>(actions.front()),
                "OpenStream comes first");
  witness_->after(*session_, actions);
  perform(actions);
}

void Stage::post(RequestId id, bosh::Body body, std::function<void(std::string)> answered) {
  world_.note(id_text(id) + " rid=" + std::to_string(body.rid ? body.rid->value : 0) +
              (body.terminate ? " terminate" : ""));
  answered_[id] = std::move(answered);
  deliver(bosh::RequestArrived{id, std::move(body)});
}

void Stage::gone(RequestId id) {
  if (!waits(id)) return;
  world_.note(id_text(id) + " gone");
  answered_.erase(id);
  deliver(bosh::RequestGone{id});
}

void Stage::deliver(bosh::Event event) {
  if (!world_.failure().empty()) return;
  auto due = session_->next_deadline();
  if (due && *due <= world_.now && !std::holds_alternative<bosh::TimePassed>(event)) deliver(bosh::TimePassed{});
  bosh::Actions actions;
  witness_->before(event);
  session_->on(std::move(event), world_.now, actions);
  witness_->after(*session_, actions);
  perform(actions);
}

void Stage::perform(const bosh::Actions& actions) {
  for (const auto& action : actions) {
    if (const auto* respond = std::get_if<bosh::Respond>(&action)) {
      world_.note(id_text(respond->to) + " <- " + brief(respond->body));
      auto node = answered_.extract(respond->to);
      if (!node || !node.mapped()) continue;
      world_.in(0ms, [answered = std::move(node.mapped()), text = respond->body] { answered(text); });
    }
    if (const auto* forward = std::get_if<bosh::Forward>(&action)) server_.receive(*forward);
    if (std::holds_alternative<bosh::OpenStream>(action)) server_.open();
    if (std::holds_alternative<bosh::RestartStream>(action)) server_.restart();
    if (std::holds_alternative<bosh::CloseStream>(action)) server_.close();
    if (const auto* read = std::get_if<bosh::ReadServer>(&action)) server_.set_reading(read->on);
  }
  wake();
}

void Stage::wake() {
  auto at = session_->next_deadline();
  if (at == wake_at_) return;
  wake_at_ = at;
  if (!at || *at <= world_.now) return;
  world_.in(*at - world_.now, [this, due = *at] {
    if (wake_at_ == due) deliver(bosh::TimePassed{});
  });
}

}  // namespace nxb::sim
