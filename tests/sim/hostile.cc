// tests/sim/hostile.cc - see hostile.h.
// SPDX-License-Identifier: MIT
#include "hostile.h"

#include <algorithm>
#include <utility>

#include "marks.h"

namespace nxb::sim {

Hostile::Hostile(World& world) : world_(world) {}

void Hostile::start() {
  open();
  act();
}

void Hostile::choose_manners() {
  Dice& dice = world_.dice;
  manners_ = {};
  manners_.pace = Duration(1 + static_cast<Duration::rep>(dice.below(20'000)));
  manners_.care = 40 + dice.below(60);
  manners_.stubborn = dice.percent(30) ? 80 : 0;
  manners_.gappy = dice.percent(30);
  manners_.shuffled = dice.percent(20) ? 2 + dice.below(6) : 0;
  manners_.talkative = dice.percent(30);
  manners_.acks = dice.percent(50);
  manners_.lag = dice.percent(20) ? 30 : dice.below(4);
  manners_.keys = dice.percent(30);
  manners_.streams = dice.percent(40);
}

bosh::Body Hostile::creation() {
  Dice& dice = world_.dice;
  bosh::Body creation;
  high_ = dice.percent(5) ? kRidMax.value - dice.below(20) - 1 : 1 + dice.below(100'000);
  creation.rid = Rid{high_};
  creation.to = "a.example";
  if (dice.percent(80)) creation.wait = static_cast<std::uint16_t>(dice.below(70));
  if (dice.percent(80)) creation.hold = static_cast<std::uint8_t>(dice.below(5));
  if (dice.percent(50)) creation.ver = bosh::Version{1, 10};
  if (dice.percent(20)) creation.inactivity = static_cast<std::uint16_t>(dice.below(300));
  creation.payload_count = dice.percent(20) ? 1 : 0;
  if (creation.payload_count != 0) creation.payloads = "<x/>";
  if (manners_.acks) creation.ack = 1;
  chain_.reset();
  stamps_.clear();
  first_stamp_ = high_;
  if (manners_.keys) {
    chain_.emplace(world_);
    stamps_.push_back({{}, chain_->begin()});
    creation.newkey = stamps_.front().newkey;
  }
  return creation;
}

void Hostile::open() {
  Dice& dice = world_.dice;
  if (stage_) retired_.push_back({std::move(stage_), world_.now});
  while (!retired_.empty() && retired_.front().since + kFarthestPlan < world_.now) retired_.pop_front();
  bosh::SessionLimits limits;
  if (dice.percent(50)) limits.max_pending = 1'000;
  if (dice.percent(10)) limits.max_pause = 0ms;
  if (dice.percent(30)) limits.abort_grace = dice.upto(120s);
  limits.max_streams = static_cast<std::uint32_t>(1 + dice.below(4));
  Habits habits;
  habits.stalls = world_.dice.percent(30);
  habits.streams_end = dice.percent(50);
  stage_ = std::make_unique<Stage>(world_, limits, habits);
  stage_->listen(this);
  ++sessions_;
  choose_manners();
  bosh::Body first = creation();
  low_ = last_posted_ = answered_ = high_;
  posted_.clear();
  shuffle_.clear();
  names_.clear();
  acks_.clear();
  after_end_ = 0;
  ids_ = {{stage_->connection(), high_}};
  world_.note("a hostile session");
  stage_->create(ids_[0].first, std::move(first));
}

void Hostile::act() {
  if (!world_.operation()) return;
  if (stage_->forgotten() && ++after_end_ > 3) {
    open();
  } else {
    switch (world_.dice.below(12)) {
      case 0:
      case 1:
        stage_->gone(ids_[world_.dice.below(ids_.size())].first);
        break;
      case 2:
        if (world_.dice.percent(20)) weird_server();
        break;
      case 3:
        stage_->deliver(bosh::TimePassed{});
        break;
      default:
        request();
    }
  }
  bool pause = world_.dice.percent(60);
  world_.in(pause ? world_.dice.upto(manners_.pace) : 0ms, [this] { act(); });
}

void Hostile::request() {
  RequestId id = stage_->connection();
  bosh::Body made = body();
  ids_.emplace_back(id, made.rid ? made.rid->value : 0);
  if (ids_.size() > 8) ids_.erase(ids_.begin());
  stage_->post(id, std::move(made));
}

void Hostile::answered(RequestId id, const std::string& text) {
  for (const auto& [known, rid] : ids_) {
    if (known == id) answered_ = std::max(answered_, rid);
  }
  std::string_view name = attribute(text, "stream");
  if (!present(name) || std::ranges::find(names_, name) != names_.end()) return;
  names_.emplace_back(name);
}

std::uint64_t Hostile::choose_rid() {
  Dice& dice = world_.dice;
  constexpr std::uint64_t kBelow[] = {0, 0, 0, 1, 1, 2, 3, 4};
  if (dice.below(300) == 0) return dice.next();
  if (dice.percent(manners_.stubborn)) return last_posted_;
  if (manners_.shuffled != 0) {  // reordered, inside the window and beyond it
    if (shuffle_.empty()) {
      for (std::uint64_t i = manners_.shuffled; i > 0; --i) shuffle_.push_back(low_ + i);
      for (std::size_t i = shuffle_.size(); i > 1; --i) {
        if (dice.percent(30)) std::swap(shuffle_[i - 1], shuffle_[dice.below(i)]);
      }
    }
    std::uint64_t rid = shuffle_.back();
    shuffle_.pop_back();
    return rid;
  }
  if (manners_.gappy) return low_ + 1 + dice.below(3);
  if (dice.percent(manners_.care)) return high_ + 1;
  if (dice.percent(40)) return high_ + 2 + dice.below(3);
  std::uint64_t below = kBelow[dice.below(8)];
  return high_ > below ? high_ - below : 1;
}

bosh::Body Hostile::body() {
  Dice& dice = world_.dice;
  bosh::Body made;
  made.sid = "sid";
  std::uint64_t rid = last_posted_ = choose_rid();
  made.rid = Rid{rid};
  if (rid <= high_ + 8) high_ = std::max(high_, rid);
  if (rid > low_) posted_.insert(rid);
  while (posted_.erase(low_ + 1) != 0) ++low_;
  if (posted_.size() > 64) posted_.erase(std::prev(posted_.end()));
  made.payload_count = static_cast<std::uint32_t>(manners_.talkative ? 1 + dice.below(2) : dice.below(3));
  if (made.payload_count != 0) made.payloads = made.payload_count == 1 ? "<x/>" : "<x/><x/>";
  made.terminate = dice.below(150) == 0;
  made.restart = dice.percent(3);
  if (dice.percent(3)) made.pause = static_cast<std::uint16_t>(1 + dice.below(200));
  if (dice.below(200) == 0) made.problem = bosh::Condition::BadRequest;
  if (dice.below(200) == 0) made.rid.reset();
  fill_uses(made);
  return made;
}

void Hostile::fill_uses(bosh::Body& made) {
  Dice& dice = world_.dice;
  if (manners_.streams) fill_stream(made);
  if (manners_.acks && made.rid) acknowledge(made);
  if (made.rid && (chain_ || dice.below(300) == 0)) sign(made);
}

// Late, or hardly ever, but never less than with a lower rid: a client does not forget. Now and then too much.
void Hostile::acknowledge(bosh::Body& made) {
  Dice& dice = world_.dice;
  if (dice.below(100) == 0) made.ack = high_ + dice.below(4);
  if (made.ack || manners_.lag == 0) return;  // without the attribute it has everything
  std::uint64_t rid = made.rid->value;
  std::uint64_t lag = manners_.lag > 3 ? manners_.lag : dice.below(manners_.lag + 1);
  std::uint64_t ack = std::min(answered_, rid - 1) - std::min(answered_, lag);
  auto above = acks_.upper_bound(rid);
  if (above != acks_.end()) ack = std::min(ack, above->second);
  if (above != acks_.begin()) ack = std::max(ack, std::prev(above)->second);
  made.ack = acks_[rid] = std::max<std::uint64_t>(ack, 1);
  if (acks_.size() > 64) acks_.erase(acks_.begin());
}

void Hostile::fill_stream(bosh::Body& made) {
  Dice& dice = world_.dice;
  if (dice.percent(15)) {
    made.payload_count = 0;
    made.payloads.clear();
    made.to = "b.example";
    if (dice.percent(80)) made.xmpp_version = "1.0";
  }
  if (dice.percent(5)) made.to = "a.example";
  if (!names_.empty() && dice.percent(60)) made.stream = names_[dice.below(names_.size())];
  if (dice.below(150) == 0) made.stream = "s-0000000000000000";
  if (!made.stream.empty() && dice.percent(5)) made.terminate = true;
}

void Hostile::sign(bosh::Body& made) {
  Dice& dice = world_.dice;
  bool near = chain_ && made.rid->value >= first_stamp_ && made.rid->value < first_stamp_ + stamps_.size() + 64;
  if (near) {
    const Stamp& stamp = stamp_of(made.rid->value);
    made.key = stamp.key;
    made.newkey = stamp.newkey;
  }
  switch (dice.below(400)) {
    case 0:
      made.key.clear();
      break;
    case 1:
      made.key = sha1_hex("guessed");
      break;
    case 2:
      made.key = "not hexadecimal";
      break;
    case 3:
      made.newkey = "nonsense";
      break;
    default:
      break;
  }
}

const Hostile::Stamp& Hostile::stamp_of(std::uint64_t rid) {
  while (stamps_.size() > 128) {
    stamps_.pop_front();
    ++first_stamp_;
  }
  rid = std::max(rid, first_stamp_);
  while (first_stamp_ + stamps_.size() <= rid) {
    Stamp stamp{chain_->next(), {}};
    if (chain_->used_up()) stamp.newkey = chain_->begin();
    stamps_.push_back(std::move(stamp));
  }
  return stamps_[rid - first_stamp_];
}

void Hostile::weird_server() {
  Server& server = stage_->any_server(world_.dice.next());
  switch (world_.dice.below(6)) {
    case 0:
    case 1:
      return server.end();
    case 2:
      if (world_.dice.percent(30)) return stage_->deliver(bosh::ShutDown{});
      return stage_->deliver(bosh::ServerSpoke{9'999, upstream::Closed{}});
    case 3:
      return stage_->deliver(bosh::ServerSpoke{server.number(), upstream::Arrived{}});
    default: {
      upstream::Opened again{"again", world_.dice.percent(50) ? "1.0" : ""};
      return stage_->deliver(bosh::ServerSpoke{server.number(), std::move(again)});
    }
  }
}

}  // namespace nxb::sim
