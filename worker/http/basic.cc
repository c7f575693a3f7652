// worker/http/basic.cc - see basic.h.
// SPDX-License-Identifier: MIT
#include "worker/http/basic.h"

#include "common/base/text.h"
#include "worker/http/base64.h"

namespace nxb::http {
namespace {

constexpr std::string_view kScheme = "Basic";

}  // namespace

Result<Credentials> read_basic(std::string_view authorization) {
  if (!equals_ignoring_case(authorization.substr(0, kScheme.size()), kScheme)) {
    return Error{Code::BadInput, "another scheme"};
  }
  authorization.remove_prefix(kScheme.size());
  if (!authorization.starts_with(' ')) return Error{Code::BadInput, "no space behind the scheme"};
  NXB_TRY(std::string text, from_base64(trimmed(authorization)));
  std::size_t colon = text.find(':');
  if (colon == std::string::npos) return Error{Code::BadInput, "no colon"};
  return Credentials{text.substr(0, colon), text.substr(colon + 1)};
}

}  // namespace nxb::http
