// worker/http/head.h - what a complete request head means: target, persistence, codings, expectations.
// Runs in: worker. I/O: none.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/text.h"
#include "worker/http/request.h"

namespace nxb::http {

// The members of comma-separated lists, without the blanks around them and the empty ones (RFC 9110 5.6.1).
bool has_item(std::string_view list, std::string_view wanted);  // whatever its case
template <class F>
void for_each_item(std::string_view list, F f, char separator = ',') {
  while (!list.empty()) {
    std::size_t comma = list.find(separator);
    std::string_view item = trimmed(list.substr(0, comma));
    if (!item.empty()) f(item);
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
  }
}

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
  std::string transfer_encoding_, connection_, upgrade_, expect_, content_encoding_;
};

}  // namespace nxb::http
