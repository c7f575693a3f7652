// tests/unit/worker/xmpp/splitter_random_test.cc - streams made up from a seed, whole and in pieces.
// Longer runs, by hand: NXB_SEEDS=100000 unit_splitter -tc='*made up*'.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <array>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "worker/bosh/body.h"
#include "worker/xml/tree.h"
#include "worker/xmpp/splitter.h"

using namespace nxb;
using namespace nxb::xmpp;
using namespace std::string_view_literals;

namespace {

constexpr std::string_view kHeader =
    "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='1' "
    "xmlns:x='urn:x'>";
constexpr std::array kTags{"message a='>'"sv, "iq"sv,           "x:q x:z='1'"sv,
                           "y xmlns='u'"sv,   "stream:error"sv, "z xmlns=''"sv};
constexpr std::array kTexts{"text"sv, "&lt;"sv, "<![CDATA[<]]>"sv, "\xc3\xa9"sv, "\r\n"sv, " "sv, "<e i='&amp;\"'/>"sv};
constexpr std::array kDirt{"<!--"sv,      "-->"sv,  "<?pi?>"sv, "<![CDATA["sv, "]]>"sv,   "&"sv,     "&x;"sv,
                           ";"sv,         "\xc3"sv, "\xff"sv,   "<"sv,         "/>"sv,    ">"sv,     "'"sv,
                           "\""sv,        "="sv,    "\0"sv,     "</a>"sv,      "<a>"sv,   "&#10;"sv, "&#0;"sv,
                           "<!DOCTYPE"sv, "\r"sv,   " a='1'"sv, "/"sv,         "<b:c/>"sv};

class Maker {
 public:
  explicit Maker(std::uint32_t seed) : random_(seed) {}
  std::size_t below(std::size_t bound) { return random_() % bound; }

  std::string elements() {
    std::string out;
    std::vector<std::string> open;
    for (std::size_t i = below(14); i > 0; --i) {
      std::size_t what = below(10);
      if (what < 4) {
        std::string_view tag = kTags[below(kTags.size())];
        bool pair = below(3) > 0;
        out += "<" + std::string(tag) + (pair ? ">" : "/>");
        if (pair) open.push_back("</" + std::string(tag.substr(0, tag.find(' '))) + ">");
      } else if (open.empty()) {
        out += ' ';
      } else if (what < 6) {
        out += open.back();
        open.pop_back();
      } else {
        out += kTexts[below(kTexts.size())];
      }
    }
    for (; !open.empty() && below(20) > 0; open.pop_back()) out += open.back();
    if (below(3) == 0) out.insert(below(out.size() + 1), kDirt[below(kDirt.size())]);
    return out;
  }

 private:
  std::mt19937 random_;
};

std::string print(xml::Pool& pool, const std::vector<StreamItem>& items, Fault fault) {
  std::string out;
  for (const StreamItem& item : items) {
    if (auto* element = std::get_if<StreamElement>(&item)) {
      out += element->ns + "|" + element->local + "|" + element->stanza.bytes + "\n";
      auto tree = xml::read_tree(pool, element->stanza.bytes, 1);  // it stands by itself, and is what it was
      REQUIRE_MESSAGE(static_cast<bool>(tree), element->stanza.bytes);
      CHECK(tree->local == element->local);
      CHECK(tree->ns == element->ns);
    }
    if (std::holds_alternative<StreamEnd>(item)) out += "end\n";
  }
  return out + std::to_string(static_cast<int>(fault));
}

void check_cuts(xml::Pool& pool, Maker& make, const std::string& stream) {
  const std::uint64_t max = make.below(3) > 0 ? 10'000 : 20 + make.below(200);
  std::vector<StreamItem> whole, parts;
  Splitter one(pool, max), other(pool, max);
  Fault expected = one.feed(stream, whole), got = Fault::None;
  const std::size_t longest = std::array{1UL, 7UL, 60UL}[make.below(3)];
  for (std::size_t at = 0; at < stream.size();) {
    std::size_t size = std::min(1 + make.below(longest), stream.size() - at);
    got = other.feed(std::string_view(stream).substr(at, size), parts);
    at += size;
  }
  CHECK(print(pool, parts, got) == print(pool, whole, expected));
  CHECK(one.mid_element() == other.mid_element());
}

// What parse_body hands on is as many elements for a stream whose default namespace is jabber:client.
void check_body(xml::Pool& pool, const std::string& elements) {
  auto body = bosh::parse_body(pool,
                               "<body xmlns='http://jabber.org/protocol/httpbind' rid='1' sid='s' xmlns:x='urn:x' "
                               "xmlns:stream='http://etherx.jabber.org/streams'>" +
                                   elements + "</body>");
  if (!body) return;
  Splitter splitter(pool, 10'000);
  std::vector<StreamItem> items;
  CHECK(splitter.feed("<s:stream xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams'>" + body->payloads,
                      items) == Fault::None);
  CHECK(items.size() == body->payload_count + 1);
}

}  // namespace

TEST_CASE("U-25 B-12 B-13: streams made up from a seed do not depend on segmentation, and all elements stand alone") {
  const char* wanted = std::getenv("NXB_SEEDS");
  const auto seeds = wanted ? static_cast<std::uint32_t>(std::atoi(wanted)) : 2'000U;
  xml::Pool pool;
  for (std::uint32_t seed = 1; seed <= seeds; ++seed) {
    Maker make(seed);
    std::string elements = make.elements();
    CAPTURE(seed);
    CAPTURE(elements);
    check_cuts(pool, make, std::string(kHeader) + elements + (make.below(3) == 0 ? "</stream:stream>" : ""));
    check_body(pool, elements);
  }
}
