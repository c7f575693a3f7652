// tests/fuzz/external.cc - what the operator's own program says: lines from bytes, messages from lines, the XML in them.
// Properties: any chunking gives the same lines; an element that is taken stands by itself, is taken again unchanged, and
// comes back byte for byte from a line that nxb writes; values of a stream header can be written as attributes.
// SPDX-License-Identifier: MIT
#include "bytes.h"
#include "common/base/check.h"
#include "common/ipc/message.h"
#include "worker/upstream/external_elements.h"
#include "worker/upstream/external_protocol.h"
#include "worker/xml/tree.h"

using namespace nxb;
using namespace nxb::upstream;

namespace {

constexpr std::size_t kLongest = 3000;
constexpr std::uint64_t kMaxElement = 2000;

xml::Pool& pool() {
  static xml::Pool pool;
  return pool;
}

std::vector<std::string> lines_of(std::string_view bytes, std::size_t longest) {
  std::vector<std::string> lines;
  ipc::LineReader reader(kLongest);
  fuzz::in_pieces(bytes, longest, [&](std::string_view piece) {
    if (!reader.feed(piece)) return;
    std::string line;
    while (reader.next(line)) lines.push_back(line);
  });
  return lines;
}

void check_element(external::Elements& elements, const std::string& text) {
  auto element = elements.one(text);
  if (!element) return;
  NXB_CHECK(xml::read_tree(pool(), element->bytes, 1), "an element that does not stand alone");
  auto again = elements.one(element->bytes);
  if (again)
    NXB_CHECK(again->bytes == element->bytes && again->kind == element->kind,
              "an element changes when it is read again");
  std::string line = external::nodes(StreamId{1}, {*element});
  NXB_CHECK(line.find('\n') == line.size() - 1, "a message is one line");
  line.replace(line.find("nodes"), 5, "response");
  auto back = external::decode(std::string_view(line).substr(0, line.size() - 1));
  NXB_CHECK(back, "our own line is refused");
  const auto* response = std::get_if<external::Response>(&*back);
  NXB_CHECK(response && response->elements.size() == 1 && response->elements[0] == element->bytes,
            "bytes change in a line");
}

void check_header(external::Elements& elements, const external::Header& header) {
  std::string element = "<open";
  xml::append_attribute(element, "from", header.from.value_or(""));
  xml::append_attribute(element, "id", header.id);
  xml::append_attribute(element, "lang", header.lang);
  xml::append_attribute(element, "version", header.version);
  NXB_CHECK(xml::read_tree(pool(), element + "/>", 1), "a header that cannot be written");
  check_element(elements, header.features);
}

void check_line(external::Elements& elements, std::string_view line) {
  auto message = external::decode(line);
  if (!message) return;
  if (const auto* added = std::get_if<external::StreamAdded>(&*message)) check_header(elements, *added);
  if (const auto* restarted = std::get_if<external::StreamRestarted>(&*message)) check_header(elements, *restarted);
  if (const auto* terminate = std::get_if<external::Terminate>(&*message)) check_element(elements, terminate->error);
  if (const auto* response = std::get_if<external::Response>(&*message)) {
    for (const std::string& element : response->elements) check_element(elements, element);
  }
  NXB_CHECK(elements.one("<probe/>"), "what was refused is remembered");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input = fuzz::text_of(data, size);
  std::vector<std::string> lines = lines_of(input, 0);
  if (input.size() <= kLongest)
    NXB_CHECK(lines_of(input, 1) == lines && lines_of(input, 40) == lines, "chunking changes the lines");
  external::Elements elements(pool(), kMaxElement);
  for (const std::string& line : lines) check_line(elements, line);
  return 0;
}
