// common/ipc/message.h - the control messages between supervisor and worker: encode, decode, nothing else.
// Runs in: supervisor, worker. Wire form: one JSON object per line, {"type": "..."}.
// An unknown type or a missing member is an error: both sides come from one build. So is what a worker tells of sessions
// if it is longer, deeper or of more parts than any worker of this build writes: who parses and copies it need not care.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "common/base/result.h"
#include "common/base/secret.h"

namespace nxb::ipc {

// supervisor -> worker, first message: who you are and the validated configuration.
struct Configure {
  std::uint32_t version = 0;  // contract::kVersion
  std::uint32_t index = 0;    // this worker's number, from 0
  std::uint32_t workers = 1;
  std::uint32_t generation = 1;
  HashKey routing_key{};  // keys the sid hash (ARCHITECTURE, The life of one request)
  std::string config;     // config::to_json
};
// supervisor -> worker: say goodbye to every client, spread over that time, and exit.
struct Stop {
  std::uint32_t over_ms = 0;
};
// supervisor -> worker: take no new sessions (on), or take them again. With `goodbye` those alive are told to go, spread
// over that time; otherwise they stay as long as they like.
struct Drain {
  bool on = false;
  bool goodbye = false;
  std::uint32_t over_ms = 0;
};
// supervisor -> worker: another configuration, of which only what can be changed in place differs (O-33).
struct Reload {
  std::uint32_t id = 0;
  std::string config;  // config::to_json
};
// worker -> supervisor: it holds from now on; or nothing has changed.
struct Reloaded {
  std::uint32_t id = 0;
  std::string error;  // "" = done
};
// supervisor -> worker, until the next of these.
struct LogLevel {
  std::string level;  // as [log] level
};
// supervisor -> worker: log files were renamed, open them anew.
struct ReopenLogs {};
// worker -> supervisor: a page needs what only the supervisor knows (O-21, O-23). The Told has the same id.
struct Ask {
  std::uint32_t id = 0;
  std::string what;
};
// supervisor -> worker
struct Told {
  std::uint32_t id = 0;
  std::string text;
};
// worker -> supervisor: accepting connections.
struct Ready {
  std::uint32_t version = 0;
};
// supervisor -> worker: whether anybody listens to events. Until it is told so, a worker makes none.
struct Publish {
  bool on = false;
};
// supervisor -> worker, about sessions. `what` is an admin command; the Answer has the same id.
struct Question {
  std::uint32_t id = 0;
  std::string what;
  std::string argument;
};
// worker -> supervisor
inline constexpr std::size_t kMaxAnswer = std::size_t{1}
                                          << 20;  // a session's 200 streams, or 1,000 rows, each value cut by the log
struct Answer {
  std::uint32_t id = 0;
  std::string json;  // one object
};
// worker -> supervisor: what happened since the last of these.
inline constexpr std::size_t kMaxEvents = std::size_t{512} * 1024;
struct Events {
  std::string lines;          // one JSON object each, with its newline; types are those of events.def
  std::uint64_t dropped = 0;  // that did not fit, after these
};
using Message = std::variant<Configure, Stop, Drain, Reload, Reloaded, LogLevel, ReopenLogs, Ready, Publish, Question,
                             Answer, Events, Ask, Told>;

std::string encode(const Message& message);     // with the newline
Result<Message> decode(std::string_view line);  // without the newline

// Splits a byte stream into lines of bounded length.
class LineReader {
 public:
  static constexpr std::size_t kMaxLine = std::size_t{4} * 1024 * 1024;  // of control messages
  explicit LineReader(std::size_t longest = kMaxLine) : longest_(longest) {}
  Status feed(std::string_view bytes);  // fails when a line is too long
  bool next(std::string& line);         // true: line is filled, without its newline

 private:
  std::size_t longest_;
  std::string buffer_;
  std::size_t start_ = 0;       // of the first line not yet handed out
  std::size_t unfinished_ = 0;  // bytes after the last newline
};

}  // namespace nxb::ipc
