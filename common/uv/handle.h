// common/uv/handle.h - owns one libuv handle. The only uv_close and the only delete in nxb.
// Runs in: every process. Destroying the C++ owner clears `data` and closes; the C struct is freed in
// the close callback, so a callback that comes late finds no owner and returns.
// SPDX-License-Identifier: MIT
#pragma once

#include <uv.h>

#include <memory>
#include <utility>

#include "common/base/result.h"

namespace nxb::uv {

template <class H>
class Handle {
 public:
  Handle() = default;
  Handle(Handle&& other) noexcept : raw_(std::exchange(other.raw_, nullptr)) {}
  Handle& operator=(Handle&& other) noexcept {
    if (this != &other) {
      close();
      raw_ = std::exchange(other.raw_, nullptr);
    }
    return *this;
  }
  ~Handle() { close(); }

  // init(H*) is the libuv *_init call; a non-zero return means the handle was never opened.
  template <class Init>
  static Result<Handle> make(void* owner, Init init) {
    auto raw = std::make_unique<H>();
    if (int rc = init(raw.get()); rc != 0) return Error{Code::Io, uv_strerror(rc)};
    raw->data = owner;
    return Handle(raw.release());
  }

  H* raw() const { return raw_; }
  uv_handle_t* base() const { return reinterpret_cast<uv_handle_t*>(raw_); }
  explicit operator bool() const { return raw_ != nullptr; }

  void close() noexcept {
    auto* handle = reinterpret_cast<uv_handle_t*>(std::exchange(raw_, nullptr));
    if (!handle) return;
    handle->data = nullptr;  // a late callback finds no owner
    uv_close(handle, [](uv_handle_t* gone) { delete reinterpret_cast<H*>(gone); });
  }

 private:
  explicit Handle(H* raw) : raw_(raw) {}
  H* raw_ = nullptr;
};

// From C callback to member. noexcept: an exception ends the process here instead of unwinding through C.
template <auto Method, class Owner, class H, class... Args>
void call(H* handle, Args... args) noexcept {
  if (auto* owner = static_cast<Owner*>(handle->data)) (owner->*Method)(args...);
}

}  // namespace nxb::uv
