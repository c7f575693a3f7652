// tests/sim/streams.cc - see streams.h.
// SPDX-License-Identifier: MIT
#include "streams.h"

#include <algorithm>
#include <utility>

namespace nxb::sim {

namespace {

constexpr Duration kNameRemembered{30'000};  // B-92

}  // namespace

Streams::Streams(World& world, const Granted& granted, const bosh::Body& creation)
    : world_(world), granted_(granted), offered_(granted.max_streams > 1) {
  streams_.emplace_back();
  streams_.back().number = 1;
  streams_.back().name = bosh::stream_name("sid", 1);
  streams_.back().from = creation.to;
  streams_.back().introduced = true;
}

std::size_t Streams::open() const { return static_cast<std::size_t>(std::ranges::count_if(streams_, &Stream::open)); }

std::size_t Streams::open_or_untold() const {
  auto there = [](const Stream& stream) { return stream.open || !stream.told; };
  return static_cast<std::size_t>(std::ranges::count_if(streams_, there));
}

Stream* Streams::find(bosh::StreamNumber number) {
  auto at = std::ranges::find(streams_, number, &Stream::number);
  return at == streams_.end() ? nullptr : &*at;
}

const Stream* Streams::find(bosh::StreamNumber number) const {
  auto at = std::ranges::find(streams_, number, &Stream::number);
  return at == streams_.end() ? nullptr : &*at;
}

Stream* Streams::find(std::string_view name) {
  auto at = std::ranges::find(streams_, name, &Stream::name);
  return at == streams_.end() ? nullptr : &*at;
}

Stream& Streams::only_open() { return *std::ranges::find(streams_, true, &Stream::open); }

Stream& Streams::add(const bosh::Body& body, bool refused) {
  forget_old();
  Stream stream;
  stream.number = ++ever_;
  stream.name = bosh::stream_name("sid", stream.number);
  stream.from = body.to;
  stream.refused = refused;
  stream.open = !refused;
  stream.closed_at = world_.now;
  if (refused) stream.condition = bosh::Condition::PolicyViolation;
  streams_.push_back(stream);
  return streams_.back();
}

void Streams::forget_old() {
  std::erase_if(streams_, [this](const Stream& stream) {
    return !stream.open && stream.told && stream.pending_count == 0 &&
           stream.told_at + 4 * kNameRemembered < world_.now;
  });
}

void Streams::take(const bosh::ServerSpoke& spoke) {
  Stream* stream = find(spoke.stream);
  if (!stream || !stream->open) return;
  if (const auto* closed = std::get_if<upstream::Closed>(&spoke.event)) {
    stream->condition = closed->condition;
    close(*stream, false);
  }
  if (const auto* congested = std::get_if<upstream::Congested>(&spoke.event)) stream->congested = congested->on;
  const auto* opened = std::get_if<upstream::Opened>(&spoke.event);
  if (opened && !std::exchange(stream->opened, true)) {
    stream->owes_greeting = opened->xmpp_version.empty() || opened->xmpp_version.starts_with("0.");
  }
  const auto* arrived = std::get_if<upstream::Arrived>(&spoke.event);
  if (!arrived) return;
  for (const auto& stanza : arrived->stanzas) {
    stream->pending_bytes += stanza.bytes.size();
    ++stream->pending_count;
    read_marks(stanza.bytes, [this, stream](Mark mark) {
      world_.expect(mark.number == stream->sent + 1, "a stanza is lost before the session has it (delivery)");
      stream->sent = mark.number;
    });
  }
}

bool Streams::congested() const {
  return std::ranges::any_of(streams_, [](const Stream& stream) { return stream.open && stream.congested; });
}

void Streams::close(Stream& stream, bool by_client) {
  stream.open = false;
  stream.by_client = by_client;
  stream.known_when_left = stream.known;
  stream.closed_at = world_.now;
}

bool Streams::owes() const {
  return std::ranges::any_of(streams_, [this](const Stream& stream) {
    return stream.pending_count != 0 || (stream.owes_greeting && stream.open) ||
           (ever_ > 1 && (!stream.introduced || stream.owes_end()));
  });
}

// Whose news an answer brings.
Stream* Streams::named_by(std::string_view text) {
  std::string_view name = attribute(text, "stream");
  if (present(attribute(text, "sid")) || !present(name))
    return ever_ == 1 || !has_marks(text) ? &streams_.front() : nullptr;
  return find(name);
}

void Streams::say(std::string_view text, bool first_of_all, bosh::StreamNumber& whose, std::uint64_t& upto) {
  bool named = present(attribute(text, "stream")) && !first_of_all;
  bool payloads = has_payloads(text);
  std::string_view from = attribute(text, "from");
  if (named) world_.expect(ever_ > 1, "a stream is named though there was only one (B-93)");
  if (ever_ > 1 && payloads) world_.expect(named || first_of_all, "payloads without the name of their stream (B-93)");
  bool news =
      present(from) || is_terminate(text) || present(attribute(text, "authid"));  // of a server without features
  if (named && !payloads) world_.expect(news, "an empty answer names a stream (B-95)");
  bool greets = present(attribute(text, "authid"));
  if (!payloads && !named && !greets && !first_of_all) return;
  Stream* stream = named_by(text);
  if (!world_.expect(stream != nullptr, "an answer of no stream of this session (B-93)")) return;
  if (!first_of_all) {
    world_.expect(present(from) == !stream->introduced, "the first answer of a stream has from, and no other (B-90)");
    if (present(from)) world_.expect(from == stream->from, "a new stream has the wrong from (B-90)");
  }
  stream->introduced = true;
  stream->owes_greeting = stream->owes_greeting && !present(attribute(text, "authid"));
  read_marks(text, [this, stream](Mark mark) {
    world_.expect(mark.stream == stream->number, "a stanza of another stream in an answer (B-93)");
    world_.expect(mark.number == stream->said + 1, "a stanza is lost, doubled or out of order (delivery)");
    stream->said = mark.number;
  });
  world_.expect(stream->said <= stream->sent, "a stanza from nowhere");
  if (stream->pending_count != 0) {
    world_.expect(stream->said == stream->sent, "an answer left without everything that was pending (B-59)");
    stream->pending_bytes = stream->pending_count = 0;
  }
  whose = stream->number;
  upto = stream->said;
  if (is_terminate(text)) say_end(*stream, text);
  stream->passed_over = 0;
  for (auto& other : streams_) {
    if (&other == stream || other.pending_count == 0) continue;
    world_.expect(++other.passed_over <= streams_.size(), "a stream is passed over again and again (B-93)");
  }
}

void Streams::say_end(Stream& stream, std::string_view text) {
  world_.expect(stream.owes_end(), "an end is told of a stream that is open, or again (B-97)");
  stream.told = true;
  stream.told_at = world_.now;
  std::string_view condition = attribute(text, "condition");
  std::string_view right = stream.by_client ? std::string_view() : bosh::wire_name(stream.condition);
  world_.expect(condition == right, "a stream's end has the wrong condition (B-97, B-98)");
}

void Streams::know(const Kept& answer, bool surely) {
  Stream* stream = answer.upto == 0 ? nullptr : find(answer.stream);
  if (!stream) return;
  stream->perhaps_known = std::max(stream->perhaps_known, answer.upto);
  if (surely) stream->known = std::max(stream->known, answer.upto);
}

void Streams::on_read(const bosh::ReadServer& read) {
  Stream* stream = find(read.stream);
  if (!world_.expect(stream != nullptr, "reading of a stream that is not there")) return;
  world_.expect(read.on != stream->reading, "reading is switched to what it is");
  stream->reading = read.on;
}

// What the client did not get goes back: of the whole session, or of one stream while the session goes on.
void Streams::on_close(const bosh::CloseStream& close, bool session_ends) {
  Stream* stream = find(close.stream);
  bool asked = stream && !stream->refused && (session_ends ? stream->open : stream->by_client && !stream->told);
  if (!world_.expect(asked, "a stream is closed without reason, or again")) return;
  if (session_ends) stream->open = false;
  std::uint64_t first = 0, next = 0;
  for (const auto& stanza : close.undelivered) {
    read_marks(stanza.bytes, [&](Mark mark) {
      world_.expect(mark.stream == stream->number, "a stanza is returned to another stream (B-103)");
      world_.expect(next == 0 || mark.number == next, "undelivered out of order");
      if (first == 0) first = mark.number;
      next = mark.number + 1;
    });
  }
  if (!session_ends) {  // what was said may still be fetched or not; what is pending is returned or said with the end
    bool right = first == 0 || (first > stream->known_when_left && first <= stream->said + 1);
    world_.expect(right, "stanzas that the client has are returned (B-103)");
    if (first != 0 || close.undelivered.size() >= stream->pending_count) {
      world_.expect(first == 0 || next == stream->sent + 1, "not all that was pending is returned (B-103)");
      stream->pending_bytes = stream->pending_count = 0;
      stream->said = stream->sent;
    }
    return;
  }
  if (world_.traced()) {
    world_.trace("close " + std::to_string(stream->number) + " returns " + std::to_string(first) + " to " +
                 std::to_string(next) + ", known " + std::to_string(stream->known) + " perhaps " +
                 std::to_string(stream->perhaps_known) + " sent " + std::to_string(stream->sent));
  }
  std::uint64_t from = first == 0 ? stream->sent : first - 1;
  world_.expect(from <= stream->perhaps_known, "stanzas that nobody got are not returned (B-103)");
  world_.expect(from >= stream->known, "stanzas that the client has are returned (B-103)");
  world_.expect(first == 0 || next == stream->sent + 1, "not all that is undelivered is returned (B-103)");
}

void Streams::check(bool takes) {
  world_.expect(!takes || !owes(), "news waits although a request is held (B-59)");
  for (const auto& stream : streams_) {
    if (!stream.open) continue;
    bool over = stream.pending_bytes > granted_.max_pending;
    world_.expect(!over || !stream.reading, "the server is read above max_pending (U-36)");
    bool room = stream.pending_bytes * 2 < granted_.max_pending;
    world_.expect(stream.reading || !room, "the server is not read although there is room (U-36)");
  }
}

}  // namespace nxb::sim
