// worker/bosh/content_type.h - the `content` attribute as a response header (B-23).
// Runs in: worker. I/O: none.
// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

namespace nxb::bosh {

// One of a few literals: the media types a client may ask for, each with or without "; charset=utf-8"; anything else
// gives the default. Nothing of the request ever reaches a header (H-16).
std::string_view content_type(std::string_view requested);

}  // namespace nxb::bosh
