// tests/sim/ws_world.h - WebSocket sessions, one after the other, of correct and of hostile clients.
// SPDX-License-Identifier: MIT
#pragma once

#include "worlds.h"

namespace nxb::sim {

Outcome play_websocket(const Setting& setting);

}  // namespace nxb::sim
