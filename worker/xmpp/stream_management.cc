// worker/xmpp/stream_management.cc
// SPDX-License-Identifier: MIT
#include "worker/xmpp/stream_management.h"

#include "worker/xml/tree.h"

namespace nxb::xmpp {
namespace {

constexpr std::string_view kManagement = "urn:xmpp:sm:3";
constexpr std::uint32_t kDepth = 4;  // success > bound (bind2) > enabled

ManagementNews news_of(const xml::Node& node) {
  if (node.ns == kManagement) {
    if (node.local == "resumed") return {true, true};
    if (node.local != "enabled") return {};
    std::string_view resume = node.attribute("resume");
    return {true, resume == "true" || resume == "1"};
  }
  ManagementNews news;
  for (const xml::Node& child : node.children) {
    ManagementNews more = news_of(child);
    news.enabled = news.enabled || more.enabled;
    news.resumable = news.resumable || more.resumable;
  }
  return news;
}

}  // namespace

ManagementNews read_management(xml::Pool& pool, const StreamElement& element) {
  bool own = element.ns == kManagement && (element.local == "enabled" || element.local == "resumed");
  bool inside = element.local == "success" && element.stanza.bytes.find(kManagement) != std::string::npos;
  if (!own && !inside) return {};  // nearly every element: nothing is parsed
  auto tree = xml::read_tree(pool, element.stanza.bytes, kDepth);
  return tree ? news_of(*tree) : ManagementNews{};
}

}  // namespace nxb::xmpp
