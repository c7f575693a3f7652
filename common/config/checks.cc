// common/config/checks.cc - what a text may be: addresses, domains, origins, header names, files.
// Runs in: supervisor. I/O: ca_file opens the file it is given; nothing else touches the world.
// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <initializer_list>

#include "common/base/address.h"
#include "common/base/address_range.h"
#include "common/base/text.h"
#include "common/config/config.h"
#include "common/config/rule.h"

namespace nxb::config::check {
namespace {

constexpr std::size_t kSocketPathMost = 107;  // sun_path without its final NUL
constexpr std::size_t kDomainMost = 253;      // U-01
constexpr std::size_t kLabelMost = 63;
constexpr std::size_t kPemMost = 4 << 20;
constexpr std::string_view kUnix = "unix:";

bool is_visible(char c) { return c > 0x20 && c < 0x7f; }

std::string path_problem(std::string_view path) {
  if (path.empty() || path.front() != '/') return "does not start with /";
  if (path.size() > kSocketPathMost) return "is longer than a socket path can be";
  if (path.find('\0') != std::string_view::npos) return "holds a NUL";
  return "";
}

std::string label_problem(std::string_view label) {
  if (label.empty()) return "has an empty label";
  if (label.size() > kLabelMost) return "has a label of more than 63 bytes";
  for (char c : label) {
    if ((c & 0x80) != 0) return "is not ASCII: write it with A-labels (xn--...)";
    if (!is_alnum(c) && c != '-' && c != '_') return "has a character that no domain has";
  }
  return "";
}

std::string name_problem(std::string_view name) {
  if (name.empty()) return "is empty";
  if (name.size() > kDomainMost) return "is longer than 253 bytes";
  if (name.front() == '[') {  // IPv6 literals only in brackets (U-01)
    const bool good = name.back() == ']' && name.find(':') != std::string_view::npos &&
                      Address::from_ip(name.substr(1, name.size() - 2), 1);
    return good ? "" : "is not an IPv6 address";
  }
  for (std::size_t at = 0; at <= name.size();) {
    std::size_t dot = std::min(name.find('.', at), name.size());
    if (std::string wrong = label_problem(name.substr(at, dot - at)); !wrong.empty()) return wrong;
    at = dot + 1;
  }
  return "";
}

struct File {
  int fd;
  ~File() {
    if (fd >= 0) ::close(fd);
  }
};

// Only whether PEM is in it: what the certificates are worth is the TLS engine's to say.
std::string pem_problem(const std::string& path) {
  File file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.fd < 0) return std::string("cannot be read: ") + std::strerror(errno);
  struct stat info {};
  if (::fstat(file.fd, &info) != 0 || !S_ISREG(info.st_mode)) return "is not a file";
  std::string text;
  std::array<char, 16384> chunk{};
  while (text.size() < kPemMost) {
    ssize_t got = ::read(file.fd, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::string("cannot be read: ") + std::strerror(errno);
    if (got == 0) break;
    text.append(chunk.data(), static_cast<std::size_t>(got));
  }
  return text.find("-----BEGIN ") == std::string::npos ? "holds no certificate in PEM form" : "";
}

// "" is no URL, and allowed.
std::string url_problem(const std::string& text, std::initializer_list<std::string_view> schemes) {
  if (text.empty()) return "";
  const std::string small = lowered(text);
  auto begins = [&](std::string_view scheme) { return small.starts_with(scheme); };
  const auto* scheme = std::find_if(schemes.begin(), schemes.end(), begins);
  if (scheme == schemes.end()) {
    std::string names;
    for (std::string_view name : schemes) names += (names.empty() ? "" : " or ") + std::string(name);
    return "does not begin with " + names;
  }
  const std::size_t host = scheme->size();
  const std::size_t end = std::min(text.find_first_of("/?#", host), text.size());
  if (end == host || text[host] == ':') return "has no host";
  if (text.find('@') < end) return "has a user before its host";
  if (!std::all_of(text.begin(), text.end(), is_visible)) return "has a character that no URL has: write it as %XX";
  return "";
}

// Fits a cookie, a header, and the maps of a balancer's configuration.
std::string node_problem(std::string_view text) {
  constexpr std::size_t kMost = 64;
  auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  };
  if (text.size() > kMost) return "is too long";
  return std::all_of(text.begin(), text.end(), fits) ? "" : "has other characters";
}

}  // namespace

std::string any(std::string&) { return ""; }

std::string socket_path(std::string& text) { return text.empty() ? "" : path_problem(text); }

std::string absolute_path(std::string& text) {
  if (text.find('\0') != std::string::npos) return "has a zero byte";
  return text.empty() || text.front() == '/' ? "" : "is not an absolute path";
}

std::string listen_address(std::string& text) {
  if (text.rfind(kUnix, 0) == 0) return path_problem(std::string_view(text).substr(kUnix.size()));
  auto address = Address::parse(text);
  if (!address) return "is not an address with a port (names are not looked up)";
  text = address->text();  // two spellings of one address are one listener
  return "";
}

std::string listen_address_or_none(std::string& text) { return text.empty() ? "" : listen_address(text); }

std::string resolver(std::string& text) {
  constexpr std::uint16_t kDns = 53;
  auto address = Address::parse(text);
  if (!address) address = Address::from_ip(text, kDns);
  if (!address || address->family() == AF_UNIX) return "is not the address of a DNS server";
  text = address->text();
  return "";
}

std::string proxy(std::string& text) {
  auto range = AddressRange::parse(text);
  return range ? "" : range.error().text;
}

std::string url_path(std::string& text) {
  if (text.empty() || text.front() != '/') return "does not start with /";
  auto fits = [](char c) { return is_visible(c) && c != '?' && c != '#' && c != '%'; };
  if (!std::all_of(text.begin(), text.end(), fits)) return "has a character that no path has";
  while (!text.empty() && text.back() == '/') text.pop_back();
  return text.empty() ? "is the path of the monitor page" : "";
}

std::string origin(std::string& text) {
  if (text == "*" || text == "null") return "";
  text = lowered(text);  // browsers send origins in lower case
  const std::size_t colon = text.find("://");
  if (colon == std::string::npos || colon == 0) return "has no scheme such as https://";
  std::string_view host = std::string_view(text).substr(colon + 3);
  if (host.empty()) return "has no host";
  if (host.find('/') != std::string_view::npos) return "has a path, which origins do not have, not even /";
  auto fits = [](char c) { return is_alnum(c) || std::string_view("-._:[]").find(c) != std::string_view::npos; };
  return std::all_of(host.begin(), host.end(), fits) ? "" : "has a character that no host has";
}

std::string header_name(std::string& text) {
  if (text == "*") return "does not stand for every header when credentials are sent";  // H-30
  return is_token(text) ? "" : "is not a header name";
}

std::string token_or_none(std::string& text) { return text.empty() || is_token(text) ? "" : "is not a token"; }

std::string node_or_none(std::string& text) { return node_problem(text); }

std::string node_header_or_none(std::string& text) { return text.empty() ? "" : header(text, ""); }

std::string domain(std::string& text) {
  text = lowered(text);
  if (!text.empty() && text.back() == '.') text.pop_back();
  return name_problem(text);
}

std::string domain_pattern(std::string& text) {
  const bool with_subdomains = !text.empty() && text.front() == '.';
  std::string name = text.substr(with_subdomains ? 1 : 0);
  if (name.find('*') != std::string::npos) return "has a *: write \".example.org\" for a domain with its subdomains";
  std::string wrong = domain(name);
  text = (with_subdomains ? "." : "") + name;
  return wrong;
}

std::string domain_or_none(std::string& text) { return text.empty() ? "" : domain(text); }

std::string route_pattern(std::string& text) {
  if (text.find('/') != std::string::npos || Address::from_ip(text, 0)) return proxy(text);
  auto parts = parse_host_port(text);
  if (!parts) return domain_pattern(text);
  std::string host = parts->host;
  if (Address::from_ip(host, parts->port)) return "";
  std::string wrong = domain(host);
  text = host + ":" + std::to_string(parts->port);
  return wrong;
}

std::string target(std::string& text) {
  if (text.empty()) return "";
  if (text.rfind(kUnix, 0) == 0) return path_problem(std::string_view(text).substr(kUnix.size()));
  auto parts = parse_host_port(text);
  if (!parts) return "is not a host and a port";
  if (parts->port == 0) return "has port 0";
  if (Address::from_ip(parts->host, parts->port)) return "";
  std::string host = parts->host;
  return domain(host);
}

std::string web_url_or_none(std::string& text) { return url_problem(text, {"http://", "https://"}); }

std::string https_url_or_none(std::string& text) { return url_problem(text, {"https://"}); }

std::string wss_url_or_none(std::string& text) { return url_problem(text, {"wss://"}); }

std::string ca_file(std::string& text) { return text.empty() ? "" : pem_problem(text); }

std::string header(const std::string& name, const std::string& value) {
  // They frame the message or answer a browser's question; nxb alone knows what to put there.
  static constexpr std::array kOwn{"connection",        "content-length", "content-type", "date", "keep-alive",
                                   "transfer-encoding", "trailer",        "upgrade",      "vary"};
  const std::string small = lowered(name);
  if (!is_token(name)) return "is not a header name";
  if (small.rfind("access-control-", 0) == 0)
    return "is set by nxb: see allowed_origins, allow_credentials, cors_headers";
  if (std::find(kOwn.begin(), kOwn.end(), small) != kOwn.end()) return "is set by nxb";
  auto fits = [](char c) { return is_visible(c) || c == ' '; };
  return std::all_of(value.begin(), value.end(), fits) ? ""
                                                       : "has a value with a control or non-ASCII character";  // H-16
}

}  // namespace nxb::config::check

namespace nxb::config {

Result<std::string> checked_url_path(std::string text) {
  std::string given = text;
  std::string wrong = check::url_path(text);
  if (!wrong.empty()) return Error{Code::Config, '"' + given + "\" " + wrong};
  return text;
}

}  // namespace nxb::config
