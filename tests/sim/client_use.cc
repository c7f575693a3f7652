// tests/sim/client_use.cc - what a correct client says and reads; see client.h.
// SPDX-License-Identifier: MIT
#include <algorithm>

#include "client.h"
#include "marks.h"

namespace nxb::sim {

namespace {

constexpr std::uint64_t kMargin = 12;  // seconds that the answer before a rest and the request after it may take

}  // namespace

void Client::choose_features() {
  acks_ = world_.dice.percent(50);
  pauses_ = world_.dice.percent(30);
  wants_streams_ = world_.dice.percent(30);
  purple_ = world_.dice.percent(15);
  if (world_.dice.percent(25)) keys_.emplace(world_);
}

void Client::learn(const std::string& answer) {
  std::string_view name = attribute(answer, "stream");
  wants_streams_ = wants_streams_ && present(name);
  lines_.push_back({std::string(name)});
  polling_ = std::chrono::seconds(number_attribute(answer, "polling"));
  max_pause_ = number_attribute(answer, "maxpause");
  pauses_ = pauses_ && max_pause_ != 0;
  inactivity_ = number_attribute(answer, "inactivity");
  read_marks(answer, [this](Mark mark) { lines_.front().received = mark.number; });
}

// One of the things a client does when nobody asked it to.
void Client::fill(bosh::Body& body) {
  bool several = lines_.size() + asked_streams_ > 1;
  if (restarts_ && world_.dice.percent(3)) {
    body.restart = true;
    if (several || (present_name() && world_.dice.percent(50))) body.stream = lines_.front().name;
    return;
  }
  bool may_be_empty = !polls() || (open_.empty() && world_.now >= next_poll_);  // B-77, B-79
  if (wants_streams_ && may_be_empty && world_.dice.percent(10)) {
    use_streams(body);
  } else if (next_rid_ % 3 == 0) {
    fill_payloads(body);
  }
  if (!may_be_empty && body.payload_count == 0) fill_payloads(body);
  if (purple_ && !body.terminate && (body.payload_count != 0 || purple_seen_) && body.to.empty()) {
    body.to =
        "a.example";  // without xmpp:version: not a wish for a stream, once seen on a request with payloads (B-91)
    if (body.payload_count != 0) purple_seen_ = true;
  }
}

void Client::use_streams(bosh::Body& body) {
  if (asked_streams_ == 0 && world_.dice.percent(50)) {
    ++asked_streams_;
    body.to = "b.example";
    body.xmpp_version = "1.0";
    if (world_.dice.percent(30)) body.from = "me@b.example";
    return;
  }
  std::size_t which = 1 + world_.dice.below(lines_.size());  // the first stays to the end
  if (which >= lines_.size() || !lines_[which].open) return;
  body.terminate = true;
  body.stream = lines_[which].name;
  if (world_.dice.percent(50)) append_payloads(body, static_cast<std::uint32_t>(which + 1), 1);
  lines_[which].open = false;
}

void Client::fill_payloads(bosh::Body& body) {
  std::uint64_t count = 1 + world_.dice.below(3);
  std::size_t which = world_.dice.below(lines_.size() + 1);  // beyond them: for all streams
  bool to_one = which < lines_.size() && lines_[which].open && present_name() && !body.terminate;
  if (to_one) body.stream = lines_[which].name;
  append_payloads(body, to_one ? static_cast<std::uint32_t>(which + 1) : 0, count);
}

void Client::append_payloads(bosh::Body& body, std::uint32_t stream, std::uint64_t count) {
  std::uint64_t& sent = stream == 0 ? broadcasts_ : lines_[stream - 1].sent;
  for (std::uint64_t i = 0; i < count; ++i) append_marked(body.payloads, {stream, ++sent}, world_.dice.below(8));
  body.payload_count = static_cast<std::uint32_t>(count);
}

void Client::sign(bosh::Body& body) {
  if (!keys_begun_) {
    if (running_ && world_.dice.percent(80)) return;
    keys_begun_ = true;
    body.newkey = keys_->begin();
    return;
  }
  body.key = keys_->next();
  if (keys_->used_up()) body.newkey = keys_->begin();
}

void Client::read_in_order() {
  while (!unread_.empty() && unread_.begin()->first == next_to_read_ && !told_) {
    std::string text = std::move(unread_.begin()->second);
    unread_.erase(unread_.begin());
    ++next_to_read_;
    read(text);
  }
}

void Client::read(const std::string& text) {
  std::string_view name = attribute(text, "stream");
  if (present(attribute(text, "from"))) {
    std::string expected = bosh::stream_name("sid", static_cast<bosh::StreamNumber>(lines_.size() + 1));
    world_.expect(name == expected, "a new stream has a name of its own, in order (B-90)");
    world_.expect(asked_streams_ != 0, "a stream that nobody asked for (B-90)");
    --asked_streams_;
    lines_.push_back({std::string(name)});
  }
  read_marks(text, [this, name](Mark mark) {
    if (!world_.expect(mark.stream >= 1 && mark.stream <= lines_.size(), "a stanza of a stream not known")) return;
    Line& line = lines_[mark.stream - 1];
    world_.expect(mark.number == line.received + 1, "the client read a stanza out of order, twice, or missed one");
    bool named = lines_.size() == 1 || name == line.name;
    world_.expect(named, "a stanza came under the name of another stream, or of none (B-93)");
    line.received = mark.number;
  });
  if (is_terminate(text)) read_end(name);
}

// Of one stream, or of the session.
void Client::read_end(std::string_view name) {
  if (!present(name)) {
    told_ = true;
    return;
  }
  auto line = std::ranges::find(lines_, name, &Line::name);
  if (!world_.expect(line != lines_.end(), "the end of a stream not known (B-97)")) return;
  world_.expect(!line->told, "a stream ends twice (B-97)");
  line->told = true;
  line->open = false;
}

// The session misses an acknowledgement: what it said then is lost, or late (B-67).
void Client::heed_report(const std::string& text) {
  std::uint64_t rid = number_attribute(text, "report");
  auto at = open_.find(rid);
  if (at != open_.end() && at->second.in_flight) failed(rid, at->second.id);
}

void Client::pause_for(bosh::Body& body) {
  // Shorter than what an answer and a request may take it would be no pause but an end.
  std::uint64_t wish = (polls() ? 25 : slow_ ? 8 : 1) + world_.dice.below(130);
  body.pause = static_cast<std::uint16_t>(wish);
  if (world_.dice.percent(30)) fill_payloads(body);
  pause_ = std::min(wish, max_pause_);
  pause_rid_ = next_rid_;
  resting_ = false;
  disturbed_ = std::ranges::any_of(open_, [](const auto& open) { return open.second.attempts > 1; });
}

// Everything is answered: it may be away as long as it said, or less if a repeat came between (B-73).
void Client::maybe_rest() {
  if (pause_ == 0 || !open_.empty() || std::exchange(resting_, true)) return;
  std::uint64_t most = disturbed_ ? std::min(pause_, inactivity_) : pause_;
  auto rest = world_.dice.upto(std::chrono::seconds(most - std::min(most, kMargin)));
  world_.in(rest, [this, rid = pause_rid_] {
    if (rid != pause_rid_) return;
    pause_ = 0;
    pump();
  });
}

}  // namespace nxb::sim
