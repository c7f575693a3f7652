// worker/http/head.h - what a complete request head means: target, persistence, codings, expectations.
// Runs in: worker. I/O: none.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "worker/http/request.h"

namespace nxb::http {

// Collects the fields that nxb cares about while they come in, and judges them when the head is complete.
class Head {
 public:
  void add(std::string_view name, std::string_view value, Request& request);
  // Fills `request` from the target and the fields; the status to answer, or 0.
  int judge(std::string_view target, std::uint64_t content_length, const Limits& limits, Request& request) const;
  bool chunked() const { return transfer_encodings_ > 0; }  // after judge() was content

 private:
  int judge_transfer_encoding(const Request& request) const;
  int judge_expectation(Request& request) const;
  std::uint32_t hosts_ = 0;
  std::uint32_t transfer_encodings_ = 0;
  std::string transfer_encoding_, connection_, expect_, content_encoding_;
};

}  // namespace nxb::http
