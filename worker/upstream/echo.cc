// worker/upstream/echo.cc
// SPDX-License-Identifier: MIT
#include "worker/upstream/echo.h"

#include <optional>
#include <utility>

#include "common/base/secret.h"

namespace nxb::upstream {
namespace {

constexpr std::string_view kClient = "jabber:client";
constexpr std::string_view kSasl = "urn:ietf:params:xml:ns:xmpp-sasl";
constexpr std::string_view kBind = "urn:ietf:params:xml:ns:xmpp-bind";
constexpr std::string_view kSession = "urn:ietf:params:xml:ns:xmpp-session";
constexpr std::string_view kManagement = "urn:xmpp:sm:3";
constexpr std::string_view kTls = "urn:ietf:params:xml:ns:xmpp-tls";
constexpr std::uint32_t kDepth = 4;  // wrapper, iq, bind, resource

std::string element(std::string_view name, std::string_view ns, std::string_view inside = {}) {
  std::string out = "<" + std::string(name);
  xml::append_declaration(out, "", ns);
  if (inside.empty()) return out + "/>";
  return out + ">" + std::string(inside) + "</" + std::string(name) + ">";
}

std::optional<std::string> from_base64(std::string_view text) {
  std::string out;
  std::uint32_t bits = 0;
  int count = 0;
  for (char c : text) {
    std::uint32_t value = 0;
    if (c == '=' || xml::is_space(c)) continue;
    if (c >= 'A' && c <= 'Z')
      value = static_cast<std::uint32_t>(c - 'A');
    else if (c >= 'a' && c <= 'z')
      value = static_cast<std::uint32_t>(c - 'a' + 26);
    else if (c >= '0' && c <= '9')
      value = static_cast<std::uint32_t>(c - '0' + 52);
    else if (c == '+' || c == '/')
      value = c == '+' ? 62 : 63;
    else
      return std::nullopt;
    bits = (bits << 6) | value;
    if ((count += 6) >= 8) out += static_cast<char>((bits >> (count -= 8)) & 0xFF);
  }
  return out;
}

// authzid NUL authcid NUL password (RFC 4616); nothing if it has another form or an empty user name.
std::optional<std::string> user_of_plain(std::string_view encoded) {
  auto text = from_base64(encoded);
  if (!text) return std::nullopt;
  auto first = text->find('\0');
  auto second = first == std::string::npos ? first : text->find('\0', first + 1);
  if (second == std::string::npos || second == first + 1) return std::nullopt;
  std::string user = text->substr(first + 1, second - first - 1);
  return user.find_first_of("@/<>&'\" ") == std::string::npos ? std::optional(user) : std::nullopt;
}

// One attribute of a start tag, as written: its name and where it begins and ends, the space before it included.
struct RawAttribute {
  std::string_view name;
  std::size_t begin, end;
};
// `tag` is well-formed and begins with '<'. `at` moves on; nothing more: at the '/' or '>' that ends the tag.
std::optional<RawAttribute> next_attribute(std::string_view tag, std::size_t& at) {
  std::size_t begin = at;
  while (at < tag.size() && xml::is_space(tag[at])) ++at;
  if (at >= tag.size() || tag[at] == '>' || tag[at] == '/') return std::nullopt;
  std::size_t equals = tag.find('=', at);
  std::size_t open = tag.find_first_of("'\"", at);
  if (equals == std::string_view::npos || open == std::string_view::npos) return std::nullopt;
  std::string_view name = tag.substr(at, equals - at);
  while (!name.empty() && xml::is_space(name.back())) name.remove_suffix(1);
  std::size_t close = tag.find(tag[open], open + 1);
  if (close == std::string_view::npos) return std::nullopt;
  at = close + 1;
  return RawAttribute{name, begin, at};
}

// The element with `from` and `to` replaced and its namespace declared; all else byte for byte.
std::string redirected(std::string_view raw, std::string_view from, std::string_view to) {
  std::size_t at = raw.find_first_of(" \t\r\n/>");
  std::string out(raw.substr(0, at));
  std::string kept;
  bool namespaced = raw.substr(0, at).find(':') != std::string_view::npos;
  while (auto attribute = next_attribute(raw, at)) {
    namespaced = namespaced || attribute->name == "xmlns";
    if (attribute->name != "from" && attribute->name != "to") {
      kept += raw.substr(attribute->begin, attribute->end - attribute->begin);
    }
  }
  if (!namespaced) xml::append_declaration(out, "", kClient);
  xml::append_attribute(out, "from", from);
  xml::append_attribute(out, "to", to);
  out += kept;
  return out + std::string(raw.substr(at));
}

}  // namespace

void Echo::open(const StreamSpec& spec) {
  story_ = {spec.session, spec.client_address, spec.domain, {}, {}};
  Choice choice = policy_.choose(spec.domain);
  if (choice.refusal.condition != bosh::Condition::None) {
    return finish(Closed{choice.refusal.condition, {}, choice.refusal.why, Stage::Policy});
  }
  domain_ = story_.domain = choice.domain.jid;
  counters_.add(stats::Counter::streams_opened);
  counters_.observe(stats::Histogram::upstream_connect, Duration::zero());  // nobody is waited for
  begin_stream();
}

void Echo::restart(std::string_view /*stream_attrs*/) {
  if (!closed_) begin_stream();
}

void Echo::begin_stream() {
  events_.on_stream_event(id_, Opened{random_token(12), "1.0", domain_});
  std::string inside;
  if (user_.empty()) {
    inside = element("mechanisms", kSasl, "<mechanism>PLAIN</mechanism><mechanism>ANONYMOUS</mechanism>");
  } else {
    inside = element("bind", kBind) + element("session", kSession, "<optional/>");
  }
  reply(xmpp::Kind::Features,
        "<stream:features xmlns:stream='http://etherx.jabber.org/streams'>" + inside + "</stream:features>");
  flush();
}

void Echo::send(std::string_view elements) {
  if (closed_) return;
  if (held_bytes_ > kMaxUnsent)
    return finish(Closed{bosh::Condition::PolicyViolation, {}, "the client does not collect"});
  counters_.add(stats::Counter::bytes_to_servers, elements.size());
  std::string wrapped = element("stream", kClient, elements);
  auto tree = xml::read_tree(pool_, wrapped, kDepth);
  if (!tree) return end_with_error("not-well-formed");
  for (const xml::Node& child : tree->children) {
    if (closed_) return;
    take(child, std::string_view(wrapped).substr(child.begin, child.end - child.begin));
  }
  flush();
}

void Echo::take(const xml::Node& node, std::string_view raw) {
  if (node.ns == kTls) return;  // B-104
  if (node.ns == kSasl && node.local == "auth" && user_.empty()) return take_auth(node);
  if (node.ns == kManagement) {
    return reply(xmpp::Kind::Other, element("failed", kManagement,
                                            "<feature-not-implemented xmlns="
                                            "'urn:ietf:params:xml:ns:xmpp-stanzas'/>"));
  }
  bool stanza = node.ns == kClient && (node.local == "iq" || node.local == "message" || node.local == "presence");
  if (!stanza) return end_with_error("unsupported-stanza-type");
  if (user_.empty() || (full_jid_.empty() && node.local != "iq")) return end_with_error("not-authorized");
  if (node.local == "iq") return take_iq(node);
  node.local == "message" ? take_message(node, raw) : take_presence(node, raw);
}

void Echo::take_auth(const xml::Node& auth) {
  std::string_view mechanism = auth.attribute("mechanism");
  std::string failure;
  if (mechanism == "ANONYMOUS") {
    user_ = "anon-" + random_token(9);
  } else if (mechanism == "PLAIN") {
    auto user = user_of_plain(auth.text);
    user ? user_ = *std::move(user) : failure = "<malformed-request/>";
  } else {
    failure = "<invalid-mechanism/>";
  }
  reply(xmpp::Kind::Other, failure.empty() ? element("success", kSasl) : element("failure", kSasl, failure));
}

void Echo::take_iq(const xml::Node& iq) {
  std::string_view type = iq.attribute("type");
  if (type != "get" && type != "set") return;  // an answer to nothing (U-61)
  if (type == "set") {
    if (const auto* request = iq.child("bind", kBind)) return bind(iq, *request);
    if (iq.child("session", kSession)) return answer(iq, {});
  } else {
    if (iq.child("query", "jabber:iq:roster")) return answer(iq, element("query", "jabber:iq:roster"));
    if (iq.child("ping", "urn:xmpp:ping")) return answer(iq, {});
    if (iq.child("query", "http://jabber.org/protocol/disco#info")) {
      return answer(iq, element("query", "http://jabber.org/protocol/disco#info",
                                "<identity category='server' type='im' name='nxb echo'/>"
                                "<feature var='http://jabber.org/protocol/disco#info'/>"
                                "<feature var='urn:xmpp:ping'/>"));
    }
  }
  refuse(iq);
}

void Echo::bind(const xml::Node& iq, const xml::Node& request) {
  const auto* wanted = request.child("resource", kBind);
  std::string resource = wanted && !wanted->text.empty() ? wanted->text : random_token(9);
  full_jid_ = bare_jid() + "/" + resource;
  std::string jid = "<jid>";
  xml::append_escaped(jid, full_jid_);
  answer(iq, element("bind", kBind, jid + "</jid>"));
}

void Echo::answer(const xml::Node& iq, std::string_view payload) {
  std::string out = "<iq";
  xml::append_declaration(out, "", kClient);
  xml::append_attribute(out, "type", "result");
  xml::append_attribute(out, "id", iq.attribute("id"));
  if (!iq.attribute("to").empty()) xml::append_attribute(out, "from", iq.attribute("to"));
  if (!full_jid_.empty()) xml::append_attribute(out, "to", full_jid_);
  reply(xmpp::Kind::Iq, out + ">" + std::string(payload) + "</iq>");
}

void Echo::refuse(const xml::Node& iq) {
  std::string out = "<iq";
  xml::append_declaration(out, "", kClient);
  xml::append_attribute(out, "type", "error");
  xml::append_attribute(out, "id", iq.attribute("id"));
  if (!iq.attribute("to").empty()) xml::append_attribute(out, "from", iq.attribute("to"));
  if (!full_jid_.empty()) xml::append_attribute(out, "to", full_jid_);
  reply(xmpp::Kind::Iq, out +
                            "><error type='cancel'><service-unavailable "
                            "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>");
}

void Echo::take_message(const xml::Node& message, std::string_view raw) {
  if (message.attribute("type") == "error") return;
  std::string_view to = message.attribute("to");
  reply(xmpp::Kind::Message, redirected(raw, to.empty() ? bare_jid() : std::string(to), full_jid_));
}

void Echo::take_presence(const xml::Node& presence, std::string_view raw) {
  if (!presence.attribute("to").empty() || !presence.attribute("type").empty()) return;
  reply(xmpp::Kind::Presence, redirected(raw, full_jid_, full_jid_));
}

void Echo::reply(xmpp::Kind kind, std::string bytes) {
  held_bytes_ += bytes.size();
  replies_.push_back({kind, std::move(bytes)});
}

void Echo::flush() {
  if (replies_.empty() || closed_ || !reading_) return;
  counters_.add(stats::Counter::bytes_from_servers, std::exchange(held_bytes_, 0));
  events_.on_stream_event(id_, Arrived{std::exchange(replies_, {})});
}

void Echo::set_reading(bool on) {
  reading_ = on;
  flush();
}

void Echo::close(Parting, const std::vector<xmpp::Stanza>&) { finish(Closed{bosh::Condition::None, {}, "closed"}); }

void Echo::end_with_error(std::string_view condition) {
  reading_ = true;
  flush();
  std::string error = "<stream:error xmlns:stream='http://etherx.jabber.org/streams'>" +
                      element(condition, "urn:ietf:params:xml:ns:xmpp-streams") + "</stream:error>";
  finish(Closed{bosh::Condition::RemoteStreamError, std::move(error), std::string(condition)});
}

void Echo::finish(Closed closed) {
  if (std::exchange(closed_, true)) return;
  std::vector<xmpp::Stanza>().swap(replies_);
  if (closed.condition != bosh::Condition::None) {
    if (!closed.stage) closed.stage = Stage::Stream;
    story_.failed(*closed.stage, closed.condition, closed.why, counters_);
  }
  events_.on_stream_event(id_, std::move(closed));
}

}  // namespace nxb::upstream
