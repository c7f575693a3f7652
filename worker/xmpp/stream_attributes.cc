// worker/xmpp/stream_attributes.cc - see stream_attributes.h.
// SPDX-License-Identifier: MIT
#include "worker/xmpp/stream_attributes.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "worker/xml/reader.h"

namespace nxb::xmpp {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxJson = 32 * kMaxStreamAttribute;

bool may_be_set(const std::string& name) {
  static constexpr std::array<std::string_view, 4> kOurs{"to", "from", "version", "id"};
  return !name.starts_with("xmlns") && std::ranges::find(kOurs, name) == kOurs.end() && xml::is_ncname(name);
}

// JSON can spell characters that XML has not: controls, U+FFFE and U+FFFF.
bool is_value(std::string_view text) {
  auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 && !xml::is_space(c); };
  return text.size() <= kMaxStreamAttribute && std::ranges::none_of(text, control) &&
         text.find("\xEF\xBF\xBE") == std::string_view::npos && text.find("\xEF\xBF\xBF") == std::string_view::npos;
}

// What is nested is not even built: the library copies it by recursion, as deep as the client has nested it.
bool is_flat(int depth, Json::parse_event_t event, Json& /*parsed*/) {
  using Event = Json::parse_event_t;
  return event != Event::array_start && (event != Event::object_start || depth == 0);
}

}  // namespace

StreamAttributes parse_stream_attributes(std::string_view json) {
  StreamAttributes attributes;
  if (json.empty() || json.size() > kMaxJson) return attributes;
  const Json object = Json::parse(json, is_flat, false);
  if (!object.is_object()) return attributes;
  for (const auto& [name, value] : object.items()) {
    if (attributes.size() == kMaxStreamAttributes) break;
    const auto* text = value.get_ptr<const std::string*>();
    if (text && may_be_set(name) && is_value(*text)) attributes.emplace_back(name, *text);
  }
  return attributes;
}

}  // namespace nxb::xmpp
