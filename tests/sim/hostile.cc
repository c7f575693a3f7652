// tests/sim/hostile.cc - see hostile.h.
// SPDX-License-Identifier: MIT
#include "hostile.h"

#include <algorithm>

namespace nxb::sim {

Hostile::Hostile(World& world) : world_(world) {}

void Hostile::start() {
  open();
  act();
}

void Hostile::open() {
  bosh::SessionLimits limits;
  limits.polling = limits.max_pause = Duration::zero();  // this world knows neither
  if (world_.dice.percent(50)) limits.max_pending = 1'000;
  stages_.push_back(std::make_unique<Stage>(world_, limits));
  bosh::Body creation;
  high_ = world_.dice.percent(5) ? kRidMax.value - world_.dice.below(20) - 1 : 1 + world_.dice.below(100'000);
  creation.rid = Rid{high_};
  creation.to = "a.example";
  if (world_.dice.percent(80)) creation.wait = static_cast<std::uint16_t>(world_.dice.below(70));
  if (world_.dice.percent(80)) creation.hold = static_cast<std::uint8_t>(world_.dice.below(5));
  if (world_.dice.percent(50)) creation.ver = bosh::Version{1, 10};
  creation.payload_count = world_.dice.percent(20) ? 1 : 0;
  creation.payloads = "<x/>";
  pace_ = Duration(1 + static_cast<Duration::rep>(world_.dice.below(20'000)));
  care_ = 40 + world_.dice.below(60);
  stubborn_ = world_.dice.percent(30) ? 80 : 0;
  gappy_ = world_.dice.percent(30);
  low_ = last_posted_ = high_;
  posted_.clear();
  after_end_ = 0;
  ids_ = {stages_.back()->connection()};
  world_.note("a hostile session");
  stages_.back()->create(ids_[0], creation, {});
}

void Hostile::act() {
  if (!world_.operation()) return;
  Stage& stage = *stages_.back();
  if (stage.forgotten() && ++after_end_ > 3) {
    open();
  } else {
    switch (world_.dice.below(12)) {
      case 0:
      case 1:
        stage.gone(ids_[world_.dice.below(ids_.size())]);
        break;
      case 2:
        if (world_.dice.percent(20)) weird_server();
        break;
      case 3:
        stage.deliver(bosh::TimePassed{});
        break;
      default:
        request();
    }
  }
  bool pause = world_.dice.percent(60);
  world_.in(pause ? world_.dice.upto(pace_) : 0ms, [this] { act(); });
}

void Hostile::request() {
  Stage& stage = *stages_.back();
  RequestId id = stage.connection();
  ids_.push_back(id);
  if (ids_.size() > 8) ids_.erase(ids_.begin());
  stage.post(id, body(), {});
}

std::uint64_t Hostile::choose_rid() {
  constexpr std::uint64_t kBelow[] = {0, 0, 0, 1, 1, 2, 3, 4};
  if (world_.dice.percent(1)) return world_.dice.next();
  if (world_.dice.percent(stubborn_)) return last_posted_;
  if (gappy_) return low_ + 1 + world_.dice.below(3);
  if (world_.dice.percent(care_)) return high_ + 1;
  if (world_.dice.percent(40)) return high_ + 2 + world_.dice.below(3);
  std::uint64_t below = kBelow[world_.dice.below(8)];
  return high_ > below ? high_ - below : 1;
}

bosh::Body Hostile::body() {
  bosh::Body made;
  made.sid = "sid";
  std::uint64_t rid = last_posted_ = choose_rid();
  made.rid = Rid{rid};
  if (rid <= high_ + 3) high_ = std::max(high_, rid);
  if (rid > low_) posted_.insert(rid);
  while (posted_.erase(low_ + 1) != 0) ++low_;
  made.payload_count = static_cast<std::uint32_t>(world_.dice.below(3));
  made.payloads = "<x/><x/>";
  made.terminate = world_.dice.below(150) == 0;
  made.restart = world_.dice.percent(3);
  if (world_.dice.percent(2)) made.pause = static_cast<std::uint16_t>(5);
  if (world_.dice.below(200) == 0) made.problem = bosh::Condition::BadRequest;
  if (world_.dice.below(200) == 0) made.rid.reset();
  return made;
}

void Hostile::weird_server() {
  Stage& stage = *stages_.back();
  switch (world_.dice.below(5)) {
    case 0:
      return stage.server().end();
    case 1:
      return stage.deliver(bosh::ShutDown{});
    case 2:
      return stage.deliver(bosh::ServerSpoke{1, upstream::Arrived{}});
    default:
      return stage.deliver(bosh::ServerSpoke{1, upstream::Opened{"again", world_.dice.percent(50) ? "1.0" : ""}});
  }
}

}  // namespace nxb::sim
