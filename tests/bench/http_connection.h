// tests/bench/http_connection.h - one keep-alive connection to a server: one request at a time, and its whole answer.
// Runs in nxb-load; owns its socket. Opens it when there is something to ask, again where the server closed it while idle.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tests/bench/wire.h"

namespace nxb::bench {

struct Where {
  std::uint16_t port = 0;
  std::string path = "/http-bind";
  int tls = 0;  // 1: it is within TLS
};

class HttpUser {
 public:
  virtual void answered(std::string_view body) = 0;  // with status 200; it may post again at once
  virtual void failed(std::string_view why) = 0;

 protected:
  ~HttpUser() = default;
};

class HttpConnection;
// Whom it tells that it is free again.
class HttpOwner {
 public:
  virtual void freed(HttpConnection& connection) = 0;

 protected:
  ~HttpOwner() = default;
};

class HttpConnection final : public WireUser {
 public:
  HttpConnection(Poller& poller, const Where& where, std::uint32_t source_host, HttpOwner& owner);

  void post(std::string_view body, HttpUser& user);
  void close() { wire_.close(); }
  std::size_t received(std::string_view bytes) override;
  void ended(std::string_view why) override;

 private:
  void send();
  void fail(std::string_view why);

  const Where& where_;
  std::uint32_t source_host_;
  HttpOwner& owner_;
  Wire wire_;
  std::string request_;       // under way, for it may have to be repeated
  HttpUser* user_ = nullptr;  // whose request is under way
  bool reused_ = false;       // this connection has answered before
};

}  // namespace nxb::bench
