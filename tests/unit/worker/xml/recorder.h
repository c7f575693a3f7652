// tests/unit/worker/xml/recorder.h - what a Reader tells of a document, as text.
// SPDX-License-Identifier: MIT
#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "worker/xml/reader.h"

namespace nxb::testing {

using xml::Fault;
using xml::kNoLimit;
using xml::Pool;
using xml::StartTag;
using xml::Visitor;

// Writes down what it is told, with the bytes of each element.
struct Recorder final : Visitor {
  explicit Recorder(std::string_view all, std::string_view outside = {}) : whole(all), scope(outside) {}
  void start(const StartTag& tag) override {
    log += "(" + std::string(tag.ns) + "|" + std::string(tag.local);
    for (const auto& [local, ns, value] : tag.all_attributes()) log += " " + ns + "|" + local + "=" + value;
    if (tag.depth == 1 && !scope.empty()) {
      CHECK(tag.begin == 0);
      CHECK(std::string(tag.raw) + ">" == scope);
    } else {
      CHECK(whole.substr(tag.begin, 1) == "<");
      CHECK(whole.substr(tag.begin, tag.raw.size()) == tag.raw);
    }
    begins.push_back(tag.begin);
    log += ">";
  }
  void text(std::string_view text) override { log += text; }
  void end(std::uint32_t depth, std::uint64_t end) override {
    CHECK(depth == begins.size());
    CHECK(whole[end - 1] == '>');
    log += ")[" + std::string(whole.substr(begins.back(), end - begins.back())) + "]";
    begins.pop_back();
  }
  std::string_view whole, scope;
  std::string log;
  std::vector<std::uint64_t> begins;
};

struct Outcome {
  std::string log;
  Fault fault = Fault::None;
  bool finished = false;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

// Feeds the document in pieces that end at the given places.
inline Outcome read(Pool& pool, std::string_view document, const std::vector<std::size_t>& cuts,
                    std::uint64_t max = kNoLimit) {
  Recorder recorder(document);
  auto reader = pool.borrow();
  reader->open(recorder, max);
  for (std::size_t cut : cuts) reader->feed(document.substr(reader->consumed(), cut - reader->consumed()));
  Fault fault = reader->feed(document.substr(reader->consumed()));
  return {recorder.log, fault, reader->finished()};
}

}  // namespace nxb::testing
