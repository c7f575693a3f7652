// common/ipc/questions.h - the questions of the supervisor to workers (questions.def), by name in ipc::Question::what.
// Runs in: supervisor (asks), worker (answers). I/O: none.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "common/ipc/questions.def"

namespace nxb::ipc {

#define NXB_QUESTION(name, argument) name,
enum class Query : std::uint8_t { NXB_QUESTIONS(NXB_QUESTION) };
#undef NXB_QUESTION

#define NXB_QUESTION(name, argument) std::string_view(#name),
inline constexpr std::array kQueryNames{NXB_QUESTIONS(NXB_QUESTION)};
#undef NXB_QUESTION

inline std::string_view name_of(Query query) { return kQueryNames[static_cast<std::size_t>(query)]; }

inline std::optional<Query> query_named(std::string_view name) {
  for (std::size_t i = 0; i < kQueryNames.size(); ++i) {
    if (kQueryNames[i] == name) return static_cast<Query>(i);
  }
  return std::nullopt;
}

}  // namespace nxb::ipc
