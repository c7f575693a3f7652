// worker/edge/template.h - fills in the pages' files.
// Runs in: worker. I/O: none.
//   {{name}}                a value, escaped
//   {{{name}}}              a value as it is
//   {{#list}}...{{/list}}   once for each element, with its own values
//   {{^list}}...{{/list}}   when the list is empty
// What is not known is empty. A list inside itself is not possible.
// SPDX-License-Identifier: MIT
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace nxb::edge {

struct Fields {
  std::map<std::string, std::string, std::less<>> values{};
  std::map<std::string, std::vector<Fields>, std::less<>> lists{};
};
std::string filled(std::string_view text, const Fields& fields);

}  // namespace nxb::edge
