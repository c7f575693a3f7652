// worker/xml/gate.h - what is looked at before libxml2 sees a byte: UTF-8, forbidden markup, limits, ends of tags.
// Runs in: worker. I/O: none. It knows the lexical grammar of XML without a DTD and nothing else: which bytes are
// inside a tag, an attribute value or a CDATA section. Whether the text is well-formed is libxml2's to say. Why it
// exists: libxml2 2.9 compares each attribute of a tag with every other, keeps names of 50 KB in its dictionary,
// replaces bad UTF-8 by a guess, and looks through an incomplete tag again with each chunk. With the gate in front it
// is fed whole tags within the limits only, and its answers do not depend on how the bytes were cut.
// Comments, processing instructions and <!DOCTYPE are refused at their third byte, complete or not.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

namespace nxb::xml {

struct Limits {
  std::uint32_t depth = 128;         // elements open at once, the root included
  std::uint32_t attributes = 64;     // per element, namespace declarations included
  std::uint32_t name_bytes = 1024;   // of one name with its prefix
  std::uint32_t declarations = 512;  // namespace declarations in scope at once (libxml2 searches them one by one)
};

enum class Fault : std::uint8_t {
  None,
  NotWellFormed,  // also bad UTF-8, an unbound prefix, text where only elements may stand
  Restricted,     // comment, processing instruction, DTD, entity that is not predefined
  TooLarge,       // one of the limits
};

inline constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();

// XML's whitespace; nothing else may stand between the elements of a stream.
constexpr bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }
std::string_view skip_space(std::string_view text);

// Strict UTF-8 (RFC 3629), across chunks; XML's also without control characters.
class Utf8 {
 public:
  enum class Controls : bool { Refused, Allowed };
  explicit Utf8(Controls controls = Controls::Refused) : controls_(controls) {}
  // How many of the bytes are good; fewer than all means that the next one is not.
  std::size_t accept(std::string_view bytes);
  bool whole() const { return missing_ == 0; }  // the last character is complete

 private:
  Controls controls_;
  std::uint8_t missing_ = 0;               // bytes that the character still needs
  std::uint8_t low_ = 0x80, high_ = 0xbf;  // bounds of the next one
};

class Gate {
 public:
  explicit Gate(const Limits& limits) : limits_(limits) {}
  // Starts again at offset 0: at the '<' of a root (depth 0), or between the children of one (depth 1).
  void open(std::uint32_t depth, std::uint64_t max_element);
  // Takes the bytes that follow those taken before. After a fault, and after the root's end, it takes nothing.
  void scan(std::string_view bytes);

  std::uint64_t scanned() const { return offset_; }
  // All before this offset is complete: it ends after a tag, or in the whitespace between the root's children.
  std::uint64_t safe() const { return safe_; }
  std::uint32_t depth() const { return depth_; }
  bool finished() const { return finished_; }
  Fault fault() const { return fault_; }
  // A tag of the root or an element below it has begun at begin() and is not complete.
  bool inside_element() const { return element_open_; }
  std::uint64_t begin() const { return begin_; }

 private:
  enum class State : std::uint8_t { Text, Opened, StartTag, Value, EndTag, Bang, Cdata };

  const char* step(const char* at, const char* stop);
  const char* text(const char* at, const char* stop);
  void note_references(const char* at, const char* stop);
  const char* opened(const char* at);
  const char* start_tag(const char* at, const char* stop);
  const char* value(const char* at, const char* stop);
  const char* end_tag(const char* at, const char* stop);
  const char* bang(const char* at);
  const char* cdata(const char* at, const char* stop);
  const char* fail(Fault fault, const char* at);
  void tag_complete(const char* after, bool opens, bool closes);
  std::uint64_t offset_of(const char* at) const { return offset_ + static_cast<std::uint64_t>(at - base_); }

  Limits limits_;
  Utf8 utf8_;
  const char* base_ = nullptr;  // of the bytes now scanned; its offset is offset_
  std::uint64_t offset_ = 0, safe_ = 0, begin_ = 0;
  std::uint64_t max_element_ = kNoLimit;
  std::uint32_t depth_ = 0;
  std::uint32_t name_ = 0;        // bytes of the name being read
  std::uint32_t attributes_ = 0;  // of the tag being read
  State state_ = State::Text;
  Fault fault_ = Fault::None;
  char quote_ = 0;
  std::uint8_t matched_ = 0;     // of "[CDATA[" or "]]"
  bool slash_ = false;           // the byte before, in a tag, was '/'
  bool reference_open_ = false;  // an '&' in text waits for its ';'
  bool element_open_ = false, finished_ = false;
};

}  // namespace nxb::xml
