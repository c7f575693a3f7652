// tests/sim/marks.h - what the oracles read of the texts that travel: numbered stanzas and attributes of <body/>.
// A numbered stanza is an element with the attribute nxb='STREAM.NUMBER'. A server's numbers count from 1 on each
// stream; a client's too, and those it sends to all streams count on their own, as stream 0.
// SPDX-License-Identifier: MIT
#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

#include "worker/bosh/body.h"

namespace nxb::sim {

struct Mark {
  std::uint32_t stream = 0;
  std::uint64_t number = 0;
};

// Calls see(Mark) for each numbered stanza, in order.
template <class See>
void read_marks(std::string_view text, See see) {
  constexpr std::string_view kName = " nxb='";
  const char* end = text.data() + text.size();
  for (std::size_t at = text.find(kName); at != std::string_view::npos; at = text.find(kName, at + kName.size())) {
    Mark mark;
    auto dot = std::from_chars(text.data() + at + kName.size(), end, mark.stream).ptr;
    if (dot < end) std::from_chars(dot + 1, end, mark.number);
    see(mark);
  }
}
inline bool has_marks(std::string_view text) { return text.find(" nxb='") != std::string_view::npos; }

void append_marked(std::string& out, Mark mark, std::size_t padding);  // one <message/>

// The value of an attribute of <body/>, or nothing (an empty view with a null pointer) when it is not there.
std::string_view attribute(std::string_view body, std::string_view name);
std::uint64_t number_attribute(std::string_view body, std::string_view name);  // 0 when it is not there
inline bool present(std::string_view value) { return value.data() != nullptr; }

bool is_terminate(std::string_view body);
bool is_recoverable(std::string_view body);  // the very bytes of a recoverable error
bool is_complete(std::string_view body);     // not cut
bool has_payloads(std::string_view body);
// For the trace.
std::string brief(std::string_view body);
std::string brief_request(const bosh::Body& body);

}  // namespace nxb::sim
