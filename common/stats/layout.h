// common/stats/layout.h - what is where in a worker's slot: counters, then tables, then histograms.
// Runs in: supervisor, worker. I/O: none. The rows are those of counters.def and breakdowns.def.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "common/base/clock.h"
#include "common/stats/breakdowns.def"
#include "common/stats/counters.def"

namespace nxb::stats {

enum class Kind : std::uint8_t { Sum, Gauge, Most };
struct Info {
  std::string_view name;
  Kind kind;
  std::string_view help;
};
#define NXB_STATS_ROW(name, kind, help) Info{#name, Kind::kind, help},
inline constexpr std::array kCounters{NXB_COUNTERS(NXB_STATS_ROW)};
#undef NXB_STATS_ROW
#define NXB_STATS_ENUM(name, kind, help) name,
enum class Counter : std::uint16_t { NXB_COUNTERS(NXB_STATS_ENUM) };
#undef NXB_STATS_ENUM

// --- tables ---

#define NXB_STATS_ENUM(name) name,
enum class Method : std::uint8_t { NXB_METHODS(NXB_STATS_ENUM) };
enum class Transport : std::uint8_t { NXB_TRANSPORTS(NXB_STATS_ENUM) };
enum class Cause : std::uint8_t { NXB_CAUSES(NXB_STATS_ENUM) };
enum class SidReason : std::uint8_t { NXB_SID_REASONS(NXB_STATS_ENUM) };
#undef NXB_STATS_ENUM

struct TableInfo {
  std::string_view name;
  std::string_view row_label;
  std::span<const std::string_view> rows;
  std::string_view column_label;
  std::span<const std::string_view> columns;
  std::string_view help;
};
namespace labels {
#define NXB_STATS_WORD(name) std::string_view{#name}.starts_with('_') ? std::string_view{#name}.substr(1) : #name,
#define NXB_STATS_LABELS(name, row, rows, column, columns, help) \
  inline constexpr std::array name##_rows{rows(NXB_STATS_WORD)}; \
  inline constexpr std::array name##_columns{columns(NXB_STATS_WORD)};
NXB_TABLES(NXB_STATS_LABELS)
#undef NXB_STATS_LABELS
#undef NXB_STATS_WORD
}  // namespace labels
#define NXB_STATS_TABLE(name, row, rows, column, columns, help) \
  TableInfo{#name, #row, labels::name##_rows, #column, labels::name##_columns, help},
inline constexpr std::array kTables{NXB_TABLES(NXB_STATS_TABLE)};
#undef NXB_STATS_TABLE
#define NXB_STATS_ENUM(name, row, rows, column, columns, help) name,
enum class Table : std::uint8_t { NXB_TABLES(NXB_STATS_ENUM) };
#undef NXB_STATS_ENUM

// --- histograms ---

struct HistogramInfo {
  std::string_view name;
  std::string_view help;
};
#define NXB_STATS_ROW(name, help) HistogramInfo{#name, help},
inline constexpr std::array kHistograms{NXB_HISTOGRAMS(NXB_STATS_ROW)};
#undef NXB_STATS_ROW
#define NXB_STATS_ENUM(name, help) name,
enum class Histogram : std::uint8_t { NXB_HISTOGRAMS(NXB_STATS_ENUM) };
#undef NXB_STATS_ENUM

// Upper bounds in milliseconds, inclusive; one bucket more is for what is above all.
inline constexpr std::array<std::int64_t, 15> kBounds{1,   2,    5,    10,   25,     50,     100,   250,
                                                      500, 1000, 2500, 5000, 10'000, 30'000, 60'000};
inline constexpr std::size_t kBuckets = kBounds.size() + 1;
using Buckets = std::array<std::uint64_t, kBuckets>;

constexpr std::size_t bucket_of(Duration value) {
  std::size_t i = 0;
  while (i < kBounds.size() && value.count() > kBounds[i]) ++i;
  return i;
}

// --- where each is ---

constexpr std::size_t first_of(Table table) {
  std::size_t at = kCounters.size();
  for (std::size_t i = 0; i < static_cast<std::size_t>(table); ++i)
    at += kTables[i].rows.size() * kTables[i].columns.size();
  return at;
}
constexpr std::size_t cell_of(Table table, std::size_t row, std::size_t column) {
  return first_of(table) + row * kTables[static_cast<std::size_t>(table)].columns.size() + column;
}
inline constexpr std::size_t kFirstHistogram = first_of(Table{kTables.size()});
// The buckets of a histogram are neighbours; its sum, in milliseconds, follows them.
constexpr std::size_t first_of(Histogram histogram) {
  return kFirstHistogram + static_cast<std::size_t>(histogram) * (kBuckets + 1);
}
inline constexpr std::size_t kCells = first_of(Histogram{kHistograms.size()});

}  // namespace nxb::stats
