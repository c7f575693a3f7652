// worker/http/websocket.cc - see websocket.h.
// SPDX-License-Identifier: MIT
#include "worker/http/websocket.h"

#include <algorithm>
#include <vector>

#include "common/base/secret.h"
#include "common/base/text.h"
#include "worker/http/base64.h"
#include "worker/http/head.h"

namespace nxb::http {
namespace {

constexpr std::string_view kProtocol = "xmpp";
constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";  // RFC 6455 1.3
constexpr std::size_t kKeyBytes = 16;

Handshake refused(int status, std::string_view why) { return {status, "", "", false, why}; }

// Names of protocols are compared as they are: an answer in another case would fail the connection (W-05).
bool offers_xmpp(std::string_view protocols, bool& any) {
  bool found = false;
  for_each_item(protocols, [&](std::string_view item) {
    any = true;
    found = found || item == kProtocol;
  });
  return found;
}

// RFC 7692 7.1. Whatever window the client would have for itself, nxb reads it; a smaller one for the server is not
// taken on.
bool is_parameter(std::string_view text) {
  if (text == "server_no_context_takeover" || text == "client_no_context_takeover") return true;
  const std::size_t equals = text.find('=');
  if (trimmed(text.substr(0, equals)) != "client_max_window_bits") return false;
  if (equals == std::string_view::npos) return true;
  std::string_view bits = trimmed(text.substr(equals + 1));
  if (bits.size() > 2 && bits.starts_with('"') && bits.ends_with('"')) bits = bits.substr(1, bits.size() - 2);
  return bits == "8" || bits == "9" || (bits.size() == 2 && bits >= "10" && bits <= "15");
}

// "permessage-deflate; client_max_window_bits": the name, then parameters, each once.
bool can_take(std::string_view offer) {
  bool fine = true;
  std::vector<std::string_view> names;
  auto judge = [&](std::string_view part) {
    const std::string_view name = trimmed(part.substr(0, part.find('=')));
    fine = fine && (names.empty() ? part == "permessage-deflate" : is_parameter(part)) &&
           std::find(names.begin(), names.end(), name) == names.end();
    if (fine) names.push_back(name);
  };
  for_each_item(offer, judge, ';');
  return fine && !names.empty();
}

bool offers_deflate(std::string_view extensions) {
  bool found = false;
  for_each_item(extensions, [&](std::string_view offer) { found = found || can_take(offer); });
  return found;
}

}  // namespace

bool asks_for_websocket(const Request& request) { return request.method == Method::Get && request.websocket.asked; }

bool lost_upgrade(const Request& request) {
  return request.method == Method::Get && !request.websocket.asked && !request.websocket.key.empty();
}

Handshake judge_handshake(const Request& request, bool has_body, bool may_deflate) {
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
  handshake.deflate = may_deflate && offers_deflate(fields.extensions);
  return handshake;
}

}  // namespace nxb::http
