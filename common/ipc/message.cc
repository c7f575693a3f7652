// common/ipc/message.cc - control messages as JSON. nlohmann's exceptions cannot leave this file: parsing is told not
// to throw, and every value is asked for its type before it is taken.
// SPDX-License-Identifier: MIT
#include "common/ipc/message.h"

#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "common/ipc/contract.h"

namespace nxb::ipc {
namespace {

using nlohmann::json;

// Of the objects within Answer and Events. The JSON library copies and writes what is nested by recursion, and keeps
// members in order by a search through all of them, so that those of one object are bounded by themselves.
constexpr std::size_t kDeepest = 4;              // streams of a session: 3
constexpr std::size_t kMostEventParts = 64;      // members, elements and openings: one of 12 members has 12
constexpr std::size_t kMostAnswerParts = 32768;  // 13 per row of sessions
constexpr std::size_t kMostMembers = 2048;       // of one object or array

json to_object(const Configure& message) {
  return {
      {"type", "configure"},        {"version", message.version},       {"index", message.index},
      {"workers", message.workers}, {"generation", message.generation}, {"routing_key", to_hex(message.routing_key)},
      {"config", message.config}};
}
json to_object(const Stop& message) { return {{"type", "stop"}, {"over_ms", message.over_ms}}; }
json to_object(const Drain& message) {
  return {{"type", "drain"}, {"on", message.on}, {"goodbye", message.goodbye}, {"over_ms", message.over_ms}};
}
json to_object(const Reload& message) { return {{"type", "reload"}, {"id", message.id}, {"config", message.config}}; }
json to_object(const Reloaded& message) { return {{"type", "reloaded"}, {"id", message.id}, {"error", message.error}}; }
json to_object(const LogLevel& message) { return {{"type", "log_level"}, {"level", message.level}}; }
json to_object(const ReopenLogs&) { return {{"type", "reopen_logs"}}; }
json to_object(const Ask& message) { return {{"type", "ask"}, {"id", message.id}, {"what", message.what}}; }
json to_object(const Told& message) { return {{"type", "told"}, {"id", message.id}, {"text", message.text}}; }
json to_object(const Ready& message) { return {{"type", "ready"}, {"version", message.version}}; }
json to_object(const Publish& message) { return {{"type", "publish"}, {"on", message.on}}; }
json to_object(const Question& message) {
  return {{"type", "question"}, {"id", message.id}, {"what", message.what}, {"argument", message.argument}};
}
json to_object(const Answer& message) { return {{"type", "answer"}, {"id", message.id}, {"json", message.json}}; }
json to_object(const Events& message) {
  return {{"type", "events"}, {"lines", message.lines}, {"dropped", message.dropped}};
}

Error bad(const std::string& why) { return Error{Code::BadInput, "control message: " + why}; }

Result<std::uint64_t> large_number(const json& object, const char* name) {
  auto at = object.find(name);
  if (at == object.end() || !at->is_number_unsigned()) return bad(std::string(name) + " is missing or not a number");
  return at->get<std::uint64_t>();
}

Result<std::uint32_t> number(const json& object, const char* name) {
  NXB_TRY(auto value, large_number(object, name));
  if (value > std::numeric_limits<std::uint32_t>::max()) return bad(std::string(name) + " is too large");
  return static_cast<std::uint32_t>(value);
}

Result<std::string> text(const json& object, const char* name) {
  auto at = object.find(name);
  if (at == object.end() || !at->is_string()) return bad(std::string(name) + " is missing or not a string");
  return at->get<std::string>();
}

Result<bool> boolean(const json& object, const char* name) {
  auto at = object.find(name);
  if (at == object.end() || !at->is_boolean()) return bad(std::string(name) + " is missing or not a boolean");
  return at->get<bool>();
}

// Checked before any other member: a message of another version is reported as that, not as damaged.
Result<std::uint32_t> version_of(const json& object) {
  NXB_TRY(auto version, number(object, "version"));
  if (version != contract::kVersion) {
    return Error{Code::Unsupported, "control message of version " + std::to_string(version) + ", this is version " +
                                        std::to_string(contract::kVersion)};
  }
  return version;
}

Status has_members(const json& object, std::size_t count) {
  if (object.size() != count) return bad("it has members that this version does not know");
  return Done{};
}

// Before it is parsed: in what is JSON this counts exactly, and what is not is parsed up to the mistake only.
Status check_plain(std::string_view text, std::size_t most_parts) {
  std::size_t depth = 0, parts = 0;
  std::array<std::size_t, kDeepest + 1> members{};  // of what is open, but for the first of each
  bool quoted = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '"') quoted = !quoted;
    if (quoted) {
      at += c == '\\' ? 1 : 0;  // with what it escapes
      continue;
    }
    if (c == '{' || c == '[') ++depth;
    if ((c == '}' || c == ']') && depth > 0) --depth;
    if (depth > kDeepest) return bad("it is nested too deeply");
    if (c == '{' || c == '[') members[depth] = 0;
    if (c == ',') ++members[depth];
    if (c == '{' || c == '[' || c == ',') ++parts;
    if (parts > most_parts || members[depth] >= kMostMembers) return bad("it has too many parts");
  }
  return Done{};
}

Status check_events(std::string_view lines) {
  if (lines.size() > kMaxEvents) return bad("the events are too long");
  while (!lines.empty()) {
    std::string_view line = lines.substr(0, lines.find('\n'));
    NXB_TRY([[maybe_unused]] auto plain, check_plain(line, kMostEventParts));
    lines.remove_prefix(std::min(line.size() + 1, lines.size()));
  }
  return Done{};
}

Result<Message> decode_configure(const json& object) {
  Configure out;
  NXB_TRY(out.version, version_of(object));
  NXB_TRY(out.index, number(object, "index"));
  NXB_TRY(out.workers, number(object, "workers"));
  NXB_TRY(out.generation, number(object, "generation"));
  NXB_TRY(out.config, text(object, "config"));
  NXB_TRY(auto key, text(object, "routing_key"));
  if (!from_hex(key, out.routing_key)) return bad("routing_key is not 32 hexadecimal digits");
  if (out.index >= out.workers) return bad("index is not below workers");
  NXB_TRY([[maybe_unused]] auto exact, has_members(object, 7));
  return Message{std::move(out)};
}

Result<Message> decode_ready(const json& object) {
  Ready out;
  NXB_TRY(out.version, version_of(object));
  NXB_TRY([[maybe_unused]] auto exact, has_members(object, 2));
  return Message{out};
}

Result<Message> decode_stop(const json& object) {
  Stop out;
  NXB_TRY(out.over_ms, number(object, "over_ms"));
  NXB_TRY([[maybe_unused]] auto exact, has_members(object, 2));
  return Message{out};
}

Result<Message> decode_drain(const json& object) {
  Drain out;
  NXB_TRY(out.on, boolean(object, "on"));
  NXB_TRY(out.goodbye, boolean(object, "goodbye"));
  NXB_TRY(out.over_ms, number(object, "over_ms"));
  NXB_TRY([[maybe_unused]] auto exact, has_members(object, 4));
  return Message{out};
}

// A number and a text: what is asked and answered, ordered and done.
template <class T>
Result<Message> decode_numbered(const json& object, const char* name, std::string T::*member) {
  T out;
  NXB_TRY(out.id, number(object, "id"));
  NXB_TRY(out.*member, text(object, name));
  NXB_TRY([[maybe_unused]] auto exact, has_members(object, 3));
  return Message{std::move(out)};
}
Result<Message> decode_reload(const json& object) { return decode_numbered(object, "config", &Reload::config); }
Result<Message> decode_reloaded(const json& object) { return decode_numbered(object, "error", &Reloaded::error); }
Result<Message> decode_ask(const json& object) { return decode_numbered(object, "what", &Ask::what); }
Result<Message> decode_told(const json& object) { return decode_numbered(object, "text", &Told::text); }

Result<Message> decode_log_level(const json& object) {
  LogLevel out;
  NXB_TRY(out.level, text(object, "level"));
  NXB_TRY([[maybe_unused]] auto exact, has_members(object, 2));
  return Message{std::move(out)};
}

Result<Message> decode_reopen_logs(const json& object) {
  NXB_TRY([[maybe_unused]] auto exact, has_members(object, 1));
  return Message{ReopenLogs{}};
}

Result<Message> decode_publish(const json& object) {
  Publish out;
  NXB_TRY(out.on, boolean(object, "on"));
  NXB_TRY([[maybe_unused]] auto exact, has_members(object, 2));
  return Message{out};
}

Result<Message> decode_question(const json& object) {
  Question out;
  NXB_TRY(out.id, number(object, "id"));
  NXB_TRY(out.what, text(object, "what"));
  NXB_TRY(out.argument, text(object, "argument"));
  NXB_TRY([[maybe_unused]] auto exact, has_members(object, 4));
  return Message{std::move(out)};
}

Result<Message> decode_answer(const json& object) {
  Answer out;
  NXB_TRY(out.id, number(object, "id"));
  NXB_TRY(out.json, text(object, "json"));
  if (out.json.size() > kMaxAnswer) return bad("the answer is too long");
  NXB_TRY([[maybe_unused]] auto plain, check_plain(out.json, kMostAnswerParts));
  NXB_TRY([[maybe_unused]] auto exact, has_members(object, 3));
  return Message{std::move(out)};
}

Result<Message> decode_events(const json& object) {
  Events out;
  NXB_TRY(out.lines, text(object, "lines"));
  NXB_TRY([[maybe_unused]] auto plain, check_events(out.lines));
  NXB_TRY(out.dropped, large_number(object, "dropped"));
  NXB_TRY([[maybe_unused]] auto exact, has_members(object, 3));
  return Message{std::move(out)};
}

struct Decoder {
  std::string_view type;
  Result<Message> (*decode)(const json& object);
};
constexpr Decoder kDecoders[] = {
    {"configure", decode_configure},
    {"stop", decode_stop},
    {"drain", decode_drain},
    {"reload", decode_reload},
    {"reloaded", decode_reloaded},
    {"log_level", decode_log_level},
    {"ready", decode_ready},
    {"reopen_logs", decode_reopen_logs},
    {"publish", decode_publish},
    {"question", decode_question},
    {"answer", decode_answer},
    {"events", decode_events},
    {"ask", decode_ask},
    {"told", decode_told},
};

}  // namespace

std::string encode(const Message& message) {
  json object = std::visit([](const auto& each) { return to_object(each); }, message);
  // `replace`: an argument of the operator's may hold any byte, and dump() must not throw.
  return object.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

Result<Message> decode(std::string_view line) {
  json object = json::parse(line, nullptr, false);
  if (!object.is_object()) return bad("not a JSON object");
  NXB_TRY(auto type, text(object, "type"));
  for (const Decoder& decoder : kDecoders) {
    if (type == decoder.type) return decoder.decode(object);
  }
  return bad("unknown type");
}

Status LineReader::feed(std::string_view bytes) {
  std::size_t from = 0;
  for (auto end = bytes.find('\n'); end != std::string_view::npos; end = bytes.find('\n', from)) {
    if (unfinished_ + (end - from) > longest_) return Error{Code::TooLarge, "line too long"};
    unfinished_ = 0;
    from = end + 1;
  }
  unfinished_ += bytes.size() - from;
  if (unfinished_ > longest_) return Error{Code::TooLarge, "line too long"};
  buffer_.append(bytes);
  return Done{};
}

bool LineReader::next(std::string& line) {
  auto end = buffer_.find('\n', start_);
  if (end == std::string::npos) {
    buffer_.erase(0, start_);  // once per batch of lines, not once per line
    start_ = 0;
    return false;
  }
  line.assign(buffer_, start_, end - start_);
  start_ = end + 1;
  return true;
}

}  // namespace nxb::ipc
