// tests/sim/stage.cc - see stage.h.
// SPDX-License-Identifier: MIT
#include "stage.h"

#include <algorithm>
#include <utility>

#include "marks.h"

namespace nxb::sim {

Stage::Stage(World& world, const bosh::SessionLimits& limits, const Habits& habits)
    : world_(world), limits_(limits), habits_(habits) {}

void Stage::create(RequestId id, bosh::Body body) {
  witness_.emplace(world_, limits_, body, id);
  bosh::Actions actions;
  session_.emplace(limits_, "sid", id, std::move(body), world_.now, actions);
  world_.expect(!actions.empty() && std::holds_alternative<bosh::OpenStream>(actions.front()),
                "OpenStream comes first");
  witness_->after(*session_, actions);
  perform(actions);
}

void Stage::post(RequestId id, bosh::Body body) {
  world_.note("post", id.conn.value, body.rid ? body.rid->value : 0);
  if (world_.traced()) world_.trace("     " + brief_request(body));
  deliver(bosh::RequestArrived{id, std::move(body)});
}

void Stage::gone(RequestId id) {
  if (!waits(id)) return;
  world_.note("gone", id.conn.value);
  deliver(bosh::RequestGone{id});
}

void Stage::deliver(bosh::Event event) {
  if (world_.failed()) return;
  auto due = session_->next_deadline();
  if (due && *due <= world_.now && !std::holds_alternative<bosh::TimePassed>(event)) deliver(bosh::TimePassed{});
  if (!world_.expect(!std::exchange(busy_, true), "an event from within an event")) return;
  bosh::Actions actions = std::move(actions_);
  actions.clear();
  witness_->before(event);
  session_->on(std::move(event), world_.now, actions);
  witness_->after(*session_, actions);
  busy_ = false;
  perform(actions);
  actions_ = std::move(actions);
}

void Stage::perform(bosh::Actions& actions) {
  for (const auto& action : actions) {
    std::visit([this](const auto& known) { perform(known); }, action);
  }
  wake();
}

void Stage::perform(const bosh::Respond& respond) {
  world_.note("answer", respond.to.conn.value, static_cast<std::uint64_t>(respond.status));
  world_.note_text(respond.body);
  if (world_.traced()) world_.trace("     " + brief(respond.body));
  if (peer_) peer_->answered(respond.to, respond.body);
}

void Stage::perform(const bosh::Forward& forward) {
  read_marks(forward.elements, [this](Mark mark) {
    if (mark.stream == 0) broadcasts_ = std::max(broadcasts_, mark.number);
  });
  if (Server* to = server(forward.stream)) to->receive(forward.elements);
}

void Stage::perform(const bosh::OpenStream& open) {
  while (!servers_.empty() && !servers_.front().server->open_now() &&
         servers_.front().opened + 2 * kFarthestPlan < world_.now) {
    servers_.pop_front();
  }
  auto say = [this](bosh::StreamNumber number, upstream::Event event) {
    deliver(bosh::ServerSpoke{number, std::move(event)});
  };
  servers_.push_back({std::make_unique<Server>(world_, open.stream, habits_, broadcasts_, say), world_.now});
  Server& made = *servers_.back().server;
  made.open();
  if (servers_end_) world_.in(0ms, [&made] { made.end(); });
}

void Stage::perform(const bosh::RestartStream& restart) {
  if (Server* to = server(restart.stream)) to->restart();
}

void Stage::perform(const bosh::CloseStream& close) {
  if (Server* to = server(close.stream)) to->close();
}

void Stage::perform(const bosh::ReadServer& read) {
  if (Server* to = server(read.stream)) to->set_reading(read.on);
}

Server* Stage::server(bosh::StreamNumber number) {
  for (auto& slot : servers_) {
    if (slot.server->number() == number) return slot.server.get();
  }
  return nullptr;
}

void Stage::end_servers() {
  servers_end_ = true;
  for (std::size_t i = 0; i < servers_.size(); ++i) servers_[i].server->end();
}

// A deadline that moves away is found out when the planned wake-up comes.
void Stage::wake() {
  auto at = session_->next_deadline();
  if (!at || *at <= world_.now || (wake_at_ && *wake_at_ <= *at)) return;
  wake_at_ = at;
  world_.in(*at - world_.now, [this, planned = *at] {
    if (wake_at_ != planned) return;
    wake_at_.reset();
    auto due = session_->next_deadline();
    if (due && *due <= world_.now) return deliver(bosh::TimePassed{});
    wake();
  });
}

}  // namespace nxb::sim
