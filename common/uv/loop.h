// common/uv/loop.h - one event loop: now, retire, end of turn, clean shutdown.
// Runs in: supervisor, worker. Owns the uv_loop_t. After run() returned the owner destroys what lives on the loop;
// the destructor then runs the close callbacks, checks uv_loop_close() == 0 and names the handles that leaked.
// A turn is one batch of callbacks. After each turn, in this order: end-of-turn hooks run (the gateway's
// queued work), then retired objects are freed in the order in which they were retired. Whenever something was
// retired another turn follows at once, so that what hooks and destructors caused does not wait for the next I/O.
// A callback (of Timer, Signal, Poll, ...) may destroy the object that called it.
// SPDX-License-Identifier: MIT
#pragma once

#include <uv.h>

#include <functional>
#include <memory>
#include <vector>

#include "common/base/clock.h"
#include "common/uv/handle.h"

namespace nxb::uv {

class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void run();
  void stop();          // leave run() after this turn; called before run(), run() returns at once
  Instant now() const;  // cached at the start of the turn; up to 4 ms behind monotonic_now(): do not mix the two
  uv_loop_t* raw() { return &loop_; }

  // Give up an object whose method may be on the stack; it is freed after this turn.
  template <class T>
  void retire(std::unique_ptr<T> object) {
    if (object) retired_.push_back(std::make_unique<Holder<T>>(std::move(object)));
  }
  // Runs after each turn, before retired objects are freed. Registered once, at start.
  void at_end_of_turn(std::function<void()> hook);

  // The buffer that every read of this loop lands in (64 KB); valid until the next read.
  char* read_buffer() { return buffer_.get(); }
  static constexpr std::size_t kReadBufferSize = std::size_t{64} * 1024;

 private:
  struct Retired {
    virtual ~Retired() = default;
  };
  template <class T>
  struct Holder final : Retired {
    explicit Holder(std::unique_ptr<T> o) : object(std::move(o)) {}
    std::unique_ptr<T> object;
  };
  void end_turn();
  void on_prepare() { end_turn(); }  // after timers, before waiting
  void on_check() { end_turn(); }    // after I/O
  void on_idle() {}                  // its being active is the point: the loop does not wait
  void check_nothing_is_open();

  uv_loop_t loop_{};
  Handle<uv_prepare_t> prepare_;
  Handle<uv_check_t> check_;
  Handle<uv_idle_t> idle_;
  std::vector<std::function<void()>> hooks_;
  std::vector<std::unique_ptr<Retired>> retired_;
  std::unique_ptr<char[]> buffer_;
};

// One-shot timer.
class Timer {
 public:
  Timer(Loop& loop, std::function<void()> on_due);
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  void start(Duration in);  // again = replaces; never due before the next millisecond
  void stop();

 private:
  void on_due();
  std::function<void()> on_due_;
  Handle<uv_timer_t> timer_;
};

class Signal {
 public:
  Signal(Loop& loop, int number, std::function<void()> on_signal);
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;

 private:
  void on_signal(int number);
  std::function<void()> on_signal_;
  Handle<uv_signal_t> signal_;
};

// Readiness of a descriptor that nxb reads or writes itself (mailboxes, listening sockets, DNS socket).
// Does not own the descriptor. An error condition of the descriptor is reported as ready for all that is watched:
// the owner's next read or write finds it.
class Poll {
  struct Private {
    explicit Private() = default;
  };

 public:
  explicit Poll(Private) {}
  static Result<std::unique_ptr<Poll>> make(Loop& loop, int fd,
                                            std::function<void(bool readable, bool writable)> on_ready);
  void watch(bool readable, bool writable);  // both false: stop

 private:
  void on_ready(int status, int events);
  std::function<void(bool, bool)> on_ready_;
  int watched_ = 0;  // UV_READABLE | UV_WRITABLE
  Handle<uv_poll_t> poll_;
};

}  // namespace nxb::uv
