// worker/http/date.h - the Date header (RFC 9110 5.6.7), composed once a second.
// Runs in: worker. I/O: none; time is an argument.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace nxb::http {

class Date {
 public:
  std::string_view at(std::int64_t wall_ms);  // "Mon, 23 Nov 2026 13:20:00 GMT"; valid until the next call

 private:
  std::int64_t second_ = -1;
  std::string text_;
};

}  // namespace nxb::http
