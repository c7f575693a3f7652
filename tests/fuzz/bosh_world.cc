// tests/fuzz/bosh_world.cc - see bosh_world.h.
// SPDX-License-Identifier: MIT
#include "bosh_world.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"

namespace nxb::fuzz {
namespace {

constexpr std::string_view kHeader = "<s:stream xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams'>";
constexpr std::string_view kFeatures =
    "<stream:features xmlns:stream='http://etherx.jabber.org/streams'><m xmlns='urn:m'/></stream:features>";

}  // namespace

// --- the server ---

EchoServer::EchoServer(xml::Pool& pool, std::function<void(upstream::Event)> say) : pool_(pool), say_(std::move(say)) {}

void EchoServer::begin() {
  say_(upstream::Opened{"id", "1.0"});
  say_(upstream::Arrived{{{xmpp::Kind::Features, std::string(kFeatures)}}});
}

void EchoServer::open(const upstream::StreamSpec&) {
  NXB_CHECK(!std::exchange(open_, true), "a stream is opened twice");
  begin();
}

void EchoServer::restart(std::string_view) {
  NXB_CHECK(open_ && !closed_, "a restart of a stream that is not open");
  begin();
}

void EchoServer::send(std::string_view elements) {
  NXB_CHECK(open_ && !closed_, "elements for a stream that is not open");
  xmpp::Splitter splitter(pool_, 10'000'000);
  std::vector<xmpp::StreamItem> items;
  xmpp::Fault fault = splitter.feed(std::string(kHeader) + std::string(elements), items);
  NXB_CHECK(fault == xmpp::Fault::None && !splitter.mid_element(), "the client breaks the server's stream");
  upstream::Arrived back;
  for (auto& item : items) {
    NXB_CHECK(!std::holds_alternative<xmpp::StreamEnd>(item), "the client ends the server's stream");
    if (auto* element = std::get_if<xmpp::StreamElement>(&item)) back.stanzas.push_back(std::move(element->stanza));
  }
  if (!back.stanzas.empty()) say_(std::move(back));
}

void EchoServer::close(upstream::Parting, const std::vector<xmpp::Stanza>&) {
  NXB_CHECK(open_ && !std::exchange(closed_, true), "a stream is closed twice");
  say_(upstream::Closed{});
}

// --- the world ---

BoshWorld::BoshWorld(xml::Pool& pool) : pool_(pool), gateway_(config_, *this, counters_, [this] { return now_; }) {}

RequestId BoshWorld::request(bosh::Body body, bool secure) {
  RequestId id{ConnId{++asked_}, 1};
  open_[id] = true;
  std::string sid = body.sid.empty() ? "s" + std::to_string(++sids_) : std::string();
  gateway_.on_request(id, std::move(body), {"192.0.2.1", secure}, sid);
  dropped_.clear();
  return id;
}

void BoshWorld::gone(RequestId id) {
  if (!std::exchange(open_[id], false)) return;
  ++gone_;
  gateway_.on_request_gone(id);
  dropped_.clear();
}

void BoshWorld::pass(Duration by) {
  Instant end = now_ + by;
  for (int woken = 0;; ++woken) {
    auto due = std::ranges::min_element(deadlines_, {}, [](const auto& entry) { return entry.second; });
    if (due == deadlines_.end() || due->second > end) break;
    NXB_CHECK(woken < 10'000, "a session wakes for nothing");
    now_ = std::max(now_, due->second);
    SessionKey key = due->first;
    deadlines_.erase(due);
    gateway_.on_deadline(key);
    dropped_.clear();
  }
  now_ = end;
}

void BoshWorld::reply(RequestId to, gateway::Reply answer) {
  NXB_CHECK(std::exchange(open_[to], false), "an answer that nobody waits for");
  answers_.emplace(to, std::move(answer));
}

void BoshWorld::hang_up(RequestId of) {  // each connection has one request
  NXB_CHECK(std::exchange(open_[of], false), "a connection is closed on which nothing waits");
  ++gone_;
}

upstream::Upstream& BoshWorld::make_stream(StreamId stream) {
  auto made = std::make_unique<EchoServer>(
      pool_, [this, stream](upstream::Event event) { gateway_.on_stream_event(stream, std::move(event)); });
  return *streams_.emplace(stream, std::move(made)).first->second;
}

upstream::Upstream* BoshWorld::stream(StreamId stream) {
  auto at = streams_.find(stream);
  return at == streams_.end() ? nullptr : at->second.get();
}

void BoshWorld::drop_stream(StreamId stream) {  // its own call may be on the stack: kept until this turn is over
  auto node = streams_.extract(stream);
  NXB_CHECK(!node.empty(), "a stream is dropped twice");
  dropped_.insert(std::move(node));
}

void BoshWorld::wake_at(SessionKey session, std::optional<Instant> at) {
  deadlines_.erase(session);
  if (at) deadlines_[session] = *at;
}

}  // namespace nxb::fuzz
