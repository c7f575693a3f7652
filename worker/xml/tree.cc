// worker/xml/tree.cc - builds the tree from the reader's events.
// SPDX-License-Identifier: MIT
#include "worker/xml/tree.h"

#include <utility>

namespace nxb::xml {
namespace {

// The element is read inside a root that stands for its parent, so that it may contain text.
constexpr std::string_view kParent = "<parent>";

class Builder final : public Visitor {
 public:
  explicit Builder(std::uint32_t levels) : deepest_(levels + 1) {}
  std::vector<Node> found;

 private:
  void start(const StartTag& tag) override {
    depth_ = tag.depth;
    if (depth_ == 1 || depth_ > deepest_) return;
    Node node;
    node.local = tag.local;
    node.ns = tag.ns;
    node.attributes = tag.all_attributes();
    node.begin = tag.begin;
    open_.push_back(std::move(node));
  }
  void text(std::string_view text) override {
    if (depth_ > 1 && depth_ <= deepest_) open_.back().text.append(text);
  }
  void end(std::uint32_t depth, std::uint64_t end) override {
    depth_ = depth - 1;
    if (depth == 1 || depth > deepest_) return;
    Node node = std::move(open_.back());
    open_.pop_back();
    node.end = end;
    (open_.empty() ? found : open_.back().children).push_back(std::move(node));
  }

  std::uint32_t deepest_, depth_ = 0;
  std::vector<Node> open_;
};

}  // namespace

const Node* Node::child(std::string_view local_name, std::string_view namespace_uri) const {
  for (const Node& node : children) {
    if (node.local == local_name && node.ns == namespace_uri) return &node;
  }
  return nullptr;
}

std::string_view Node::attribute(std::string_view name) const {
  for (const Attribute& one : attributes) {
    if (one.ns.empty() && one.local == name) return one.value;
  }
  return {};
}

Result<Node> read_tree(Pool& pool, std::string_view element, std::uint32_t levels) {
  Builder builder(levels);
  auto reader = pool.borrow(kParent);
  reader->open(builder);
  if (reader->feed(element) != Fault::None) return Error{Code::BadInput, "not well-formed"};
  if (reader->inside_element() || reader->finished() || builder.found.size() != 1) {
    return Error{Code::BadInput, "not one element"};
  }
  return std::move(builder.found.front());
}

}  // namespace nxb::xml
