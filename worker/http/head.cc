// worker/http/head.cc - see head.h.
// SPDX-License-Identifier: MIT
#include "worker/http/head.h"

#include <algorithm>
#include <array>

#include "common/base/text.h"
#include "worker/http/query.h"

namespace nxb::http {
namespace {

// Fields of one name are one list (RFC 9110 5.3).
void join(std::string& list, std::string_view value) {
  if (!list.empty()) list += ", ";
  list += value;
}

// The path (and query) of an absolute-form target; "" when it is none.
std::string_view path_of_absolute(std::string_view target) {
  std::size_t scheme = target.find("://");
  if (scheme == std::string_view::npos) return {};
  std::string_view name = target.substr(0, scheme);
  if (!equals_ignoring_case(name, "http") && !equals_ignoring_case(name, "https")) return {};
  target.remove_prefix(scheme + 3);
  std::size_t path = target.find_first_of("/?");
  if (path == 0) return {};                                                             // no authority
  return path == std::string_view::npos ? std::string_view("/") : target.substr(path);  // or "?query": an empty path
}

int read_target(std::string_view target, Request& request) {
  if (target.find('#') != std::string_view::npos) return 400;
  if (target == "*") {
    request.asterisk = true;
    return request.method == Method::Options ? 0 : 400;
  }
  if (!target.starts_with('/')) {
    if (request.method == Method::Other) return 0;  // CONNECT host:port; answered 405 whatever it says
    target = path_of_absolute(target);
    if (target.empty()) return 400;
  }
  std::size_t end = target.find('?');
  auto path = percent_decoded(target.substr(0, end), Plus::Stays);
  if (!path || path->find('\0') != std::string::npos) return 400;  // H-08
  request.path = path->empty() ? "/" : *std::move(path);
  if (end != std::string_view::npos) request.query = target.substr(end + 1);
  return 0;
}

// Registered content codings; any other value of Content-Encoding is ignored, libpurple sends a media type there
// (H-15).
constexpr std::array<std::string_view, 7> kCodings{"gzip", "x-gzip", "deflate", "br", "zstd", "compress", "x-compress"};

// Fields besides Forwarded that a proxy adds, and no browser (H-41).
bool is_mark_of_a_proxy(std::string_view name) {
  constexpr std::string_view kForwarded = "x-forwarded-";
  constexpr std::array<std::string_view, 5> kMarks{"via", "x-real-ip", "x-client-ip", "true-client-ip",
                                                   "cf-connecting-ip"};
  if (equals_ignoring_case(name.substr(0, kForwarded.size()), kForwarded)) return true;
  return std::ranges::any_of(kMarks, [name](std::string_view mark) { return equals_ignoring_case(name, mark); });
}

}  // namespace

bool has_item(std::string_view list, std::string_view wanted) {
  bool found = false;
  for_each_item(list, [&](std::string_view item) { found = found || equals_ignoring_case(item, wanted); });
  return found;
}

void Head::add(std::string_view name, std::string_view value, Request& request) {
  value = trimmed(value);
  if (is_mark_of_a_proxy(name)) request.via_proxy = true;
  auto is = [name](std::string_view wanted) { return equals_ignoring_case(name, wanted); };
  if (is("host")) {
    ++hosts_;
    request.host = value;
  } else if (is("connection")) {
    join(connection_, value);
  } else if (is("upgrade")) {
    join(upgrade_, value);
  } else if (is("sec-websocket-key")) {
    join(request.websocket.key, value);
  } else if (is("sec-websocket-version")) {
    join(request.websocket.version, value);
  } else if (is("sec-websocket-protocol")) {
    join(request.websocket.protocols, value);
  } else if (is("sec-websocket-extensions")) {
    join(request.websocket.extensions, value);
  } else if (is("transfer-encoding")) {
    ++transfer_encodings_;
    join(transfer_encoding_, value);
  } else if (is("content-encoding")) {
    join(content_encoding_, value);
  } else if (is("expect")) {
    join(expect_, value);
  } else if (is("origin")) {
    request.origin = value;
  } else if (is("x-forwarded-for")) {
    join(request.x_forwarded_for, value);
  } else if (is("x-forwarded-proto")) {
    join(request.x_forwarded_proto, value);
  } else if (is("forwarded")) {
    join(request.forwarded, value);
    request.via_proxy = true;
  } else if (is("accept")) {
    if (value.find("application/openmetrics-text") != std::string_view::npos) request.accepts_openmetrics = true;
  } else if (is("authorization")) {
    join(request.authorization, value);
  } else if (is("access-control-request-private-network")) {
    request.private_network = equals_ignoring_case(value, "true");
  }
}

int Head::judge(std::string_view target, std::uint64_t content_length, const Limits& limits, Request& request) const {
  bool close = has_item(connection_, "close");
  request.keep_alive = !close && (request.minor > 0 || has_item(connection_, "keep-alive"));
  request.websocket.asked = has_item(upgrade_, "websocket") && has_item(connection_, "upgrade");
  if (int status = read_target(target, request); status != 0) return status;
  if (hosts_ > 1 || (hosts_ == 0 && request.minor > 0)) return 400;  // H-07
  if (int status = judge_transfer_encoding(request); status != 0) return status;
  if (int status = judge_expectation(request); status != 0) return status;
  for (std::string_view coding : kCodings) {
    if (has_item(content_encoding_, coding)) return 415;
  }
  return content_length > limits.body ? 413 : 0;
}

// H-03: `chunked`, once, alone; never in HTTP/1.0.
int Head::judge_transfer_encoding(const Request& request) const {
  if (transfer_encodings_ == 0) return 0;
  if (request.minor == 0) return 400;
  if (transfer_encodings_ == 1 && equals_ignoring_case(transfer_encoding_, "chunked")) return 0;
  std::size_t chunked = 0;
  std::size_t others = 0;
  std::string_view last;
  for_each_item(transfer_encoding_, [&](std::string_view item) {
    ++(equals_ignoring_case(item, "chunked") ? chunked : others);
    last = item;
  });
  bool may_be_last = chunked == 0 || (chunked == 1 && equals_ignoring_case(last, "chunked"));
  return others > 0 && may_be_last ? 501 : 400;
}

int Head::judge_expectation(Request& request) const {
  if (request.minor == 0) return 0;  // RFC 9110 10.1.1: ignored there
  bool unknown = false;
  for_each_item(expect_, [&](std::string_view item) {
    bool is_continue = equals_ignoring_case(item, "100-continue");
    (is_continue ? request.wants_continue : unknown) = true;
  });
  return unknown ? 417 : 0;
}

}  // namespace nxb::http
