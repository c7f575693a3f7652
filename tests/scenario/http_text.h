// tests/scenario/http_text.h - HTTP requests as a client of a scenario writes them.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

#include "script.h"

namespace nxb::scenario {

// POST /http-bind with that <body/>.
std::string write_post(std::string_view body);
// `http METHOD TARGET body="..." header="Name: value" chunked=7 length=N`: chunked says how long chunks are, length
// what Content-Length says instead of the truth.
std::string write_http(const Step& step);

}  // namespace nxb::scenario
