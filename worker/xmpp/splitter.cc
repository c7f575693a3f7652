// worker/xmpp/splitter.cc - see the header. An element that is whole in one chunk is copied once, into its Stanza.
// The first text after the header is read inside a start tag with the header's name and declarations (root_), so that
// libxml2 itself sees that </stream:stream> matches. That start tag is all an idle stream keeps.
// A header or element is never buffered beyond the limit, and what is reported does not depend on the segmentation:
// the reader judges each byte at most `max_stanza_size` after the '<' it belongs to.
// SPDX-License-Identifier: MIT
#include "worker/xmpp/splitter.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "worker/xml/slicer.h"

namespace nxb::xmpp {
namespace {

constexpr std::string_view kStreamNamespace = "http://etherx.jabber.org/streams";
constexpr std::string_view kFramingNamespace = "urn:ietf:params:xml:ns:xmpp-framing";
constexpr std::string_view kBoshNamespace = "http://jabber.org/protocol/httpbind";
constexpr std::string_view kClientNamespace = "jabber:client";
constexpr std::string_view kXmlNamespace = "http://www.w3.org/XML/1998/namespace";

constexpr std::uint64_t kLongestProlog = 1024;  // XML declaration and white space before the header
// The header's namespaces: kept by every idle stream, and copied into each element that uses them. Servers declare two
// or three (85 bytes, with dialback 119).
constexpr std::size_t kLongestRoot = 256;

// The stream's root: either the header itself, or the start tag that stands for it.
class StreamSlicer final : public xml::Slicer {
 public:
  std::optional<StreamHeader> header;
  std::string start_tag;  // the header reduced to what the elements below can use
  Fault fault = Fault::None;
  bool stands_for_header = false;

 private:
  void root(const xml::StartTag& tag) override {
    if (stands_for_header) return;
    if (tag.local != "stream" || tag.ns != kStreamNamespace || default_namespace() != kClientNamespace) {
      fault = Fault::InvalidNamespace;
      return;
    }
    if (tag.attributes() + tag.declarations() > xml::Limits{}.attributes) {
      fault = Fault::StanzaTooBig;
      return;
    }
    header.emplace();
    for (const auto& [local, ns, value] : tag.all_attributes()) {
      if (ns == kXmlNamespace && local == "lang") header->lang = value;
      if (!ns.empty()) continue;
      if (local == "id") header->id = value;
      if (local == "from") header->from = value;
      if (local == "version") header->version = value;
    }
    start_tag = tag.raw.substr(0, std::min(tag.raw.find_first_of(" \t\r\n"), tag.raw.size()));
    for (const auto& [prefix, uri] : declarations()) xml::append_declaration(start_tag, prefix, uri);
    start_tag += '>';
    start_tag.shrink_to_fit();
    if (start_tag.size() > kLongestRoot) fault = Fault::StanzaTooBig;
  }
};

Kind kind_of(const xml::Slice& slice) {
  if (slice.ns == kClientNamespace) {
    if (slice.local == "message") return Kind::Message;
    if (slice.local == "presence") return Kind::Presence;
    if (slice.local == "iq") return Kind::Iq;
  } else if (slice.ns == kStreamNamespace) {
    if (slice.local == "features") return Kind::Features;
    if (slice.local == "error") return Kind::StreamError;
  }
  return Kind::Other;
}

// `bytes` begin at offset `base`.
StreamElement make_element(const xml::Slicer& slicer, const xml::Slice& slice, std::string_view bytes,
                           std::uint64_t base) {
  std::string inserted;
  if (slice.uses_default) xml::append_declaration(inserted, {}, slicer.default_namespace());
  for (std::size_t i = 0; i < slicer.declarations().size() && (slice.used >> i) != 0; ++i) {
    const auto& [prefix, uri] = slicer.declarations()[i];
    if ((slice.used >> i) & 1) xml::append_declaration(inserted, prefix, uri);
  }
  StreamElement element{std::string(slice.local), std::string(slice.ns), {kind_of(slice), {}}};
  element.stanza.bytes.reserve(slice.end - slice.begin + inserted.size());
  xml::append_slice(element.stanza.bytes, bytes, base, slice, inserted);
  return element;
}

Fault fault_of(xml::Fault fault) {
  switch (fault) {
    case xml::Fault::None:
      return Fault::None;
    case xml::Fault::NotWellFormed:
      return Fault::NotWellFormed;
    case xml::Fault::Restricted:
      return Fault::RestrictedXml;
    case xml::Fault::TooLarge:
      return Fault::StanzaTooBig;  // told as policy-violation, whichever limit it was
  }
  return Fault::NotWellFormed;
}

std::size_t heap_bytes(const std::string& text) {
  return text.capacity() > std::string().capacity() ? text.capacity() + 1 : 0;
}

// Assigning an empty string would keep the memory.
void release(std::string& text) { std::string().swap(text); }

}  // namespace

bool frames_a_stream(const StreamElement& element) {
  return element.ns == kFramingNamespace || (element.ns == kBoshNamespace && element.local == "body") ||
         (element.ns == kStreamNamespace && element.local == "stream");
}

struct Splitter::Work {
  StreamSlicer slicer;  // outlives the lease
  xml::Pool::Lease reader;
  std::uint64_t base = 0;  // offset of partial_'s first byte
};

Splitter::Splitter(xml::Pool& pool, std::uint64_t max_stanza_size) : pool_(pool), max_stanza_size_(max_stanza_size) {}
Splitter::~Splitter() = default;

Fault Splitter::feed(std::string_view bytes, std::vector<StreamItem>& out) {
  if (fault_ != Fault::None || ended_) return fault_;
  if (!work_ && partial_.empty()) bytes = xml::skip_space(bytes);  // U-26
  if (bytes.empty()) return Fault::None;
  if (!work_ && root_.empty()) {
    Fault fault = begin_header(bytes);
    if (!work_) return fault;
    return run(partial_, out);
  }
  if (!work_) {
    work_ = std::make_unique<Work>();
    work_->slicer.stands_for_header = true;
    work_->reader = pool_.borrow(root_);
    work_->reader->open(work_->slicer, max_stanza_size_);
    return run(bytes, out);
  }
  partial_.append(bytes);
  return run(partial_, out);
}

// Takes what may stand before the header off partial_; opens a reader at the header's '<'.
Fault Splitter::begin_header(std::string_view bytes) {
  partial_.append(bytes);
  auto longest = std::min(max_stanza_size_, kLongestProlog);
  xml::Prolog prolog = xml::skip_prolog(std::string_view(partial_).substr(0, longest), xml::Prologs::Lenient);
  switch (prolog.state) {
    case xml::Prolog::State::Incomplete:
      return partial_.size() > longest ? fail(Fault::StanzaTooBig) : Fault::None;
    case xml::Prolog::State::Bad:
      return fail(Fault::NotWellFormed);
    case xml::Prolog::State::Restricted:
      return fail(Fault::RestrictedXml);
    case xml::Prolog::State::Complete:
      break;
  }
  partial_.erase(0, prolog.size);
  work_ = std::make_unique<Work>();
  work_->reader = pool_.borrow();
  work_->reader->open(work_->slicer, max_stanza_size_);
  return Fault::None;
}

// `bytes` begin at offset work_->base: they are partial_, or the chunk itself when nothing was incomplete before.
Fault Splitter::run(std::string_view bytes, std::vector<StreamItem>& out) {
  auto& [slicer, reader, base] = *work_;
  xml::Fault found = reader->feed(bytes.substr(reader->consumed() - base));
  if (slicer.fault != Fault::None) return fail(slicer.fault);
  if (slicer.header) {
    root_ = std::move(slicer.start_tag);
    out.emplace_back(*std::exchange(slicer.header, std::nullopt));
  }
  for (const xml::Slice& slice : slicer.slices) out.emplace_back(make_element(slicer, slice, bytes, base));
  slicer.slices.clear();
  if (found != xml::Fault::None) return fail(fault_of(found));
  if (reader->finished()) {
    forget();
    ended_ = true;
    out.emplace_back(StreamEnd{});
    return Fault::None;
  }
  keep_incomplete(bytes);
  return Fault::None;
}

void Splitter::keep_incomplete(std::string_view bytes) {
  if (!work_->reader->inside_element()) {
    work_.reset();
    release(partial_);
    return;
  }
  std::uint64_t begin = work_->reader->element_begin();
  std::size_t done = begin - work_->base;
  if (bytes.data() == partial_.data()) {
    partial_.erase(0, done);
  } else {
    partial_ = bytes.substr(done);
  }
  work_->base = begin;
}

void Splitter::restart() {
  forget();
  fault_ = Fault::None;
  ended_ = false;
}

void Splitter::forget() {
  work_.reset();
  release(root_);
  release(partial_);
}

Fault Splitter::fail(Fault fault) {
  forget();
  fault_ = fault;
  return fault;
}

bool Splitter::mid_element() const { return work_ || !partial_.empty(); }

std::size_t Splitter::memory() const {
  return heap_bytes(root_) + heap_bytes(partial_) + (work_ ? sizeof(Work) + xml::kReaderBytes : 0);
}

}  // namespace nxb::xmpp
