// worker/xml/slicer.cc - what each element below the root took from it.
// SPDX-License-Identifier: MIT
#include "worker/xml/slicer.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"

namespace nxb::xml {
namespace {

constexpr std::size_t kMaskBits = 64;

// Tells of each xmlns and xmlns:prefix in a start tag that is known to be well-formed, and where its value is.
template <class Found>
void find_declarations(std::string_view raw, const Found& found) {
  std::size_t at = raw.find_first_of(" \t\r\n");
  while (at < raw.size()) {
    std::size_t begin = raw.find_first_not_of(" \t\r\n", at);
    std::size_t equals = raw.find('=', at);
    if (begin == std::string_view::npos || equals == std::string_view::npos) break;
    std::size_t open = raw.find_first_of("'\"", equals);
    std::size_t close = open == std::string_view::npos ? open : raw.find(raw[open], open + 1);
    if (close == std::string_view::npos) break;
    std::size_t name_end = std::min(raw.find_first_of(" \t\r\n=", begin), raw.size());
    std::string_view name = raw.substr(begin, name_end - begin);
    if (name == "xmlns") found(std::string_view(), Range{open + 1, close});
    if (name.starts_with("xmlns:")) found(name.substr(6), Range{open + 1, close});
    at = close + 1;
  }
}

// Its index in the tag. libxml2 has them in the order of the tag, so it is `next`, or the search goes on from there.
std::size_t index_of(const StartTag& tag, std::string_view prefix, std::size_t next) {
  for (std::size_t i = 0; i < tag.declarations(); ++i) {
    std::size_t index = (next + i) % tag.declarations();
    if (tag.declared_prefix(index) == prefix) return index;
  }
  return tag.declarations();
}

}  // namespace

std::string_view Slicer::default_namespace() const {
  for (const auto& declaration : declarations_) {
    if (declaration.prefix.empty()) return declaration.uri;
  }
  return {};
}

void Slicer::start(const StartTag& tag) {
  if (tag.depth == 1) return take_root(tag);
  if (tag.depth == 2) {
    current_ = {};
    current_.local = tag.local;
    current_.prefix = tag.prefix;
    current_.ns = tag.ns;
    current_.begin = tag.begin;
    current_.name_end = tag.begin + std::min(tag.raw.find_first_of(" \t\r\n"), tag.raw.size());
    own_ = 0;
    default_since_ = 0;
    was_empty_ = false;
  }
  if (tag.declarations() > 0) note_declarations(tag);
  if (!tag.prefix.empty()) {
    note_use(tag.prefix);
  } else if (default_since_ == 0) {
    current_.uses_default = true;
  }
  for (std::size_t i = 0; i < tag.attributes(); ++i) {
    std::string_view prefix = tag.attribute_prefix(i);
    if (prefix == "xml") {
      if (tag.depth == 2 && tag.attribute_local(i) == "lang") current_.has_lang = true;
    } else if (!prefix.empty()) {
      note_use(prefix);
    }
  }
}

void Slicer::take_root(const StartTag& tag) {
  declarations_.clear();
  for (std::size_t i = 0; i < tag.declarations(); ++i) {
    declarations_.push_back({std::string(tag.declared_prefix(i)), tag.declared_uri(i)});
  }
  root(tag);
}

void Slicer::note_declarations(const StartTag& tag) {
  bool any_replaced = false;
  for (std::size_t i = 0; i < tag.declarations(); ++i) {
    std::string_view prefix = tag.declared_prefix(i);
    if (prefix.empty()) {
      if (default_since_ == 0) default_since_ = tag.depth;
      if (tag.depth == 2 && tag.declares(i, "")) was_empty_ = true;
    }
    if (tag.depth == 2) {
      for (std::size_t j = 0; j < std::min(declarations_.size(), kMaskBits); ++j) {
        if (declarations_[j].prefix == prefix) own_ |= std::uint64_t{1} << j;
      }
    }
    any_replaced = any_replaced || is_replaced(tag, i);
  }
  if (any_replaced) note_replaced(tag);
}

void Slicer::note_replaced(const StartTag& tag) {
  std::size_t next = 0;
  find_declarations(tag.raw, [&](std::string_view prefix, Range value) {
    std::size_t index = index_of(tag, prefix, next);
    if (!NXB_EXPECT(index < tag.declarations(), "libxml2 saw what is declared in the tag")) return;
    if (is_replaced(tag, index)) current_.replaced.push_back({tag.begin + value.begin, tag.begin + value.end});
    next = index + 1;
  });
}

bool Slicer::is_replaced(const StartTag& tag, std::size_t index) const {
  if (replaced_namespace_.empty()) return false;
  return tag.declares(index, replaced_namespace_) ||
         (was_empty_ && tag.declared_prefix(index).empty() && tag.declares(index, ""));
}

void Slicer::note_use(std::string_view prefix) {
  for (std::size_t i = 0; i < std::min(declarations_.size(), kMaskBits); ++i) {
    std::uint64_t bit = std::uint64_t{1} << i;
    if (declarations_[i].prefix == prefix && (own_ & bit) == 0) current_.used |= bit;
  }
}

void Slicer::end(std::uint32_t depth, std::uint64_t end) {
  if (depth == default_since_) default_since_ = 0;
  if (depth != 2) return;
  current_.end = end;
  slices.push_back(std::exchange(current_, {}));
}

void append_slice(std::string& out, std::string_view bytes, std::uint64_t base, const Slice& slice,
                  std::string_view inserted, std::string_view replacement) {
  auto copy = [&](std::uint64_t begin, std::uint64_t end) { out.append(bytes.substr(begin - base, end - begin)); };
  std::uint64_t at = slice.begin;
  if (!inserted.empty()) {
    copy(at, slice.name_end);
    out.append(inserted);
    at = slice.name_end;
  }
  for (const Range& range : slice.replaced) {
    copy(at, range.begin);
    out.append(replacement);
    at = range.end;
  }
  copy(at, slice.end);
}

}  // namespace nxb::xml
