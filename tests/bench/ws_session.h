// tests/bench/ws_session.h - a client's session over WebSocket (RFC 7395): one connection, one masked frame for each element.
// Runs in nxb-load; owns its connection.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "tests/bench/echo.h"
#include "tests/bench/http_connection.h"
#include "tests/bench/login.h"
#include "tests/bench/session.h"
#include "tests/bench/wire.h"

namespace nxb::bench {

class WsSession final : public Session, private WireUser {
 public:
  WsSession(SessionUser& user, const SessionOptions& options, std::string domain, Poller& poller, const Where& where,
            std::uint32_t source_host)
      : user_(user),
        options_(options),
        domain_(std::move(domain)),
        where_(where),
        source_host_(source_host),
        wire_(poller, *this) {}

  void open() override;
  void echo() override;
  void hold() override { doing_ = Doing::Holding; }
  void ask_for(std::string_view what) override;
  void close() override;

 private:
  enum class Doing { Upgrading, LoggingIn, Nothing, Echoing, Holding, Closing, Over };

  std::size_t received(std::string_view bytes) override;
  void ended(std::string_view why) override;
  std::size_t upgraded(std::string_view bytes);
  std::size_t frame(std::string_view bytes);  // takes one, or 0: it is not whole
  void message(std::string_view text);
  void logging_in(std::string_view text);
  void send(std::string_view text, std::uint8_t opcode);
  void say_open();
  void fail(std::string_view why);

  SessionUser& user_;
  const SessionOptions& options_;
  std::string domain_;
  const Where& where_;
  std::uint32_t source_host_;
  Wire wire_;
  Doing doing_ = Doing::Upgrading;
  std::optional<Login> login_ = Login();
  std::unique_ptr<Echo> echo_;
  Pushes pushes_;
};

}  // namespace nxb::bench
