// common/ipc/session_query.cc - see session_query.h. Five words; one that is empty is written as "-".
// SPDX-License-Identifier: MIT
#include "common/ipc/session_query.h"

#include <algorithm>
#include <charconv>

#include "common/base/address_range.h"

namespace nxb::ipc {
namespace {

constexpr std::string_view kNothing = "-";

Error bad(std::string why) { return Error{Code::BadInput, std::move(why)}; }

std::string word_of(const std::string& value) { return value.empty() ? std::string(kNothing) : value; }

std::string_view take_word(std::string_view& rest) {
  std::size_t end = std::min(rest.find(' '), rest.size());
  std::string_view word = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return word == kNothing ? std::string_view() : word;
}

}  // namespace

std::string to_text(const SessionQuery& query) {
  return std::string(kSessionOrders.at(static_cast<std::size_t>(query.order))) + ' ' + std::to_string(query.limit) +
         ' ' + word_of(query.transport) + ' ' + word_of(query.ip) + ' ' + word_of(query.domain);
}

Result<SessionQuery> parse_session_query(std::string_view text) {
  SessionQuery query;
  NXB_TRY([[maybe_unused]] auto order, set_order(query, take_word(text)));
  NXB_TRY([[maybe_unused]] auto limit, set_limit(query, take_word(text)));
  NXB_TRY([[maybe_unused]] auto transport, set_transport(query, take_word(text)));
  NXB_TRY([[maybe_unused]] auto ip, set_ip(query, take_word(text)));
  query.domain = text == kNothing ? std::string_view() : text;  // whatever is left
  return query;
}

Status set_order(SessionQuery& query, std::string_view word) {
  if (word.empty()) return Done{};
  const auto* at = std::ranges::find(kSessionOrders, word);
  if (at == kSessionOrders.end()) return bad("sort is one of age, idle, bytes, queue");
  query.order = static_cast<SessionOrder>(at - kSessionOrders.begin());
  return Done{};
}

Status set_limit(SessionQuery& query, std::string_view word) {
  if (word.empty()) return Done{};
  std::uint32_t value = 0;
  auto [end, failed] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (failed != std::errc{} || end != word.data() + word.size() || value < 1 || value > SessionQuery::kMost) {
    return bad("limit is a number from 1 to " + std::to_string(SessionQuery::kMost));
  }
  query.limit = value;
  return Done{};
}

Status set_transport(SessionQuery& query, std::string_view word) {
  if (word.empty()) return Done{};
  if (word != "bosh" && word != "ws" && word != "websocket") return bad("transport is bosh or ws");
  query.transport = word == "bosh" ? "bosh" : "websocket";
  return Done{};
}

Status set_ip(SessionQuery& query, std::string_view word) {
  if (word.empty()) return Done{};
  if (auto range = AddressRange::parse(word); !range) return bad("ip " + range.error().text);
  query.ip = word;
  return Done{};
}

}  // namespace nxb::ipc
