// worker/gateway/tombstones.cc - see tombstones.h.
// SPDX-License-Identifier: MIT
#include "worker/gateway/tombstones.h"

#include <algorithm>

namespace nxb::gateway {
namespace {

void shorten(std::string& word) {
  if (word.size() > Tombstones::kLongestWord) word.resize(Tombstones::kLongestWord);
  word.shrink_to_fit();
}

}  // namespace

void Tombstones::put(const Record& record, const Ending& ending, Instant now) {
  Tombstone stone{record, ending, now};
  Record& kept = stone.record;
  shorten(kept.ua);
  shorten(kept.domain);
  if (kept.server_end) {
    shorten(kept.server_end.own().why);
    shorten(kept.server_end.own().target);
  }
  all_.push_back(std::move(stone));
  drop_old(now);
}

const Tombstone* Tombstones::find(std::string_view name, Instant now) {
  drop_old(now);
  auto is_it = [name](const Tombstone& stone) { return stone.record.name == name; };
  auto at = std::find_if(all_.rbegin(), all_.rend(), is_it);  // the newest of that name
  return at == all_.rend() ? nullptr : &*at;
}

Instant Tombstones::whole_since(Instant now) {
  drop_old(now);
  return whole_since_;
}

void Tombstones::drop_old(Instant now) {
  whole_since_ = std::max(whole_since_, now - kKept);
  while (!all_.empty() && all_.front().at < whole_since_) all_.pop_front();
  while (all_.size() > kMost) {
    whole_since_ = all_.front().at + Duration{1};
    all_.pop_front();
  }
}

}  // namespace nxb::gateway
