// tests/scenario/stage_sim.cc - see stage_sim.h.
// SPDX-License-Identifier: MIT
#include "stage_sim.h"

#include <utility>

#include "configuration.h"
#include "worker/bosh/body.h"

namespace nxb::scenario {

Result<std::unique_ptr<StageSim>> StageSim::make(const Script& script, Listener*& listener) {
  Places places{"127.0.0.1:1", "/run/nxb/admin.sock", {}};
  for (const Item& item : script.items) {
    const auto* part = std::get_if<Part>(&item);
    const std::string* domain = part ? find(part->arguments, "domain") : nullptr;
    if (domain) places.targets[*domain] = "127.0.0.1:1";
  }
  auto loaded = config::load_text(write_configuration(script.nxb, places), "nxb.toml");
  if (!loaded.errors.empty()) return Error{Code::Config, loaded.errors.front()};
  return std::make_unique<StageSim>(std::move(loaded.config), listener);
}

StageSim::StageSim(config::Config config, Listener*& listener)
    : config_(std::move(config)),
      policy_(config_.upstream),
      listener_(listener),
      gateway_(config_, *this, counters_, [this] { return clock_.now; }),
      sockets_(config_, pool_, clock_, gateway_, listener) {}

// --- clients ---

RequestNumber StageSim::send(const Sending& sending) {
  RequestNumber number = ++last_request_;
  open_[number] = true;
  clock_.soon([this, number, text = sending.body] { arrive(number, text); });
  return number;
}

// What edge::HttpConnection does with the body of a POST.
void StageSim::arrive(RequestNumber number, const std::string& text) {
  RequestId id{ConnId{number}, 1};
  auto body = bosh::parse_body(pool_, text);
  if (!body) return reply(id, {200, bosh::write_terminate(bosh::Condition::BadRequest)});
  std::string sid;
  if (body->sid.empty()) sid = "sid-of-session-" + std::to_string(++last_sid_);
  gateway_.on_request(id, *std::move(body), {.address = "192.0.2.1"}, sid);
}

void StageSim::reply(RequestId to, gateway::Reply reply) {
  RequestNumber number = to.conn.value;
  if (!std::exchange(open_[number], false)) return;  // its connection is gone
  HttpAnswer answer{reply.status, std::string(reply.content_type), {}, std::move(reply.body)};
  clock_.soon([this, number, answer = std::move(answer)] { listener_->on_answer(number, answer); });
}

// The other end of a cut: the client finds its connection closed, without an answer.
void StageSim::hang_up(RequestId of) { open_[of.conn.value] = false; }

void StageSim::cut(RequestNumber request) {
  if (std::exchange(open_[request], false)) gateway_.on_request_gone({ConnId{request}, 1});
}

// --- servers ---

void StageSim::send_to_nxb(LinkNumber link, std::string_view bytes, std::size_t chunk) {
  if (chunk == 0) chunk = bytes.size();
  for (std::size_t at = 0; at < bytes.size(); at += chunk) {
    clock_.soon([this, link, piece = std::string(bytes.substr(at, chunk))] {
      for (auto& [id, stream] : streams_) {
        if (stream->link() == link) return stream->receive(piece);
      }
    });
  }
}

void StageSim::close(LinkNumber link, Close how) {
  clock_.soon([this, link, how] {
    for (auto& [id, stream] : streams_) {
      if (stream->link() == link) return stream->transport_ended(how == Close::Gracefully ? "closed" : "reset");
    }
  });
}

// --- time ---

bool StageSim::settled(std::size_t /*open*/) {
  return clock_.events.empty() || clock_.events.begin()->first > clock_.now;
}

void StageSim::wait(Instant until) {
  dropped_.clear();
  if (run_what_is_due()) return;
  Instant next = until;
  if (!clock_.events.empty()) next = std::min(next, clock_.events.begin()->first);
  for (const auto& [key, at] : deadlines_) next = std::min(next, at);
  next = std::min(next, sockets_.next_deadline().value_or(next));
  for (const auto& [id, stream] : streams_) next = std::min(next, stream->next_deadline().value_or(next));
  clock_.now = std::max(clock_.now, next);
  run_what_is_due();
}

bool StageSim::run_what_is_due() {
  Instant now = clock_.now;
  if (!clock_.events.empty() && clock_.events.begin()->first <= now) {
    auto what = std::move(clock_.events.begin()->second);
    clock_.events.erase(clock_.events.begin());
    what();
    return true;
  }
  for (const auto& [key, at] : deadlines_) {
    if (at > now) continue;
    SessionKey due = key;
    deadlines_.erase(due);
    gateway_.on_deadline(due);
    return true;
  }
  if (sockets_.run_what_is_due()) return true;
  for (const auto& [id, stream] : streams_) {
    auto at = stream->next_deadline();
    if (!at || *at > now) continue;
    stream->time_passed();
    return true;
  }
  return false;
}

std::optional<std::uint64_t> StageSim::counter(std::string_view name, int /*worker*/) {
  for (std::size_t i = 0; i < stats::kCounters.size(); ++i) {
    if (stats::kCounters[i].name == name) return counters_.get(static_cast<stats::Counter>(i));
  }
  return std::nullopt;
}

// Everybody is told goodbye; then nothing may be left.
Status StageSim::finish() {
  gateway_.drain(true);
  gateway_.say_goodbye(Duration::zero());
  Instant end = clock_.now + Duration(600'000);
  while (clock_.now < end) wait(end);
  if (counters_.get(stats::Counter::sessions) != 0) return Error{Code::Refused, "a session is left"};
  if (counters_.get(stats::Counter::requests_held) != 0) return Error{Code::Refused, "a request is held for ever"};
  for (const auto& [number, open] : open_) {
    if (open) return Error{Code::Refused, "request " + std::to_string(number) + " was never answered"};
  }
  if (sockets_.open() != 0) return Error{Code::Refused, "a WebSocket is left"};
  if (!streams_.empty()) return Error{Code::Refused, "a stream is left"};
  return Done{};
}

// --- gateway::Ports ---

upstream::Upstream& StageSim::make_stream(StreamId stream) {
  SimUpstream::World world{config_, policy_, pool_, clock_, gateway_, listener_, last_link_, [this](StreamId id) {
                             auto at = streams_.find(id);
                             return at == streams_.end() ? nullptr : at->second.get();
                           }};
  return *(streams_[stream] = std::make_unique<SimUpstream>(stream, std::move(world)));
}

upstream::Upstream* StageSim::stream(StreamId stream) {
  auto at = streams_.find(stream);
  return at == streams_.end() ? nullptr : at->second.get();
}

void StageSim::drop_stream(StreamId stream) {
  auto node = streams_.extract(stream);
  if (node) dropped_.push_back(std::move(node.mapped()));
}

void StageSim::wake_at(SessionKey session, std::optional<Instant> at) {
  if (at) {
    deadlines_[session] = *at;
  } else {
    deadlines_.erase(session);
  }
}

}  // namespace nxb::scenario
