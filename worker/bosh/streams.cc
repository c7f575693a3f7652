// worker/bosh/streams.cc - see streams.h.
// SPDX-License-Identifier: MIT
#include "worker/bosh/streams.h"

#include <algorithm>
#include <utility>

#include "common/base/secret.h"

namespace nxb::bosh {

std::string stream_name(std::string_view sid, StreamNumber number) {
  return "s-" + sha1_hex(std::string(sid) + '/' + std::to_string(number)).substr(0, 16);
}

bool Stream::speaks() const {
  if (farewell || !outbox.empty()) return true;
  return greeting && (!greeting->announced || (greeting->opened && greeting->without_features));
}

Streams::Streams() {
  streams_.reserve(1);
  streams_.emplace_back().greeting = std::make_unique<Greeting>();
}

Stream& Streams::add() {
  Stream& added = streams_.emplace_back();
  added.number = ++last_;
  added.turn = turns_;
  added.greeting = std::make_unique<Greeting>();
  return added;
}

Stream* Streams::find(StreamNumber number) {
  auto at = std::ranges::find(streams_, number, &Stream::number);
  return at == streams_.end() ? nullptr : &*at;
}

Stream* Streams::find_open(std::string_view sid, std::string_view name) {
  auto is_it = [&](const Stream& stream) { return stream.open() && stream_name(sid, stream.number) == name; };
  auto at = std::ranges::find_if(streams_, is_it);
  return at == streams_.end() ? nullptr : &*at;
}

bool Streams::is_remembered(std::string_view sid, std::string_view name, Instant now) const {
  auto untold = [&](const Stream& stream) { return !stream.open() && stream_name(sid, stream.number) == name; };
  auto told = [&](const Past& past) { return past.until > now && stream_name(sid, past.number) == name; };
  return std::ranges::any_of(streams_, untold) || std::ranges::any_of(past_, told);
}

void Streams::end(Stream& stream, Farewell farewell) {
  stream.farewell = std::make_unique<Farewell>(std::move(farewell));
}

std::size_t Streams::open_count() const {
  return static_cast<std::size_t>(std::ranges::count_if(streams_, &Stream::open));
}

bool Streams::anyone_speaks() const { return std::ranges::any_of(streams_, &Stream::speaks); }

bool Streams::anyone_congested() const {
  return std::ranges::any_of(streams_, [](const Stream& stream) { return stream.congested && stream.open(); });
}

// A new one is behind all that waited before it came.
Stream* Streams::next_to_speak() {
  Stream* chosen = nullptr;
  for (Stream& stream : streams_) {
    if (stream.speaks() && (!chosen || stream.turn < chosen->turn)) chosen = &stream;
  }
  if (chosen) chosen->turn = ++turns_;
  return chosen;
}

void Streams::drop(StreamNumber number, Instant now) {
  std::erase_if(past_, [now](const Past& past) { return past.until <= now; });
  if (past_.size() == kMostRemembered) past_.erase(past_.begin());
  past_.push_back({number, now + kRemembered});
  std::erase_if(streams_, [number](const Stream& stream) { return stream.number == number; });
}

void Streams::clear() {
  streams_ = std::vector<Stream>();
  past_ = std::vector<Past>();
}

std::size_t Streams::undelivered() const {
  std::size_t count = 0;
  for (const Stream& stream : streams_) count += stanzas_among(stream.outbox.stanzas());
  return count;
}

}  // namespace nxb::bosh
