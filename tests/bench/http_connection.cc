// tests/bench/http_connection.cc - see http_connection.h.
// SPDX-License-Identifier: MIT
#include "tests/bench/http_connection.h"

#include <charconv>
#include <optional>
#include <utility>

#include "common/base/check.h"
#include "common/base/text.h"

namespace nxb::bench {
namespace {

struct Head {
  int status = 0;
  std::size_t size = 0;               // of the head itself
  std::optional<std::size_t> length;  // of the body
  bool closes = false;
};

// The head of an answer; without a size: not whole yet.
Head head_of(std::string_view bytes) {
  Head head;
  std::size_t end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos || end < 12) return head;
  head.size = end + 4;
  std::from_chars(bytes.data() + 9, bytes.data() + 12, head.status);
  for (std::size_t at = bytes.find("\r\n") + 2; at < end;) {
    std::size_t eol = bytes.find("\r\n", at);
    std::string_view line = bytes.substr(at, eol - at);
    at = eol + 2;
    std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    std::string_view name = line.substr(0, colon);
    std::string_view value = trimmed(line.substr(colon + 1));
    if (equals_ignoring_case(name, "content-length")) {
      head.length.emplace();
      std::from_chars(value.data(), value.data() + value.size(), *head.length);
    } else if (equals_ignoring_case(name, "connection")) {
      head.closes = equals_ignoring_case(value, "close");
    }
  }
  return head;
}

}  // namespace

HttpConnection::HttpConnection(Poller& poller, const Where& where, std::uint32_t source_host, HttpOwner& owner)
    : where_(where), source_host_(source_host), owner_(owner), wire_(poller, *this) {}

void HttpConnection::post(std::string_view body, HttpUser& user) {
  NXB_CHECK(user_ == nullptr, "one request at a time");
  user_ = &user;
  request_.clear();
  request_ += "POST " + where_.path +
              " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/xml; charset=utf-8\r\nContent-Length: ";
  request_ += std::to_string(body.size());
  request_ += "\r\n\r\n";
  request_ += body;
  send();
}

void HttpConnection::send() {
  if (!wire_.is_open()) {
    reused_ = false;
    Descriptor socket = connect_to(where_.port, source_host_);
    if (!socket) return fail("no socket, or no port is left");
    wire_.open(std::move(socket));
    if (where_.tls != 0) wire_.secure(tls_client(), Tls::Side::Client);
  }
  wire_.send(request_);
}

std::size_t HttpConnection::received(std::string_view bytes) {
  if (user_ == nullptr) {
    wire_.close();
    return 0;
  }
  Head head = head_of(bytes);
  if (head.size == 0) return 0;
  if (head.status == 200 && head.length && bytes.size() < head.size + *head.length) return 0;
  HttpUser& user = *std::exchange(user_, nullptr);
  if (head.status != 200 || !head.length || bytes.size() > head.size + *head.length) {
    wire_.close();
    owner_.freed(*this);
    user.failed("answered: " + std::string(bytes.substr(0, 300)));
    return 0;
  }
  reused_ = true;
  if (head.closes) wire_.close();
  std::size_t size = head.size + *head.length;
  std::string_view body = bytes.substr(head.size);
  owner_.freed(*this);
  user.answered(body);
  return size;
}

void HttpConnection::ended(std::string_view why) {
  if (user_ == nullptr) return;
  // A server may have closed a connection that was idle, as we began to use it: once again. BOSH allows a request to be repeated.
  if (reused_) return send();
  fail(why);
}

void HttpConnection::fail(std::string_view why) {
  HttpUser& user = *std::exchange(user_, nullptr);
  owner_.freed(*this);
  user.failed(why);
}

}  // namespace nxb::bench
