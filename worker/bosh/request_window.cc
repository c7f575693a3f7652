// worker/bosh/request_window.cc - see request_window.h.
// SPDX-License-Identifier: MIT
#include "worker/bosh/request_window.h"

#include <algorithm>
#include <utility>

namespace nxb::bosh {

RequestWindow::RequestWindow(OpenRequest creation, std::uint32_t requests) : last_(creation.rid), requests_(requests) {
  held_.push_back(creation);
}

Place RequestWindow::place_of(Rid rid, bool one_more) const {
  if (rid > last_) {
    if (rid > kRidMax || rid.value > last_.value + requests_ + (one_more ? 1U : 0U)) return Place::Outside;
    if (rid.value == last_.value + 1) return Place::Next;
    auto same = [rid](const EarlyRequest& early) { return early.open.rid == rid; };
    return std::ranges::any_of(early_, same) ? Place::Queued : Place::Ahead;
  }
  if (!held_.empty() && rid >= held_.front().rid) return Place::Held;
  auto same = [rid](const KeptAnswer& kept) { return kept.rid == rid; };
  return std::ranges::any_of(kept_, same) ? Place::Answered : Place::Outside;
}

void RequestWindow::hold(OpenRequest request) {
  NXB_CHECK(request.rid.value == last_.value + 1, "requests are processed in the order of their rids");
  last_ = request.rid;
  held_.push_back(request);
}

void RequestWindow::queue(EarlyRequest request) {
  auto above = [](const EarlyRequest& a, const EarlyRequest& b) { return a.open.rid < b.open.rid; };
  auto at = std::upper_bound(early_.begin(), early_.end(), request, above);
  early_.insert(at, std::move(request));
}

std::optional<EarlyRequest> RequestWindow::take_next() {
  if (early_.empty() || early_.front().open.rid.value != last_.value + 1) return std::nullopt;
  std::optional<EarlyRequest> next(std::move(early_.front()));
  early_.erase(early_.begin());
  if (early_.empty()) early_.shrink_to_fit();  // gaps are rare: an idle session owns nothing for them
  return next;
}

OpenRequest* RequestWindow::find_open(Rid rid) {
  for (auto& open : held_) {
    if (open.rid == rid) return &open;
  }
  for (auto& early : early_) {
    if (early.open.rid == rid) return &early.open;
  }
  return nullptr;
}

OpenRequest* RequestWindow::find_open(RequestId id) {
  for (auto& open : held_) {
    if (open.id == id) return &open;
  }
  for (auto& early : early_) {
    if (early.open.id == id) return &early.open;
  }
  return nullptr;
}

KeptAnswer* RequestWindow::find_kept(Rid rid) {
  auto at = std::ranges::find(kept_, rid, &KeptAnswer::rid);
  return at == kept_.end() ? nullptr : &*at;
}

std::size_t RequestWindow::live() const {
  auto held = std::ranges::count_if(held_, &OpenRequest::live);
  auto early = std::ranges::count_if(early_, [](const EarlyRequest& request) { return request.open.live; });
  return static_cast<std::size_t>(held + early);
}

Rid RequestWindow::received() const {
  Rid highest = last_;
  for (const auto& early : early_) {
    if (early.open.rid.value == highest.value + 1) highest = early.open.rid;
  }
  return highest;
}

OpenRequest RequestWindow::answer_lowest(std::unique_ptr<Answer> answer, Instant now) {
  return keep(std::move(answer), now, requests_ - 1);
}

OpenRequest RequestWindow::answer_pause(std::unique_ptr<Answer> answer, Instant now) {
  return keep(std::move(answer), now, requests_);
}

OpenRequest RequestWindow::keep(std::unique_ptr<Answer> answer, Instant now, std::size_t others) {
  NXB_CHECK(!held_.empty(), "an answer belongs to a request");
  OpenRequest request = held_.front();
  held_.erase(held_.begin());
  if (kept_.capacity() < requests_) kept_.reserve(requests_);
  std::size_t room = kMaxKeptBytes - std::min(kMaxKeptBytes, answer ? answer->body.size() : 0);
  keep_at_most(others, room);
  kept_.push_back({request.rid, now, std::move(answer), request.resends});
  return request;
}

// The newest of them, and what waits for its acknowledgement.
void RequestWindow::keep_at_most(std::size_t answers, std::size_t bytes) {
  std::size_t sum = 0;
  std::size_t from = kept_.size();
  while (from > 0) {
    const KeptAnswer& next = kept_[from - 1];
    sum += next.answer ? next.answer->body.size() : 0;
    bool fits = kept_.size() - from < answers && sum <= bytes;
    if (!fits && next.rid <= acknowledged_) break;
    --from;
  }
  kept_.erase(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(from));
}

void RequestWindow::confirm_answers(Rid arrived, std::uint32_t outstanding) {
  for (auto& kept : kept_) {
    if (kept.answer && kept.rid.value + outstanding <= arrived.value)
      kept.answer->pieces = std::vector<Piece>();  // frees it
  }
}

std::uint32_t RequestWindow::acknowledge(Rid rid) {
  std::uint32_t news = 0;
  for (auto& kept : kept_) {
    if (kept.rid > rid || kept.rid <= acknowledged_) continue;
    if (kept.answer) kept.answer->pieces = std::vector<Piece>();
    ++news;
  }
  acknowledged_ = std::max(acknowledged_, rid);
  keep_at_most(requests_, kMaxKeptBytes);
  return news;
}

std::size_t RequestWindow::unacknowledged() const {
  auto waits = [this](const KeptAnswer& kept) { return kept.rid > acknowledged_; };
  return static_cast<std::size_t>(std::ranges::count_if(kept_, waits));
}

std::size_t RequestWindow::kept_bytes() const {
  std::size_t bytes = 0;
  for (const auto& kept : kept_) bytes += kept.answer ? kept.answer->body.size() : 0;
  return bytes;
}

bool RequestWindow::is_overfull() const {
  if (acknowledged_ == kRidMax) return false;
  if (kept_.size() + held_.size() >= kMaxKeptAnswers) return true;
  return kept_.size() > requests_ && kept_bytes() > kMaxKeptBytes;
}

void RequestWindow::unconfirmed(StreamNumber stream, std::vector<xmpp::Stanza>& out) const {
  for (const auto& kept : kept_) {
    if (!kept.answer || kept.answer->stream != stream) continue;
    std::size_t at = kept.answer->payloads_at;
    for (const Piece& piece : kept.answer->pieces) {
      out.push_back({piece.kind, kept.answer->body.substr(at, piece.length)});
      at += piece.length;
    }
  }
}

std::vector<OpenRequest> RequestWindow::abandon() {
  acknowledged_ = kRidMax;                    // nothing will be acknowledged any more
  for (auto& kept : kept_) kept.resends = 0;  // who is told of the end by a repeat may need some
  std::vector<OpenRequest> all = std::exchange(held_, {});
  for (const auto& early : std::exchange(early_, {})) all.push_back(early.open);
  return all;
}

void RequestWindow::keep_at_end(Rid rid, std::unique_ptr<Answer> answer, Instant now) {
  kept_.push_back({rid, now, std::move(answer), 0});
}

void RequestWindow::forget() {
  held_ = std::vector<OpenRequest>();
  early_ = std::vector<EarlyRequest>();
  kept_ = std::vector<KeptAnswer>();
}

bool RequestWindow::is_consistent() const {
  std::size_t most_kept =
      acknowledged_ == kRidMax ? requests_ + 1 : std::max<std::size_t>(requests_ + 1, kMaxKeptAnswers);
  if (kept_.size() > most_kept || early_.size() > requests_) return false;
  std::uint64_t lowest_held = last_.value + 1 - held_.size();
  for (std::size_t i = 0; i < held_.size(); ++i) {
    if (held_[i].rid.value != lowest_held + i) return false;
  }
  for (std::size_t i = 0; i < kept_.size(); ++i) {
    if (kept_[i].rid.value != lowest_held - kept_.size() + i) return false;
  }
  std::uint64_t below = last_.value + 1;
  for (const auto& early : early_) {
    if (early.open.rid.value <= below || early.open.rid.value > last_.value + requests_ + 1) return false;
    below = early.open.rid.value;
  }
  return true;
}

}  // namespace nxb::bosh
