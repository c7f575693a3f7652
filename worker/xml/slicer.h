// worker/xml/slicer.h - finds the elements one level below a root, and mends their start tags for another parent.
// Runs in: worker. I/O: none. The same for BOSH bodies, WebSocket messages and the server's stream (ARCHITECTURE, Stanzas are bytes).
// An element loses what its parent declared when it changes its parent. The slicer notes what it took from there: the
// default namespace, prefixes in names of elements and attributes (not in values: no XMPP extension in use needs it).
// Only the start tag and, on request, the values of certain namespace declarations change; all else is byte-exact.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "worker/xml/reader.h"

namespace nxb::xml {

struct Range {
  std::uint64_t begin = 0, end = 0;
};

struct Slice {
  std::string_view local, prefix, ns;  // good until the Reader goes back to its pool
  std::uint64_t begin = 0, end = 0;    // from '<' to after '>'
  std::uint64_t name_end = 0;          // where declarations can be inserted
  std::uint64_t used = 0;       // bit i: uses the prefix of the root's declaration i without declaring it on its tag
  bool uses_default = false;    // an unprefixed element in it takes its namespace from the root
  bool has_lang = false;        // it has an xml:lang of its own
  std::vector<Range> replaced;  // ascending: values of declarations to be replaced
};

class Slicer : public Visitor {
 public:
  // Declarations of this namespace inside the slices are to be replaced; so is xmlns='' on a slice and, if there,
  // below. Empty: replace nothing.
  explicit Slicer(std::string_view replaced_namespace = {}) : replaced_namespace_(replaced_namespace) {}

  std::vector<Slice> slices;  // complete ones; the user takes them away after each feed
  const std::vector<Declaration>& declarations() const { return declarations_; }  // of the root, xmlns included
  std::string_view default_namespace() const;

 protected:
  ~Slicer() = default;
  virtual void root(const StartTag& tag) = 0;

 private:
  void start(const StartTag& tag) final;
  void text(std::string_view) final {}
  void end(std::uint32_t depth, std::uint64_t end) final;
  void take_root(const StartTag& tag);
  void note_declarations(const StartTag& tag);
  void note_replaced(const StartTag& tag);
  void note_use(std::string_view prefix);
  bool is_replaced(const StartTag& tag, std::size_t index) const;

  std::string_view replaced_namespace_;
  std::vector<Declaration> declarations_;
  Slice current_;
  std::uint64_t own_ = 0;  // bit i: the slice's own tag declares the prefix of declaration i
  // Depth of the outermost open element in the slice that declares a default; 0: none.
  std::uint32_t default_since_ = 0;
  bool was_empty_ = false;  // the slice itself has xmlns=''
};

// Appends the slice: `inserted` (" name='value'" pairs) goes behind its name, `replacement` into its replaced ranges.
// `bytes` begin at offset `base`.
void append_slice(std::string& out, std::string_view bytes, std::uint64_t base, const Slice& slice,
                  std::string_view inserted, std::string_view replacement = {});

}  // namespace nxb::xml
