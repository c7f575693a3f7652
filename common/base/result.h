// common/base/result.h - a value or an Error, and its propagation.
// Runs in: every process. I/O: none.
// Our operation failed -> Error; what a client is told about it is a bosh::Condition (worker/bosh/conditions.h).
// The spelling follows std::expected, so that it can become an alias of it on C++23.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <utility>
#include <variant>

#include "common/base/check.h"

namespace nxb {

enum class Code {
  BadInput,     // bytes or a value from outside do not have the form they must have
  TooLarge,     // a limit named in the configuration was reached
  Unsupported,  // well formed, but this version does not do it
  NotFound,     // a name, file or address does not exist
  Refused,      // policy or the peer said no
  TimedOut,     // it took longer than allowed
  Closed,       // the peer ended the connection
  Io,           // the operating system reported an error
  Config,       // the configuration is wrong
};

struct Error {
  Code code;
  std::string text;  // for the log and the operator, never for a client
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  explicit operator bool() const noexcept { return state_.index() == 0; }
  T& operator*() & { return checked(); }
  T&& operator*() && { return std::move(checked()); }
  const T& operator*() const& { return const_cast<Result*>(this)->checked(); }
  T* operator->() { return &checked(); }
  const T* operator->() const { return &const_cast<Result*>(this)->checked(); }
  Error& error() {
    NXB_CHECK(!*this, "error of a good Result");
    return *std::get_if<1>(&state_);
  }

 private:
  T& checked() {
    NXB_CHECK(static_cast<bool>(*this), "value of a failed Result");
    return *std::get_if<0>(&state_);
  }
  std::variant<T, Error> state_;
};

// What a Result<Done> holds when there is nothing to return but success.
struct Done {};
using Status = Result<Done>;

}  // namespace nxb

#define NXB_CAT_(a, b) a##b
#define NXB_CAT(a, b) NXB_CAT_(a, b)
#define NXB_TRY_(decl, expr, tmp)          \
  auto tmp = (expr);                       \
  if (!tmp) return std::move(tmp.error()); \
  decl = *std::move(tmp)
// NXB_TRY(auto x, f()): x is the value, or the enclosing function returns the Error.
// Two statements: never the body of an `if` without braces.
#define NXB_TRY(decl, expr) NXB_TRY_(decl, expr, NXB_CAT(nxb_try_, __COUNTER__))
