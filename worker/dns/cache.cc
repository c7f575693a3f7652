// worker/dns/cache.cc
// SPDX-License-Identifier: MIT
#include "worker/dns/cache.h"

#include <algorithm>

namespace nxb::dns {
namespace {

constexpr std::size_t kNode = 64;  // what a tree needs for each entry, roughly

std::size_t size_of(const Question& question, const RecordSet& answer) {
  std::size_t out = sizeof(RecordSet) + 2 * (sizeof(Question) + question.name.size() + kNode) + answer.why.size();
  for (const std::string& address : answer.addresses) out += sizeof(address) + address.size();
  for (const SrvRecord& record : answer.services) out += sizeof(record) + record.target.size();
  return out;
}

Duration life_of(const RecordSet& answer) {
  if (answer.outcome == Outcome::Absent) return Cache::kAbsence;
  return std::clamp(answer.ttl, Cache::kShortest, Cache::kLongest);
}

}  // namespace

void Cache::put(const Question& question, const RecordSet& answer, Instant now) {
  if (answer.outcome == Outcome::Failed) return;  // what was known before still holds until it is due
  if (auto old = entries_.find(question); old != entries_.end()) remove(old);
  Entry entry{answer, now + life_of(answer), size_of(question, answer)};
  auto is_full = [&] { return entries_.size() >= kMaxEntries || bytes_ + entry.bytes > kMaxBytes; };
  while (!due_.empty() && (due_.begin()->first <= now || is_full())) {
    remove(entries_.find(due_.begin()->second));
  }
  bytes_ += entry.bytes;
  due_.emplace(entry.until, question);
  entries_.emplace(question, std::move(entry));
}

const RecordSet* Cache::find(const Question& question, Instant now) const {
  auto entry = entries_.find(question);
  return entry != entries_.end() && entry->second.until > now ? &entry->second.answer : nullptr;
}

void Cache::remove(Entries::iterator entry) {
  bytes_ -= entry->second.bytes;
  due_.erase({entry->second.until, entry->first});
  entries_.erase(entry);
}

}  // namespace nxb::dns
