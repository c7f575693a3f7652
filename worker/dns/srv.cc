// worker/dns/srv.cc
// SPDX-License-Identifier: MIT
#include "worker/dns/srv.h"

#include <algorithm>
#include <utility>

namespace nxb::dns {
namespace {

constexpr const char* kRoot = ".";

struct Candidate {
  SrvRecord record;
  bool direct_tls = false;
  friend bool operator==(const Candidate&, const Candidate&) = default;
};

bool is_usable(const SrvRecord& record) { return record.target != kRoot && !record.target.empty() && record.port != 0; }

// Repeated records would have twice their weight.
void take(const SrvAnswer& answer, bool direct_tls, std::vector<Candidate>& out) {
  if (answer.outcome != Outcome::Records) return;
  for (const SrvRecord& record : answer.records) {
    Candidate candidate{record, direct_tls};
    if (is_usable(record) && std::find(out.begin(), out.end(), candidate) == out.end()) {
      out.push_back(std::move(candidate));
    }
  }
}

// The selection of RFC 2782 among candidates of one priority. Where it leaves the order open (weight 0) it is random,
// too: servers of equal rank are to be used equally.
void order_by_weight(std::vector<Candidate>::iterator begin, std::vector<Candidate>::iterator end,
                     const Random& random) {
  for (auto left = end - begin; left > 1; --left) {
    std::iter_swap(begin + left - 1, begin + random(static_cast<std::uint32_t>(left - 1)));
  }
  std::stable_partition(begin, end, [](const Candidate& candidate) { return candidate.record.weight == 0; });
  std::uint32_t total = 0;
  for (auto it = begin; it != end; ++it) total += it->record.weight;
  for (; end - begin > 1; ++begin) {
    std::uint32_t wanted = random(total);
    std::uint32_t sum = begin->record.weight;
    auto chosen = begin;
    while (sum < wanted) sum += (++chosen)->record.weight;
    total -= chosen->record.weight;
    std::rotate(begin, chosen, chosen + 1);  // the others keep their order: weight 0 stays in front
  }
}

std::vector<SrvTarget> order(std::vector<Candidate> candidates, const Random& random) {
  auto priority = [](const Candidate& candidate) { return candidate.record.priority; };
  std::ranges::stable_sort(candidates, {}, priority);
  if (candidates.size() > kMaxSrvRecords) candidates.resize(kMaxSrvRecords);
  for (auto begin = candidates.begin(); begin != candidates.end();) {
    auto end =
        std::find_if(begin, candidates.end(), [&](const auto& other) { return priority(other) != priority(*begin); });
    order_by_weight(begin, end, random);
    begin = end;
  }
  std::vector<SrvTarget> out;
  for (Candidate& candidate : candidates) {
    SrvTarget target{std::move(candidate.record.target), candidate.record.port, candidate.direct_tls};
    // What was tried need not be tried again at a later place.
    if (std::find(out.begin(), out.end(), target) == out.end()) out.push_back(std::move(target));
  }
  return out;
}

}  // namespace

Plan plan_of(const SrvAnswer& plain, const SrvAnswer& direct, const Random& random) {
  Plan plan;
  plan.unsure = plain.outcome == Outcome::Failed || direct.outcome == Outcome::Failed;
  std::vector<Candidate> candidates;
  take(plain, false, candidates);
  take(direct, true, candidates);
  if (!candidates.empty()) {
    plan.verdict = Plan::Verdict::Targets;
    plan.targets = order(std::move(candidates), random);
    return plan;
  }
  // Records of which none can be used are "." or as good as that. Either service saying so shows that the domain is
  // described by SRV records, so its addresses are not asked for, even if the other could not be asked about (U-07).
  bool told = plain.outcome == Outcome::Records || direct.outcome == Outcome::Records;
  plan.verdict = told ? Plan::Verdict::NotOffered : Plan::Verdict::Fallback;
  return plan;
}

}  // namespace nxb::dns
