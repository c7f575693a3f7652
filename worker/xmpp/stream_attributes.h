// worker/xmpp/stream_attributes.h - attributes that a client adds to the header of a restarted stream (C-45).
// Runs in: worker. I/O: none. They come as `stream_attrs`, a JSON object of strings, an extension of node-xmpp-bosh.
// Any of them that could change whom the stream is for, or what its elements mean, is left out: xmlns and what begins
// like it, to, from, version, id. So is what is no NCName, no string, longer than kMaxStreamAttribute, or one too many.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nxb::xmpp {

using StreamAttributes = std::vector<std::pair<std::string, std::string>>;  // each name once

inline constexpr std::size_t kMaxStreamAttributes = 16;
inline constexpr std::size_t kMaxStreamAttribute = 1024;  // bytes of one value

StreamAttributes parse_stream_attributes(std::string_view json);  // bad JSON is no attributes

}  // namespace nxb::xmpp
