// worker/gateway/redact.cc - see redact.h. A scan of tags, as in names_of(): when in doubt, it hides.
// SPDX-License-Identifier: MIT
#include "worker/gateway/redact.h"

#include <algorithm>
#include <array>

#include "worker/gateway/journal.h"

namespace nxb::gateway {
namespace {

constexpr std::string_view kHidden = "***";
constexpr std::string_view kCdata = "<![CDATA[";
// Local names of elements whose text is secret.
constexpr std::array<std::string_view, 13> kElements{
    "auth",   "response", "challenge", "success", "authenticate", "initial-response", "additional-data", "password",
    "digest", "secret",   "token",     "key",     "hash"};
// What makes all within secret, wherever in the tag it stands.
constexpr std::array<std::string_view, 7> kMarks{"urn:ietf:params:xml:ns:xmpp-sasl",
                                                 "urn:xmpp:sasl:",
                                                 "urn:xmpp:fast:",
                                                 "jabber:iq:register",
                                                 "jabber:iq:auth",
                                                 "text-private",
                                                 "password"};
constexpr std::array<std::string_view, 4> kAttributes{"token", "password", "digest", "secret"};

bool has_secret(std::string_view tag) {
  std::string_view name = tag.substr(1, tag.find_first_of(" \t\r\n/>", 1) - 1);
  if (auto colon = name.rfind(':'); colon != std::string_view::npos) name.remove_prefix(colon + 1);
  if (std::ranges::find(kElements, name) != kElements.end()) return true;
  return std::ranges::any_of(kMarks, [tag](auto mark) { return tag.find(mark) != std::string_view::npos; });
}

// The tag, with the values of such attributes hidden.
std::string shown_tag(std::string_view tag) {
  std::string text;
  for (auto quote = tag.find_first_of("'\""); quote != std::string_view::npos; quote = tag.find_first_of("'\"")) {
    std::size_t end = std::min(tag.find(tag[quote], quote + 1), tag.size() - 1);
    std::string_view before = tag.substr(0, quote);
    std::string_view name = before.substr(0, before.find_last_not_of(" \t\r\n=") + 1);
    name.remove_prefix(std::min(name.find_last_of(" \t\r\n:") + 1, name.size()));
    bool secret = std::ranges::find(kAttributes, name) != kAttributes.end();
    text += secret ? std::string(before) + tag[quote] + std::string(kHidden) + tag[end]
                   : std::string(tag.substr(0, end + 1));
    tag.remove_prefix(end + 1);
  }
  return text + std::string(tag);
}

class Scan {
 public:
  void text(std::string_view text) {
    if (text.empty()) return;
    bool blank = text.find_first_not_of(" \t\r\n") == std::string_view::npos;
    shown += hidden_at_ == 0 || blank ? text : kHidden;
  }
  void tag(std::string_view tag) {
    shown += shown_tag(tag);
    if (tag.starts_with("</")) {
      if (hidden_at_ == depth_) hidden_at_ = 0;
      depth_ -= depth_ > 0 ? 1 : 0;
    } else if (!tag.ends_with("/>")) {
      ++depth_;
      if (hidden_at_ == 0 && has_secret(tag)) hidden_at_ = depth_;
    }
  }
  std::string shown;

 private:
  std::size_t depth_ = 0;
  std::size_t hidden_at_ = 0;  // the depth from which on all is hidden; 0: none
};

}  // namespace

std::string redact(std::string_view elements, std::size_t most) {
  Scan scan;
  while (!elements.empty() && scan.shown.size() <= most) {
    std::size_t size = std::min(elements.find('<'), elements.size());
    scan.text(elements.substr(0, size));
    elements.remove_prefix(size);
    if (elements.starts_with(kCdata)) {
      size = std::min(elements.find("]]>"), elements.size() - 3) + 3;
      scan.text(elements.substr(0, size));
    } else {
      size = end_of_tag(elements, 0);
      if (!elements.empty()) scan.tag(elements.substr(0, size));
    }
    elements.remove_prefix(std::min(size, elements.size()));
  }
  if (scan.shown.size() <= most) return std::move(scan.shown);
  std::size_t end = most;
  while (end > 0 && (static_cast<unsigned char>(scan.shown[end]) & 0xc0) == 0x80) --end;  // not within a character
  return scan.shown.substr(0, end) + "...";
}

}  // namespace nxb::gateway
