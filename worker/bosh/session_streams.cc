// worker/bosh/session_streams.cc - the servers of a session, and which stream a request means (XEP-0124 16); see session.h.
// Pidgin's library puts `to` on every request. So once a session has done that on a request with payloads, its empty
// requests add a stream only if they say xmpp:version, too (B-91).
// SPDX-License-Identifier: MIT
#include <utility>

#include "worker/bosh/session.h"

namespace nxb::bosh {

namespace {

bool sends_no_features(const std::string& version) { return version.empty() || version.starts_with("0."); }

}  // namespace

// --- what a server said ---

void Session::on_server(Stream& stream, upstream::Opened& opened, Actions& /*out*/) {
  Greeting* greeting = stream.greeting.get();
  if (!greeting || greeting->opened) return;  // after a restart the client is told the features only
  greeting->opened = true;
  greeting->without_features = sends_no_features(opened.xmpp_version);
  greeting->authid = std::move(opened.authid);
  greeting->xmpp_version = std::move(opened.xmpp_version);
}

void Session::on_server(Stream& stream, upstream::Arrived& arrived, Actions& /*out*/) {
  stream.outbox.add(std::move(arrived.stanzas));
}

void Session::on_server(Stream& stream, upstream::Congested& congested, Actions& /*out*/) {
  stream.congested = congested.on;
}

// B-97: with several streams, this one is over and the session goes on until the client was told of the last.
void Session::on_server(Stream& stream, upstream::Closed& closed, Actions& out) {
  if (!streams_.had_several() || creation_) return end_by_server(closed, out);
  last_end_ = closed.condition;
  last_stage_ = closed.stage;
  streams_.end(stream, {closed.condition, std::move(closed.stream_error)});
}

// --- what a request means ---

bool Session::adds_stream(const Body& body) const {
  bool bare = body.payload_count == 0 && !body.restart && !body.terminate && !body.pause;
  if (!bare || body.to.empty() || !offers_streams() || creation_) return false;  // B-90, B-89
  return !to_on_payloads_ || !body.xmpp_version.empty();                         // B-91
}

void Session::add_stream(Body& body, Actions& out) {
  bool full = streams_.open_count() >= max_streams_;
  Stream& added = streams_.add();
  added.greeting->from = body.to;
  added.greeting->to = body.from;
  if (full) return streams_.end(added, {Condition::PolicyViolation, {}});  // B-98
  out.push_back(OpenStream{added.number, stream_spec(std::move(body))});
}

// False: it says a name that this session does not know (B-92), or none where one is needed (B-94).
bool Session::names_a_stream(const Body& body) {
  bool matters = body.payload_count != 0 || body.restart || body.terminate;
  if (!matters || !offers_streams()) return true;  // B-95, B-89
  if (body.stream.empty()) return !body.restart || body.terminate || streams_.open_count() <= 1;
  return streams_.find_open(sid_, body.stream) || streams_.is_remembered(sid_, body.stream, now_);
}

// Calls f(number) for the named stream, if it is open; without a name for all that are open (B-94).
template <class F>
void Session::for_each_meant(const Body& body, F f) {
  if (offers_streams() && !body.stream.empty()) {
    if (const Stream* named = streams_.find_open(sid_, body.stream)) f(named->number);
    return;
  }
  for (const Stream& stream : streams_.all()) {
    if (stream.open()) f(stream.number);
  }
}

void Session::forward(Body& body, Actions& out) {
  if (body.payload_count == 0) return;
  Forward* last = nullptr;  // the bytes go to it in the end; only further streams need a copy
  for_each_meant(body, [&](StreamNumber number) {
    if (last) last->elements = body.payloads;
    last = &std::get<Forward>(out.emplace_back(Forward{number, {}, body.payload_count}));
  });
  if (last) last->elements = std::move(body.payloads);
}

// Its payloads are ignored (B-100).
void Session::restart(Body& body, Actions& out) {
  for_each_meant(body, [&](StreamNumber number) { out.push_back(RestartStream{number, body.stream_attrs}); });
}

// B-96: a terminate that names one of several open streams ends that one only. False: it ends the session.
bool Session::close_one(Body& body, Actions& out) {
  if (!offers_streams() || body.stream.empty()) return false;
  Stream* stream = streams_.find_open(sid_, body.stream);
  if (!stream) return streams_.open_count() != 0;  // it is over already; the others are not meant
  if (streams_.open_count() == 1) return false;
  forward(body, out);
  out.push_back(CloseStream{stream->number, upstream::Parting::ClientClosed, surrender(*stream)});
  streams_.end(*stream, {});
  return true;
}

}  // namespace nxb::bosh
