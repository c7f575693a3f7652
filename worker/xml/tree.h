// worker/xml/tree.h - one complete element as a small tree, for the few that nxb must understand.
// Runs in: worker. I/O: none. Not for the path of a stanza: that is slicer.h, which builds nothing.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "worker/xml/reader.h"

namespace nxb::xml {

struct Node {
  std::string local, ns;
  std::vector<Attribute> attributes;
  std::string text;                  // its own character data, without that of its children
  std::vector<Node> children;        // of the levels asked for
  std::uint64_t begin = 0, end = 0;  // byte range in the text that was read
  // The first child of that name, or nullptr. The pointer is good as long as the tree is not changed.
  const Node* child(std::string_view local_name, std::string_view namespace_uri) const;
  // The value of an attribute in no namespace, or "".
  std::string_view attribute(std::string_view name) const;
};

// `element` is one namespace-complete element, with nothing but whitespace around it.
// levels: how many levels of elements are kept; 1 = the element alone. The whole text is checked in any case.
Result<Node> read_tree(Pool& pool, std::string_view element, std::uint32_t levels);

}  // namespace nxb::xml
