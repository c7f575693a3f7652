// worker/http/request.h - one HTTP request as the edge needs it; and its limits.
// Runs in: worker. I/O: none.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace nxb::http {

struct Limits {
  std::size_t request_line = 8 * 1024;  // without its CRLF; more: 414 (H-26)
  std::size_t head = 16 * 1024;         // field lines to the empty line included; more: 431. Bounds chunk framing too
  std::size_t fields = 100;             // more: 431
  std::size_t body = 100'000;           // more: 413, at Content-Length or at the byte crossing it (H-25)
};

enum class Method : std::uint8_t { Get, Head, Post, Options, Other };

// What a WebSocket handshake asks; empty in a request that asks for none (RFC 6455 4.1).
struct WebSocketFields {
  bool asked = false;      // Upgrade has the token websocket, Connection the token upgrade
  std::string key;         // of Sec-WebSocket-Key; this one and the others are raw, all fields joined
  std::string version;     // of Sec-WebSocket-Version
  std::string protocols;   // of Sec-WebSocket-Protocol
  std::string extensions;  // of Sec-WebSocket-Extensions
};

struct Request {
  Method method = Method::Other;
  bool asterisk = false;  // OPTIONS *
  std::string path;       // %XX decoded once, `..` not resolved (H-08); no query; empty for asterisk and authority form
  std::string query;      // behind the `?`, as it came
  std::uint8_t minor = 1;       // HTTP/1.minor
  bool keep_alive = true;       // H-12
  bool wants_continue = false;  // Expect: 100-continue (H-13)
  std::string host;             // raw: name and port
  std::string origin;
  std::string x_forwarded_for;               // raw, all fields joined
  std::string x_forwarded_proto, forwarded;  // likewise; the second is Forwarded (RFC 7239)
  bool via_proxy = false;                    // a proxy left its mark: Forwarded, X-Forwarded-For and the like (H-41)
  bool private_network = false;              // Access-Control-Request-Private-Network: true (H-36)
  bool accepts_openmetrics = false;          // Accept names it (O-23)
  std::string authorization;                 // raw, all fields joined
  WebSocketFields websocket;
};

}  // namespace nxb::http
