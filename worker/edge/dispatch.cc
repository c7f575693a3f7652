// worker/edge/dispatch.cc - the requests of a connection: which answer, or whose they are (ARCHITECTURE, The life of one request).
// SPDX-License-Identifier: MIT
#include <fcntl.h>

#include <algorithm>
#include <utility>

#include "common/base/address.h"
#include "common/log/log.h"
#include "worker/bosh/body.h"
#include "worker/edge/http_connection.h"
#include "worker/http/websocket.h"

namespace nxb::edge {

using bosh::Condition;
using http::Method;
using stats::Counter;

namespace {

constexpr std::string_view kBoshMethods = "OPTIONS, GET, HEAD, POST";
constexpr int kMostMints = 4096;  // with one of 256 workers left, they all fail once in nine million sessions

std::string text_of(int status) { return std::to_string(status) + " " + std::string(http::reason(status)) + "\n"; }

}  // namespace

void HttpConnection::dispatch(std::string_view rest) {
  context().counters.add(Counter::requests);
  if (metrics_only()) return dispatch_metrics(rest);
  const http::Request& request = parser_.request();
  if (http::asks_for_websocket(request)) return dispatch_websocket(rest);
  const bool bosh_path = is_bosh_path(request.path);
  if (bosh_path && request.method == Method::Post) return dispatch_bosh(parser_.body(), {}, rest);
  if (bosh_path && (request.method == Method::Get || request.method == Method::Head)) return dispatch_get(rest);
  if (Page page = bosh_path ? Page::None : page_at(request.path, context().config); page != Page::None) {
    return dispatch_page(page, rest);
  }
  if (!bosh_path && is_websocket_path(request.path)) return dispatch_websocket_path();
  stay();
  owe();
  http::Answer head;
  if (request.method == Method::Options && (request.asterisk || bosh_path)) {
    head.purpose = http::Purpose::Preflight;
    head.private_network = request.private_network;
    return answer(head, "");
  }
  if (request.method != Method::Other) return answer_text(404, text_of(404));
  head.status = 405;
  head.allow = kBoshMethods;
  answer(head, text_of(405));
}

void HttpConnection::stay() { arrived_.reset(); }

// With or without slashes at the end (C-01).
bool HttpConnection::is_one_of(std::string_view path, const std::vector<std::string>& paths) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  return std::find(paths.begin(), paths.end(), path) != paths.end();
}

void HttpConnection::dispatch_bosh(std::string_view xml, Form form, std::string_view rest) {
  const auto arrived = std::move(arrived_);
  std::string sid = arrived ? std::move(*arrived) : std::string();
  auto body = bosh::parse_body(context().pool, xml);
  if (!body) {  // no session is touched (B-42)
    context().counters.add(Counter::errors);
    owe(std::move(form));
    return answer_xml(200, bosh::write_terminate(Condition::BadRequest));
  }
  if (form.by_get) body->content.clear();  // H-22
  bool creation = body->sid.empty();
  if (creation && sid.empty()) sid = mint();
  std::uint32_t owner = context().route.owner(creation ? sid : body->sid);
  if (!creation) sid.clear();
  if (owner == context().index) return to_gateway(*std::move(body), std::move(sid), std::move(form));
  if (!arrived) return leave({.to = owner, .minted_sid = std::move(sid)}, rest);
  context().counters.unknown_sid(stats::SidReason::nobody);
  context().counters.add(Counter::unknown_sids);  // nobody's: the workers do not agree about it (H-48)
  owe(std::move(form));
  answer_xml(200, bosh::write_terminate(Condition::ItemNotFound));
}

// A worker that drains, or is not there, owns no new session as long as another takes some. If none does, this one says
// so itself: another one may have no process that would.
std::string HttpConnection::mint() const {
  const ipc::SidRoute& route = context().route;
  const bool some = takes_sessions();
  auto good = [&](std::uint32_t worker) {
    return some ? context().stats.sign(worker).open : worker == context().index;
  };
  std::string sid = route.mint();
  for (int i = 0; i < kMostMints && !good(route.owner(sid)); ++i) sid = route.mint();
  return sid;
}

void HttpConnection::to_gateway(bosh::Body&& body, std::string sid_for_creation, Form form) {
  Owed& owed = owe(std::move(form));
  owed.at_gateway = true;
  RequestId id{id_, owed.number};
  context().requests.on_request(id, std::move(body), client(), sid_for_creation);
}

gateway::Client HttpConnection::client() const {
  static const TrustedProxies kNone;
  const auto& trusted = shared_.trusted;
  const auto [ip, port] = address_and_port(peer_);
  const TrustedProxies& of_listener = listener_ < trusted.size() ? trusted[listener_] : kNone;
  if (parser_.request().via_proxy && !of_listener.contains(ip)) mention_proxy(ip);
  const auto& listeners = context().config.listen;
  const bool secure = listener_ < listeners.size() && !listeners[listener_].tls.cert.empty();
  return client_of(of_listener, {ip, port, secure}, parser_.request());
}

// A proxy nearby that is not trusted: all its clients are one for the limits, and most operators did not mean that.
// Said once; of a peer from far away it is not worth a line what it claims.
void HttpConnection::mention_proxy(std::string_view ip) const {
  auto peer = Address::from_ip(ip, 0);
  if (peer && !peer->is_loopback() && !peer->is_private()) return;
  if (std::exchange(shared_.proxy_mentioned, true)) return;
  log::warn("edge.untrusted_proxy",
            {{"peer", ip}, {"why", "its clients count as one: see [[listen]] trusted_proxies"}});
}

// --- hand-over ---

void HttpConnection::leave(Departure departure, std::string_view rest) {
  state_ = State::Leaving;
  departure_ = std::make_unique<Departure>(std::move(departure));
  unread_ = parser_.raw();
  unread_ += rest;
}

void HttpConnection::hand_over() {
  const auto departure = std::move(departure_);
  relay::Handover handover;
  // A copy of the descriptor: the stream closes its own.
  handover.fd = Descriptor(fcntl(stream_->fd(), F_DUPFD_CLOEXEC, 0));
  handover.hops = 1;
  handover.listener = listener_;
  handover.peer = peer_;
  handover.minted_sid = std::move(departure->minted_sid);
  handover.bytes = std::exchange(unread_, {});
  if (!handover.fd) {
    context().counters.add(Counter::handovers_refused);
    state_ = State::Open;
    return take_back(std::move(handover));
  }
  if (departure->for_balance) shared_.balance.gave(departure->to, now());
  context().mailroom.send(departure->to, std::move(handover));
  close();
}

void HttpConnection::take_back(relay::Handover handover) {
  parser_.feed(handover.bytes);
  const bool may_stay = http::asks_for_websocket(parser_.request());
  parser_.next();
  if (may_stay) return resume(std::move(handover));
  refuse(handover.bytes);
}

// The body is a recoverable error: a client that looks at it, or only at the status, repeats the request.
void HttpConnection::refuse(std::string_view bytes) {
  parser_.next();
  parser_.feed(bytes);  // for its Origin, and how it wants the answer
  closing_ = true;
  owe(form_of_request());
  http::Answer head;
  head.status = 503;
  head.retry_after_seconds = kRetryAfterSeconds;
  const std::string& path = parser_.request().path;  // empty: refused before it asked; most ask for BOSH
  const bool bosh = path.empty() || is_bosh_path(path);
  parser_.next();
  if (!bosh) return answer(head, text_of(503));
  head.purpose = http::Purpose::Bosh;
  head.content_type = http::kXml;
  answer(head, bosh::write_recoverable_error());
}

// --- answers made here ---

HttpConnection::Owed& HttpConnection::owe(Form form) {
  const http::Request& request = parser_.request();
  Owed& owed = owed_.emplace_back();
  owed.number = ++last_number_;
  owed.method = request.method;
  owed.http10 = request.minor == 0;
  if (form.by_get) owed.form = std::make_unique<Form>(std::move(form));
  owed.cors = shared_.replies.cors().judge(request.origin);
  if (closing_ || !request.keep_alive) state_ = State::Last;
  return owed;
}

// An HTTP error: nothing more is parsed on this connection (H-10).
void HttpConnection::fail(int status) {
  context().counters.add(Counter::errors);
  log::debug("edge.request_refused", {{"status", status}, {"peer", peer_}});
  closing_ = true;
  owe();
  const bool bosh = status == 413 && is_bosh_path(parser_.request().path);
  parser_.next();  // what is owed before this answer may take long
  if (bosh) return answer_xml(413, bosh::write_terminate(Condition::BadRequest));
  http::Answer head;
  head.status = status;
  if (status == 405) head.allow = kBoshMethods;
  answer(head, text_of(status));
}

void HttpConnection::answer_text(int status, std::string_view text) {
  http::Answer head;
  head.status = status;
  answer(head, std::string(text));
}

void HttpConnection::answer_xml(int status, std::string body) {
  http::Answer head;
  head.status = status;
  head.purpose = http::Purpose::Bosh;
  head.content_type = http::kXml;
  answer(head, std::move(body));
}

void HttpConnection::answer(http::Answer head, std::string body) { finish(owed_.back(), {head, std::move(body)}); }

}  // namespace nxb::edge
