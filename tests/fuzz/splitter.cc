// tests/fuzz/splitter.cc - a server's bytes through xmpp::Splitter, and what nxb looks into by itself.
// Properties: any chunking gives the same items and the same fault (U-25); every element stands alone and is whole
// (B-13, U-21); memory is bounded; stripped features, bounces and what people are shown are whole elements, too.
// SPDX-License-Identifier: MIT
#include "worker/xmpp/splitter.h"

#include "bytes.h"
#include "common/base/check.h"
#include "worker/xml/tree.h"
#include "worker/xmpp/redact.h"

using namespace nxb;
using namespace nxb::xmpp;

namespace {

constexpr std::size_t kOverhead = 64 * 1024;  // of a parser and of what strings reserve

struct Reading {
  std::string text;  // items, one a line, and the fault
  std::vector<StreamItem> items;
  bool mid_element = false;
};

void print(const StreamItem& item, std::string& out) {
  if (auto* header = std::get_if<StreamHeader>(&item)) {
    out += "header " + header->id + "|" + header->from + "|" + header->lang + "|" + header->version + "\n";
  } else if (auto* element = std::get_if<StreamElement>(&item)) {
    out += element->ns + "|" + element->local + "|" + std::to_string(static_cast<int>(element->stanza.kind)) + "|" +
           element->stanza.bytes + "\n";
  } else {
    out += "end\n";
  }
}

Reading read(xml::Pool& pool, std::string_view bytes, std::uint64_t max, std::size_t longest) {
  Reading reading;
  Splitter splitter(pool, max);
  Fault fault = Fault::None;
  fuzz::in_pieces(bytes, longest, [&](std::string_view piece) {
    fault = splitter.feed(piece, reading.items);
    // The declarations of a header are copied, and a small header may be of many bytes before it is complete.
    NXB_CHECK(splitter.memory() <= 4 * max + 4 * bytes.size() + kOverhead, "memory is bounded");
  });
  for (const StreamItem& item : reading.items) print(item, reading.text);
  reading.text += std::to_string(static_cast<int>(fault));
  reading.mid_element = splitter.mid_element();
  return reading;
}

void check_whole(xml::Pool& pool, const StreamElement& element) {
  auto tree = xml::read_tree(pool, element.stanza.bytes, 1);
  NXB_CHECK(tree, "an element that does not stand alone");
  NXB_CHECK(tree->local == element.local && tree->ns == element.ns, "an element of another name");
  if (element.stanza.kind == Kind::Features) {
    auto features = read_features(pool, element.stanza.bytes);
    if (features) NXB_CHECK(xml::read_tree(pool, features->stripped, 1), "stripping breaks features");
  }
  const std::string shown = redact(element.stanza.bytes);
  NXB_CHECK(xml::read_tree(pool, shown, 1), "an element of which a part is hidden is none any more");
  NXB_CHECK(redact(shown) == shown, "what is hidden comes to light");
  std::string bounced = bounce(pool, element.stanza);
  if (bounced.empty()) return;
  auto error = xml::read_tree(pool, bounced, 2);
  NXB_CHECK(error && error->local == element.local, "a bounce that is no stanza");
  NXB_CHECK(error->attribute("type") == "error", "a bounce that is no error");
  NXB_CHECK(tree->attribute("type") != "error", "an error is bounced");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static xml::Pool pool;
  std::string_view bytes = fuzz::text_of(data, size);
  fuzz::Chance chance(bytes);
  std::uint64_t max = chance.below(2) == 0 ? 10'000 : 30 + chance.below(300);
  Reading whole = read(pool, bytes, max, 0);
  for (std::size_t longest : {std::size_t{1}, std::size_t{9}, std::size_t{100}}) {
    Reading parts = read(pool, bytes, max, longest);
    NXB_CHECK(parts.text == whole.text && parts.mid_element == whole.mid_element, "chunking changes the items");
  }
  NXB_CHECK(pool.lent() == 0, "a parser is kept");
  for (const StreamItem& item : whole.items) {
    if (auto* element = std::get_if<StreamElement>(&item)) check_whole(pool, *element);
  }
  return 0;
}
