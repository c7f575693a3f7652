// worker/xmpp/redact.cc - a scan over tags that keeps no tree, only the names of what is open.
// SPDX-License-Identifier: MIT
#include "worker/xmpp/redact.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "common/base/text.h"

namespace nxb::xmpp {
namespace {

// Elements whose content nobody else may read. SASL (RFC 6120 6), SASL2 (XEP-0388), FAST (XEP-0484), upgrades of what
// the server stores (XEP-0480), components (XEP-0114), XEP-0078, XEP-0077, rooms, bookmarks, headers for XEP-0363.
constexpr std::array<std::string_view, 18> kSecretElements{
    "additional-data", "auth",    "authenticate",     "authentication", "challenge",    "digest",
    "handshake",       "header",  "initial-response", "passwd",         "password",     "response",
    "secret",          "success", "task-data",        "token",          "access-token", "hash-token"};
// pwd and key-params: ICE's password, SRTP's keys (XEP-0176, XEP-0167).
constexpr std::array<std::string_view, 8> kSecretAttributes{"password", "passwd", "pwd",          "secret",
                                                            "token",    "digest", "access_token", "key-params"};
constexpr std::array<std::string_view, 3> kSecretOfBody{"sid", "key", "newkey"};  // a sid is a password (H-49)
// Every version of them.
constexpr std::array<std::string_view, 4> kSecretNamespaces{"jabber:iq:auth", "jabber:iq:register",
                                                            "urn:xmpp:sasl:", "urn:xmpp:fast:"};
constexpr std::array<std::string_view, 4> kSecretFields{"passw", "pwd", "secret", "token"};

constexpr auto kNone = std::string_view::npos;

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// Case does not matter: a server that takes <AUTH/> for <auth/> is not ours to judge.
template <std::size_t N>
bool is_one_of(std::string_view name, const std::array<std::string_view, N>& names) {
  return std::any_of(names.begin(), names.end(),
                     [name](std::string_view each) { return equals_ignoring_case(name, each); });
}

std::string_view local_of(std::string_view name) {
  const std::size_t colon = name.rfind(':');
  return colon == kNone ? name : name.substr(colon + 1);
}

bool is_secret_namespace(std::string_view name) {
  return std::any_of(kSecretNamespaces.begin(), kSecretNamespaces.end(),
                     [name](std::string_view each) { return equals_ignoring_case(name.substr(0, each.size()), each); });
}

// Something in a value that may stand for any character.
bool is_coded(std::string_view value) { return value.find('&') != kNone; }

class Scan {
 public:
  explicit Scan(std::string_view xml) : rest_(xml) { out_.reserve(xml.size()); }

  std::string run() {
    while (!rest_.empty()) {
      const std::size_t text = std::min(rest_.find('<'), rest_.size());
      if (!hidden()) out_ += rest_.substr(0, text);
      rest_.remove_prefix(text);
      if (!rest_.empty() && !markup()) {  // not to be followed: the rest may be anything
        if (!hidden()) out_ += kRedacted;
        break;
      }
    }
    return std::move(out_);
  }

 private:
  bool hidden() const { return secret_since_ > 0; }

  bool markup() {
    if (rest_.starts_with("<!--")) return drop("-->", 4);
    if (rest_.starts_with("<?")) return drop("?>", 2);
    if (rest_.starts_with("<![CDATA[")) return cdata();
    if (rest_.starts_with("<!")) return false;
    return rest_.starts_with("</") ? end_tag() : start_tag();
  }

  bool drop(std::string_view end, std::size_t from) {
    const std::size_t at = rest_.find(end, from);
    if (at != kNone) rest_.remove_prefix(at + end.size());
    return at != kNone;
  }

  bool cdata() {
    const std::size_t at = rest_.find("]]>");
    if (at == kNone) return false;
    if (!hidden()) out_ += rest_.substr(0, at + 3);
    rest_.remove_prefix(at + 3);
    return true;
  }

  bool end_tag() {
    const std::size_t close = rest_.find('>');
    if (close == kNone || open_.empty()) return false;
    std::string_view name = rest_.substr(2, close - 2);
    while (!name.empty() && is_blank(name.back())) name.remove_suffix(1);
    if (name != open_.back()) return false;
    open_.pop_back();
    if (open_.size() < secret_since_) secret_since_ = 0;
    if (!hidden()) out_ += rest_.substr(0, close + 1);
    rest_.remove_prefix(close + 1);
    return true;
  }

  // Copies the tag up to its end, attribute by attribute, unless it is inside a secret.
  bool start_tag() {
    std::string tag;
    std::size_t at = std::min(rest_.find_first_of(" \t\r\n/>", 1), rest_.size());
    const std::string_view name = rest_.substr(1, at - 1);
    if (name.empty() || name.find_first_of("<&'\"=") != kNone) return false;
    tag += rest_.substr(0, at);
    bool secret = is_one_of(local_of(name), kSecretElements);
    while (at < rest_.size() && rest_[at] != '>' && rest_[at] != '/') {
      if (is_blank(rest_[at])) {
        tag += rest_[at++];
      } else if (!attribute(local_of(name), at, tag, secret)) {
        return false;
      }
    }
    const bool empty = at < rest_.size() && rest_[at] == '/';
    if (at + (empty ? 1 : 0) >= rest_.size() || rest_[at + (empty ? 1 : 0)] != '>') return false;
    at += empty ? 2 : 1;
    if (!hidden()) out_ += tag + (empty ? "/>" : ">");
    if (!empty) opened(name, secret);
    rest_.remove_prefix(at);
    return true;
  }

  void opened(std::string_view name, bool secret) {
    open_.push_back(name);
    if (hidden() || !secret) return;
    secret_since_ = open_.size();
    out_ += kRedacted;
  }

  // One attribute from `at` on: appended to the tag, perhaps without its value.
  bool attribute(std::string_view element, std::size_t& at, std::string& tag, bool& secret) {
    const std::size_t name_end = rest_.find_first_of("= \t\r\n/>'\"<", at);
    if (name_end == kNone || name_end == at) return false;
    const std::string_view name = rest_.substr(at, name_end - at);
    std::size_t quote = rest_.find_first_not_of(" \t\r\n", name_end);
    if (quote == kNone || rest_[quote] != '=') return false;
    quote = rest_.find_first_not_of(" \t\r\n", quote + 1);
    if (quote == kNone || (rest_[quote] != '"' && rest_[quote] != '\'')) return false;
    const std::size_t close = rest_.find(rest_[quote], quote + 1);
    if (close == kNone) return false;
    const std::string_view value = rest_.substr(quote + 1, close - quote - 1);
    tag += rest_.substr(at, quote + 1 - at);
    tag += hides_value(element, local_of(name)) ? kRedacted : value;
    tag += rest_[quote];
    secret = secret || hides_content(element, name, value);
    at = close + 1;
    return true;
  }

  static bool hides_value(std::string_view element, std::string_view attribute) {
    return is_one_of(attribute, kSecretAttributes) ||
           (equals_ignoring_case(element, "body") && is_one_of(attribute, kSecretOfBody));
  }

  static bool hides_content(std::string_view element, std::string_view attribute, std::string_view value) {
    if (attribute == "xmlns" || attribute.starts_with("xmlns:")) {
      return is_coded(value) || is_secret_namespace(value);
    }
    if (!equals_ignoring_case(element, "field")) return false;
    if (attribute == "type") return is_coded(value) || equals_ignoring_case(value, "text-private");
    if (attribute != "var") return false;
    const std::string var = lowered(value);
    return is_coded(value) || std::any_of(kSecretFields.begin(), kSecretFields.end(),
                                          [&var](std::string_view each) { return var.find(each) != kNone; });
  }

  std::string_view rest_;
  std::string out_;
  std::vector<std::string_view> open_;  // names of open elements
  std::size_t secret_since_ = 0;        // how many were open when the outermost secret began, with it; 0: in none
};

}  // namespace

std::string redact(std::string_view xml) { return Scan(xml).run(); }

std::string redact(std::string_view xml, std::size_t characters) {
  std::string text = redact(xml);
  auto begins = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; };  // a character of UTF-8
  std::size_t all = 0, end = text.size();
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (begins(text[at]) && all++ == characters) end = at;
  }
  if (all <= characters) return text;
  return text.substr(0, end) + "... [" + std::to_string(all - characters) + " more characters]";
}

}  // namespace nxb::xmpp
