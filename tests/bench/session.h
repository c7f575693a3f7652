// tests/bench/session.h - one session of a client under load, whatever carries it, and whom it tells what became of it. Runs in nxb-load.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tests/bench/clock.h"

namespace nxb::bench {

class Session;

class SessionUser {
 public:
  virtual void usable(Session& session) = 0;  // logged in
  virtual void echoed(Session& session) = 0;  // what it sent came back, right to the byte
  virtual void pushed(Session& session, Micros sent_at) = 0;
  virtual void polled(Session& session) = 0;  // an answer without anything; it asks again
  virtual void over(Session& session) = 0;    // as it was asked
  virtual void failed(Session& session, std::string_view why) = 0;

 protected:
  ~SessionUser() = default;
};

// A session may not be destroyed while it tells something.
class Session {
 public:
  virtual ~Session() = default;
  virtual void open() = 0;
  virtual void echo() = 0;                          // one at a time
  virtual void hold() = 0;                          // waits for whatever comes
  virtual void ask_for(std::string_view what) = 0;  // says "push ..." to the server, and holds
  virtual void close() = 0;                         // says goodbye; `over` follows
  std::size_t index = 0;                            // the user's own number for it
};

// What all sessions of a run have in common.
struct SessionOptions {
  std::string route;      // of BOSH; empty: none
  int wait = 55;          // of BOSH
  std::size_t size = 64;  // of an echo's text
  std::size_t forms = 1;  // see echo.h
};

}  // namespace nxb::bench
