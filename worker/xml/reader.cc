// worker/xml/reader.cc - a libxml2 context behind the gate, and the pool of them.
// xmlByteConsumed is where the '>' or '/>' of a start tag is when libxml2 reports it, and after the '>' of an end tag;
// a start tag begins at the last '<' before (no attribute value may contain one). Exact because no input encoder is
// ever set: the gate has checked the UTF-8, and the XML declaration does not get here.
// SPDX-License-Identifier: MIT
#include "worker/xml/reader.h"

#include <libxml/SAX2.h>
#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <libxml/xmlerror.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/base/check.h"

namespace nxb::xml {
namespace {

constexpr std::size_t kIdleReaders = 8;                  // a few scopes: bodies, messages, streams of some servers
constexpr std::uint32_t kMostUses = 1000;                // of one context
constexpr std::size_t kBigChunk = 128 * 1024;            // libxml2 keeps a buffer of the size it once needed
constexpr std::string_view kEndless = "<all>";           // libxml2's root: has no namespace and never ends
constexpr std::size_t kMostDictionaryBytes = 16 * 1024;  // a fresh one has less than 1 KB

std::string_view view(const xmlChar* text) {
  return text ? std::string_view(reinterpret_cast<const char*>(text)) : std::string_view();
}

std::string_view between(const xmlChar* begin, const xmlChar* end) {
  return {reinterpret_cast<const char*>(begin), static_cast<std::size_t>(end - begin)};
}

std::string name_in(std::string_view start_tag) {
  return std::string(start_tag.substr(1, start_tag.find_first_of(" \t\r\n>") - 1));
}

// rfind() looks at each byte by itself.
std::size_t last_tag(std::string_view text) {
  const void* found = memrchr(text.data(), '<', text.size());
  return found ? static_cast<std::size_t>(static_cast<const char*>(found) - text.data()) : std::string_view::npos;
}

// Without entity substitution libxml2 leaves "&#38;" for every '&' in an attribute's value, and no other '&'.
std::string decoded(std::string_view value) {
  constexpr std::string_view kAmpersand = "&#38;";
  if (value.find('&') == std::string_view::npos) return std::string(value);
  std::string out;
  std::size_t at = 0;
  for (std::size_t hit; (hit = value.find(kAmpersand, at)) != std::string_view::npos; at = hit + kAmpersand.size()) {
    out.append(value.substr(at, hit - at));
    out += '&';
  }
  return out.append(value.substr(at));
}

}  // namespace

std::string_view StartTag::declared_prefix(std::size_t index) const { return view(declaration_array_[2 * index]); }
std::string StartTag::declared_uri(std::size_t index) const { return decoded(view(declaration_array_[2 * index + 1])); }
bool StartTag::declares(std::size_t index, std::string_view uri) const {
  return view(declaration_array_[2 * index + 1]) == uri;
}
std::string_view StartTag::attribute_local(std::size_t index) const { return view(attribute_array_[5 * index]); }
std::string_view StartTag::attribute_prefix(std::size_t index) const { return view(attribute_array_[5 * index + 1]); }
std::string_view StartTag::attribute_ns(std::size_t index) const { return view(attribute_array_[5 * index + 2]); }
std::string StartTag::attribute_value(std::size_t index) const {
  return decoded(between(attribute_array_[5 * index + 3], attribute_array_[5 * index + 4]));
}
std::size_t StartTag::attribute_size(std::size_t index) const {
  return between(attribute_array_[5 * index + 3], attribute_array_[5 * index + 4]).size();
}
std::vector<Attribute> StartTag::all_attributes() const {
  std::vector<Attribute> all;
  all.reserve(attributes_);
  for (std::size_t i = 0; i < attributes_; ++i) {
    all.push_back({std::string(attribute_local(i)), std::string(attribute_ns(i)), attribute_value(i)});
  }
  return all;
}

struct Reader::Events {
  static void start(void* user, const xmlChar* local, const xmlChar* prefix, const xmlChar* uri, int declarations,
                    const xmlChar** declared, int attributes, int, const xmlChar** attribute) noexcept {
    auto& self = *static_cast<Reader*>(user);
    if (prefix && !uri)
      return self.fail(Fault::NotWellFormed);  // newer versions of libxml2 say so a hundred times at most
    StartTag tag;
    tag.local = view(local);
    tag.prefix = view(prefix);
    tag.ns = view(uri);
    tag.declaration_array_ = declared;
    tag.declarations_ = static_cast<std::size_t>(declarations);
    tag.attribute_array_ = attribute;
    tag.attributes_ = static_cast<std::size_t>(attributes);
    self.declared_.push_back(static_cast<std::uint32_t>(declarations));
    self.declarations_ += static_cast<std::uint32_t>(declarations);
    tag.depth = static_cast<std::uint32_t>(self.declared_.size());
    if (self.declarations_ > self.limits_.declarations) return self.fail(Fault::TooLarge);

    if (!self.visitor_) return self.keep_scope(tag);  // enter() has it read; a borrower is told by open()

    std::size_t here = self.position() - self.consumed_;
    std::size_t open = here < self.chunk_.size() ? last_tag(self.chunk_.substr(0, here)) : std::string_view::npos;
    if (!NXB_EXPECT(open != std::string_view::npos, "a start tag is in the chunk")) {
      return self.fail(Fault::NotWellFormed);
    }
    tag.begin = self.consumed_ + open;
    tag.raw = self.chunk_.substr(open, here - open);
    if (tag.depth == 1) self.root_ = name_in(tag.raw);
    self.visitor_->start(tag);
  }

  static void end(void* user, const xmlChar*, const xmlChar*, const xmlChar*) noexcept {
    auto& self = *static_cast<Reader*>(user);
    auto depth = static_cast<std::uint32_t>(self.declared_.size());
    self.declarations_ -= self.declared_.back();
    self.declared_.pop_back();
    if (self.visitor_) self.visitor_->end(depth, self.position());
  }

  static void text(void* user, const xmlChar* text, int size) noexcept {
    auto& self = *static_cast<Reader*>(user);
    if (self.visitor_) self.visitor_->text({reinterpret_cast<const char*>(text), static_cast<std::size_t>(size)});
  }

  static void error(void* user, const xmlError* error) noexcept {
    // "not a valid URI": XMPP compares namespaces as text and never cares.
    if (error->level < XML_ERR_ERROR || error->code == XML_WAR_NS_URI) return;
    bool entity = error->code == XML_ERR_UNDECLARED_ENTITY || error->code == XML_WAR_UNDECLARED_ENTITY;
    static_cast<Reader*>(user)->fail(entity ? Fault::Restricted : Fault::NotWellFormed);
  }

  // The gate lets none of these through; if one comes it is refused here.
  static void forbidden(void* user) noexcept { static_cast<Reader*>(user)->fail(Fault::Restricted); }
};

void Reader::Free::operator()(_xmlParserCtxt* context) const { xmlFreeParserCtxt(context); }

Reader::Reader(const Limits& limits) : limits_(limits), gate_(limits) {
  xmlSAXHandler handler{};
  handler.initialized = XML_SAX2_MAGIC;
  handler.startElementNs = &Events::start;
  handler.endElementNs = &Events::end;
  handler.characters = handler.ignorableWhitespace = handler.cdataBlock = &Events::text;
  handler.serror = [](void* user, auto* error) { Events::error(user, error); };  // since 2.12 it is const
  handler.comment = [](void* user, const xmlChar*) { Events::forbidden(user); };
  handler.processingInstruction = [](void* user, const xmlChar*, const xmlChar*) { Events::forbidden(user); };
  handler.reference = [](void* user, const xmlChar*) { Events::forbidden(user); };
  handler.internalSubset = [](void* user, const xmlChar*, const xmlChar*, const xmlChar*) { Events::forbidden(user); };
  context_.reset(xmlCreatePushParserCtxt(&handler, this, nullptr, 0, nullptr));
  NXB_CHECK(context_ != nullptr, "out of memory");
  xmlCtxtUseOptions(context_.get(), XML_PARSE_NONET);
  enter(kEndless);
  declared_.clear();  // inside the endless root: that is depth 0, and no scope
  scope_ = {};
}

Reader::~Reader() = default;

void Reader::enter(std::string_view start_tag) {
  scope_.text = start_tag;
  root_ = name_in(start_tag);
  parse(start_tag);
  resting_ = context_->nsNr;
  NXB_EXPECT(fault_ == Fault::None && declared_.size() == 1, "a scope is well-formed");
}

void Reader::keep_scope(const StartTag& tag) {
  scope_.local = tag.local;
  scope_.prefix = tag.prefix;
  scope_.ns = tag.ns;
  scope_.declared.assign(tag.declaration_array_, tag.declaration_array_ + 2 * tag.declarations_);
}

void Reader::tell_scope() {
  StartTag tag;
  tag.local = scope_.local;
  tag.prefix = scope_.prefix;
  tag.ns = scope_.ns;
  tag.depth = 1;
  tag.raw = std::string_view(scope_.text).substr(0, scope_.text.size() - 1);
  tag.declaration_array_ = scope_.declared.data();
  tag.declarations_ = scope_.declared.size() / 2;
  visitor_->start(tag);
}

void Reader::open(Visitor& visitor, std::uint64_t max_element) {
  NXB_CHECK(!std::exchange(opened_, true), "a Reader is opened once after it was borrowed");
  visitor_ = &visitor;
  before_ = fed_;
  consumed_ = 0;
  gate_.open(static_cast<std::uint32_t>(declared_.size()), max_element);
  if (!scope_.text.empty()) tell_scope();
}

Fault Reader::feed(std::string_view bytes) {
  if (fault_ != Fault::None || gate_.finished()) return fault_;
  std::size_t shown = gate_.scanned() - consumed_;
  NXB_CHECK(shown <= bytes.size(), "what was shown is shown again until it is consumed");
  gate_.scan(bytes.substr(shown));
  if (gate_.safe() > consumed_) {
    parse(bytes.substr(0, gate_.safe() - consumed_));
    consumed_ = gate_.safe();
    bool agreed = fault_ != Fault::None || declared_.size() == gate_.depth();
    if (!NXB_EXPECT(agreed, "libxml2 has gone as far as the gate")) fail(Fault::NotWellFormed);
  }
  if (gate_.fault() != Fault::None) fail(gate_.fault());
  return fault_;
}

void Reader::parse(std::string_view bytes) {
  constexpr std::size_t kMost = 1 << 30;
  if (bytes.size() > kMost) return fail(Fault::TooLarge);
  chunk_ = bytes;
  fed_ += bytes.size();
  grown_ = grown_ || bytes.size() > kBigChunk;
  xmlParseChunk(context_.get(), bytes.data(), static_cast<int>(bytes.size()), 0);
  chunk_ = {};
  if (!context_->wellFormed) fail(Fault::NotWellFormed);
}

// The first fault counts. libxml2 tells us nothing more after it was stopped.
void Reader::fail(Fault fault) {
  if (fault_ != Fault::None) return;
  fault_ = fault;
  xmlStopParser(context_.get());
}

std::uint64_t Reader::position() const { return static_cast<std::uint64_t>(xmlByteConsumed(context_.get())) - before_; }

bool Reader::leave_root() {
  const std::string end = "</" + root_ + ">";
  parse(end);
  scope_ = {};
  resting_ = 0;
  return fault_ == Fault::None && declared_.empty();
}

bool Reader::tidy_up() {
  visitor_ = nullptr;  // it may be gone; whitespace that libxml2 still has, and the root's end, are for nobody
  if (fault_ != Fault::None || grown_ || ++uses_ > kMostUses) return false;
  if (xmlDictGetUsage(context_->dict) > kMostDictionaryBytes) return false;
  // A namespace that is no URI was passed over: newer versions of libxml2 tell of so many such errors only.
  if (!context_->nsWellFormed) return false;
  bool nothing_pending = fed_ == static_cast<std::uint64_t>(xmlByteConsumed(context_.get()));
  if (declared_.empty()) {
    scope_ = {};  // a stream's own end
    resting_ = 0;
  } else if ((scope_.text.empty() || declared_.size() > 1 || !nothing_pending) && !leave_root()) {
    return false;
  }
  opened_ = false;
  return NXB_EXPECT(at_rest(), "nothing of a borrower is left in libxml2's stacks");
}

bool Reader::at_rest() const {
  auto depth = static_cast<int>(declared_.size()) + 1;
  return context_->nameNr == depth && context_->nsNr == resting_ &&
         fed_ == static_cast<std::uint64_t>(xmlByteConsumed(context_.get()));
}

Pool::Pool(Limits limits) : limits_(limits) { xmlInitParser(); }

Pool::~Pool() { NXB_EXPECT(lent_ == 0, "every Reader is back before its pool goes"); }

Pool::Lease Pool::borrow(std::string_view scope) {
  ++lent_;
  return Lease(take(scope).release(), GiveBack{this});
}

// One that is in the scope, else one that is in none, else a new one while few are kept, else the one used longest ago.
std::unique_ptr<Reader> Pool::take(std::string_view scope) {
  auto newest_in = [this](std::string_view wanted) {
    return std::find_if(idle_.rbegin(), idle_.rend(), [&](const auto& one) { return one->scope_.text == wanted; });
  };
  auto found = newest_in(scope);
  if (found == idle_.rend()) found = newest_in({});
  if (found == idle_.rend() && idle_.size() >= kIdleReaders) found = idle_.rend() - 1;
  std::unique_ptr<Reader> reader;
  if (found != idle_.rend()) {
    reader = std::move(*found);
    idle_.erase(found.base() - 1);
    bool stays = reader->scope_.text.empty() || reader->scope_.text == scope;
    if (!stays && !reader->leave_root()) reader.reset();
  }
  if (!reader) {
    ++made_;
    reader = std::make_unique<Reader>(limits_);
  }
  if (reader->scope_.text != scope) reader->enter(scope);
  return reader;
}

void Pool::GiveBack::operator()(Reader* reader) const {
  std::unique_ptr<Reader> owned(reader);
  --pool->lent_;
  if (!owned->tidy_up()) return;
  if (pool->idle_.size() >= kIdleReaders) pool->idle_.erase(pool->idle_.begin());
  pool->idle_.push_back(std::move(owned));
}

}  // namespace nxb::xml
