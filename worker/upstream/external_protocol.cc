// worker/upstream/external_protocol.cc - see external_protocol.h. nlohmann's exceptions cannot leave this file: parsing is
// told not to throw, and every value is asked for its type before it is taken.
// SPDX-License-Identifier: MIT
#include "worker/upstream/external_protocol.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace nxb::upstream::external {
namespace {

using Json = nlohmann::json;                 // read: members are found by search, not by a walk
using OrderedJson = nlohmann::ordered_json;  // written: few members, always in the same order

std::string line(const OrderedJson& object) {
  // `replace`: what is in it was checked to be UTF-8 where it came in; dump() must not throw anyway.
  return object.dump(-1, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

OrderedJson message(const char* type, StreamId stream) { return {{"type", type}, {"stream", stream.value}}; }

std::string with_elements(const char* type, StreamId stream, const std::vector<xmpp::Stanza>& elements) {
  OrderedJson object = message(type, stream);
  OrderedJson& list = object["elements"] = OrderedJson::array();
  for (const xmpp::Stanza& element : elements) list.push_back(element.bytes);
  return line(object);
}

// --- reading ---

Error bad(const std::string& why) { return Error{Code::BadInput, why}; }

// Builds a message and stops where it becomes larger than any that is needed: whatever a line holds, the work is bounded.
// (A parser callback would not do: it cannot stop, and each value that it refuses costs a walk over those before.)
class Builder : public nlohmann::detail::json_sax_dom_parser<Json> {
  using Base = nlohmann::detail::json_sax_dom_parser<Json>;

 public:
  explicit Builder(Json& out) : Base(out, false) {}
  const char* why() const { return why_; }

  bool key(std::string& name) { return may(++members_ <= kMaxMembers, "too many members") && Base::key(name); }
  bool start_object(std::size_t size) { return may_begin() && Base::start_object(size); }
  bool start_array(std::size_t size) { return may_begin() && Base::start_array(size); }
  bool end_object() { return --levels_, Base::end_object(); }
  bool end_array() { return --levels_, Base::end_array(); }
  bool null() { return may_add() && Base::null(); }
  bool boolean(bool value) { return may_add() && Base::boolean(value); }
  bool number_integer(std::int64_t value) { return may_add() && Base::number_integer(value); }
  bool number_unsigned(std::uint64_t value) { return may_add() && Base::number_unsigned(value); }
  bool number_float(double value, const std::string& text) { return may_add() && Base::number_float(value, text); }
  bool string(std::string& value) { return may_add() && Base::string(value); }

 private:
  bool may(bool allowed, const char* otherwise) {
    if (!allowed) why_ = otherwise;
    return allowed;
  }
  bool may_add() { return may(++values_ <= kMaxElements + kMaxMembers, "too many values"); }
  bool may_begin() { return may_add() && may(++levels_ <= kMaxLevels, "nested too deeply"); }

  std::size_t members_ = 0, values_ = 0, levels_ = 0;
  const char* why_ = "not a JSON object";
};

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
  OrderedJson object = message("stream-add", stream);
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
  OrderedJson object = message("stream-terminate", stream);
  object["why"] = why;
  return line(object);
}

std::string stream_restart(StreamId stream, const Attributes& attributes) {
  OrderedJson object = message("stream-restart", stream);
  OrderedJson& attrs = object["attrs"] = OrderedJson::object();
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
  OrderedJson object = message("response-acknowledged", stream);
  object["count"] = count;
  return line(object);
}

std::string pause(StreamId stream) { return line(message("pause", stream)); }

std::string resume(StreamId stream) { return line(message("resume", stream)); }

Result<FromProgram> decode(std::string_view text) {
  Json object;
  Builder builder(object);
  if (!Json::sax_parse(text, &builder) || !object.is_object()) return bad(builder.why());
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
