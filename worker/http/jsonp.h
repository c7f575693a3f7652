// worker/http/jsonp.h - an answer as a script that calls the page's function with it (H-38, H-39).
// Runs in: worker. I/O: none. Codec. The name comes from the request and runs as script in somebody's page: nothing
// but is_callback() names may reach jsonp().
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

namespace nxb::http {

inline constexpr std::string_view kScript = "text/javascript; charset=utf-8";

bool is_callback(std::string_view name);  // the whole of it is [A-Za-z_$][A-Za-z0-9_$.]{0,127}

// /**/F({"reply":"..."}); with the reply as a JSON string that is also safe inside HTML and in old JavaScript.
std::string jsonp(std::string_view callback, std::string_view reply);

}  // namespace nxb::http
