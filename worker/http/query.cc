// worker/http/query.cc - see query.h.
// SPDX-License-Identifier: MIT
#include "worker/http/query.h"

#include <utility>

#include "common/base/text.h"

namespace nxb::http {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  char small = lower(c);
  return small >= 'a' && small <= 'f' ? small - 'a' + 10 : -1;
}

}  // namespace

Result<std::string> percent_decoded(std::string_view text, Plus plus) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '+' && plus == Plus::IsSpace) c = ' ';
    if (c == '%') {
      if (text.size() - i < 3) return Error{Code::BadInput, "a cut escape"};
      int high = hex_digit(text[i + 1]);
      int low = hex_digit(text[i + 2]);
      if (high < 0 || low < 0) return Error{Code::BadInput, "an escape that is not hexadecimal"};
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    out += c;
  }
  return out;
}

Result<Query> read_query(std::string_view query) {
  Query found;
  while (!query.empty()) {
    std::size_t end = query.find('&');
    std::string_view pair = query.substr(0, end);
    query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
    std::size_t equals = pair.find('=');
    NXB_TRY(std::string name, percent_decoded(pair.substr(0, equals), Plus::IsSpace));
    std::string_view raw = equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
    NXB_TRY(std::string value, percent_decoded(raw, Plus::IsSpace));
    std::optional<std::string>* to = name == "data" ? &found.data : name == "callback" ? &found.callback : nullptr;
    if (!to) continue;
    if (*to) return Error{Code::BadInput, name + " is given twice"};
    *to = std::move(value);
  }
  return found;
}

}  // namespace nxb::http
