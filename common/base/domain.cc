// common/base/domain.cc - see domain.h.
// SPDX-License-Identifier: MIT
#include "common/base/domain.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>

#include "common/base/address.h"

namespace nxb {
namespace {

constexpr std::size_t kMaxName = 253, kMaxLabel = 63;

// UTF-8 -> code points; false for anything that is not UTF-8 (overlong forms and surrogates included).
bool decode(std::string_view bytes, std::u32string& out) {
  for (std::size_t i = 0; i < bytes.size();) {
    auto first = static_cast<std::uint8_t>(bytes[i]);
    std::size_t length = first < 0x80 ? 1 : first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC2 ? 2 : 0;
    if (length == 0 || first > 0xF4 || i + length > bytes.size()) return false;
    char32_t point = length == 1 ? first : first & (0x7FU >> length);
    for (std::size_t k = 1; k < length; ++k) {
      auto next = static_cast<std::uint8_t>(bytes[i + k]);
      if ((next & 0xC0) != 0x80) return false;
      point = (point << 6) | (next & 0x3FU);
    }
    constexpr char32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
    if (point < kLeast[length] || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) return false;
    out += point;
    i += length;
  }
  return true;
}

void encode(char32_t point, std::string& out) {
  if (point < 0x80) {
    out += static_cast<char>(point);
  } else if (point < 0x800) {
    out += static_cast<char>(0xC0 | (point >> 6));
    out += static_cast<char>(0x80 | (point & 0x3F));
  } else if (point < 0x10000) {
    out += static_cast<char>(0xE0 | (point >> 12));
    out += static_cast<char>(0x80 | ((point >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (point & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (point >> 18));
    out += static_cast<char>(0x80 | ((point >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((point >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (point & 0x3F));
  }
}

char32_t folded(char32_t point) {
  if (point >= U'A' && point <= U'Z') return point + 0x20;
  if (point >= 0xC0 && point <= 0xDE && point != 0xD7) return point + 0x20;     // Latin-1
  if (point >= 0x391 && point <= 0x3A9 && point != 0x3A2) return point + 0x20;  // Greek
  if (point >= 0x410 && point <= 0x42F) return point + 0x20;                    // Cyrillic
  if (point >= 0x400 && point <= 0x40F) return point + 0x50;
  if (point == 0x3002 || point == 0xFF0E || point == 0xFF61) return U'.';  // ideographic full stops (RFC 3490 3.1)
  return point;
}

// RFC 3492 6.1: how fast the bias follows the text.
std::uint32_t adapted(std::uint32_t delta, std::uint32_t count, bool first) {
  delta = first ? delta / 700 : delta / 2;
  delta += delta / count;
  std::uint32_t k = 0;
  for (; delta > 455; k += 36) delta /= 35;
  return k + 36 * delta / (delta + 38);
}

// RFC 3492 6.3. Labels are at most 253 code points long, so nothing overflows.
std::string punycode(const std::u32string& label) {
  std::string out;
  for (char32_t c : label) {
    if (c < 0x80) out += static_cast<char>(c);
  }
  auto basic = static_cast<std::uint32_t>(out.size());
  std::uint32_t handled = basic, delta = 0, bias = 72;
  char32_t n = 0x80;
  if (basic > 0) out += '-';
  while (handled < label.size()) {
    char32_t next = std::numeric_limits<char32_t>::max();
    for (char32_t c : label) next = c >= n && c < next ? c : next;
    delta += static_cast<std::uint32_t>(next - n) * (handled + 1);
    n = next;
    for (char32_t c : label) {
      if (c < n) ++delta;
      if (c != n) continue;
      std::uint32_t q = delta;
      for (std::uint32_t k = 36;; k += 36) {
        std::uint32_t t = k <= bias ? 1 : k >= bias + 26 ? 26 : k - bias;
        std::uint32_t digit = q < t ? q : t + (q - t) % (36 - t);
        out += static_cast<char>(digit < 26 ? 'a' + digit : '0' + (digit - 26));
        if (q < t) break;
        q = (q - t) / (36 - t);
      }
      bias = adapted(delta, handled + 1, handled == basic);
      delta = 0;
      ++handled;
    }
    ++delta;
    ++n;
  }
  return out;
}

bool plain(char32_t c) { return (c >= U'a' && c <= U'z') || (c >= U'0' && c <= U'9') || c == U'-' || c == U'_'; }

// Appends one label to both forms; false when it cannot be one.
bool add_label(const std::u32string& label, Domain& domain) {
  if (label.empty()) return false;
  bool ascii = true;
  for (char32_t c : label) {
    if (c < 0x80 ? !plain(c) : c < 0xA1) return false;  // controls, spaces, / @ : and other signs
    ascii = ascii && c < 0x80;
    encode(c, domain.jid);
  }
  std::string out;
  if (ascii) {
    for (char32_t c : label) out += static_cast<char>(c);
  } else {
    out = "xn--" + punycode(label);
  }
  if (out.size() > kMaxLabel) return false;
  domain.ascii += out;
  return true;
}

// What most domains are: in lower case, ASCII, labels of a proper length. It is its own normal form.
bool is_normal(std::string_view text) {
  if (text.empty() || text.size() > kMaxName) return false;
  std::size_t label = 0;
  for (char c : text) {
    const auto point = static_cast<char32_t>(static_cast<unsigned char>(c));
    if (c == '.' ? label == 0 : !plain(point) || label == kMaxLabel) return false;
    label = c == '.' ? 0 : label + 1;
  }
  return label > 0;
}

Result<Domain> literal(std::string_view text) {  // [v6]
  if (text.size() < 4 || text.back() != ']') return Error{Code::BadInput, "no closing bracket"};
  std::string_view inside = text.substr(1, text.size() - 2);
  if (inside.find(':') == std::string_view::npos || inside.find('%') != std::string_view::npos) {
    return Error{Code::BadInput, "not an IPv6 address"};
  }
  NXB_TRY(auto address, Address::from_ip(inside, 0));
  std::string ip = address.ip_text();  // one spelling for policy and certificates; v4-mapped becomes IPv4
  return Domain{ip.find(':') == std::string::npos ? ip : "[" + ip + "]", ip, true};
}

Domain finished(Domain domain) {
  if (domain.ascii.find_first_not_of("0123456789.") == std::string::npos) {
    domain.is_ip = static_cast<bool>(Address::from_ip(domain.ascii, 0));
  }
  return domain;
}

}  // namespace

Result<Domain> normalise_domain(std::string_view to) {
  if (!to.empty() && to.front() == '[') return literal(to);
  if (is_normal(to)) return finished({std::string(to), std::string(to), false});
  std::u32string points;
  if (to.size() > 4 * kMaxName || !decode(to, points)) return Error{Code::BadInput, "not a domain"};
  for (char32_t& c : points) c = folded(c);
  if (!points.empty() && points.back() == U'.') points.pop_back();
  Domain domain;
  for (std::size_t at = 0; at <= points.size();) {
    std::size_t dot = std::min(points.find(U'.', at), points.size());
    if (at > 0) {
      domain.jid += '.';
      domain.ascii += '.';
    }
    if (!add_label(points.substr(at, dot - at), domain)) return Error{Code::BadInput, "not a domain"};
    at = dot + 1;
  }
  if (domain.ascii.size() > kMaxName) return Error{Code::BadInput, "domain too long"};
  return finished(std::move(domain));
}

std::string plain_domain(std::string_view to) {
  auto domain = normalise_domain(to);
  return domain ? std::move(domain->ascii) : std::string(to);
}

bool covers(std::string_view entry, std::string_view ascii) {
  if (!entry.starts_with('.')) return entry == ascii;
  return ascii == entry.substr(1) || ascii.ends_with(entry);
}

}  // namespace nxb
