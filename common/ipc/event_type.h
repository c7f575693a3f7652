// common/ipc/event_type.h - the types of events, from events.def.
// Runs in: supervisor, worker.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/ipc/events.def"

namespace nxb::ipc {

#define NXB_EVENT_ENUM(id, name, help) id,
enum class EventType : std::uint8_t { NXB_EVENTS(NXB_EVENT_ENUM) };
#undef NXB_EVENT_ENUM

#define NXB_EVENT_NAME(id, name, help) std::string_view(name),
inline constexpr std::array kEventNames{NXB_EVENTS(NXB_EVENT_NAME)};
#undef NXB_EVENT_NAME

constexpr std::string_view name_of(EventType type) { return kEventNames[static_cast<std::size_t>(type)]; }

}  // namespace nxb::ipc
