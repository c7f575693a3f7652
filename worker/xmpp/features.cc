// worker/xmpp/features.cc - what of <stream:features/> is for nxb and not for its clients (B-37, U-39, U-44).
// SPDX-License-Identifier: MIT
#include "worker/xml/tree.h"
#include "worker/xmpp/splitter.h"

namespace nxb::xmpp {
namespace {

constexpr std::string_view kStreamNamespace = "http://etherx.jabber.org/streams";
constexpr std::string_view kTlsNamespace = "urn:ietf:params:xml:ns:xmpp-tls";
constexpr std::string_view kCompressFeature = "http://jabber.org/features/compress";

// Names of elements are literal in XML: where these words are not, no such child is.
bool mentions_ours(std::string_view element) {
  return element.find("starttls") != std::string_view::npos || element.find("compression") != std::string_view::npos;
}

}  // namespace

Result<Features> read_features(xml::Pool& pool, std::string_view element) {
  if (!mentions_ours(element)) return Features{.stripped = std::string(element)};  // most: nothing is parsed
  NXB_TRY(auto tree, xml::read_tree(pool, element, 3));
  if (tree.local != "features" || tree.ns != kStreamNamespace) return Error{Code::BadInput, "not stream features"};
  Features features;
  features.stripped.reserve(element.size());
  std::size_t kept = 0;
  for (const xml::Node& child : tree.children) {
    bool tls = child.local == "starttls" && child.ns == kTlsNamespace;
    if (!tls && !(child.local == "compression" && child.ns == kCompressFeature)) continue;
    if (tls) features.starttls = true;
    if (tls && child.child("required", kTlsNamespace)) features.starttls_required = true;
    features.stripped.append(element.substr(kept, child.begin - kept));
    kept = child.end;
  }
  features.stripped.append(element.substr(kept));
  return features;
}

}  // namespace nxb::xmpp
