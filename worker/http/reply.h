// worker/http/reply.h - header blocks of answers: status line, Date, type, length, CORS, safety headers.
// Runs in: worker. I/O: none; time is an argument. One per worker: what the configuration says is composed once.
// Every answer has Content-Length and is complete (H-20, H-23); 413, 4xx and 5xx carry CORS headers too (H-34).
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/config/config.h"
#include "worker/http/cors.h"
#include "worker/http/date.h"

namespace nxb::http {

// What the Connection header must say (H-12): nothing, "close", or to an HTTP/1.0 client "keep-alive".
enum class Persistence : std::uint8_t { Implied, Close, KeepAlive };

enum class Purpose : std::uint8_t {
  Bosh,       // a <body/>: CORS, no-store, nosniff, CSP, configured headers
  Page,       // text for people or an error: the same
  Preflight,  // CORS preflight; no content
  Public,     // host-meta: any script may read it, whatever allowed_origins says (W-11)
  Operator,   // health, monitor, sysinfo: no CORS, nothing configured for clients (H-43)
};

struct Answer {
  int status = 200;
  Purpose purpose = Purpose::Page;
  std::string_view content_type = "text/plain; charset=utf-8";  // always a literal
  std::size_t content_length = 0;
  Cors::Verdict cors = Cors::Verdict::Refused;
  Persistence persistence = Persistence::Implied;
  std::string_view allow = {};   // for 405
  std::string_view policy = {};  // Content-Security-Policy; "" = the one that allows nothing
  int retry_after_seconds = 0;   // for 429 and 503
  bool challenge = false;        // for 401
  bool private_network = false;  // a preflight that asked for it (H-36)
  std::string_view node = {};    // node_lines(), where a session begins
};

class Replies {
 public:
  explicit Replies(const config::Config::Http& http, const config::Config::Sticky& sticky = {});
  // Another configuration; verdicts keep their meaning.
  void change(const config::Config::Http& http, const config::Config::Sticky& sticky = {});
  const Cors& cors() const { return cors_; }
  std::string head(const Answer& answer, std::int64_t wall_ms);  // ends with the empty line
  // 101; what follows is no HTTP. `protocol`: "" = none was offered, none is answered (W-05, D-61). `deflate`: it was
  // offered, and messages may be compressed (W-06). `node`: as in Answer.
  std::string upgrade_head(std::string_view accept, std::string_view protocol, std::int64_t wall_ms,
                           bool deflate = false, std::string_view node = {});
  // The lines that name this node to a client that came by https, or not (O-41).
  std::string_view node_lines(bool secure) const { return secure ? node_secure_ : node_plain_; }

 private:
  void set(const config::Config::Http& http, const config::Config::Sticky& sticky);
  Cors cors_;
  Date date_;
  std::string safety_;      // Cache-Control, nosniff
  std::string configured_;  // [http] headers
  std::string node_plain_, node_secure_;
};

std::string_view reason(int status);

inline constexpr std::string_view kXml = "text/xml; charset=utf-8";  // of a <body/>, unless the client asks otherwise

inline constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace nxb::http
