// worker/bosh/content_type.cc - see content_type.h.
// SPDX-License-Identifier: MIT
#include "worker/bosh/content_type.h"

#include <algorithm>
#include <array>
#include <string>

#include "common/base/text.h"

namespace nxb::bosh {

std::string_view content_type(std::string_view requested) {
  static constexpr std::array<std::string_view, 8> kAllowed{
      "text/xml; charset=utf-8",  "text/xml",  "application/xml; charset=utf-8", "application/xml",
      "text/html; charset=utf-8", "text/html", "text/plain; charset=utf-8",      "text/plain"};
  auto folded = [](std::string_view text) {  // lower case, no spaces or quotes: charset="UTF-8" is charset=utf-8
    std::string out;
    for (char c : text) {
      if (c == ' ' || c == '"') continue;
      out.push_back(lower(c));
    }
    return out;
  };
  std::string wanted = folded(requested);
  auto at = std::ranges::find_if(kAllowed, [&](std::string_view allowed) { return folded(allowed) == wanted; });
  return at == kAllowed.end() ? kAllowed[0] : *at;
}

}  // namespace nxb::bosh
