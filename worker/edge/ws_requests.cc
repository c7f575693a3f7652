// worker/edge/ws_requests.cc - requests for a WebSocket: who may have one, and which worker serves it (W-01 to W-09).
// SPDX-License-Identifier: MIT
#include <utility>
#include <vector>

#include "common/log/log.h"
#include "worker/edge/http_connection.h"
#include "worker/http/websocket.h"

namespace nxb::edge {

using http::Method;
using stats::Counter;

namespace {

constexpr std::string_view kMethods = "GET, HEAD";
constexpr std::string_view kAlive =
    "nxb is alive. This is XMPP over WebSocket (RFC 7395): point an XMPP client's WebSocket URL at this address.\n";

constexpr std::string_view kNoUpgrade =
    "a WebSocket handshake without Upgrade and Connection: a proxy in front has to pass both on, by HTTP/1.1";

Load load_of(const Context& context, std::uint32_t worker) {
  auto get = [&](Counter counter) { return context.stats.get(worker, counter); };
  const bool full = get(Counter::connections) >= context.config.server.max_connections;
  const bool closed = full || context.mailroom.is_full(worker) || !context.stats.sign(worker).open;
  return {get(Counter::sessions), get(Counter::handovers_in), closed};
}

}  // namespace

void HttpConnection::dispatch_websocket(std::string_view rest) {
  const bool may_leave = !arrived_;
  stay();
  const http::Request& request = parser_.request();
  if (!is_websocket_path(request.path) && !is_bosh_path(request.path)) return refuse_websocket(404, "");
  http::Handshake handshake =
      http::judge_handshake(request, parser_.has_body(), context().config.websocket.compression);
  if (handshake.status != 101) return refuse_websocket(handshake.status, handshake.why);
  const auto verdict = shared_.replies.cors().judge(request.origin);
  if (!request.origin.empty() && verdict == http::Cors::Verdict::Refused) {
    return refuse_websocket(403, "this origin is not among allowed_origins");  // W-07
  }
  const std::uint32_t worker = may_leave ? worker_for_socket() : context().index;
  if (worker != context().index) return leave({.to = worker, .for_balance = true}, rest);
  if (shared_.draining) return refuse_websocket(503, "no new sessions are taken");
  gateway::Client who = client();
  const std::string_view node = shared_.replies.node_lines(who.secure);
  std::string head =
      shared_.replies.upgrade_head(handshake.accept, handshake.protocol, wall_clock_ms(), handshake.deflate, node);
  state_ = State::Leaving;
  departure_ = std::make_unique<Departure>();
  departure_->upgrade = {std::move(head), std::move(who), handshake.deflate};
  unread_ = rest;
}

std::uint32_t HttpConnection::worker_for_socket() {
  std::vector<Load> loads;
  for (std::uint32_t worker = 0; worker < context().workers; ++worker) {
    loads.push_back(load_of(context(), worker));
  }
  return shared_.balance.choose(loads, now());
}

// What follows may be frames: nothing more is read as a request. A browser's script is told no reason: the log has it.
void HttpConnection::refuse_websocket(int status, std::string_view why) {
  log::info("edge.handshake_refused", {{"client", client().address},
                                       {"status", status},
                                       {"why", why.empty() ? http::reason(status) : why},
                                       {"origin", parser_.request().origin}});
  closing_ = true;
  owe();
  std::string text = std::to_string(status) + " " + std::string(http::reason(status));
  if (!why.empty()) text.append(": ").append(why);
  http::Answer head;
  head.status = status;
  if (status == 503) head.retry_after_seconds = kRetryAfterSeconds;
  answer(head, text + "\n");
}

void HttpConnection::dispatch_websocket_path() {
  stay();
  owe();
  const Method method = parser_.request().method;
  if (method == Method::Get || method == Method::Head) return answer_alive(kAlive);
  http::Answer head;
  head.status = 405;
  head.allow = kMethods;
  answer(head, "405 Method Not Allowed\n");
}

// For people, who see it in a browser, and for clients whose proxy made a plain request of their handshake.
void HttpConnection::answer_alive(std::string_view text) {
  if (!http::lost_upgrade(parser_.request())) return answer_text(200, text);
  log::info("edge.handshake_refused",
            {{"client", client().address}, {"status", 200}, {"why", kNoUpgrade}, {"origin", parser_.request().origin}});
  answer_text(200, "This was " + std::string(kNoUpgrade) + ".\n");
}

// Nothing is owed: the connection is no longer HTTP's.
void HttpConnection::upgrade() {
  Upgrade& upgrade = *departure_->upgrade;
  stream_->write(upgrade.head);
  context().counters.add(Counter::bytes_to_clients, upgrade.head.size());
  context().counters.answered(stats::Method::get, 101);
  read_on();
  state_ = State::Closed;
  context().deadlines.clear(shared_.family, id_.value);
  shared_.upgraded(
      id_, {std::move(stream_), listener_, peer_, std::move(upgrade.client), std::move(unread_), upgrade.deflate});
}

}  // namespace nxb::edge
