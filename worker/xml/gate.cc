// worker/xml/gate.cc - the gate's states. Each step takes bytes of one state and stops where the state may change.
// SPDX-License-Identifier: MIT
#include "worker/xml/gate.h"

#include <algorithm>
#include <cstring>

#include "common/base/text.h"

namespace nxb::xml {
namespace {

constexpr std::string_view kCdataOpen = "[CDATA[";

const char* find(const char* at, const char* stop, char wanted) {
  const void* hit = std::memchr(at, wanted, static_cast<std::size_t>(stop - at));
  return hit ? static_cast<const char*>(hit) : stop;
}

}  // namespace

std::string_view skip_space(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size() && is_space(text[at])) ++at;
  return text.substr(at);
}

std::size_t Utf8::accept(std::string_view bytes) {
  std::size_t i = 0;
  while (i < bytes.size()) {
    if (missing_ == 0 && bytes.size() - i >= 8 && eight_printable(bytes.data() + i)) {
      i += 8;
      continue;
    }
    auto byte = static_cast<std::uint8_t>(bytes[i]);
    if (missing_ > 0) {
      if (byte < low_ || byte > high_) return i;
      --missing_;
      low_ = 0x80;
      high_ = 0xbf;
    } else if (byte < 0x80) {
      if (byte < 0x20 && !is_space(bytes[i]) && controls_ == Controls::Refused) return i;
    } else if (byte >= 0xc2 && byte <= 0xdf) {
      missing_ = 1;
    } else if (byte >= 0xe0 && byte <= 0xef) {
      missing_ = 2;
      if (byte == 0xe0) low_ = 0xa0;   // overlong
      if (byte == 0xed) high_ = 0x9f;  // surrogates
    } else if (byte >= 0xf0 && byte <= 0xf4) {
      missing_ = 3;
      if (byte == 0xf0) low_ = 0x90;   // overlong
      if (byte == 0xf4) high_ = 0x8f;  // above U+10FFFF
    } else {
      return i;
    }
    ++i;
  }
  return i;
}

void Gate::open(std::uint32_t depth, std::uint64_t max_element) {
  Limits limits = limits_;
  *this = Gate(limits);
  depth_ = depth;
  max_element_ = max_element;
}

void Gate::scan(std::string_view bytes) {
  if (fault_ != Fault::None || finished_ || bytes.empty()) return;
  std::size_t good = utf8_.accept(bytes);
  base_ = bytes.data();
  const char* at = base_;
  const char* const end = at + good;
  while (at < end && fault_ == Fault::None && !finished_) {
    const char* stop = end;
    if (element_open_) {  // never look beyond the limit: the same fault wherever the bytes are cut
      std::uint64_t room = max_element_ - (offset_of(at) - begin_);
      if (room == 0) {
        at = fail(Fault::TooLarge, at);
        break;
      }
      if (room < static_cast<std::uint64_t>(end - at)) stop = at + room;
    }
    at = step(at, stop);
  }
  if (at == end && fault_ == Fault::None && !finished_ && good < bytes.size()) at = fail(Fault::NotWellFormed, at);
  offset_ = offset_of(at);
  base_ = nullptr;
}

const char* Gate::step(const char* at, const char* stop) {
  switch (state_) {
    case State::Text:
      return text(at, stop);
    case State::Opened:
      return opened(at);
    case State::StartTag:
      return start_tag(at, stop);
    case State::Value:
      return value(at, stop);
    case State::EndTag:
      return end_tag(at, stop);
    case State::Bang:
      return bang(at);
    case State::Cdata:
      return cdata(at, stop);
  }
  return stop;
}

const char* Gate::fail(Fault fault, const char* at) {
  fault_ = fault;
  return at;
}

const char* Gate::text(const char* at, const char* stop) {
  if (depth_ > 1) {
    const char* tag = find(at, stop, '<');
    note_references(at, tag);
    at = tag;
    if (at == stop) return at;
    // libxml2 would wait for the ';', and miss the tags until then.
    if (reference_open_) return fail(Fault::NotWellFormed, at);
  } else {
    if (depth_ == 1) {
      while (at < stop && is_space(*at)) ++at;
      safe_ = offset_of(at);
      if (at == stop) return at;
    }
    if (*at != '<') return fail(Fault::NotWellFormed, at);
    element_open_ = true;
    begin_ = offset_of(at);
  }
  state_ = State::Opened;
  return at + 1;
}

void Gate::note_references(const char* at, const char* stop) {
  while (at < stop) {
    at = find(at, stop, reference_open_ ? ';' : '&');
    if (at == stop) return;
    reference_open_ = !reference_open_;
  }
}

const char* Gate::opened(const char* at) {
  switch (*at) {
    case '!':
      state_ = State::Bang;
      matched_ = 0;
      return at + 1;
    case '?':
      return fail(Fault::Restricted, at);
    case '/':
      if (depth_ == 0) return fail(Fault::NotWellFormed, at);
      state_ = State::EndTag;
      name_ = 0;
      return at + 1;
    case '>':
    case '<':
    case '=':
    case '"':
    case '\'':
    case ' ':
    case '\t':
    case '\r':
    case '\n':
      return fail(Fault::NotWellFormed, at);
    default:
      break;  // libxml2 knows what a name is
  }
  state_ = State::StartTag;
  name_ = attributes_ = 0;
  slash_ = false;
  return at;
}

const char* Gate::start_tag(const char* at, const char* stop) {
  // A BOSH <body/> with too many attributes is to be read all the same, so that the session it names can be ended; the
  // users of Reader count a root's attributes.
  const std::uint32_t most = depth_ == 0 ? 2 * limits_.attributes : limits_.attributes;
  for (; at < stop; ++at) {
    const bool after_slash = slash_;
    slash_ = false;
    switch (*at) {
      case '>':
        tag_complete(at + 1, true, after_slash);
        return at + 1;
      case '/':
        slash_ = true;
        name_ = 0;
        break;
      case '=':
        if (++attributes_ > most) return fail(Fault::TooLarge, at);
        name_ = 0;
        break;
      case '"':
      case '\'':
        quote_ = *at;
        state_ = State::Value;
        return at + 1;
      case '<':
        return fail(Fault::NotWellFormed, at);
      case ' ':
      case '\t':
      case '\r':
      case '\n':
        name_ = 0;
        break;
      default:
        if (++name_ > limits_.name_bytes) return fail(Fault::TooLarge, at);
    }
  }
  return at;
}

const char* Gate::value(const char* at, const char* stop) {
  const char* close = find(at, stop, quote_);
  // libxml2 would wait for more before it says that this is wrong; and a tag is found by its last '<' (reader.cc).
  if (const char* open = find(at, close, '<'); open != close) return fail(Fault::NotWellFormed, open);
  at = close;
  if (at == stop) return at;
  state_ = State::StartTag;
  name_ = 0;
  return at + 1;
}

const char* Gate::end_tag(const char* at, const char* stop) {
  for (; at < stop; ++at) {
    if (*at == '>') {
      tag_complete(at + 1, false, true);
      return at + 1;
    }
    // After a quote libxml2 would wait for its partner.
    if (*at == '<' || *at == '"' || *at == '\'') return fail(Fault::NotWellFormed, at);
    if (!is_space(*at) && ++name_ > limits_.name_bytes) return fail(Fault::TooLarge, at);
  }
  return at;
}

void Gate::tag_complete(const char* after, bool opens, bool closes) {
  state_ = State::Text;
  if (opens && depth_ >= limits_.depth) {
    fault_ = Fault::TooLarge;
    return;
  }
  if (opens) ++depth_;
  if (closes) --depth_;
  if (depth_ <= 1) element_open_ = false;
  finished_ = depth_ == 0;
  safe_ = offset_of(after);
}

const char* Gate::bang(const char* at) {
  if (*at != kCdataOpen[matched_]) return fail(Fault::Restricted, at);
  if (++matched_ == kCdataOpen.size()) {
    if (depth_ <= 1) return fail(Fault::NotWellFormed, at);  // character data between elements
    state_ = State::Cdata;
    matched_ = 0;
  }
  return at + 1;
}

const char* Gate::cdata(const char* at, const char* stop) {
  if (matched_ == 0) at = find(at, stop, ']');
  for (; at < stop; ++at) {
    if (*at == ']') {
      matched_ = static_cast<std::uint8_t>(std::min<int>(matched_ + 1, 2));
    } else if (*at == '>' && matched_ == 2) {
      state_ = State::Text;
      return at + 1;
    } else {
      matched_ = 0;
      return at + 1;  // and look for the next bracket with find()
    }
  }
  return at;
}

}  // namespace nxb::xml
