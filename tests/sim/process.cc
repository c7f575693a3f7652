// tests/sim/process.cc - the oracles: a request whose turn it is; see witness.h.
// SPDX-License-Identifier: MIT
#include <algorithm>

#include "witness.h"

namespace nxb::sim {

namespace {

constexpr std::size_t kMostKept = 16;              // H-44; this one's answer would be one more
constexpr std::uint64_t kMostKeptBytes = 1 << 20;  // H-44
constexpr Duration kReportAfter{2'000};            // B-67
constexpr Duration kNameRemembered{30'000};        // B-92
constexpr std::ptrdiff_t kNamesRemembered = 64;    // H-44

}  // namespace

bool Witness::process(Held request, const bosh::Body& body) {
  if (adds_stream(body)) request.poll = false;
  prove_by_window(request, false);
  judge(request, body);
  if (judgement_.must_end != 0) return false;
  if (expected_key_ || !body.newkey.empty()) expected_key_ = body.newkey.empty() ? body.key : body.newkey;
  if (body.payload_count != 0 && !body.restart && !body.to.empty()) to_on_payloads_ = true;
  previous_ = request;
  previous_said_something_ = false;  // until it is answered
  rids_.process(std::move(request));
  take_ack(rids_.held().back(), body);
  if (body.pause && !body.terminate && granted_.max_pause > Duration::zero()) {
    pause_rid_ = pause_now_ = rids_.last();
    paused_ = true;
    idle_limit_ = std::min<Duration>(std::chrono::seconds(*body.pause), granted_.max_pause) + granted_.grace;
  } else if (paused_) {
    paused_ = false;
    idle_limit_ = granted_.inactivity + granted_.grace;
  }
  take_content(rids_.held().back(), body);
  return true;
}

void Witness::judge(const Held& request, const bosh::Body& body) {
  judge_key(request, body);
  if (granted_.acks) judge_ack(request, body);
  if (granted_.polls) judge_activity(request);
  if (streams_.offered()) judge_stream(request, body);
  bool crowd = adds_stream(body) && streams_.open_or_untold() >= std::size_t{2} * granted_.max_streams;
  if (crowd) must_end(request.id, bosh::Condition::PolicyViolation);  // H-44
}

void Witness::judge_key(const Held& request, const bosh::Body& body) {
  bool begins = !body.newkey.empty();
  if (expected_key_ && !follows(body.key, *expected_key_)) must_end(request.id, bosh::Condition::ItemNotFound);
  if (begins && !is_key(body.newkey)) must_end(request.id, bosh::Condition::ItemNotFound);
  bool odd = !expected_key_ && !body.key.empty() && !is_key(body.key);
  if (odd) may_end(bosh::Condition::ItemNotFound);  // malformed, and to be ignored (B-87)
}

// B-66 and, for a client that stops acknowledging, H-44 and B-69.
void Witness::judge_ack(const Held& request, const bosh::Body& body) {
  std::uint64_t upto = body.ack.value_or(request.rid - 1);
  if (body.ack && upto > rids_.answered()) {
    return must_end(request.id, bosh::Condition::BadRequest);
  }
  std::size_t count = 0, beyond = 0;
  std::uint64_t bytes = 0;
  for (const auto& kept : rids_.kept()) {
    if (kept.rid <= std::max(std::min(upto, rids_.answered()), rids_.acked()) &&
        kept.rid + granted_.requests <= rids_.answered())
      continue;
    ++count;
    bytes += kept.text.size();
    if (kept.rid + granted_.requests <= rids_.answered()) ++beyond;
  }
  if (count + rids_.held().size() >= kMostKept) must_end(request.id, bosh::Condition::PolicyViolation);
  if (beyond != 0 && bytes > kMostKeptBytes) {
    bool surely = bytes > kMostKeptBytes + count * 100;  // empty answers may count or not
    surely ? must_end(request.id, bosh::Condition::PolicyViolation) : may_end(bosh::Condition::PolicyViolation);
  }
}

// B-79: polls too close.
void Witness::judge_activity(const Held& request) {
  if (!previous_.poll || !request.poll || previous_said_something_) return;
  if (request.arrived < previous_.arrived) return;  // it overtook the one before
  if (request.arrived - previous_.arrived >= granted_.polling * 9 / 10) return;
  bool sure = previous_.resends == 0 && request.resends == 0;
  sure ? must_end(request.id, bosh::Condition::PolicyViolation) : may_end(bosh::Condition::PolicyViolation);
}

// B-92, B-94.
void Witness::judge_stream(const Held& request, const bosh::Body& body) {
  bool matters = body.payload_count != 0 || body.restart || body.terminate;
  if (!matters) return;
  if (body.stream.empty()) {
    bool any = !body.restart || body.terminate || streams_.open() <= 1;  // without any there is nothing to restart
    if (!any) must_end(request.id, bosh::Condition::ItemNotFound);
    return;
  }
  const Stream* stream = streams_.find(body.stream);
  bool known = stream && stream->introduced;
  if (known && !stream->open && stream->told) {  // so many names are remembered, and no more (H-44)
    auto later = [stream](const Stream& other) { return other.told && other.told_at >= stream->told_at; };
    if (std::ranges::count_if(streams_.all(), later) > kNamesRemembered) may_end(bosh::Condition::ItemNotFound);
  }
  if (known && (stream->open || !stream->told || world_.now - stream->told_at < kNameRemembered)) return;
  if (stream && !known) return may_end(bosh::Condition::ItemNotFound);  // it can only be guessed
  must_end(request.id, bosh::Condition::ItemNotFound);
}

void Witness::take_ack(const Held& request, const bosh::Body& body) {
  bool ambiguous =
      !body.to.empty() && request.arrived < world_.now;  // what `to` means may have changed meanwhile (B-91)
  prove_by_window(request, !granted_.acks && !ambiguous);
  if (!granted_.acks && body.terminate) {  // who leaves has read
    for (const auto& kept : rids_.kept()) streams_.know(kept, false);
  }
  if (!granted_.acks) return;
  std::uint64_t upto = body.ack.value_or(request.rid - 1);
  for (const auto& kept : rids_.kept()) {
    if (kept.rid <= upto) streams_.know(kept, true);
  }
  rids_.acknowledge(std::min(upto, rids_.answered()), [this](const Kept& kept) { streams_.know(kept, true); });
  std::erase_if(reports_due_, [this](const Missed& one) { return one.rid <= rids_.acked(); });
  std::erase_if(reports_late_, [this](const Missed& one) { return one.rid <= rids_.acked(); });
  const Kept* missed = body.ack ? rids_.find_kept(upto + 1) : nullptr;
  if (!missed || missed->rid <= rids_.acked()) return;  // an earlier rid knew more
  if (world_.now - missed->composed <= kReportAfter) return;
  if (std::ranges::find(reported_, missed->rid) != reported_.end()) return;
  bool backwards = missed->rid < highest_reported_;  // the row leaves it open
  (backwards ? reports_late_ : reports_due_).push_back({missed->rid, missed->composed});
}

bool Witness::adds_stream(const bosh::Body& body) const {
  if (!streams_.offered() || !creation_answered_ || body.payload_count != 0 || body.to.empty()) return false;
  if (body.restart || body.pause || body.terminate) return false;
  return !to_on_payloads_ || !body.xmpp_version.empty();  // B-91
}

void Witness::take_content(const Held& /*request*/, const bosh::Body& body) {
  if (adds_stream(body)) {
    bool refused = streams_.open() >= granted_.max_streams;
    const Stream& added = streams_.add(body, refused);
    if (!refused) opens_.push_back(added.number);
    return;
  }
  const Stream* one = streams_.offered() && !body.stream.empty() ? streams_.find(body.stream) : nullptr;
  bool to_all = !streams_.offered() || body.stream.empty();
  if (body.restart && !body.terminate) {  // its payloads are ignored (B-100)
    if (to_all && streams_.open() == 1) restarts_.push_back(streams_.only_open().number);
    if (one && one->open) restarts_.push_back(one->number);
    return;
  }
  if (body.payload_count != 0) {
    for (const auto& stream : streams_.all()) {
      if (stream.open && (to_all || &stream == one)) forwards_.push_back({stream.number, body.payloads});
    }
  }
  if (body.terminate) take_terminate(body);
}

// B-96: of one stream, or of everything.
void Witness::take_terminate(const bosh::Body& body) {
  Stream* one = streams_.offered() && !body.stream.empty() ? streams_.find(body.stream) : nullptr;
  bool everything =
      !streams_.offered() || body.stream.empty() || streams_.open() == 0 || (one && one->open && streams_.open() == 1);
  if (everything) {
    terminate_taken_ = true;
  } else if (one && one->open) {
    streams_.close(*one, true);
    closes_.push_back(one->number);
  }
}

}  // namespace nxb::sim
