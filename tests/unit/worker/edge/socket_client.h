// tests/unit/worker/edge/socket_client.h - handshakes, masked frames, and a client that has a WebSocket already.
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "tests/unit/worker/edge/rig.h"

namespace nxb::testing {

inline const std::string kKey = "bnhiLXNwZWMtZXhhbXBsZQ==";

inline std::string handshake(const std::string& path = "/xmpp-websocket", const std::string& fields = "",
                             const std::string& key = kKey, const std::string& protocol = "xmpp",
                             const std::string& version = "13") {
  return get(path, "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: " + key +
                       "\r\nSec-WebSocket-Version: " + version + "\r\nSec-WebSocket-Protocol: " + protocol + "\r\n" +
                       fields);
}

// As a client sends it; up to 125 bytes.
inline std::string masked(ws::Opcode opcode, const std::string& payload) {
  const std::string mask = "mask";
  std::string frame{static_cast<char>(0x80 | static_cast<int>(opcode)), static_cast<char>(0x80 | payload.size())};
  frame += mask;
  for (std::size_t i = 0; i < payload.size(); ++i) frame += static_cast<char>(payload[i] ^ mask[i % 4]);
  return frame;
}

struct Socket {
  explicit Socket(const std::function<void(config::Config&)>& adjust = {}, Family family = Family::Unix,
                  int send_buffer = 0) {
    if (adjust) adjust(rig.config);
    rig.open();
    client = std::make_unique<Client>(rig, family, send_buffer);
    client->send(handshake());
    REQUIRE(client->gets("\r\n\r\n"));
    client->received.clear();
    REQUIRE(rig.sockets.opened.size() == 1);
    id = rig.sockets.opened[0].id;
  }
  edge::SocketTable& table() { return rig.edge->sockets(); }
  EdgeRig rig;
  std::unique_ptr<Client> client;
  SocketId id;
};

}  // namespace nxb::testing
