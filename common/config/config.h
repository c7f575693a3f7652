// common/config/config.h - the configuration: typed, checked, normalised.
// Runs in: supervisor (reads TOML, checks all of it), worker (receives it as JSON). I/O: reads the files named in it.
// The keys, their defaults, bounds and manual text are the rows of options.def; this header says what code sees.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/result.h"

namespace nxb::config {

enum class TlsMode : std::uint8_t { Required, Offered, Off, Direct };
enum class UpstreamKind : std::uint8_t { Xmpp, Echo, External };
enum class RouteMode : std::uint8_t { Off, Filtered, Any };  // B-26
enum class ProxyProtocol : std::uint8_t { Off, V1, V2 };     // O-30
enum class MonitorAccess : std::uint8_t { Local, Public, Off };

inline constexpr std::string_view kDefaultListen = "0.0.0.0:5280";  // C-02

// Paths; what a worker gets are the contents (to_json_for_workers), which it takes out (take_credentials).
struct ListenTls {
  std::string cert, key;  // both or none
  friend bool operator==(const ListenTls&, const ListenTls&) = default;
};

struct Listen {
  std::string address;                       // as Address::parse takes it; "": closed by a reload, its number stays
  std::vector<std::string> trusted_proxies;  // addresses, address/prefix, or "unix" for unix socket peers (H-47)
  bool accept_proxy = false;                 // they begin with a PROXY header, and nobody else is heard (O-30)
  ListenTls tls = {};                        // clients speak HTTPS and WSS here
  bool metrics_only = false;                 // the one of [metrics]: nothing else is there (O-23)
  bool is_open() const { return !address.empty(); }
  friend bool operator==(const Listen&, const Listen&) = default;
};

struct Domain {                         // one [[upstream.domain]]
  std::string name;                     // normalised: lower case, no trailing dot
  std::string target;                   // "" = by DNS; host:port, [v6]:port, unix:/path
  std::optional<TlsMode> tls;           // nothing = by U-39's rule
  std::string tls_name;                 // "" = name
  std::string tls_ca;                   // "" = [upstream] tls_ca
  bool tls_verify = true;               // resolved: [upstream] tls_verify unless the domain says otherwise
  std::optional<RouteMode> route = {};  // nothing = [upstream] route
  // Nothing = [upstream] proxy_protocol.
  std::optional<ProxyProtocol> proxy_protocol = {};
  friend bool operator==(const Domain&, const Domain&) = default;
};

struct Config {
  struct Server {
    std::uint32_t workers = 0;                      // after "auto" was resolved; at least 1
    std::string admin_socket;                       // after the default was resolved
    std::string admin_group;                        // "" = root and the own user only (O-13)
    std::uint32_t max_connections = 20000;          // per worker; accepting pauses above
    std::uint32_t max_sessions = 50000;             // per worker; creation is refused above (B-40)
    std::uint32_t max_connections_per_address = 0;  // per worker; 0 = no limit (H-45)
    std::uint32_t max_sessions_per_address = 0;     // per worker; 0 = no limit (H-45)
    std::uint32_t session_rate = 20;                // per address, second and worker; 0 = no limit (H-46)
    std::uint32_t session_burst = 100;
    Duration watchdog{10'000};          // O-06
    Duration shutdown_timeout{30'000};  // O-08
    Duration drain_timeout{3'600'000};
    std::string user;         // "" = nobody else (O-11)
    std::string group;        // "" = the user's own
    bool core_dumps = false;  // O-11
    friend bool operator==(const Server&, const Server&) = default;
  } server;
  std::vector<Listen> listen;
  struct Http {
    std::vector<std::string> path{"/http-bind"};  // without trailing slash
    std::map<std::string, std::string> headers;   // added to BOSH answers (C-11)
    std::vector<std::string> allowed_origins{"*"};
    bool allow_credentials = false;         // needs a list of origins (H-33)
    std::vector<std::string> cors_headers;  // more names for Access-Control-Allow-Headers
    bool allow_private_network = false;     // H-36
    bool enable_get = true;                 // H-37
    bool crossdomain = false;               // C-33
    Duration head_timeout{10'000};          // H-27
    Duration body_timeout{15'000};
    Duration idle_timeout{75'000};
    Duration write_timeout{30'000};          // H-28
    Duration http_socket_keepalive{60'000};  // C-09
    friend bool operator==(const Http&, const Http&) = default;
  } http;
  struct Bosh {
    Duration max_wait{55'000};
    std::uint32_t max_bosh_connections = 2;  // cap of hold
    Duration default_inactivity{70'000};
    Duration max_inactivity{160'000};
    Duration inactivity_grace{10'000};
    Duration abort_grace{0};  // 0: off (O-32)
    Duration features_hold{10'000};
    Duration gap_timeout{30'000};
    Duration max_pause{120'000};  // 0: pausing is not offered (B-32)
    Duration polling{5'000};      // B-31
    std::uint32_t max_streams_per_session = 8;
    bool pidgin_compatible = false;         // C-15
    std::uint64_t max_data_held = 100'000;  // bytes of a request body (H-25)
    std::uint64_t max_pending = 1 << 20;    // bytes waiting for a client, per stream (U-36)
    std::uint32_t request_rate = 50;        // per session and second; 0 = no limit (H-46)
    std::uint32_t request_burst = 100;
    std::string see_other_uri;  // where clients are sent instead of getting a session; "" = nowhere (B-109)
    friend bool operator==(const Bosh&, const Bosh&) = default;
  } bosh;
  struct WebSocket {
    std::vector<std::string> path{"/xmpp-websocket"};  // without trailing slash (W-08)
    Duration ping_interval{30'000};                    // 0: off (W-25)
    bool legacy_framing = true;                        // W-50
    std::uint64_t max_message = 500'000;               // of a client (W-19)
    std::uint64_t max_buffer = 4 << 20;                // bytes that a client did not take (W-26)
    Duration message_timeout{60'000};                  // for a message to be whole (H-27)
    std::uint32_t message_rate = 500;                  // per connection and second; 0 = no limit (H-46)
    std::uint32_t message_burst = 1'000;
    std::string see_other_uri;  // where clients are sent; "" = nowhere (W-46)
    bool compression = false;   // permessage-deflate, where it is offered (W-06)
    friend bool operator==(const WebSocket&, const WebSocket&) = default;
  } websocket;
  struct Upstream {
    UpstreamKind kind = UpstreamKind::Xmpp;
    std::vector<std::string> allow, deny;  // U-02
    std::vector<std::string> gone;         // formerly served (B-18)
    std::string default_domain;            // for clients that name none (B-17)
    RouteMode route = RouteMode::Off;
    std::vector<std::string> route_filter;  // hosts, ".domain", host:port, address/prefix (C-14)
    bool allow_private_targets = false;     // U-16
    TlsMode tls = TlsMode::Required;
    bool tls_verify = true;
    std::string tls_ca;
    ProxyProtocol proxy_protocol = ProxyProtocol::Off;  // what servers are told of the client (O-30)
    std::uint64_t max_xmpp_stanza_size = 500'000;
    Duration connect_timeout{10'000};    // per address (U-17)
    Duration setup_timeout{20'000};      // DNS to features (U-17)
    Duration write_timeout{30'000};      // for a congested stream (U-36)
    std::vector<std::string> resolvers;  // none = /etc/resolv.conf; else address:port, for tests and odd networks
    std::vector<Domain> domain;
    friend bool operator==(const Upstream&, const Upstream&) = default;
  } upstream;
  struct External {      // upstream.kind = "external": the operator's own program
    std::string socket;  // unix; not empty when the kind is External
    Duration reconnect_min{100}, reconnect_max{10'000};
    Duration timeout{10'000};
    std::uint64_t max_message = 4 << 20;
    std::uint64_t max_pending = 8 << 20;  // per worker (U-36)
    friend bool operator==(const External&, const External&) = default;
  } external;
  struct Discovery {  // both empty: there is no host-meta (W-11)
    std::string bosh_url, websocket_url;
    friend bool operator==(const Discovery&, const Discovery&) = default;
  } discovery;
  struct Monitor {
    MonitorAccess access = MonitorAccess::Local;  // H-41
    std::string system_info_password;             // also when it was read from a file; "" = no sysinfo (H-42)
    std::string system_info_password_file;        // "" after it was read
    friend bool operator==(const Monitor&, const Monitor&) = default;
  } monitor;
  struct Metrics {
    std::string listen;  // as Listen::address; "" = /metrics is where the monitor is (O-23)
    friend bool operator==(const Metrics&, const Metrics&) = default;
  } metrics;
  struct Sticky {        // what a balancer needs to find this node again (O-41)
    std::string node;    // resolved: the host's name, if it is asked for and not given
    std::string cookie;  // its name; "" = none
    std::string header;  // its name; "" = none
    friend bool operator==(const Sticky&, const Sticky&) = default;
  } sticky;
  struct Log {
    std::string level = "INFO";
    std::string format = "text";
    std::string file;                         // "" = stderr
    std::string ip = "full";                  // of clients
    std::uint32_t trim_default_length = 256;  // characters of XML in a line (C-16)
    friend bool operator==(const Log&, const Log&) = default;
  } log;
  friend bool operator==(const Config&, const Config&) = default;
};

// One finding per line: "FILE:LINE: section.key: what is wrong; allowed: ...", in the order of the lines;
// "NAME: section.key: ..." of a variable.
struct Loaded {
  Config config;
  std::vector<std::string> errors;  // not empty: config must not be used
  std::vector<std::string> warnings;
};
// Names and values of NXB_SECTION__KEY=value, which lie over the file; environment.h says how (O-39).
using Variables = std::vector<std::pair<std::string, std::string>>;
Variables variables_of(const char* const* environment);  // as `environ`
// Never throws. A file that cannot be read is one error. `origin` is what errors call the text.
Loaded load_file(const std::string& path, const Variables& variables = {});
Loaded load_text(std::string_view toml, const std::string& origin, const Variables& variables = {});

// For the control channel. from_json() checks the form only: what is in it was checked by load_*().
std::string to_json(const Config& config);
// The same with the contents of certificate and key files in place of their paths: workers may not be allowed to read
// them. Checks them again. The text holds secrets: wipe() it.
Result<std::string> to_json_for_workers(const Config& config);
struct Credentials {
  std::string cert, key;  // PEM; both empty: a listener in clear
};
// By listener. The configuration keeps only whether there are any: nothing that lists it shows them.
std::vector<Credentials> take_credentials(Config& config);
Result<Config> from_json(std::string_view text);
std::string to_toml(const Config& config);  // the effective configuration; it loads back to an equal one
std::string to_toml_without_secrets(const Config& config);  // -T: the same for terminals and bug reports (O-02)
// Every option as "section.key" and its value as TOML, for people who may see all but the secrets (H-42).
std::vector<std::pair<std::string, std::string>> listing(const Config& config);
std::string reference();  // the text of conf/nxb.toml: every key, its default, its explanation

// Those of [[listen]], and that of [metrics] behind them.
std::vector<Listen> all_listeners(const Config& config);

// [http] path from elsewhere than the file: by the same rule and in the same form; the error says what is wrong.
Result<std::string> checked_url_path(std::string text);

// Where the admin socket is when the configuration does not say: nxbctl looks there, too (O-13).
std::string default_admin_socket();

}  // namespace nxb::config
