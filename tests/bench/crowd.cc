// tests/bench/crowd.cc - see crowd.h.
// SPDX-License-Identifier: MIT
#include "tests/bench/crowd.h"

#include <algorithm>

#include "tests/bench/bosh_session.h"
#include "tests/bench/floor_session.h"
#include "tests/bench/ws_session.h"

namespace nxb::bench {

Crowd::Crowd(Poller& poller, const LoadOptions& options) : poller_(poller), options_(options) {
  if (options.pool > 0)
    shared_ = std::make_unique<HttpPool>(poller, options.where, options.source_host_of(0), options.pool, true);
}

std::unique_ptr<Session> Crowd::make(SessionUser& user, std::size_t index) {
  const LoadOptions& o = options_;
  std::uint32_t source = o.source_host_of(index);
  std::unique_ptr<Session> session;
  if (o.kind == "ws") {
    session = std::make_unique<WsSession>(user, o.session, o.domain_of(index), poller_, o.where, source);
  } else {
    // Its own connections: one, and another to say goodbye while a request is held.
    auto own = shared_ ? nullptr : std::make_unique<HttpPool>(poller_, o.where, source, 2, false);
    if (o.kind == "http") {
      session = std::make_unique<FloorSession>(user, o.session, shared_.get(), std::move(own));
    } else {
      session = std::make_unique<BoshSession>(user, o.session, o.domain_of(index), shared_.get(), std::move(own));
    }
  }
  session->index = index;
  return session;
}

void Crowd::open_all(SessionUser& user) {
  for (std::size_t i = 0; i < options_.sessions; ++i) all_.push_back(make(user, i));
  for (std::size_t i = 0; i < std::min<std::size_t>(100, all_.size()); ++i) open_next();
}

void Crowd::open_next() {
  if (opened_ < all_.size()) all_[opened_++]->open();
}

}  // namespace nxb::bench
