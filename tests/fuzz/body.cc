// tests/fuzz/body.cc - bosh::parse_body, and the writers with what it read.
// Properties: the payloads are as many whole elements for a stream whose default namespace is jabber:client, each
// standing alone, with the names, namespaces and attributes it had inside <body/> (B-11, B-12); mending is bounded;
// what goes into an attribute of an answer comes out of it.
// SPDX-License-Identifier: MIT
#include "worker/bosh/body.h"

#include <algorithm>

#include "bytes.h"
#include "common/base/check.h"
#include "worker/xml/tree.h"
#include "worker/xmpp/splitter.h"

using namespace nxb;

namespace {

constexpr std::string_view kBosh = "http://jabber.org/protocol/httpbind";
constexpr std::string_view kClient = "jabber:client";
constexpr std::string_view kXml = "http://www.w3.org/XML/1998/namespace";
constexpr std::string_view kStream = "<s:stream xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams'>";
constexpr std::size_t kMostMending = 64 * 1024;

bool is_ours(std::string_view ns) { return ns.empty() || ns == kBosh || ns == kClient; }
bool same_namespace(std::string_view before, std::string_view after) {
  return before == after || (is_ours(before) && is_ours(after));
}

void check_element(const xml::Node& before, const xml::Node& after) {
  NXB_CHECK(before.local == after.local && same_namespace(before.ns, after.ns), "an element of another name");
  NXB_CHECK(before.text == after.text, "other text");
  std::size_t added = 0;
  for (const auto& one : after.attributes) {
    bool was = std::ranges::any_of(before.attributes, [&](const auto& other) {
      return other.local == one.local && other.value == one.value && same_namespace(other.ns, one.ns);
    });
    if (was) continue;
    NXB_CHECK(one.local == "lang" && one.ns == kXml, "an attribute from nowhere");
    ++added;
  }
  NXB_CHECK(after.attributes.size() == before.attributes.size() + added, "an attribute is lost");
  NXB_CHECK(after.children.size() == before.children.size(), "a child is lost");
  for (std::size_t i = 0; i < after.children.size(); ++i) check_element(before.children[i], after.children[i]);
}

void check_payloads(xml::Pool& pool, std::string_view document, const bosh::Body& body) {
  auto before = xml::read_tree(pool, document, 4);
  NXB_CHECK(before, "a body that is not XML");
  std::erase_if(before->children, [](const xml::Node& child) {
    return child.local == "starttls" && child.ns == "urn:ietf:params:xml:ns:xmpp-tls";  // B-104
  });
  xmpp::Splitter splitter(pool, 10'000'000);
  std::vector<xmpp::StreamItem> items;
  NXB_CHECK(splitter.feed(std::string(kStream) + body.payloads, items) == xmpp::Fault::None, "payloads break a stream");
  NXB_CHECK(!splitter.mid_element(), "payloads end in the middle of one");
  NXB_CHECK(items.size() == body.payload_count + 1 && before->children.size() == body.payload_count, "their count");
  for (std::size_t i = 1; i < items.size(); ++i) {
    auto* element = std::get_if<xmpp::StreamElement>(&items[i]);
    NXB_CHECK(element != nullptr, "a payload ends the stream");
    auto after = xml::read_tree(pool, element->stanza.bytes, 3);
    NXB_CHECK(after, "a payload does not stand alone");
    check_element(before->children[i - 1], *after);
  }
}

void check_writers(xml::Pool& pool, const bosh::Body& body) {
  bosh::CreationAnswer answer;
  answer.sid = body.sid;
  answer.from = body.to;
  answer.to = body.from;
  answer.authid = body.key;
  auto written = xml::read_tree(pool, bosh::write_creation(answer, {}), 2);
  NXB_CHECK(written && written->local == "body" && written->ns == kBosh, "an answer that is no body");
  NXB_CHECK(written->attribute("sid") == body.sid && written->attribute("from") == body.to, "sid or from changes");
  NXB_CHECK(written->attribute("to") == body.from && written->attribute("authid") == body.key, "to or authid changes");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static xml::Pool pool;
  std::string_view text = fuzz::text_of(data, size);
  auto body = bosh::parse_body(pool, text);
  NXB_CHECK(pool.lent() == 0, "a parser is kept");
  if (!body) return 0;
  xml::Prolog prolog = xml::skip_prolog(text, xml::Prologs::Strict);
  NXB_CHECK(prolog.state == xml::Prolog::State::Complete, "what stands before a body");
  NXB_CHECK(body->payloads.size() <= size + kMostMending, "mending is bounded");
  NXB_CHECK(body->rid || body->problem != bosh::Condition::None, "no rid, no problem");
  if (body->rid) NXB_CHECK(body->rid->value >= 1 && *body->rid <= kRidMax, "a rid out of range");
  bool refused = body->problem == bosh::Condition::BadRequest && body->payload_count == 0;
  if (!refused) check_payloads(pool, text.substr(prolog.size), *body);
  check_writers(pool, *body);
  return 0;
}
