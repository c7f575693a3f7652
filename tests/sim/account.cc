// tests/sim/account.cc - see account.h.
// SPDX-License-Identifier: MIT
#include "account.h"

#include <algorithm>

#include "marks.h"

namespace nxb::sim {

Granted::Granted(const bosh::SessionLimits& limits, const bosh::Body& creation)
    : wait(std::min<Duration>(std::chrono::seconds(creation.wait.value_or(9'999)), limits.max_wait)),
      creation_wait(std::min(wait, limits.features_hold)),
      gap(std::min<Duration>(limits.gap_timeout, std::max<Duration>(wait, 5s))),
      grace(limits.inactivity_grace),
      max_pause(limits.max_pause),
      polling(limits.polling),
      inactivity(limits.default_inactivity),
      abort_grace(limits.abort_grace > Duration::zero() ? limits.abort_grace : Duration::max()),
      hold_told(std::min<std::uint32_t>(creation.hold.value_or(1), limits.max_hold)),
      hold(wait == Duration::zero() ? 0 : hold_told),
      requests(hold_told + 1),
      max_streams(limits.max_streams),
      max_pending(limits.max_pending),
      acks(creation.ack.has_value()),
      polls(hold == 0) {
  if (creation.inactivity) {
    Duration most = std::max(limits.default_inactivity, limits.max_inactivity);
    inactivity = std::clamp<Duration>(std::chrono::seconds(*creation.inactivity), limits.default_inactivity, most);
  }
  if (polls) inactivity += 2 * polling;  // B-78
}

Rids::Rids(const Granted& granted, const bosh::Body& creation, RequestId id, Instant now)
    : requests_(granted.requests), acks_(granted.acks), last_(creation.rid->value) {
  held_.push_back({last_, id, now, true, 0, creation.key, false});
}

Held* Rids::find_open(std::uint64_t rid) {
  for (auto& held : held_) {
    if (held.rid == rid) return &held;
  }
  auto early = early_.find(rid);
  return early == early_.end() ? nullptr : &early->second.held;
}

Kept* Rids::find_kept(std::uint64_t rid) {
  auto at = std::ranges::lower_bound(kept_, rid, {}, &Kept::rid);
  return at == kept_.end() || at->rid != rid ? nullptr : &*at;
}

bool Rids::gone(RequestId id) {
  bool found = false;
  for (auto& held : held_) {
    if (held.id == id) held.live = false, found = true;
  }
  for (auto& early : early_) {
    if (early.second.held.id == id) early.second.held.live = false, found = true;
  }
  return found;
}

std::size_t Rids::live() const {
  auto early = std::ranges::count_if(early_, [](const auto& one) { return one.second.held.live; });
  return static_cast<std::size_t>(std::ranges::count_if(held_, &Held::live) + early);
}

std::uint64_t Rids::received() const {
  std::uint64_t highest = last_;
  for (auto next = early_.begin(); next != early_.end() && next->first == highest + 1; ++next) ++highest;
  return highest;
}

void Rids::process(Held request) {
  last_ = request.rid;
  held_.push_back(std::move(request));
}

void Rids::keep_at_end(Kept kept) {
  auto at = std::ranges::lower_bound(kept_, kept.rid, {}, &Kept::rid);
  if (at == kept_.end() || at->rid != kept.rid) at = kept_.insert(at, kept);
  *at = std::move(kept);
}

}  // namespace nxb::sim
