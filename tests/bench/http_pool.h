// tests/bench/http_pool.h - connections that several sessions share, as those of a proxy are: a request takes the one that has
// been idle longest, so that each time it is another session's; or the two that a session may have for itself.
// Runs in nxb-load; owns its connections.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/http_connection.h"

namespace nxb::bench {

class HttpPool final : private HttpOwner {
 public:
  // Shared: it has as many as its limit says before one is used again.
  HttpPool(Poller& poller, const Where& where, std::uint32_t source_host, std::size_t limit, bool is_shared)
      : poller_(poller), where_(where), source_host_(source_host), limit_(limit), is_shared_(is_shared) {}

  void post(std::string_view body, HttpUser& user);  // waits for a free connection where there is none
  void close();                                      // all at once, without a word to anybody

 private:
  struct Waiting {
    std::string body;
    HttpUser* user;
  };
  void freed(HttpConnection& connection) override;

  Poller& poller_;
  const Where& where_;
  std::uint32_t source_host_;
  std::size_t limit_;
  bool is_shared_;
  std::vector<std::unique_ptr<HttpConnection>> connections_;
  std::deque<HttpConnection*> idle_;  // the first has been idle longest
  std::deque<Waiting> waiting_;
};

}  // namespace nxb::bench
