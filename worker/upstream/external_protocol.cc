// worker/upstream/external_protocol.cc - see external_protocol.h. nlohmann's exceptions cannot leave this file: parsing is
// told not to throw, and every value is asked for its type before it is taken.
// SPDX-License-Identifier: MIT
#include "worker/upstream/external_protocol.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace nxb::upstream::external {
namespace {

using Json = nlohmann::ordered_json;

std::string line(const Json& object) {
  // `replace`: what is in it was checked to be UTF-8 where it came in; dump() must not throw anyway.
  return object.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json message(const char* type, StreamId stream) { return {{"type", type}, {"stream", stream.value}}; }

std::string with_elements(const char* type, StreamId stream, const std::vector<xmpp::Stanza>& elements) {
  Json object = message(type, stream);
  Json& list = object["elements"] = Json::array();
  for (const xmpp::Stanza& element : elements) list.push_back(element.bytes);
  return line(object);
}

// --- reading ---

Error bad(const std::string& why) { return Error{Code::BadInput, why}; }

// Lists of strings are the deepest there is; what is nested deeper is not even built.
bool is_shallow(int depth, Json::parse_event_t event, Json& /*parsed*/) {
  using Event = Json::parse_event_t;
  return (event != Event::array_start && event != Event::object_start) || depth <= 1;
}

// JSON can spell characters that XML has not: controls, U+FFFE and U+FFFF.
bool is_value(std::string_view text) {
  auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r'; };
  return text.size() <= kMaxAttribute && std::ranges::none_of(text, control) &&
         text.find("\xEF\xBF\xBE") == std::string_view::npos && text.find("\xEF\xBF\xBF") == std::string_view::npos;
}

// A missing member and null are the same.
const Json* member(const Json& object, const char* name) {
  auto at = object.find(name);
  return at == object.end() || at->is_null() ? nullptr : &*at;
}

Result<std::uint64_t> number(const Json& object, const char* name, std::uint64_t most) {
  const Json* value = member(object, name);
  if (!value || !value->is_number_unsigned()) return bad(std::string(name) + " is missing or not a number");
  auto taken = value->get<std::uint64_t>();
  if (taken > most) return bad(std::string(name) + " is too large");
  return taken;
}

Result<StreamId> stream_of(const Json& object) {
  NXB_TRY(auto value, number(object, "stream", ~std::uint64_t{0}));
  return StreamId{value};
}

Result<std::string> xml_in(const Json& object, const char* name) {
  const Json* value = member(object, name);
  if (!value) return std::string();
  if (!value->is_string()) return bad(std::string(name) + " is not a string");
  return value->get<std::string>();
}

Result<std::optional<std::string>> attribute_in(const Json& object, const char* name) {
  NXB_TRY(auto text, xml_in(object, name));
  if (!member(object, name)) return std::optional<std::string>();
  if (!is_value(text)) return bad(std::string(name) + " is too long, or no text for an attribute");
  return std::optional<std::string>(std::move(text));
}

Status read_header(const Json& object, Header& header) {
  NXB_TRY(header.stream, stream_of(object));
  NXB_TRY(header.from, attribute_in(object, "from"));
  NXB_TRY(auto id, attribute_in(object, "id"));
  NXB_TRY(auto lang, attribute_in(object, "lang"));
  NXB_TRY(auto version, attribute_in(object, "version"));
  NXB_TRY(header.features, xml_in(object, "features"));
  header.id = id.value_or("");
  header.lang = lang.value_or("");
  header.version = version.value_or("1.0");
  return Done{};
}

template <class Message>
Result<FromProgram> read_header(const Json& object) {
  Message out;
  NXB_TRY([[maybe_unused]] auto done, read_header(object, out));
  return FromProgram{std::move(out)};
}

Result<FromProgram> read_hello(const Json& object) {
  Hello out;
  NXB_TRY(auto version, number(object, "version", ~std::uint32_t{0}));
  NXB_TRY(auto name, attribute_in(object, "name"));
  out.version = static_cast<std::uint32_t>(version);
  out.name = name.value_or("");
  return FromProgram{std::move(out)};
}

Result<FromProgram> read_response(const Json& object) {
  Response out;
  NXB_TRY(out.stream, stream_of(object));
  const Json* list = member(object, "elements");
  if (!list || !list->is_array()) return bad("elements is missing or not a list");
  if (list->size() > kMaxElements) return bad("elements has too many of them");
  for (const Json& element : *list) {
    if (!element.is_string()) return bad("elements has one that is not a string");
    out.elements.push_back(element.get<std::string>());
  }
  return FromProgram{std::move(out)};
}

// Only what the protocol has (B-105); see-other-uri would need a URI.
bosh::Condition condition_named(std::string_view name) {
#define NXB_CONDITION_VALUE(value, wire) bosh::Condition::value,
  static constexpr std::array kAll{NXB_CONDITIONS(NXB_CONDITION_VALUE)};
#undef NXB_CONDITION_VALUE
  const auto* at = std::ranges::find(kAll, name, &bosh::wire_name);
  return at == kAll.end() || *at == bosh::Condition::SeeOtherUri ? bosh::Condition::UndefinedCondition : *at;
}

Result<FromProgram> read_terminate(const Json& object) {
  Terminate out;
  NXB_TRY(out.stream, stream_of(object));
  NXB_TRY(auto condition, attribute_in(object, "condition"));
  NXB_TRY(out.error, xml_in(object, "error"));
  if (condition) out.condition = condition_named(*condition);
  return FromProgram{std::move(out)};
}

}  // namespace

std::string hello(std::uint32_t worker) { return line({{"type", "hello"}, {"version", kVersion}, {"worker", worker}}); }

std::string stream_add(StreamId stream, std::string_view domain, const StreamSpec& spec) {
  Json object = message("stream-add", stream);
  object["to"] = domain;
  object["lang"] = spec.lang;
  object["xmpp_version"] = spec.xmpp_version.empty() ? "1.0" : spec.xmpp_version;
  object["from"] = spec.from;
  object["client"] = spec.client_address;
  object["client_port"] = spec.client_port;
  object["session"] = spec.session;
  object["ua"] = spec.ua;
  return line(object);
}

std::string stream_terminate(StreamId stream, std::string_view why) {
  Json object = message("stream-terminate", stream);
  object["why"] = why;
  return line(object);
}

std::string stream_restart(StreamId stream, const Attributes& attributes) {
  Json object = message("stream-restart", stream);
  Json& attrs = object["attrs"] = Json::object();
  for (const auto& [name, value] : attributes) attrs[name] = value;
  return line(object);
}

std::string nodes(StreamId stream, const std::vector<xmpp::Stanza>& elements) {
  return with_elements("nodes", stream, elements);
}

std::string no_client(StreamId stream, const std::vector<xmpp::Stanza>& elements) {
  return with_elements("no-client", stream, elements);
}

std::string response_acknowledged(StreamId stream, std::uint32_t count) {
  Json object = message("response-acknowledged", stream);
  object["count"] = count;
  return line(object);
}

std::string pause(StreamId stream) { return line(message("pause", stream)); }

std::string resume(StreamId stream) { return line(message("resume", stream)); }

Result<FromProgram> decode(std::string_view text) {
  const Json object = Json::parse(text, is_shallow, false);
  if (!object.is_object()) return bad("not a JSON object");
  const Json* type = member(object, "type");
  if (!type || !type->is_string()) return bad("type is missing or not a string");
  const auto& name = type->get_ref<const std::string&>();
  if (name == "hello") return read_hello(object);
  if (name == "stream-added") return read_header<StreamAdded>(object);
  if (name == "stream-restarted") return read_header<StreamRestarted>(object);
  if (name == "response") return read_response(object);
  if (name == "terminate") return read_terminate(object);
  return bad("unknown type");
}

}  // namespace nxb::upstream::external
