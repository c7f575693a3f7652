// worker/http/websocket.cc - see websocket.h.
// SPDX-License-Identifier: MIT
#include "worker/http/websocket.h"

#include "common/base/secret.h"
#include "worker/http/base64.h"
#include "worker/http/head.h"

namespace nxb::http {
namespace {

constexpr std::string_view kProtocol = "xmpp";
constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";  // RFC 6455 1.3
constexpr std::size_t kKeyBytes = 16;

Handshake refused(int status, std::string_view why) { return {status, "", "", why}; }

// Names of protocols are compared as they are: an answer in another case would fail the connection (W-05).
bool offers_xmpp(std::string_view protocols, bool& any) {
  bool found = false;
  for_each_item(protocols, [&](std::string_view item) {
    any = true;
    found = found || item == kProtocol;
  });
  return found;
}

}  // namespace

bool asks_for_websocket(const Request& request) { return request.method == Method::Get && request.websocket.asked; }

Handshake judge_handshake(const Request& request, bool has_body) {
  if (request.minor == 0) return refused(400, "a WebSocket needs HTTP/1.1");
  if (has_body) return refused(400, "a handshake has no body");  // W-09
  const WebSocketFields& fields = request.websocket;
  if (fields.version != "13") return refused(426, "only version 13");  // W-02: the version says what the rest means
  auto key = from_base64(fields.key);
  if (!key || key->size() != kKeyBytes) return refused(400, "Sec-WebSocket-Key is not 16 bytes");
  bool any = false;
  const bool xmpp = offers_xmpp(fields.protocols, any);
  if (any && !xmpp) return refused(400, "the protocol xmpp is not offered");
  Handshake handshake;
  handshake.accept = sha1_base64(fields.key + std::string(kGuid));
  if (xmpp) handshake.protocol = kProtocol;
  return handshake;
}

}  // namespace nxb::http
