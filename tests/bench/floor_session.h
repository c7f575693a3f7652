// tests/bench/floor_session.h - not a session, but what any HTTP server can be asked: a request of the size of an echo's, answered
// with the same bytes each time. What that costs a proxy is the floor for one that does more. Runs in nxb-load.
// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "tests/bench/http_pool.h"
#include "tests/bench/session.h"

namespace nxb::bench {

class FloorSession final : public Session, private HttpUser {
 public:
  FloorSession(SessionUser& user, const SessionOptions& options, HttpPool* shared, std::unique_ptr<HttpPool> own)
      : user_(user), own_(std::move(own)), pool_(shared ? shared : own_.get()) {
    // As long as what a BOSH client sends with such a text.
    request_ = "<body rid='1000000' sid='" + std::string(24, 's') +
               "' xmlns='http://jabber.org/protocol/httpbind'><message to='" + std::string(18, 'j') +
               "' type='chat' xmlns='jabber:client'><body>" + std::string(options.size, 'x') +
               "</body></message></body>";
  }

  void open() override { pool_->post(request_, *this); }
  void echo() override { pool_->post(request_, *this); }
  void hold() override { fail("an HTTP server holds nothing"); }
  void ask_for(std::string_view) override { fail("an HTTP server pushes nothing"); }
  void close() override { user_.over(*this); }

 private:
  void answered(std::string_view body) override {
    if (answer_.empty()) {
      answer_ = body;
      return answer_.empty() ? fail("an empty answer") : user_.usable(*this);
    }
    if (body != answer_) return fail("another answer: " + std::string(body.substr(0, 300)));
    user_.echoed(*this);
  }
  void failed(std::string_view why) override { fail(why); }
  void fail(std::string_view why) { user_.failed(*this, why); }

  SessionUser& user_;
  std::unique_ptr<HttpPool> own_;
  HttpPool* pool_;
  std::string request_, answer_;
};

}  // namespace nxb::bench
