// worker/ws/writer.h - the messages that nxb itself says to a client, and what the server's elements get on their way.
// Runs in: worker. I/O: none. Codec. Clients look for literal text in some of them, so each is written as they expect it.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace nxb::ws {

inline constexpr std::string_view kLegacyEnd = "</stream:stream>";
inline constexpr std::string_view kTlsFailure = "<failure xmlns=\"urn:ietf:params:xml:ns:xmpp-tls\"/>";  // W-48

// What the answer to an <open/> or a header tells of the stream; what is empty is not said.
struct Greeting {
  std::string_view from, id, version, lang;
};
enum class HeaderForm : std::uint8_t { Closed, Unclosed };

std::string write_open(const Greeting& greeting);                            // W-32
std::string write_legacy_header(const Greeting& greeting, HeaderForm form);  // W-51
std::string write_see_other_uri(std::string_view uri);                       // W-46
std::string write_stream_error(std::string_view condition);                  // W-40

// The element with the language of the stream that it leaves, if it says none itself (W-36). Those of stream management
// pass untouched (W-49): they hold nothing for people.
std::string with_language(std::string element, std::string_view lang);

}  // namespace nxb::ws
