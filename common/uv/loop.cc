// common/uv/loop.cc - the loop, its turns, and the small handles.
// SPDX-License-Identifier: MIT
#include "common/uv/loop.h"

#include <algorithm>
#include <csignal>
#include <string>

#include "common/base/check.h"

namespace nxb::uv {
namespace {

template <class H, class Init>
Handle<H> open(void* owner, Init init) {
  auto handle = Handle<H>::make(owner, init);
  NXB_CHECK(static_cast<bool>(handle), "libuv could not make a handle that needs no resources");
  return *std::move(handle);
}

void must(int rc, const char* why) { NXB_CHECK(rc == 0, why); }

}  // namespace

Loop::Loop() : buffer_(std::make_unique_for_overwrite<char[]>(kReadBufferSize)) {
  // A peer that closed is reported by the write itself. The only place that says so; children get the default back.
  NXB_CHECK(std::signal(SIGPIPE, SIG_IGN) != SIG_ERR, "SIGPIPE cannot be ignored");
  must(uv_loop_init(&loop_), "uv_loop_init");
  prepare_ = open<uv_prepare_t>(this, [this](uv_prepare_t* raw) { return uv_prepare_init(&loop_, raw); });
  check_ = open<uv_check_t>(this, [this](uv_check_t* raw) { return uv_check_init(&loop_, raw); });
  idle_ = open<uv_idle_t>(this, [this](uv_idle_t* raw) { return uv_idle_init(&loop_, raw); });
  must(uv_prepare_start(prepare_.raw(), &call<&Loop::on_prepare, Loop, uv_prepare_t>), "uv_prepare_start");
  must(uv_check_start(check_.raw(), &call<&Loop::on_check, Loop, uv_check_t>), "uv_check_start");
  uv_unref(prepare_.base());  // these two alone do not keep run() going
  uv_unref(check_.base());
}

Loop::~Loop() {
  hooks_.clear();  // what they refer to is gone
  while (!retired_.empty()) std::exchange(retired_, {}).clear();
  prepare_.close();
  check_.close();
  idle_.close();
  check_nothing_is_open();
  while (uv_run(&loop_, UV_RUN_DEFAULT) != 0) {  // only close callbacks are left; again when a late stop() ended it
  }
  must(uv_loop_close(&loop_), "the loop is closed with something still on it");
}

// A handle that its owner has not closed would keep the loop above running for ever.
void Loop::check_nothing_is_open() {
  std::string open_types;
  uv_walk(
      &loop_,
      [](uv_handle_t* handle, void* types) {
        if (!uv_is_closing(handle)) {
          *static_cast<std::string*>(types) += std::string(" ") + uv_handle_type_name(uv_handle_get_type(handle));
        }
      },
      &open_types);
  NXB_CHECK(open_types.empty(), ("handles outlive their loop:" + open_types).c_str());
}

void Loop::run() {
  uv_run(&loop_, UV_RUN_DEFAULT);
  end_turn();  // the last turn's, while the owners are still there
}

void Loop::stop() { uv_stop(&loop_); }

Instant Loop::now() const { return Instant{Duration{static_cast<Duration::rep>(uv_now(&loop_))}}; }

void Loop::at_end_of_turn(std::function<void()> hook) { hooks_.push_back(std::move(hook)); }

void Loop::end_turn() {
  for (std::size_t i = 0; i < hooks_.size(); ++i) hooks_[i]();
  bool again = !retired_.empty();
  // What is retired while these are freed waits for the next turn.
  auto batch = std::exchange(retired_, {});
  for (auto& object : batch) object.reset();
  if (again) {
    uv_idle_start(idle_.raw(), &call<&Loop::on_idle, Loop, uv_idle_t>);
  } else {
    uv_idle_stop(idle_.raw());
  }
}

Timer::Timer(Loop& loop, std::function<void()> on_due) : on_due_(std::move(on_due)) {
  timer_ = open<uv_timer_t>(this, [&loop](uv_timer_t* raw) { return uv_timer_init(loop.raw(), raw); });
}

void Timer::start(Duration in) {
  // Not 0: libuv runs a timer that is started with 0 from within a timer in the same turn, and may never leave it.
  auto ms = static_cast<std::uint64_t>(std::max<Duration::rep>(in.count(), 1));
  must(uv_timer_start(timer_.raw(), &call<&Timer::on_due, Timer, uv_timer_t>, ms, 0), "a live timer can be started");
}

void Timer::stop() { uv_timer_stop(timer_.raw()); }

void Timer::on_due() {
  auto callee = on_due_;  // a copy: it may destroy this timer
  callee();
}

Signal::Signal(Loop& loop, int number, std::function<void()> on_signal) : on_signal_(std::move(on_signal)) {
  signal_ = open<uv_signal_t>(this, [&loop](uv_signal_t* raw) { return uv_signal_init(loop.raw(), raw); });
  must(uv_signal_start(signal_.raw(), &call<&Signal::on_signal, Signal, uv_signal_t, int>, number), "uv_signal_start");
}

void Signal::on_signal(int) {
  auto callee = on_signal_;
  callee();
}

Result<std::unique_ptr<Poll>> Poll::make(Loop& loop, int fd, std::function<void(bool, bool)> on_ready) {
  auto poll = std::make_unique<Poll>(Private());
  poll->on_ready_ = std::move(on_ready);
  NXB_TRY(poll->poll_, Handle<uv_poll_t>::make(
                           poll.get(), [&loop, fd](uv_poll_t* raw) { return uv_poll_init(loop.raw(), raw, fd); }));
  return poll;
}

void Poll::watch(bool readable, bool writable) {
  watched_ = (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0);
  if (watched_ == 0) {
    uv_poll_stop(poll_.raw());
    return;
  }
  must(uv_poll_start(poll_.raw(), watched_, &call<&Poll::on_ready, Poll, uv_poll_t, int, int>), "uv_poll_start");
}

void Poll::on_ready(int status, int events) {
  auto callee = on_ready_;
  if (status == 0) {
    callee((events & UV_READABLE) != 0, (events & UV_WRITABLE) != 0);
    return;
  }
  // libuv gave the descriptor up because it has an error pending (for a UDP socket: the ICMP answer to a datagram).
  // The owner fetches it by its next system call; then watching goes on.
  uv_poll_t* raw = poll_.raw();
  callee((watched_ & UV_READABLE) != 0, (watched_ & UV_WRITABLE) != 0);
  if (raw->data == nullptr) return;  // the owner destroyed this Poll; libuv still holds the handle until it is closed
  watch((watched_ & UV_READABLE) != 0, (watched_ & UV_WRITABLE) != 0);
}

}  // namespace nxb::uv
