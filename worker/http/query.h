// worker/http/query.h - what stands behind the `?` of a target: a <body/> by GET, and who wants it as JSONP (H-37, H-38).
// Runs in: worker. I/O: none. Codec: text of the request line in, values out; every byte of it is hostile.
// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace nxb::http {

enum class Plus : bool { Stays, IsSpace };  // '+' in a path is itself, in a query a space

// %XX decoded once. Fails on a broken escape.
Result<std::string> percent_decoded(std::string_view text, Plus plus);

struct Query {
  std::optional<std::string> data, callback;  // decoded; other names are not looked at
};

// Fails on a broken escape anywhere, and on `data` or `callback` given twice.
Result<Query> read_query(std::string_view query);

}  // namespace nxb::http
