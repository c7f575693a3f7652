// tests/bench/http_pool.cc - see http_pool.h.
// SPDX-License-Identifier: MIT
#include "tests/bench/http_pool.h"

namespace nxb::bench {

void HttpPool::post(std::string_view body, HttpUser& user) {
  if (connections_.size() < limit_ && (is_shared_ || idle_.empty())) {
    connections_.push_back(
        std::make_unique<HttpConnection>(poller_, where_, source_host_, static_cast<HttpOwner&>(*this)));
    return connections_.back()->post(body, user);
  }
  if (idle_.empty()) {
    waiting_.push_back({std::string(body), &user});
    return;
  }
  HttpConnection& connection = *idle_.front();
  idle_.pop_front();
  connection.post(body, user);
}

void HttpPool::freed(HttpConnection& connection) {
  if (waiting_.empty()) {
    idle_.push_back(&connection);
    return;
  }
  Waiting next = std::move(waiting_.front());
  waiting_.pop_front();
  connection.post(next.body, *next.user);
}

void HttpPool::close() {
  waiting_.clear();
  for (auto& connection : connections_) connection->close();
}

}  // namespace nxb::bench
