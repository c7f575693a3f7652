// worker/edge/page_requests.cc - requests for pages: who may see them, and how they are answered (H-41 to H-43).
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <utility>

#include "common/base/network.h"
#include "common/base/secret.h"
#include "common/base/text.h"
#include "common/log/log.h"
#include "worker/edge/http_connection.h"
#include "worker/edge/metrics.h"
#include "worker/edge/monitor_page.h"
#include "worker/http/basic.h"

namespace nxb::edge {

using http::Method;

namespace {

constexpr std::string_view kPageMethods = "OPTIONS, GET, HEAD";
constexpr std::string_view kUser = "admin";  // C-17

// Both are compared, whatever the first came to: how long it takes tells nothing (H-42).
bool is_admin(const http::Credentials& given, std::string_view password) {
  bool user = equal_in_constant_time(given.user, kUser);
  bool secret = equal_in_constant_time(given.password, password);
  return user && secret;
}

// Whether a Host names the machine that it is said on, as a name whose meaning is in nobody's hand: a page that found
// its way here by a name of its own (DNS rebinding) says that name.
bool names_this_machine(std::string_view host) {
  const std::size_t bracket = host.find(']');
  const bool bracketed = host.starts_with('[') && bracket != std::string_view::npos;
  std::string_view name = bracketed ? host.substr(1, bracket - 1) : host.substr(0, host.rfind(':'));
  auto address = Address::from_ip(name, 0);
  return equals_ignoring_case(name, "localhost") || (address && address->is_loopback());
}

}  // namespace

void HttpConnection::dispatch_page(Page page, std::string_view rest) {
  const http::Request& request = parser_.request();
  if (page == Page::SystemInfo && !request.authorization.empty() && !is_failure_counter(rest)) return;
  stay();
  owe();
  http::Answer head;
  const bool public_page = page == Page::HostMeta || page == Page::HostMetaJson;
  head.purpose = public_page ? http::Purpose::Public : http::Purpose::Operator;
  if (request.method == Method::Options) {
    head.allow = kPageMethods;
    return answer(head, "");
  }
  if (request.method != Method::Get && request.method != Method::Head) {
    head.status = 405;
    head.allow = kPageMethods;
    return answer(head, "405 Method Not Allowed\n");
  }
  if (page == Page::Metrics && request.accepts_openmetrics) page = Page::OpenMetrics;
  answer_page(page, head);
}

bool HttpConnection::metrics_only() const {
  const auto& listen = context().config.listen;
  return listener_ < listen.size() && listen[listener_].metrics_only;
}

// The operator's own address: whoever reaches it may read it, and there is no way from it to a session (O-23).
void HttpConnection::dispatch_metrics(std::string_view rest) {
  const Page page = metrics_page_at(parser_.request().path);
  if (page != Page::None) return dispatch_page(page, rest);
  stay();
  owe();
  answer_text(404, "404 Not Found: this address is for /metrics, /healthz and /readyz ([metrics] listen)\n");
}

void HttpConnection::answer_page(Page page, http::Answer head) {
  switch (page) {
    case Page::Monitor:
    case Page::MonitorData:
    case Page::Metrics:
    case Page::OpenMetrics:
      return answer_figures(page, head);
    case Page::SystemInfo:
      return answer_system_info(head);
    case Page::Health:
      head.status = shared_.shutting_down ? 503 : 200;
      return answer(head, shared_.shutting_down ? "shutting down\n" : "ok\n");
    case Page::Ready:
      return answer_ready(head);
    case Page::Favicon:
      head.status = 204;
      return answer(head, "");
    case Page::CrossDomain:
      head.content_type = "text/x-cross-domain-policy";
      return answer(head, std::string(cross_domain_policy()));
    case Page::HostMeta:
      head.content_type = "application/xrd+xml";
      return answer(head, host_meta(context().config.discovery));
    case Page::HostMetaJson:
      head.content_type = "application/json";
      return answer(head, host_meta_json(context().config.discovery));
    case Page::None:
      break;
  }
  NXB_EXPECT(false, "a page that is dispatched exists");
  head.status = 404;
  answer(head, "404 Not Found\n");
}

// Whether a session that is asked for here will be there, on whichever worker: for a balancer's checks (O-25).
bool HttpConnection::takes_sessions() const {
  if (shared_.shutting_down) return false;
  for (std::uint32_t worker = 0; worker < context().workers; ++worker) {
    const bool full = context().stats.get(worker, stats::Counter::sessions) >= context().config.server.max_sessions;
    if (!full && context().stats.sign(worker).open) return true;
  }
  return false;
}

void HttpConnection::answer_ready(http::Answer head) {
  if (takes_sessions()) return answer(head, "ready\n");
  head.status = 503;
  head.retry_after_seconds = kRetryAfterSeconds;
  answer(head, "not ready: no new sessions are taken\n");
}

// A request of this machine, and not one that a proxy on it passes on for somebody else (H-41): behind accept_proxy all
// are, even those whose header names nobody. Who reaches a unix socket is no browser, and may name any host.
bool HttpConnection::is_local() const {
  const auto& listen = context().config.listen;
  const http::Request& request = parser_.request();
  if (request.via_proxy || (listener_ < listen.size() && listen[listener_].accept_proxy)) return false;
  auto peer = Address::parse(peer_);
  if (!peer || peer->family() == AF_UNIX) return true;  // an unnamed unix peer does not parse
  return peer->is_loopback() && names_this_machine(request.host);
}

// Pages with figures wait a moment for those that only the supervisor has.
void HttpConnection::answer_figures(Page page, http::Answer head) {
  if (context().config.monitor.access == config::MonitorAccess::Local && !metrics_only() && !is_local()) {
    head.status = 403;
    return answer(head,
                  "403 Forbidden: this page is for direct requests of its own machine, by localhost or 127.0.0.1 "
                  "([monitor] access)\n");
  }
  Owed& owed = owed_.back();
  if (shared_.supervised.wait({id_, owed.number})) {
    owed.page = page;
  } else {
    finish(owed, figures_page(page, head));
  }
}

void HttpConnection::show(std::uint32_t number) {
  auto at = std::ranges::find(owed_, number, &Owed::number);
  if (at == owed_.end() || at->page == Page::None) return;
  http::Answer head;
  head.purpose = http::Purpose::Operator;
  finish(*at, figures_page(std::exchange(at->page, Page::None), head));
}

HttpConnection::Finished HttpConnection::figures_page(Page page, http::Answer head) const {
  const stats::Segment& stats = context().stats;
  Readings readings{stats, context().workers, monotonic_now() - stats.created(), shared_.supervised.figures()};
  if (page == Page::Metrics || page == Page::OpenMetrics) {
    auto format = page == Page::OpenMetrics ? MetricsFormat::OpenMetrics : MetricsFormat::Text;
    head.content_type = content_type_of(format);
    return {head, metrics(readings, format)};
  }
  if (page == Page::MonitorData) {
    head.content_type = "application/json";
    return {head, MonitorPage::json(readings, shared_.supervised.text())};
  }
  head.content_type = kHtml;
  head.policy = shared_.monitor.policy();
  return {head, shared_.monitor.html(readings)};
}

// Who is one guesser: an address, or the /64 of an IPv6 address, or whoever comes by a unix socket.
std::string HttpConnection::network() const {
  std::string address = client().address;
  auto network = Network::of(address);
  return network ? network->bytes() : address;
}

// An address's failures are counted by one worker, so that they are five and not five for each. False: this request
// has left for that worker.
bool HttpConnection::is_failure_counter(std::string_view rest) {
  std::uint32_t counter = context().route.owner(network());
  if (counter == context().index || arrived_) return true;
  leave({.to = counter}, rest);
  return false;
}

void HttpConnection::answer_system_info(http::Answer head) {
  const std::string& password = context().config.monitor.system_info_password;
  if (password.empty()) {
    head.status = 403;
    return answer(head, "403 Forbidden: [monitor] system_info_password is not set\n");
  }
  std::string address = network();
  if (auto left = shared_.failures.blocked_for(address, now())) {
    head.status = 429;
    head.retry_after_seconds = static_cast<int>((left->count() + 999) / 1000);
    return answer(head, "429 Too Many Requests\n");
  }
  const std::string& authorization = parser_.request().authorization;
  auto given = http::read_basic(authorization);
  if (given && is_admin(*given, password)) {
    head.content_type = kHtml;
    head.policy = shared_.pages.policy();
    return answer(head, shared_.pages.system_info(context().config));
  }
  if (!authorization.empty()) {  // a browser asks without one first
    shared_.failures.add(address, now());
    log::info("edge.sysinfo_refused", {{"client", client().address}});
  }
  head.status = 401;
  head.challenge = true;
  answer(head, "401 Unauthorized\n");
}

}  // namespace nxb::edge
