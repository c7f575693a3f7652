// tests/unit/worker/http/parsed.h - what the parser makes of some bytes, as text, however they are cut.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "worker/http/parser.h"

namespace nxb::testing {

// One line per request: "POST /path 1.1 keep origin=... body=...", "failed 400", or "more" at the end.
class Reading {
 public:
  explicit Reading(const http::Limits& limits) : pool_(limits) {}

  void feed(std::string_view bytes) {
    while (!bytes.empty() && !failed_) {
      http::Parser::Step step = parser_.feed(bytes);
      bytes.remove_prefix(step.consumed);
      if (step.state == http::Parser::State::Complete) {
        text_ += described() + "\n";
        parser_.next();
      } else if (step.state == http::Parser::State::Failed) {
        text_ += "failed " + std::to_string(parser_.error_status()) + "\n";
        failed_ = true;
      }
    }
  }
  std::string text() const { return failed_ || parser_.between_requests() ? text_ : text_ + "more\n"; }

 private:
  std::string described() const {
    static const std::vector<std::string> kMethods{"GET", "HEAD", "POST", "OPTIONS", "OTHER"};
    const http::Request& r = parser_.request();
    std::string out = kMethods.at(static_cast<std::size_t>(r.method)) + " " + (r.asterisk ? "*" : r.path);
    out += " 1." + std::to_string(r.minor) + (r.keep_alive ? " keep" : " close");
    if (!r.query.empty()) out += " query=" + r.query;
    if (!r.origin.empty()) out += " origin=" + r.origin;
    if (!r.x_forwarded_for.empty()) out += " for=" + r.x_forwarded_for;
    if (!r.x_forwarded_proto.empty()) out += " proto=" + r.x_forwarded_proto;
    if (!r.forwarded.empty()) out += " forwarded=" + r.forwarded;
    if (r.via_proxy) out += " via-proxy";
    if (r.private_network) out += " private";
    if (!r.authorization.empty()) out += " auth=" + r.authorization;
    if (r.wants_continue) out += " continue";
    if (!parser_.body().empty()) out += " body=" + std::string(parser_.body());
    return out;
  }
  http::ParserPool pool_;
  http::Parser parser_{pool_};
  std::string text_;
  bool failed_ = false;
};

inline std::string parsed(std::string_view bytes, const http::Limits& limits = {}) {
  Reading reading(limits);
  reading.feed(bytes);
  return reading.text();
}

// The same bytes in two parts, cut everywhere, and one by one. Nothing when all agree with the whole.
inline std::string disagreement(std::string_view bytes, const http::Limits& limits = {}) {
  std::string whole = parsed(bytes, limits);
  for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
    Reading reading(limits);
    reading.feed(bytes.substr(0, cut));
    reading.feed(bytes.substr(cut));
    if (reading.text() != whole) return "cut at " + std::to_string(cut) + ": " + reading.text() + "not: " + whole;
  }
  Reading reading(limits);
  for (std::size_t i = 0; i < bytes.size(); ++i) reading.feed(bytes.substr(i, 1));
  return reading.text() == whole ? "" : "byte by byte: " + reading.text() + "not: " + whole;
}

}  // namespace nxb::testing
