// tests/scenario/wire.cc - see wire.h.
// SPDX-License-Identifier: MIT
#include "wire.h"

#include <array>

namespace nxb::scenario {

namespace {

constexpr std::string_view kBosh = "http://jabber.org/protocol/httpbind";
constexpr std::string_view kXbosh = "urn:xmpp:xbosh";
constexpr std::string_view kClient = "jabber:client";
constexpr std::string_view kStreams = "http://etherx.jabber.org/streams";
constexpr std::string_view kSasl = "urn:ietf:params:xml:ns:xmpp-sasl";
constexpr std::string_view kStreamErrors = "urn:ietf:params:xml:ns:xmpp-streams";

bool one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::ranges::find(names, name) != names.end();
}

bool is_sasl(std::string_view name) {
  return one_of(name, {"auth", "challenge", "response", "success", "failure", "abort"});
}

// The namespace that a name has unless the scenario says otherwise.
std::string_view usual_namespace(std::string_view name) {
  if (one_of(name, {"message", "presence", "iq"})) return kClient;
  if (one_of(name, {"features", "error"})) return kStreams;
  return is_sasl(name) ? kSasl : std::string_view();
}

std::string wire_name(std::string_view key) {
  if (key == "lang") return "xml:lang";
  if (key == "version") return "xmpp:version";
  return std::string(key == "restart" ? "xmpp:restart" : key);
}

std::string mechanisms(std::string_view names) {
  std::string out = "<mechanisms xmlns='" + std::string(kSasl) + "'>";
  for (std::size_t at = 0; at < names.size();) {
    std::size_t end = std::min(names.find(',', at), names.size());
    out += "<mechanism>" + std::string(names.substr(at, end - at)) + "</mechanism>";
    at = end + 1;
  }
  return out + "</mechanisms>";
}

}  // namespace

std::optional<std::string> filled_in(std::string_view text, const Values& values) {
  auto saved = [&](std::string_view name) { return values.find(std::string(name)); };
  if (text.starts_with('@') && !text.starts_with("@{")) {
    auto at = saved(text.substr(1));
    return at == values.end() ? std::nullopt : std::optional(at->second);
  }
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t open = text.find("@{", at);
    std::size_t close = open == std::string_view::npos ? open : text.find('}', open);
    if (close == std::string_view::npos) return out + std::string(text.substr(at));
    auto value = saved(text.substr(open + 2, close - open - 2));
    if (value == values.end()) return std::nullopt;
    out += std::string(text.substr(at, open - at)) + value->second;
    at = close + 1;
  }
  return out;
}

// --- writing ---

std::string write_body(const Arguments& attributes, std::string_view payloads) {
  std::string out = "<body xmlns='" + std::string(kBosh) + "' xmlns:xmpp='" + std::string(kXbosh) + "'";
  for (const auto& [key, value] : attributes) {
    if (!one_of(key, {"as", "on", "conn"}) && !value.empty()) xml::append_attribute(out, wire_name(key), value);
  }
  if (payloads.empty()) return out + "/>";
  return out + ">" + std::string(payloads) + "</body>";
}

std::string write_sent(const Step& step) {
  std::string name(step.word(0)), inner, attributes;
  if (step.words[0].quoted) {  // as it stands
    for (const Word& word : step.words) inner += word.quoted ? word.text : "";
    return inner;
  }
  for (const Word& word : step.words) inner += word.quoted ? word.text : "";
  for (const auto& [key, value] : step.arguments) {
    if (key == "body") {
      inner += "<body>";
      xml::append_escaped(inner, value);
      inner += "</body>";
    } else if (key == "mechanisms") {
      inner += mechanisms(value);
    } else if (key == "text") {
      xml::append_escaped(inner, value);
    } else {
      xml::append_attribute(attributes, key, value);
    }
  }
  if (name == "error") {
    return "<stream:error><" + std::string(step.word(1)) + " xmlns='" + std::string(kStreamErrors) +
           "'/></stream:error>";
  }
  if (name == "features") name = "stream:features";
  if (is_sasl(name) && !step.find("xmlns")) xml::append_declaration(attributes, "", kSasl);
  return "<" + name + attributes + (inner.empty() ? "/>" : ">" + inner + "</" + name + ">");
}

std::string write_stream_header(const Arguments& attributes, std::string_view domain, int number) {
  std::string out =
      "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='" + std::string(kStreams) + "'";
  auto add = [&](std::string_view name, std::string_view usual) {
    const std::string* given = find(attributes, name);
    if (!given || !given->empty()) xml::append_attribute(out, name, given ? std::string_view(*given) : usual);
  };
  add("from", domain);
  add("id", "stream-" + std::to_string(number));
  add("version", "1.0");
  for (const auto& [key, value] : attributes) {
    if (!one_of(key, {"from", "id", "version"})) xml::append_attribute(out, key, value);
  }
  return out + ">";
}

// --- reading ---

namespace {

// The index behind the `>` of the tag that begins at `at`, which may hold quotes; npos when it is not complete.
std::size_t tag_end(std::string_view text, std::size_t at) {
  char quote = 0;
  for (; at < text.size(); ++at) {
    char c = text[at];
    if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '>') {
      return at + 1;
    }
  }
  return std::string_view::npos;
}

}  // namespace

std::optional<Piece> take_piece(std::string& bytes) {
  bytes.erase(0, std::min(bytes.find_first_not_of(" \t\r\n"), bytes.size()));
  std::string_view text = bytes;
  int depth = 0;
  bool header = false;
  for (std::size_t at = 0; at < text.size();) {
    at = text.find('<', at);
    if (at == std::string_view::npos) return std::nullopt;
    bool cdata = text.substr(at).starts_with("<![CDATA[");
    std::size_t end = cdata ? text.find("]]>", at) : tag_end(text, at);
    if (end == std::string_view::npos) return std::nullopt;
    std::string_view tag = text.substr(at, end - at);
    if (tag.starts_with("<stream:stream")) header = true;
    if (!cdata && !tag.starts_with("<?")) depth += tag.starts_with("</") ? -1 : tag.ends_with("/>") ? 0 : 1;
    at = end;
    if (cdata || tag.starts_with("<?") || (depth > 0 && !header)) continue;
    auto kind = header ? Piece::Kind::Header : depth < 0 ? Piece::Kind::End : Piece::Kind::Element;
    Piece piece{kind, std::string(text.substr(0, end))};
    bytes.erase(0, end);
    return piece;
  }
  return std::nullopt;
}

Result<xml::Node> read_element(xml::Pool& pool, std::string_view text) {
  std::string inside = "<stream:stream xmlns='jabber:client' xmlns:stream='" + std::string(kStreams) + "'>" +
                       std::string(text) + "</stream:stream>";
  NXB_TRY(auto root, xml::read_tree(pool, inside, 5));
  if (root.children.empty()) return Error{Code::BadInput, "not an element"};
  return std::move(root.children.front());
}

Result<xml::Node> read_header(xml::Pool& pool, std::string_view text) {
  text.remove_prefix(std::min(text.find("<stream:stream"), text.size()));
  return xml::read_tree(pool, std::string(text) + "</stream:stream>", 1);
}

namespace {

std::string text_in(const xml::Node& node, std::string_view child) {
  for (const auto& one : node.children) {
    if (one.local == child) return one.text;
  }
  return "(none)";
}

std::string mechanisms_of(const xml::Node& node) {
  std::string out;
  for (const auto& child : node.children) {
    if (child.local != "mechanisms") continue;
    for (const auto& one : child.children) out += (out.empty() ? "" : ",") + one.text;
  }
  return out;
}

const xml::Attribute* attribute_of(const xml::Node& node, std::string_view key) {
  std::string name = wire_name(key == "restartlogic" ? "xmpp:restartlogic" : key);
  if (node.local != "body" && key == "version") name = "version";
  auto colon = name.find(':');
  std::string_view local =
      colon == std::string::npos ? std::string_view(name) : std::string_view(name).substr(colon + 1);
  std::string_view ns;
  if (name.starts_with("xml:")) ns = "http://www.w3.org/XML/1998/namespace";
  if (name.starts_with("xmpp:")) ns = kXbosh;
  for (const auto& one : node.attributes) {
    if (one.local == local && one.ns == ns) return &one;
  }
  return nullptr;
}

std::string absent_difference(const xml::Node& node, std::string_view names) {
  for (std::size_t at = 0; at < names.size();) {
    std::size_t end = std::min(names.find(',', at), names.size());
    auto name = names.substr(at, end - at);
    if (attribute_of(node, name)) return std::string(name) + " is there";
    at = end + 1;
  }
  return {};
}

}  // namespace

std::string compare(std::string_view what, std::string_view got, std::string_view wanted, Values& values) {
  std::string expected(wanted);
  if (wanted.starts_with('@')) {
    auto [at, fresh] = values.try_emplace(std::string(wanted.substr(1)), got);
    if (fresh) return {};
    expected = at->second;
  }
  if (got == expected) return {};
  return std::string(what) + " is \"" + std::string(got) + "\", not \"" + expected + "\"";
}

std::string difference(const xml::Node& node, std::string_view raw, std::string_view name, const Arguments& wanted,
                       Values& values) {
  if (node.local != name) return "it is <" + node.local + "/>, not <" + std::string(name) + "/>";
  std::string_view ns = usual_namespace(name);
  if (const std::string* given = find(wanted, "xmlns")) ns = *given;
  if (!ns.empty() && node.ns != ns) return "its namespace is " + node.ns;
  for (const auto& [key, value] : wanted) {
    std::string why;
    if (key == "body" || key == "text") {
      why = compare(key, key == "text" ? node.text : text_in(node, "body"), value, values);
    } else if (key == "mechanisms") {
      why = compare(key, mechanisms_of(node), value, values);
    } else if (key == "contains") {
      if (raw.find(value) == std::string_view::npos) why = "it does not contain " + value;
    } else if (key == "lacks") {
      if (raw.find(value) != std::string_view::npos) why = "it contains " + value;
    } else if (key == "absent") {
      why = absent_difference(node, value);
    } else if (key != "xmlns") {
      const auto* attribute = attribute_of(node, key);
      why = attribute ? compare(key, attribute->value, value, values) : key + " is missing";
    }
    if (!why.empty()) return why;
  }
  return {};
}

}  // namespace nxb::scenario
