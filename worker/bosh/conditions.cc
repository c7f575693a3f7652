// worker/bosh/conditions.cc - names and HTTP statuses of the conditions.
// SPDX-License-Identifier: MIT
#include "worker/bosh/conditions.h"

#include <algorithm>
#include <array>

namespace nxb::bosh {
namespace {

#define NXB_CONDITION_NAME(name, wire) std::string_view(wire),
constexpr std::array kNames{std::string_view(), NXB_CONDITIONS(NXB_CONDITION_NAME)};
#undef NXB_CONDITION_NAME

}  // namespace

std::string_view wire_name(Condition condition) { return kNames.at(static_cast<std::size_t>(condition)); }

Condition condition_named(std::string_view wire) {
  auto at = std::ranges::find(kNames, wire);
  return at == kNames.end() ? Condition::None : static_cast<Condition>(at - kNames.begin());
}

int http_status(Condition condition, bool legacy_client) {
  if (!legacy_client) return 200;
  if (condition == Condition::BadRequest) return 400;
  if (condition == Condition::PolicyViolation) return 403;
  if (condition == Condition::ItemNotFound) return 404;
  return 200;
}

}  // namespace nxb::bosh
