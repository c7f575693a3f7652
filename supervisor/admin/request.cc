// supervisor/admin/request.cc - see request.h.
// SPDX-License-Identifier: MIT
#include "supervisor/admin/request.h"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>

#include "common/base/secret.h"
#include "common/base/text.h"

namespace nxb::supervisor::admin {
namespace {

using Json = nlohmann::json;

#define NXB_ADMIN_NAME(name, help) std::string_view(#name),
constexpr std::string_view kNames[] = {NXB_ADMIN_COMMANDS(NXB_ADMIN_NAME)};
#undef NXB_ADMIN_NAME

enum class Must : std::uint8_t { Needed, Optional, Flag };
struct Argument {
  Command of;
  std::string_view name;
  Must must;
};
#define NXB_ADMIN_ARGUMENT(of, name, spelling, must, help) Argument{Command::of, #name, Must::must},
constexpr Argument kArguments[] = {NXB_ADMIN_ARGUMENTS(NXB_ADMIN_ARGUMENT)};
#undef NXB_ADMIN_ARGUMENT

Error bad(std::string why) { return Error{Code::BadInput, std::move(why)}; }

std::string_view name_of(Command command) { return kNames[static_cast<std::size_t>(command)]; }

std::string listed(std::string& text, std::string_view name) {
  return text += (text.empty() ? "" : ", ") + std::string(name);
}

std::string arguments_of(Command command) {
  std::string names;
  for (const Argument& argument : kArguments) {
    if (argument.of == command) listed(names, argument.name);
  }
  return names.empty() ? "there are none" : "there are: " + names;
}

Status take_argument(const std::string& name, const Json& value, Request& request) {
  auto known = std::ranges::any_of(
      kArguments, [&](const Argument& argument) { return argument.of == request.command && argument.name == name; });
  std::string of = "of " + std::string(name_of(request.command));
  if (!known)
    return bad("unknown argument \"" + name.substr(0, 32) + "\" " + of + "; " + arguments_of(request.command));
  if (!value.is_string() || value.get_ref<const std::string&>().empty()) {
    return bad("argument \"" + name + "\" " + of + " is not a string, or empty");
  }
  request.arguments.emplace(name, value.get<std::string>());
  return Done{};
}

std::optional<Command> command_named(std::string_view name) {
  auto at = std::ranges::find(kNames, name);
  if (at == std::end(kNames)) return std::nullopt;
  return static_cast<Command>(at - std::begin(kNames));
}

}  // namespace

bool is_snapshot(Command command) {
#define NXB_ADMIN_ROW(name, help) +1
  constexpr std::size_t kSnapshots = 0 NXB_ADMIN_SNAPSHOTS(NXB_ADMIN_ROW);
#undef NXB_ADMIN_ROW
  return static_cast<std::size_t>(command) < kSnapshots;  // they are the first rows
}

bool is_setting(Command command) {
  switch (command) {
#define NXB_ADMIN_ROW(name, help) case Command::name:
    NXB_ADMIN_SETTINGS(NXB_ADMIN_ROW)
#undef NXB_ADMIN_ROW
    return true;
    default:
      return false;
  }
}

std::string Request::argument(std::string_view name) const {
  auto at = arguments.find(name);
  return at == arguments.end() ? std::string() : at->second;
}

Result<Request> parse_request(std::string_view line) {
  Json object = Json::parse(line.begin(), line.end(), nullptr, false);
  if (!object.is_object()) return bad("a request is one JSON object on one line, like {\"command\":\"status\"}");
  auto name = object.find("command");
  if (name == object.end() || !name->is_string()) return bad("\"command\" is missing or not a string");
  auto command = command_named(name->get_ref<const std::string&>());
  if (!command) {
    std::string names;
    for (std::string_view each : kNames) listed(names, each);
    return bad("unknown command; there are: " + names);
  }
  Request request;
  request.command = *command;
  for (const auto& [key, value] : object.items()) {
    if (key == "command") continue;
    NXB_TRY([[maybe_unused]] auto taken, take_argument(key, value, request));
  }
  for (const Argument& argument : kArguments) {
    if (argument.of != request.command || argument.must != Must::Needed) continue;
    if (request.argument(argument.name).empty()) {
      return bad(std::string(name_of(request.command)) + " needs \"" + std::string(argument.name) + '"');
    }
  }
  return request;
}

bool is_sid(std::string_view text) {
  constexpr std::size_t kSidLength = 24;
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  return text.size() == kSidLength && text.find_first_not_of(kLetters) == std::string_view::npos;
}

Result<std::string> parse_sid(std::string_view text) {
  if (is_sid(text)) return std::string(text);
  std::string name = lowered(text);
  if (is_short_hash(name)) return name;
  return bad("never issued here: a sid has 24 letters, digits, - or _; its short form in the log 8 of 0-9a-f");
}

}  // namespace nxb::supervisor::admin
