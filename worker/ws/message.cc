// worker/ws/message.cc - see message.h. The element is read inside a start tag that stands for its stream: that gives
// it jabber:client if it declares no namespace (W-35), and lets it contain text. What it is, its first tag tells (W-50).
// A BOM, whitespace and an XML declaration before the element are accepted, whitespace behind it too (W-27).
// SPDX-License-Identifier: MIT
#include "worker/ws/message.h"

#include <utility>

#include "common/base/check.h"
#include "worker/ws/writer.h"
#include "worker/xml/slicer.h"

namespace nxb::ws {
namespace {

constexpr std::string_view kStream = "<stream xmlns='jabber:client'>";
constexpr std::string_view kClientNamespace = "jabber:client";
constexpr std::string_view kStreamNamespace = "http://etherx.jabber.org/streams";
constexpr std::string_view kTlsNamespace = "urn:ietf:params:xml:ns:xmpp-tls";
constexpr std::string_view kXmlNamespace = "http://www.w3.org/XML/1998/namespace";

constexpr std::uint32_t kElementDepth = 2;

using Kind = Message::Kind;

Message wrong(Wrong what) {
  Message message;
  message.kind = Kind::Wrong;
  message.wrong = what;
  return message;
}

class Watcher final : public xml::Visitor {
 public:
  Message message;
  std::uint32_t elements = 0;  // on the level of stanzas
  std::uint64_t begin = 0, end_at = 0;
  bool no_namespace = false;  // it says xmlns=''
  bool has_content = false;

 private:
  void start(const xml::StartTag& tag) override {
    if (tag.depth > kElementDepth) has_content = true;
    if (tag.depth != kElementDepth || ++elements > 1) return;
    begin = tag.begin;
    no_namespace = tag.ns.empty();
    judge(tag);
    if (message.kind == Kind::Open || message.kind == Kind::LegacyHeader) take_attributes(tag);
  }
  void text(std::string_view) override { has_content = true; }
  void end(std::uint32_t depth, std::uint64_t end) override {
    if (depth == kElementDepth) end_at = end;
  }

  void judge(const xml::StartTag& tag) {
    message.kind = Kind::Element;
    if (tag.local == "open" || tag.local == "close") {
      if (tag.ns != kFraming) return refuse_namespace();
      message.kind = tag.local == "open" ? Kind::Open : Kind::Close;
    } else if (tag.local == "stream" && (tag.ns == kStreamNamespace || tag.prefix == "stream")) {
      if (tag.ns != kStreamNamespace || !is_client_stream(tag)) return refuse_namespace();
      message.kind = Kind::LegacyHeader;
    } else if (tag.local == "starttls" && tag.ns == kTlsNamespace) {
      message.kind = Kind::StartTls;
    }
  }

  void refuse_namespace() { message = wrong(Wrong::InvalidNamespace); }

  static bool is_client_stream(const xml::StartTag& tag) {
    for (std::size_t i = 0; i < tag.declarations(); ++i) {
      if (tag.declared_prefix(i).empty()) return tag.declares(i, kClientNamespace);
    }
    return true;
  }

  void take_attributes(const xml::StartTag& tag) {
    for (std::size_t i = 0; i < tag.attributes(); ++i) {
      std::string_view name = tag.attribute_local(i), ns = tag.attribute_ns(i);
      if (ns == kXmlNamespace && name == "lang") message.lang = tag.attribute_value(i);
      if (!ns.empty()) continue;
      if (name == "to") message.to = tag.attribute_value(i);
      if (name == "from") message.from = tag.attribute_value(i);
      if (name == "version") message.version = tag.attribute_value(i);
    }
  }
};

Wrong wrong_of(xml::Fault fault) {
  switch (fault) {
    case xml::Fault::None:
      return Wrong::Nothing;
    case xml::Fault::NotWellFormed:
      return Wrong::NotWellFormed;
    case xml::Fault::Restricted:
      return Wrong::RestrictedXml;
    case xml::Fault::TooLarge:
      return Wrong::PolicyViolation;
  }
  return Wrong::NotWellFormed;
}

class Mender final : public xml::Slicer {
 public:
  Mender() : Slicer(kClientNamespace) {}

 private:
  void root(const xml::StartTag&) override {}
};

// In XML xmlns='' means no namespace, which a stream does not know; so here it is that of the stream (W-35).
std::string in_client_namespace(xml::Pool& pool, std::string_view document) {
  Mender mender;
  auto reader = pool.borrow(kStream);
  reader->open(mender);
  std::string element;
  bool read = reader->feed(document) == xml::Fault::None && mender.slices.size() == 1;
  if (NXB_EXPECT(read, "what was read once can be read again")) {
    xml::append_slice(element, document, 0, mender.slices.front(), {}, kClientNamespace);
  }
  return element;
}

Message take_header(Watcher& watcher, std::string_view rest) {
  bool alone = watcher.elements == 1 && !watcher.has_content && xml::skip_space(rest).empty();
  if (!alone) return wrong(Wrong::NotWellFormed);
  watcher.message.header_closed = watcher.end_at != 0;
  return std::move(watcher.message);
}

Message read_element(xml::Pool& pool, std::string_view document, std::uint64_t max_stanza_size) {
  Watcher watcher;
  auto reader = pool.borrow(kStream);
  reader->open(watcher, max_stanza_size);
  xml::Fault fault = reader->feed(document);
  if (fault != xml::Fault::None) return wrong(wrong_of(fault));
  if (watcher.message.kind == Kind::Wrong) return std::move(watcher.message);
  if (watcher.message.kind == Kind::LegacyHeader) return take_header(watcher, document.substr(reader->consumed()));
  bool whole = watcher.elements == 1 && !reader->inside_element() && !reader->finished();
  if (!whole) return wrong(Wrong::NotWellFormed);
  if (watcher.message.kind != Kind::Element) return std::move(watcher.message);
  if (watcher.no_namespace) {
    watcher.message.element = in_client_namespace(pool, document);
  } else {
    watcher.message.element = document.substr(watcher.begin, watcher.end_at - watcher.begin);
  }
  return std::move(watcher.message);
}

}  // namespace

Message parse_message(xml::Pool& pool, std::string_view text, std::uint64_t max_stanza_size) {
  std::string_view trimmed = xml::skip_space(text);
  if (trimmed.empty()) return {};
  while (xml::is_space(trimmed.back())) trimmed.remove_suffix(1);
  if (trimmed == kLegacyEnd) {
    Message end;
    end.kind = Kind::LegacyEnd;
    return end;
  }
  xml::Prolog prolog = xml::skip_prolog(trimmed, xml::Prologs::Lenient);
  switch (prolog.state) {
    case xml::Prolog::State::Complete:
      return read_element(pool, trimmed.substr(prolog.size), max_stanza_size);
    case xml::Prolog::State::Restricted:
      return wrong(Wrong::RestrictedXml);
    case xml::Prolog::State::Incomplete:
    case xml::Prolog::State::Bad:
      break;
  }
  return wrong(Wrong::NotWellFormed);
}

}  // namespace nxb::ws
