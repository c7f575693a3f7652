// tests/fuzz/ws_message.cc - a text message of a client through ws::parse_message, and what nxb says in answer.
// Properties: an element is passed on as exactly one element of the server's stream, whatever it holds (W-27, W-35); reading
// it again gives the same; with a language it is still one, and has one (W-36); a header's values come back out of the
// answer to it as they went in (W-32, W-51).
// SPDX-License-Identifier: MIT
#include "worker/ws/message.h"

#include "bytes.h"
#include "common/base/check.h"
#include "worker/ws/writer.h"
#include "worker/xml/tree.h"
#include "worker/xmpp/splitter.h"

using namespace nxb;

namespace {

using Kind = ws::Message::Kind;

constexpr std::string_view kXml = "http://www.w3.org/XML/1998/namespace";

// What a server would make of it.
void check_on_stream(xml::Pool& pool, const std::string& element) {
  xmpp::Splitter server(pool, 100'000);
  std::vector<xmpp::StreamItem> items;
  std::string stream = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>" +
                       element + "</stream:stream>";
  NXB_CHECK(server.feed(stream, items) == xmpp::Fault::None, "an element that breaks the stream");
  NXB_CHECK(items.size() == 3 && std::holds_alternative<xmpp::StreamEnd>(items[2]), "not one element");
  NXB_CHECK(!std::get<xmpp::StreamElement>(items[1]).ns.empty(), "an element of no namespace");
}

void check_language(xml::Pool& pool, const std::string& element) {
  auto before = xml::read_tree(pool, element, 1);
  std::string said = ws::with_language(element, "x-nxb");
  auto after = xml::read_tree(pool, said, 1);
  if (!before || !after) return;  // a prefix of the stream is none here; one attribute more may be one too many
  NXB_CHECK(after->local == before->local && after->ns == before->ns, "another element");
  std::size_t languages = 0;
  for (const auto& attribute : after->attributes) {
    if (attribute.local == "lang" && attribute.ns == kXml) ++languages;
  }
  NXB_CHECK(languages == 1 || said == element, "no language, or two");
}

void check_answer(xml::Pool& pool, const ws::Message& header) {
  ws::Greeting greeting{header.to, header.from, header.version, header.lang};
  for (const std::string& said :
       {ws::write_open(greeting), ws::write_legacy_header(greeting, ws::HeaderForm::Closed)}) {
    auto read = xml::read_tree(pool, said, 1);
    NXB_CHECK(read, "an answer that is not one element");
    NXB_CHECK(read->attribute("from") == header.to && read->attribute("id") == header.from, "a value that changes");
    NXB_CHECK(read->attribute("version") == header.version, "a version that changes");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static xml::Pool pool;
  std::string_view text = fuzz::text_of(data, size);
  ws::Message message = ws::parse_message(pool, text, 10'000);
  NXB_CHECK(pool.lent() == 0, "a parser is kept");
  NXB_CHECK((message.kind == Kind::Wrong) == (message.wrong != ws::Wrong::Nothing), "wrong without a reason");
  NXB_CHECK((message.kind == Kind::Element) == !message.element.empty(), "an element without its bytes");
  if (message.kind == Kind::Open || message.kind == Kind::LegacyHeader) check_answer(pool, message);
  if (message.kind != Kind::Element) return 0;
  NXB_CHECK(message.element.front() == '<' && message.element.back() == '>', "more than the element");
  check_on_stream(pool, message.element);
  check_language(pool, message.element);
  ws::Message again = ws::parse_message(pool, message.element, 20'000);
  NXB_CHECK(again.element == message.element, "read again it is another");
  return 0;
}
