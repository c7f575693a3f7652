// worker/upstream/external_elements.h - XML text -> the elements in it, for the strings of external_protocol.h.
// Runs in: worker. I/O: none. Elements are read as those of a stream whose default namespace is jabber:client and which
// declares the prefix `stream`; what comes out stands by itself and is otherwise as it was written (U-21, U-60).
// One for all streams of a worker: between two calls it holds no parser and no bytes.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "worker/xmpp/splitter.h"

namespace nxb::upstream::external {

class Elements {
 public:
  Elements(xml::Pool& pool, std::uint64_t max_element) : splitter_(pool, max_element) { start_over(); }

  // Whole elements, with nothing but whitespace around them.
  Result<std::vector<xmpp::Stanza>> split(std::string_view bytes);
  // Exactly one, for a client to have; the error says what it is instead.
  Result<xmpp::Stanza> one(std::string_view bytes);

 private:
  Result<std::vector<xmpp::StreamElement>> read(std::string_view bytes);
  Error refuse(const std::string& why);
  void start_over();

  xmpp::Splitter splitter_;
};

}  // namespace nxb::upstream::external
