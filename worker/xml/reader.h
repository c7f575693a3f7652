// worker/xml/reader.h - libxml2's push parser behind a bounded, entity-free door. The only user of libxml2.
// Runs in: worker. I/O: none. DTDs, comments, processing instructions and entities other than the five predefined ones
// are errors (RFC 6120 11.1, B-06, B-07, H-50); depth, attributes and name lengths are bounded.
// A Reader is borrowed from a Pool (a context costs 16 KB) for as long as an element is incomplete, never longer.
// Making a context ready costs more than reading a stanza, so one is not made ready each time: to libxml2 everything
// that a Reader ever reads is one endless document, in which each borrower's bytes are a child of the root, or (a
// stream's stanzas, between which the Reader goes back) children of one and the same start tag, the scope.
//
// It tells a Visitor about each tag with its exact byte range, so that the bytes can be forwarded unchanged. Offsets
// count from the first byte fed after open(). What a Visitor makes of it: slicer.h finds the elements
// one level below the root and mends their start tags; tree.h reads one small element as a tree.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "worker/xml/gate.h"

struct _xmlParserCtxt;  // libxml2's name for it

namespace nxb::xml {

struct Declaration {  // one namespace declaration; prefix "" = xmlns
  std::string prefix, uri;
  friend bool operator==(const Declaration&, const Declaration&) = default;
};

struct Attribute {
  std::string local, ns, value;  // ns "" = no namespace
  friend bool operator==(const Attribute&, const Attribute&) = default;
};

// A start tag as libxml2 reports it. The views are good during Visitor::start only, except `local` and `ns`, which live
// until the Reader goes back to its pool.
class StartTag {
 public:
  std::string_view local, prefix, ns;
  std::uint32_t depth = 0;  // 1 = root
  std::uint64_t begin = 0;  // offset of '<'
  std::string_view raw;     // from '<' to before '>' or '/>'

  std::size_t declarations() const { return declarations_; }
  std::string_view declared_prefix(std::size_t index) const;
  std::string declared_uri(std::size_t index) const;
  bool declares(std::size_t index, std::string_view uri) const;  // without making a string
  std::size_t attributes() const { return attributes_; }
  std::string_view attribute_local(std::size_t index) const;
  std::string_view attribute_prefix(std::size_t index) const;
  std::string_view attribute_ns(std::size_t index) const;
  std::string attribute_value(std::size_t index) const;
  std::size_t attribute_size(std::size_t index) const;  // bytes of the value, roughly (an '&' may count five)
  std::vector<Attribute> all_attributes() const;

 private:
  friend class Reader;
  const unsigned char* const* declaration_array_ = nullptr;  // prefix, uri
  const unsigned char* const* attribute_array_ = nullptr;    // local, prefix, uri, value, end
  std::size_t declarations_ = 0, attributes_ = 0;
};

class Visitor {
 public:
  virtual void start(const StartTag& tag) = 0;
  virtual void text(std::string_view text) = 0;                  // decoded; in pieces
  virtual void end(std::uint32_t depth, std::uint64_t end) = 0;  // end: offset after the element's last '>'

 protected:
  ~Visitor() = default;
};

class Reader {
 public:
  explicit Reader(const Limits& limits);
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  // Once after borrowing. The visitor must live until the Reader goes back.
  // Borrowed without a scope: the bytes begin at the '<' of the root; what may stand before it is skip_prolog's.
  // Borrowed with one: as if that start tag had just been read; the visitor is told of it as the root.
  void open(Visitor& visitor, std::uint64_t max_element = kNoLimit);

  // The bytes begin at offset consumed() and contain at least what was shown before, usually more. What belongs to an
  // incomplete tag is not consumed yet. The visitor is told of everything that is complete, also before a fault.
  // After a fault, and after the root's end, nothing more is consumed.
  Fault feed(std::string_view bytes);
  std::uint64_t consumed() const { return consumed_; }
  bool finished() const { return gate_.finished() && fault_ == Fault::None; }  // the root has ended
  // An element one level below the root (or a tag of the root) has begun at element_begin() and is not complete.
  bool inside_element() const { return gate_.inside_element(); }
  std::uint64_t element_begin() const { return gate_.begin(); }

 private:
  friend class Pool;
  struct Events;  // the callbacks, in reader.cc
  struct Free {
    void operator()(_xmlParserCtxt* context) const;
  };

  // The start tag that has been read for the borrower. What libxml2 told of it lives as long as the context.
  struct Scope {
    std::string text;  // empty: none
    std::string_view local, prefix, ns;
    std::vector<const unsigned char*> declared;  // prefix, uri
  };

  void enter(std::string_view start_tag);  // not twice without leave_root()
  bool leave_root();                       // ends the root, or the scope; false: not possible
  void keep_scope(const StartTag& tag);
  void tell_scope();
  void parse(std::string_view bytes);
  void fail(Fault fault);
  bool tidy_up();  // ready for the next borrower; false: throw it away
  bool at_rest() const;
  std::uint64_t position() const;

  Limits limits_;
  Gate gate_;
  std::unique_ptr<_xmlParserCtxt, Free> context_;
  Visitor* visitor_ = nullptr;
  std::string_view chunk_;  // being parsed; begins at consumed_
  std::uint64_t consumed_ = 0;
  std::uint64_t fed_ = 0;                // bytes that libxml2 has had
  std::uint64_t before_ = 0;             // of these, before offset 0
  std::vector<std::uint32_t> declared_;  // per open element, libxml2's root not counted; its size is the depth
  std::uint32_t declarations_ = 0;       // in scope
  std::string root_;                     // the root's name as written, to close it
  Scope scope_;
  Fault fault_ = Fault::None;
  int resting_ = 0;  // namespaces that libxml2 counts while no element of a borrower is open
  bool opened_ = false;
  bool grown_ = false;  // its buffer is not worth keeping
  std::uint32_t uses_ = 0;
};

// Hands out Readers; keeps a few idle ones, those used last. A Reader used for hostile names is not kept for ever (its
// dictionary grows), nor one that has read something big.
class Pool {
 public:
  explicit Pool(Limits limits = {});
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  struct GiveBack {
    Pool* pool;
    void operator()(Reader* reader) const;
  };
  using Lease = std::unique_ptr<Reader, GiveBack>;  // must not outlive the pool
  // `scope`: a start tag without attributes that declares what is in scope, or "". One that was there before is preferred.
  Lease borrow(std::string_view scope = {});

  const Limits& limits() const { return limits_; }
  std::size_t idle() const { return idle_.size(); }
  std::size_t lent() const { return lent_; }
  std::uint64_t made() const { return made_; }

 private:
  std::unique_ptr<Reader> take(std::string_view scope);

  Limits limits_;
  std::vector<std::unique_ptr<Reader>> idle_;  // the one used last is last
  std::size_t lent_ = 0;
  std::uint64_t made_ = 0;
};

// Bytes of memory that a borrowed Reader costs, for those who account for it.
inline constexpr std::size_t kReaderBytes = 16 * 1024;  // its buffer may have grown to some 256 KB beside it

// What may stand before a root: a BOM, an XML declaration that names UTF-8 or nothing, whitespace.
struct Prolog {
  enum class State : std::uint8_t { Complete, Incomplete, Bad, Restricted } state;
  std::size_t size = 0;  // Complete: where the root's '<' is
};
// Lenient: whitespace may precede the declaration (a server's line end before the header of a restarted stream).
enum class Prologs : std::uint8_t { Strict, Lenient };
Prolog skip_prolog(std::string_view bytes, Prologs kind);

// --- writing ---
void append_escaped(std::string& out, std::string_view value);  // for text, and for values in either kind of quotes
void append_attribute(std::string& out, std::string_view name, std::string_view value);  // with a space before it
void append_declaration(std::string& out, std::string_view prefix, std::string_view uri);
bool is_ncname(const std::string& text);  // what an attribute without a prefix may be called

}  // namespace nxb::xml
