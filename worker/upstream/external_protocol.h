// worker/upstream/external_protocol.h - the lines between nxb and the operator's own program (conf/doc/external.md).
// Runs in: worker. I/O: none. One JSON object a line, {"type": "...", "stream": number, ...}; both sides say hello first.
// Members that are not known are ignored; an unknown type, a member of the wrong form, or more of anything than is ever
// needed is an error: it ends the connection. XML travels in strings, byte for byte; whether it is XML is external_elements.h's to say.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "common/base/ids.h"
#include "common/base/result.h"
#include "worker/bosh/conditions.h"
#include "worker/upstream/upstream.h"

namespace nxb::upstream::external {

inline constexpr std::uint32_t kVersion = 1;           // raised when a program of today would misunderstand
inline constexpr std::size_t kMaxAttribute = 1024;     // bytes of one value of a stream header
inline constexpr std::size_t kMaxElements = 10'000;    // in one message
inline constexpr std::size_t kMaxMembers = 32;         // of all objects in one message
inline constexpr std::size_t kMaxLevels = 4;           // of objects and lists in each other
inline constexpr std::string_view kClosed = "closed";  // why a stream was let go: its client said so
inline constexpr std::string_view kLost = "lost";      // its client is gone, or nxb stops
inline constexpr std::string_view kFailed = "failed";  // for what the program said, or did not say in time

using Attributes = std::vector<std::pair<std::string, std::string>>;

// --- nxb -> program; each with the newline ---
std::string hello(std::uint32_t worker);
std::string stream_add(StreamId stream, std::string_view domain, const StreamSpec& spec);  // C-66
std::string stream_terminate(StreamId stream, std::string_view why);                       // C-67
std::string stream_restart(StreamId stream, const Attributes& attributes);                 // C-68
std::string nodes(StreamId stream, const std::vector<xmpp::Stanza>& elements);             // C-69
std::string no_client(StreamId stream, const std::vector<xmpp::Stanza>& elements);         // C-70
std::string response_acknowledged(StreamId stream, std::uint32_t count);                   // C-71
std::string pause(StreamId stream);
std::string resume(StreamId stream);

// --- program -> nxb ---
struct Hello {
  std::uint32_t version = 0;
  std::string name;  // for the log, may be empty
};
struct Header {  // of the stream: what nxb tells the client
  StreamId stream;
  std::optional<std::string> from;  // nothing: the domain asked for
  std::string id, lang;
  std::string version = "1.0";
  std::string features;  // one element, may be empty
};
struct StreamAdded : Header {};      // C-73
struct StreamRestarted : Header {};  // C-76
struct Response {                    // C-74
  StreamId stream;
  std::vector<std::string> elements;
};
struct Terminate {  // C-75
  StreamId stream;
  bosh::Condition condition = bosh::Condition::None;
  std::string error;  // <stream:error/>, may be empty
};
using FromProgram = std::variant<Hello, StreamAdded, StreamRestarted, Response, Terminate>;

Result<FromProgram> decode(std::string_view line);  // without the newline

}  // namespace nxb::upstream::external
