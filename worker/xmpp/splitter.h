// worker/xmpp/splitter.h - bytes of a server's XMPP stream -> header, whole elements, end; without understanding them.
// Runs in: worker. I/O: none. Any segmentation of the bytes gives the same items (U-25). Between elements it holds no
// parser and no buffer: the state is the header's namespaces (ARCHITECTURE, Stanzas are bytes).
// Elements are mended so that they stand by themselves (B-13, U-21): xmlns='jabber:client' (or the stream's default) and
// the header's prefixes that the element uses are declared in its start tag; the other bytes are as received.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/result.h"
#include "worker/xml/reader.h"
#include "worker/xmpp/stanza.h"

namespace nxb::xmpp {

struct StreamHeader {
  std::string id, from, lang, version;  // as sent; empty when absent
};
struct StreamElement {
  std::string local, ns;  // to recognise proceed, failure, enabled, features ...
  Stanza stanza;
};
// To a client it would be our own word: its stream or session opened, closed, or sent elsewhere (W-46).
bool frames_a_stream(const StreamElement& element);
struct StreamEnd {};  // </stream:stream>; bytes after it are ignored
using StreamItem = std::variant<StreamHeader, StreamElement, StreamEnd>;

enum class Fault : std::uint8_t {
  None,
  NotWellFormed,
  RestrictedXml,
  InvalidNamespace,
  StanzaTooBig
};  // U-20, U-23, U-24

class Splitter {
 public:
  Splitter(xml::Pool& pool, std::uint64_t max_stanza_size);
  ~Splitter();
  Splitter(const Splitter&) = delete;
  Splitter& operator=(const Splitter&) = delete;
  // Appends what became complete to `out`, also when it then fails. After a fault it takes nothing more until restart().
  Fault feed(std::string_view bytes, std::vector<StreamItem>& out);
  // Forgets the header and any partial element (U-28, U-43); the next bytes begin with a new header.
  void restart();
  bool mid_element() const;    // an element (or the header) has begun and is not complete
  std::size_t memory() const;  // bytes held

 private:
  struct Work;  // a borrowed reader and what it found; here only while an element is incomplete

  Fault begin_header(std::string_view bytes);
  Fault run(std::string_view bytes, std::vector<StreamItem>& out);
  void keep_incomplete(std::string_view bytes);
  void forget();
  Fault fail(Fault fault);

  xml::Pool& pool_;
  std::uint64_t max_stanza_size_;
  std::string root_;     // the header's start tag reduced to its name and declarations; empty: no header yet
  std::string partial_;  // from the '<' of what is incomplete (or what may precede a header)
  std::unique_ptr<Work> work_;
  Fault fault_ = Fault::None;
  bool ended_ = false;
};

// --- <stream:features/>, looked into only where nxb must act ---
struct Features {
  bool starttls = false, starttls_required = false;
  std::string
      stripped;  // the element without <starttls/> and <compression xmlns='http://jabber.org/features/compress'/> (B-37)
};
// Of an element that the splitter calls Features.
Result<Features> read_features(xml::Pool& pool, std::string_view element);

// The error stanza for one that could not be delivered, or "" where none may be sent (B-103, U-61).
std::string bounce(xml::Pool& pool, const Stanza& undelivered);

}  // namespace nxb::xmpp
