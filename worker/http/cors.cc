// worker/http/cors.cc - see cors.h.
// SPDX-License-Identifier: MIT
#include "worker/http/cors.h"

#include <algorithm>
#include <utility>

#include "common/base/text.h"

namespace nxb::http {
namespace {

// H-30: what a BOSH client sends, and what the operator added; each once. Never `*`: no wildcard with credentials.
std::string allowed_headers(const config::Config::Http& http, const std::string& node_header) {
  std::vector<std::string> names{"Content-Type", "X-Requested-With"};
  auto add = [&names](const std::string& name) {
    auto same = [&name](const std::string& known) { return equals_ignoring_case(known, name); };
    if (std::none_of(names.begin(), names.end(), same)) names.push_back(name);
  };
  for (const auto& header : http.headers) add(header.first);
  for (const std::string& name : http.cors_headers) add(name);
  if (!node_header.empty()) add(node_header);
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  return list;
}

}  // namespace

Cors::Cors(const config::Config::Http& http, const std::string& node_header) { set(http, node_header); }

void Cors::change(const config::Config::Http& http, const std::string& node_header) {
  earlier_.emplace_back(edition_++, std::move(blocks_));
  if (earlier_.size() > kKept) earlier_.pop_front();
  blocks_.clear();
  set(http, node_header);
}

void Cors::set(const config::Config::Http& http, const std::string& node_header) {
  private_network_ = http.allow_private_network;
  const auto& allowed = http.allowed_origins;
  any_ = std::find(allowed.begin(), allowed.end(), "*") != allowed.end();
  origins_ = any_ ? std::vector<std::string>{"*"} : allowed;
  // The answer depends on the request's Origin, whether it matched or not (H-32).
  std::string vary = any_ ? "" : "Vary: Origin\r\n";
  std::string more = "Access-Control-Allow-Methods: OPTIONS, GET, POST\r\nAccess-Control-Allow-Headers: " +
                     allowed_headers(http, node_header) + "\r\nAccess-Control-Max-Age: 14400\r\n";
  const std::string exposed = node_header.empty() ? "" : "Access-Control-Expose-Headers: " + node_header + "\r\n";
  blocks_.push_back({vary, vary});
  for (const std::string& origin : origins_) {
    std::string block = "Access-Control-Allow-Origin: " + origin + "\r\n" + vary;
    if (http.allow_credentials && !any_) block += "Access-Control-Allow-Credentials: true\r\n";
    blocks_.push_back({block + exposed, block + more});
  }
}

Cors::Verdict Cors::judge(std::string_view origin) const {
  const std::uint32_t first = (std::uint32_t{edition_} << 16) + 1;
  if (any_) return Verdict{first};  // also without Origin: a cache may give the answer to somebody who has one
  auto at = std::find(origins_.begin(), origins_.end(), origin);
  if (at == origins_.end()) return Verdict::Refused;
  return Verdict{first + static_cast<std::uint32_t>(at - origins_.begin())};
}

const Cors::Blocks& Cors::blocks_of(Verdict verdict) const {
  const auto value = static_cast<std::uint32_t>(verdict);
  const std::size_t index = value & 0xffff;
  if (index == 0) return blocks_[0];
  if (value >> 16 == edition_) return blocks_.at(index);
  auto at = std::find_if(earlier_.begin(), earlier_.end(), [&](const auto& one) { return one.first == value >> 16; });
  return at == earlier_.end() ? blocks_[0] : at->second.at(index);
}

std::string_view Cors::block(Verdict verdict) const { return blocks_of(verdict).answer; }

std::string_view Cors::preflight_block(Verdict verdict) const { return blocks_of(verdict).preflight; }

std::string_view Cors::private_network_line(Verdict verdict) const {
  bool allowed = private_network_ && verdict != Verdict::Refused;
  return allowed ? std::string_view("Access-Control-Allow-Private-Network: true\r\n") : std::string_view();
}

}  // namespace nxb::http
