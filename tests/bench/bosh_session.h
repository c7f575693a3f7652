// tests/bench/bosh_session.h - a client's BOSH session: one request at a time, and a second one only to say goodbye while one is
// held. Runs in nxb-load; owns its connections, unless it shares some.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/echo.h"
#include "tests/bench/http_pool.h"
#include "tests/bench/login.h"
#include "tests/bench/session.h"

namespace nxb::bench {

class BoshSession final : public Session, private HttpUser {
 public:
  BoshSession(SessionUser& user, const SessionOptions& options, std::string domain, HttpPool* shared,
              std::unique_ptr<HttpPool> own)
      : user_(user),
        options_(options),
        domain_(std::move(domain)),
        own_(std::move(own)),
        pool_(shared ? shared : own_.get()) {}

  void open() override;
  void echo() override;
  void hold() override;
  void ask_for(std::string_view what) override;
  void close() override;

 private:
  enum class Doing { LoggingIn, Nothing, Echoing, Holding, Closing, Over };

  void post(std::string_view attributes, std::string_view payload);
  void answered(std::string_view body) override;
  void failed(std::string_view why) override;
  void logging_in(std::string_view body);
  void echoing(std::string_view body);
  void holding(std::string_view body);

  SessionUser& user_;
  const SessionOptions& options_;
  std::string domain_;
  std::unique_ptr<HttpPool> own_;
  HttpPool* pool_;
  Doing doing_ = Doing::LoggingIn;
  std::uint64_t rid_ = 1'000'000;
  std::string sid_;
  std::optional<Login> login_ = Login();
  std::unique_ptr<Echo> echo_;
  Pushes pushes_;
};

}  // namespace nxb::bench
