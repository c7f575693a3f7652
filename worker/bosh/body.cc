// worker/bosh/body.cc - reading <body/>: its attributes by the table of XEP-0124 22, its payloads as mended bytes.
// Two choices where the texts leave one:
// - A malformed creation attribute (wait, hold, to, from, route, ...) is a problem in a creation request only; later
//   requests may carry anything there (B-63). rid, ack, pause and xmpp:restart are judged in every request.
// - xml:lang of <body/> (B-12 against U-60): that of a creation or restart request goes on the stream header, which
//   says the same for its payloads. On other requests it is redeclared on message, presence and iq without their own;
//   elements of other namespaces (SASL, stream management) carry no human language.
// SPDX-License-Identifier: MIT
#include "worker/bosh/body.h"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include "worker/bosh/key_sequence.h"
#include "worker/xml/slicer.h"

namespace nxb::bosh {
namespace {

constexpr std::string_view kBoshNamespace = "http://jabber.org/protocol/httpbind";
constexpr std::string_view kXboshNamespace = "urn:xmpp:xbosh";
constexpr std::string_view kXmlNamespace = "http://www.w3.org/XML/1998/namespace";
constexpr std::string_view kClientNamespace = "jabber:client";
constexpr std::string_view kTlsNamespace = "urn:ietf:params:xml:ns:xmpp-tls";

constexpr std::size_t kMostAttributes = 64;  // declarations included
constexpr std::size_t kLongestValue = 4096;
constexpr std::size_t kLongestJid = 3071;  // RFC 7622 3.1
constexpr std::size_t kLongestLanguage = 64;
// What mending may add to one request: a declaration on <body/> is copied into every payload that uses it, so without
// a bound on the sum 100 KB could become gigabytes.
constexpr std::size_t kMostMending = 64 * 1024;

bool is_digits(std::string_view text) {  // find_first_not_of would call memchr for each character
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<std::uint64_t> bounded(std::string_view text, std::uint64_t low, std::uint64_t high) {
  std::uint64_t value = 0;
  if (!is_digits(text)) return std::nullopt;
  auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (bad != std::errc{} || value < low || value > high) return std::nullopt;
  return value;
}

// "1.10": two integers and a dot.
std::optional<Version> parse_version(std::string_view text) {
  std::size_t dot = std::min(text.find('.'), text.size());
  auto major = bounded(text.substr(0, dot), 0, 0xffffffff);
  auto minor = dot < text.size() ? bounded(text.substr(dot + 1), 0, 0xffffffff) : std::nullopt;
  if (!major || !minor) return std::nullopt;
  return Version{static_cast<std::uint32_t>(*major), static_cast<std::uint32_t>(*minor)};
}

bool has_control(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

// A domain, or a JID of which the domain part counts. Nothing when it is neither.
std::optional<std::string> domain_of(std::string_view jid) {
  if (jid.size() > kLongestJid || has_control(jid)) return std::nullopt;
  jid = jid.substr(0, jid.find('/'));
  std::size_t at = jid.find('@');
  if (at != std::string_view::npos) jid.remove_prefix(at + 1);
  if (jid.find('@') != std::string_view::npos) return std::nullopt;
  return std::string(jid);
}

bool is_language(std::string_view text) {
  return !text.empty() && text.size() <= kLongestLanguage && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  });
}

// The attributes of <body/>: a name is looked at often, a value is made when it is asked for.
class Attributes {
 public:
  explicit Attributes(const xml::StartTag& tag) : tag_(tag) {
    too_much_ = tag.attributes() + tag.declarations() > kMostAttributes;
    for (std::size_t i = 0; i < tag.declarations(); ++i) {
      if (tag.declared_uri(i).size() > kLongestValue) too_much_ = true;
    }
    names_.reserve(tag.attributes());
    for (std::size_t i = 0; i < tag.attributes(); ++i) {
      bool too_long = tag.attribute_size(i) > kLongestValue && tag.attribute_value(i).size() > kLongestValue;
      too_much_ = too_much_ || too_long;
      if (!too_long) names_.push_back({tag.attribute_local(i), tag.attribute_ns(i), i});
    }
  }

  bool too_much() const { return too_much_; }
  std::optional<std::string> find(std::string_view local, std::string_view ns) const {
    for (const Name& name : names_) {
      if (name.local == local && name.ns == ns) return tag_.attribute_value(name.index);
    }
    return std::nullopt;
  }

 private:
  struct Name {
    std::string_view local, ns;
    std::size_t index;
  };
  const xml::StartTag& tag_;
  std::vector<Name> names_;
  bool too_much_ = false;
};

// Fills a Body from the attributes of <body/>; the first problem found is the one that is told.
class Interpreter {
 public:
  Interpreter(const Attributes& attributes, Body& body) : attributes_(attributes), body_(body) {}

  void run() {
    take_identity();
    take_every_request();
    take_creation();
  }

 private:
  std::optional<std::string> find(std::string_view local, std::string_view ns = {}) const {
    return attributes_.find(local, ns);
  }
  std::string text(std::string_view local) const { return find(local).value_or(std::string()); }
  void problem(Condition condition, std::string_view name) {
    if (body_.problem != Condition::None) return;
    body_.problem = condition;
    body_.problem_text = "bad attribute " + std::string(name);
  }
  // A number of a narrower type, or nothing; a malformed one is a problem when `judged`.
  template <class Number>
  std::optional<Number> number(std::string_view name, std::uint64_t low, std::uint64_t high, bool judged) {
    auto raw = find(name);
    if (!raw) return std::nullopt;
    auto value = bounded(*raw, low, high);
    if (!value && judged) problem(Condition::BadRequest, name);
    return value ? std::optional<Number>(static_cast<Number>(*value)) : std::nullopt;
  }

  void take_identity() {
    auto sid = find("sid");
    creation_ = !sid;
    if (sid && sid->empty()) problem(Condition::ItemNotFound, "sid");  // it names no session, and asks for none (B-15)
    if (sid) body_.sid = *std::move(sid);
    auto rid = find("rid");
    if (auto value = rid && rid->size() <= 16 ? bounded(*rid, 1, kRidMax.value) : std::nullopt) {
      body_.rid = Rid{*value};
    } else {
      problem(Condition::BadRequest, "rid");
    }
  }

  void take_every_request() {
    body_.ack = number<std::uint64_t>("ack", 1, kRidMax.value, true);
    body_.pause = number<std::uint16_t>("pause", 1, 0xffff, true);
    body_.terminate = text("type") == "terminate";
    if (auto restart = find("restart", kXboshNamespace)) {
      body_.restart = *restart == "true" || *restart == "1";
      if (!body_.restart && *restart != "false" && *restart != "0") problem(Condition::BadRequest, "xmpp:restart");
    }
    body_.stream = text("stream");
    body_.key = text("key");
    body_.newkey = text("newkey");
    if (creation_ && !body_.newkey.empty() && !KeySequence::is_key(body_.newkey)) {
      problem(Condition::ItemNotFound, "newkey");  // later ones are judged in their turn
    }
    body_.stream_attrs = text("stream_attrs");
    body_.ua = text("ua");
    if (auto lang = find("lang", kXmlNamespace); lang && is_language(*lang)) body_.lang = *std::move(lang);
  }

  void take_creation() {
    body_.wait = number<std::uint16_t>("wait", 0, 0xffff, creation_);
    body_.hold = number<std::uint8_t>("hold", 0, 0xff, creation_);
    body_.inactivity = number<std::uint16_t>("inactivity", 0, 0xffff, false);
    body_.content = text("content");
    if (auto ver = find("ver")) body_.ver = parse_version(*ver);
    if (auto domain = domain_of(text("to"))) {
      body_.to = *std::move(domain);
    } else if (creation_) {
      problem(Condition::BadRequest, "to");
    }
    body_.from = address("from", kLongestJid);
    body_.route = address("route", kLongestValue);
    auto version = find("version", kXboshNamespace);
    if (version && parse_version(*version)) {
      body_.xmpp_version = *std::move(version);
    } else if (version && creation_) {
      problem(Condition::BadRequest, "xmpp:version");
    }
  }

  std::string address(std::string_view name, std::size_t longest) {
    std::string value = text(name);
    if (value.size() <= longest && !has_control(value)) return value;
    if (creation_) problem(Condition::BadRequest, name);
    return {};
  }

  const Attributes& attributes_;
  Body& body_;
  bool creation_ = false;
};

void refuse(Body& body, std::string_view why) {
  body.problem = Condition::BadRequest;
  body.problem_text = why;
  body.payloads = std::string();
  body.payload_count = 0;
}

class BodySlicer final : public xml::Slicer {
 public:
  explicit BodySlicer(Body& body) : Slicer(kBoshNamespace), body_(body) {}
  bool is_body = false, too_much = false;

 private:
  void root(const xml::StartTag& tag) override {
    is_body = tag.local == "body" && tag.ns == kBoshNamespace;
    if (!is_body) return;
    Attributes attributes(tag);
    too_much = attributes.too_much();
    if (too_much) refuse(body_, "too many attributes, or one too long");
    Interpreter(attributes, body_).run();
  }

  Body& body_;
};

// What the payload's start tag must say when it is no longer inside this <body/> (B-11, B-12).
std::string mending(const BodySlicer& slicer, const xml::Slice& slice, std::string_view lang) {
  std::string inserted;
  std::string_view inherited = slicer.default_namespace();
  if (slice.uses_default && !inherited.empty() && inherited != kBoshNamespace && inherited != kClientNamespace) {
    xml::append_declaration(inserted, {}, inherited);
  }
  for (std::size_t i = 0; i < slicer.declarations().size() && (slice.used >> i) != 0; ++i) {
    const auto& [prefix, uri] = slicer.declarations()[i];
    if ((slice.used >> i) & 1)
      xml::append_declaration(inserted, prefix, uri == kBoshNamespace ? kClientNamespace : uri);
  }
  bool stanza = (slice.local == "message" || slice.local == "presence" || slice.local == "iq") &&
                (slice.ns.empty() || slice.ns == kBoshNamespace || slice.ns == kClientNamespace);
  if (stanza && !lang.empty() && !slice.has_lang) xml::append_attribute(inserted, "xml:lang", lang);
  return inserted;
}

// False when mending would add more than kMostMending.
bool take_payloads(const BodySlicer& slicer, std::string_view document, Body& body) {
  std::string_view lang = body.sid.empty() || body.restart ? std::string_view() : std::string_view(body.lang);
  if (!slicer.slices.empty()) body.payloads.reserve(slicer.slices.back().end - slicer.slices.front().begin);
  for (const xml::Slice& slice : slicer.slices) {
    if (slice.local == "starttls" && slice.ns == kTlsNamespace) continue;  // TLS is not the client's to start (B-104)
    xml::append_slice(body.payloads, document, 0, slice, mending(slicer, slice, lang), kClientNamespace);
    ++body.payload_count;
    if (body.payloads.size() > document.size() + kMostMending) return false;
  }
  return true;
}

}  // namespace

Result<Body> parse_body(xml::Pool& pool, std::string_view text) {
  xml::Prolog prolog = xml::skip_prolog(text, xml::Prologs::Strict);
  if (prolog.state != xml::Prolog::State::Complete) return Error{Code::BadInput, "not XML in UTF-8"};
  std::string_view document = text.substr(prolog.size);
  Body body;
  BodySlicer slicer(body);
  auto reader = pool.borrow();
  reader->open(slicer);
  switch (reader->feed(document)) {
    case xml::Fault::None:
      break;
    case xml::Fault::NotWellFormed:
      return Error{Code::BadInput, "not well-formed"};
    case xml::Fault::Restricted:
      return Error{Code::BadInput, "restricted XML"};
    case xml::Fault::TooLarge:
      return Error{Code::TooLarge, "a limit on XML"};
  }
  if (!reader->finished() || !xml::skip_space(document.substr(reader->consumed())).empty()) {
    return Error{Code::BadInput, "not one element"};
  }
  if (!slicer.is_body) return Error{Code::BadInput, "not a <body/> of BOSH"};
  if (!slicer.too_much && !take_payloads(slicer, document, body)) refuse(body, "too much to declare on payloads");
  return body;
}

}  // namespace nxb::bosh
