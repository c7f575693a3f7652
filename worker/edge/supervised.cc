// worker/edge/supervised.cc - see supervised.h.
// SPDX-License-Identifier: MIT
#include "worker/edge/supervised.h"

#include <utility>

namespace nxb::edge {
namespace {

constexpr std::uint64_t kOnly = 0;  // there is one deadline

}  // namespace

Supervised::Supervised(uv::Loop& loop, uv::Deadlines& deadlines, Ask ask, Settled settled)
    : loop_(loop),
      deadlines_(deadlines),
      family_(deadlines.add(*this)),
      ask_(std::move(ask)),
      settled_(std::move(settled)) {}

Supervised::~Supervised() { deadlines_.clear(family_, kOnly); }

bool Supervised::wait(RequestId request) {
  const bool kept = settled_at_ && loop_.now() - *settled_at_ < kKept;
  if (!ask_ || kept || waiting_.size() >= kMostWaiting) return false;
  waiting_.push_back(request);
  if (std::exchange(asking_, true)) return true;
  deadlines_.set(family_, kOnly, loop_.now() + kPatience);
  ask_(ipc::Ask{++last_id_, std::string(ipc::kFigures)});
  return true;
}

void Supervised::told(const ipc::Told& told) {
  if (told.id != last_id_) return;  // it was too late, and another question is under way
  auto figures = ipc::decode_figures(told.text);
  if (!figures) return settle(std::nullopt, {});
  settle(*std::move(figures), told.text);
}

void Supervised::on_deadline(std::uint64_t /*id*/, Instant /*now*/) { settle(std::nullopt, {}); }

void Supervised::settle(std::optional<ipc::Figures> figures, std::string text) {
  deadlines_.clear(family_, kOnly);
  asking_ = false;
  settled_at_ = loop_.now();
  figures_ = std::move(figures);
  text_ = std::move(text);
  for (RequestId request : std::exchange(waiting_, {})) settled_(request);
}

}  // namespace nxb::edge
