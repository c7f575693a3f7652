// worker/http/websocket.h - the opening handshake of a WebSocket (RFC 6455 4.2, RFC 7395 3.1).
// Runs in: worker. I/O: none. Paths and origins are not judged here.
// The one extension is permessage-deflate (RFC 7692), without context takeover on either side.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

#include "worker/http/request.h"

namespace nxb::http {

// Upgrade and Connection say so, in a GET; anything else is plain HTTP (W-08, H-17).
bool asks_for_websocket(const Request& request);

// Plain HTTP by the letter, but its key says that it was one before a proxy took Upgrade or Connection out.
bool lost_upgrade(const Request& request);

struct Handshake {
  int status = 101;      // or 400, 426
  std::string accept;    // with 101, for Replies::upgrade_head
  std::string protocol;  // likewise; "" = none was offered
  bool deflate = false;  // likewise: messages may be compressed
  std::string_view why;  // a literal: what is wrong, for the client and the log
};
// Of a request that asks for one. What follows its head are frames (W-09).
// `may_deflate`: compression is answered if it is offered (W-06).
Handshake judge_handshake(const Request& request, bool has_body, bool may_deflate = false);

}  // namespace nxb::http
