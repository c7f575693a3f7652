// worker/tls/identity.cc
// SPDX-License-Identifier: MIT
#include "worker/tls/identity.h"

#include <arpa/inet.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <memory>

namespace nxb::tls {
namespace {

constexpr const char* kXmppAddr = "1.3.6.1.5.5.7.8.5";  // RFC 6120 13.7.1.4
constexpr const char* kSrvName = "1.3.6.1.5.5.7.8.7";   // RFC 4985
constexpr std::string_view kService = "_xmpp-client.";

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view bytes_of(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

// The address in network order, or empty when `text` is a domain.
std::string_view ip_bytes(const std::string& text, std::array<char, 16>& store) {
  if (inet_pton(AF_INET, text.c_str(), store.data()) == 1) return {store.data(), 4};
  if (inet_pton(AF_INET6, text.c_str(), store.data()) == 1) return {store.data(), 16};
  return {};
}

bool has_oid(const ASN1_OBJECT* object, const char* dotted) {
  std::array<char, 64> text{};
  int length = OBJ_obj2txt(text.data(), static_cast<int>(text.size()), object, 1);
  return length > 0 && std::string_view(text.data()) == dotted;
}

bool matches_other_name(const OTHERNAME* other, const Identity& identity) {
  if (other->value == nullptr) return false;
  if (has_oid(other->type_id, kSrvName) && other->value->type == V_ASN1_IA5STRING) {
    std::string_view value = bytes_of(other->value->value.ia5string);
    return value.size() > kService.size() && same(value.substr(0, kService.size()), kService) &&
           same(value.substr(kService.size()), identity.name);
  }
  if (has_oid(other->type_id, kXmppAddr) && other->value->type == V_ASN1_UTF8STRING) {
    std::string_view value = bytes_of(other->value->value.utf8string);
    return same(value, identity.name) || (!identity.unicode_name.empty() && same(value, identity.unicode_name));
  }
  return false;
}

}  // namespace

bool matches_dns_name(std::string_view pattern, std::string_view domain) {
  if (domain.empty() || pattern.find('\0') != std::string_view::npos) return false;
  if (pattern.substr(0, 2) != "*.") return pattern.find('*') == std::string_view::npos && same(pattern, domain);
  std::string_view rest = pattern.substr(1);  // ".example.org"
  auto dot = domain.find('.');
  return rest.size() > 1 && rest.find('*') == std::string_view::npos && dot != 0 && dot != std::string_view::npos &&
         same(rest, domain.substr(dot));
}

bool certificate_speaks_for(x509_st* certificate, const Identity& identity) {
  auto release = [](GENERAL_NAMES* names) { GENERAL_NAMES_free(names); };
  std::unique_ptr<GENERAL_NAMES, decltype(release)> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)), release);
  if (!names) return false;
  std::array<char, 16> store{};
  std::string_view ip = ip_bytes(identity.name, store);
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_IPADD) {
      if (!ip.empty() && bytes_of(name->d.iPAddress) == ip) return true;  // U-52
    } else if (!ip.empty()) {
      continue;  // an address is never proved by a name
    } else if (name->type == GEN_DNS) {
      if (matches_dns_name(bytes_of(name->d.dNSName), identity.name)) return true;
    } else if (name->type == GEN_OTHERNAME) {
      if (matches_other_name(name->d.otherName, identity)) return true;
    }
  }
  return false;
}

}  // namespace nxb::tls
