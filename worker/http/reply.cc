// worker/http/reply.cc - see reply.h.
// SPDX-License-Identifier: MIT
#include "worker/http/reply.h"

namespace nxb::http {
namespace {

// H-21: stanza content sent as text/html must never run as script in the origin that serves nxb.
constexpr std::string_view kNothingAllowed = "sandbox; default-src 'none'";

// W-02: which version it would have to be. Connection is a list; close may follow in a line of its own.
constexpr std::string_view kUpgradeRequired =
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n";

// W-06: each message by itself. A client that did not offer the second parameter can be told it all the same.
constexpr std::string_view kDeflate =
    "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n";

// O-41: pages of another site are let in with cookies by allow_credentials only; browsers then ask for both of these.
constexpr std::string_view kForOtherSites = "; SameSite=None; Secure";

std::string lines_of(const config::Config::Sticky& sticky, std::string_view attributes) {
  std::string out;
  if (!sticky.cookie.empty()) {
    out += "Set-Cookie: " + sticky.cookie + "=" + sticky.node + "; Path=/; HttpOnly";
    out.append(attributes).append("\r\n");
  }
  if (!sticky.header.empty()) out += sticky.header + ": " + sticky.node + "\r\n";
  return out;
}

}  // namespace

Replies::Replies(const config::Config::Http& http, const config::Config::Sticky& sticky)
    : cors_(http, sticky.header), safety_("Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n") {
  set(http, sticky);
}

void Replies::change(const config::Config::Http& http, const config::Config::Sticky& sticky) {
  cors_.change(http, sticky.header);
  set(http, sticky);
}

void Replies::set(const config::Config::Http& http, const config::Config::Sticky& sticky) {
  configured_.clear();
  for (const auto& [name, value] : http.headers) configured_ += name + ": " + value + "\r\n";
  node_plain_ = lines_of(sticky, "; SameSite=Lax");
  node_secure_ = lines_of(sticky, http.allow_credentials ? kForOtherSites : "; SameSite=Lax; Secure");
}

std::string Replies::head(const Answer& answer, std::int64_t wall_ms) {
  std::string out;
  out.reserve(512 + configured_.size());
  out.append("HTTP/1.1 ").append(std::to_string(answer.status)).append(" ").append(reason(answer.status));
  out.append("\r\nDate: ").append(date_.at(wall_ms));
  out += "\r\n";
  bool no_content = answer.status == 204;  // has neither type nor length (RFC 9110 8.6)
  if (answer.purpose != Purpose::Preflight && !no_content) {
    out.append("Content-Type: ").append(answer.content_type).append("\r\n");
  }
  if (!no_content) out.append("Content-Length: ").append(std::to_string(answer.content_length)).append("\r\n");
  if (!answer.allow.empty()) out.append("Allow: ").append(answer.allow).append("\r\n");
  if (answer.retry_after_seconds > 0) {
    out.append("Retry-After: ").append(std::to_string(answer.retry_after_seconds)).append("\r\n");
  }
  if (answer.challenge) out += "WWW-Authenticate: Basic realm=\"nxb\", charset=\"UTF-8\"\r\n";
  if (answer.status == 426) out += kUpgradeRequired;
  if (answer.persistence == Persistence::Close) out += "Connection: close\r\n";
  if (answer.persistence == Persistence::KeepAlive) out += "Connection: keep-alive\r\n";
  out.append(safety_).append("Content-Security-Policy: ");
  out.append(answer.policy.empty() ? kNothingAllowed : answer.policy).append("\r\n");
  if (answer.purpose == Purpose::Preflight) {
    out += cors_.preflight_block(answer.cors);
    if (answer.private_network) out += cors_.private_network_line(answer.cors);
  } else if (answer.purpose == Purpose::Public) {
    out += "Access-Control-Allow-Origin: *\r\n";
  } else if (answer.purpose != Purpose::Operator) {
    out += cors_.block(answer.cors);
  }
  if (answer.purpose != Purpose::Operator) out += configured_;
  out += answer.node;
  out += "\r\n";
  return out;
}

std::string Replies::upgrade_head(std::string_view accept, std::string_view protocol, std::int64_t wall_ms,
                                  bool deflate, std::string_view node) {
  std::string out("HTTP/1.1 101 Switching Protocols\r\nDate: ");
  out.append(date_.at(wall_ms)).append("\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n");
  out.append("Sec-WebSocket-Accept: ").append(accept).append("\r\n");
  if (!protocol.empty()) out.append("Sec-WebSocket-Protocol: ").append(protocol).append("\r\n");
  if (deflate) out += kDeflate;
  out += node;
  out += "\r\n";
  return out;
}

std::string_view reason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 426:
      return "Upgrade Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Status";
  }
}

}  // namespace nxb::http
