// worker/gateway/roster.cc - see roster.h.
// SPDX-License-Identifier: MIT
#include "worker/gateway/roster.h"

#include <algorithm>

#include "common/ipc/message.h"
#include "common/log/line.h"

namespace nxb::gateway {
namespace {

constexpr std::size_t kMostBytes = ipc::kMaxAnswer - (std::size_t{16} << 10);

Duration idle(const Record& record, Instant now) { return now - record.heard.value_or(record.started); }

std::string row(const Roster::Sight& sight, Instant now) {
  const Record& record = *sight.record;
  std::vector<log::Field> fields{{"sid", record.name},
                                 {"transport", name_of(record.kind)},
                                 {"domain", record.domain},
                                 {"client", record.client},
                                 {"phase", sight.phase},
                                 {"age_seconds", (now - record.started).count() / 1000},
                                 {"idle_seconds", idle(record, now).count() / 1000},
                                 {"streams", sight.held->all().size()},
                                 {"queued_bytes", sight.queued},
                                 {"up_bytes", record.bytes_up},
                                 {"down_bytes", record.bytes_down}};
  if (record.kind == Kind::Bosh) fields.emplace_back("rid", record.last_rid.value);
  return log::json_object(fields);
}

}  // namespace

Roster::Roster(const ipc::SessionQuery& query, Instant now) : query_(query), now_(now) {
  if (query.ip.empty()) return;
  if (auto range = AddressRange::parse(query.ip)) range_ = *range;
}

void Roster::offer(const Sight& sight) {
  if (!matches(sight)) return;
  ++matching_;
  ranked_.push_back({rank_of(sight), sight});
  if (ranked_.size() >= std::size_t{2} * query_.limit + 1) keep_first();
}

bool Roster::matches(const Sight& sight) const {
  const Record& record = *sight.record;
  if (!query_.transport.empty() && query_.transport != name_of(record.kind)) return false;
  if (!query_.domain.empty() && record.domain != query_.domain &&
      std::ranges::find(sight.held->all(), query_.domain, &Held::One::domain) == sight.held->all().end()) {
    return false;
  }
  if (query_.ip.empty()) return true;
  if (!range_) return false;
  if (record.client == "unix") return range_->has_unix();
  auto address = Address::from_ip(record.client, 0);
  return address && range_->contains(*address);
}

std::uint64_t Roster::rank_of(const Sight& sight) const {
  const Record& record = *sight.record;
  switch (query_.order) {
    case ipc::SessionOrder::Age:
      return static_cast<std::uint64_t>((now_ - record.started).count());
    case ipc::SessionOrder::Idle:
      return static_cast<std::uint64_t>(idle(record, now_).count());
    case ipc::SessionOrder::Bytes:
      return record.bytes_up + record.bytes_down;
    case ipc::SessionOrder::Queue:
      return sight.queued;
  }
  return 0;
}

void Roster::keep_first() {
  auto before = [](const Ranked& a, const Ranked& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.sight.record->name < b.sight.record->name;
  };
  std::ranges::sort(ranked_, before);
  if (ranked_.size() > query_.limit) ranked_.resize(query_.limit);
}

std::string Roster::json() {
  keep_first();
  std::string rows;
  for (const Ranked& one : ranked_) {
    if (rows.size() > kMostBytes) break;  // of very long names of domains
    rows += (rows.empty() ? "" : ",") + row(one.sight, now_);
  }
  std::vector<log::Field> fields{log::Field::json("sessions", '[' + rows + ']'), {"matching", matching_}};
  return log::json_object(fields);
}

}  // namespace nxb::gateway
