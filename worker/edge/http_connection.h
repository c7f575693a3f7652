// worker/edge/http_connection.h - one client connection: bytes -> requests -> answers, in request order (H-11).
// Runs in: worker. Adapter. Owned by: edge::Edge. It knows HTTP and routing by sid, nothing of XEP-0124 but the
// <body/>.
//
//   Open --request of another owner, or for a WebSocket--> Leaving --all answers written--> handed over, or upgraded to a
//     WsConnection; Closed
//   Open --error, Connection: close, shutting down--> Last --all answers written--> Lingering --FIN, 2 s--> Closed
//   any --reset, FIN while an answer is owed, a deadline--> Closed
//
// At most kMaxUnanswered requests are unanswered; then the client is not read. A client that does not read its answers
// is not read either. The bytes of a request that are not dispatched yet are kept: they go along when it leaves.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/uv/stream.h"
#include "worker/edge/context.h"
#include "worker/gateway/ports.h"
#include "worker/http/parser.h"

namespace nxb::edge {

inline constexpr std::size_t kMaxUnanswered = 8;    // H-11
inline constexpr std::size_t kMaxQueued = 1 << 20;  // answer bytes not taken by the client
inline constexpr Duration kLinger{2'000};           // H-10
inline constexpr std::size_t kLingerBytes = 64 * 1024;
inline constexpr int kRetryAfterSeconds = 5;

// What a request by GET wants done with its answer (get.cc).
struct Form {
  bool by_get = false;
  std::string callback;  // not empty: JSONP
};

class HttpConnection final : private uv::StreamSink {
  struct Private {
    explicit Private() = default;
  };

 public:
  // Takes over fd, also on failure.
  static Result<std::unique_ptr<HttpConnection>> make(Shared& shared, ConnId id, int fd, std::uint16_t listener,
                                                      std::string peer);
  HttpConnection(Private, Shared& shared, ConnId id, std::uint16_t listener, std::string peer);

  void resume(relay::Handover handover);     // its bytes are the beginning of what will be read
  void take_back(relay::Handover handover);  // it could not be handed over: 503, or a WebSocket here
  void refuse(std::string_view bytes);       // the request that cannot be served: 503
  void reply(std::uint32_t number, gateway::Reply reply);
  void show(std::uint32_t number);  // the page that waited for what the supervisor knows
  void hang_up() { close(); }
  const std::string& peer() const { return peer_; }  // as Address::text
  std::uint16_t listener() const { return listener_; }
  void on_deadline(Instant now);
  void last_request() { closing_ = true; }  // close after the next answer
  void shut_down();

 private:
  enum class State : std::uint8_t { Open, Leaving, Last, Lingering, Closed };
  enum class Waiting : std::uint8_t { Nothing, Idle, Head, Body };  // for what of the client
  struct Upgrade {                                                  // of a handshake that this worker accepted
    std::string head;                                               // of its answer
    gateway::Client client;
    bool deflate = false;
  };
  struct Departure {
    std::uint32_t to = 0;  // a worker
    std::string minted_sid = {};
    bool for_balance = false;             // it could as well stay
    std::optional<Upgrade> upgrade = {};  // it goes to no other worker: it stops being HTTP
  };

  struct Finished {
    http::Answer answer;
    std::string body;
  };
  // A request that was not answered on the wire yet; the front is the next to be. Small: most connections have one, for
  // as long as it is held.
  struct Owed {
    std::uint32_t number = 0;
    http::Method method = http::Method::Other;
    bool http10 = false;
    Page page = Page::None;  // that waits for figures
    bool at_gateway = false;
    http::Cors::Verdict cors = http::Cors::Verdict::Refused;
    std::unique_ptr<Form> form;          // nothing: its answer goes out as it is
    std::unique_ptr<Finished> finished;  // it waits for others in front of it
  };

  // uv::StreamSink
  void on_bytes(std::string_view bytes) override;
  void on_end() override;
  void on_broken(const Error& error) override;
  void on_drained() override;

  // requests (dispatch.cc)
  void dispatch(std::string_view rest);
  void dispatch_bosh(std::string_view xml, Form form, std::string_view rest);
  void to_gateway(bosh::Body&& body, std::string sid_for_creation, Form form);
  void leave(Departure departure, std::string_view rest);
  void hand_over();
  void fail(int status);
  void stay();                // the request is answered here: what came with the connection's hand-over is used up
  Owed& owe(Form form = {});  // for the request in the parser
  static bool is_one_of(std::string_view path, const std::vector<std::string>& paths);
  bool is_bosh_path(std::string_view path) const {
    return !metrics_only() && is_one_of(path, context().config.http.path);
  }
  void answer_text(int status, std::string_view text);
  void answer_xml(int status, std::string body);
  void answer(http::Answer answer, std::string body);
  gateway::Client client() const;
  std::string mint() const;
  bool takes_sessions() const;
  void mention_proxy(std::string_view ip) const;
  std::string network() const;

  // WebSocket (ws_requests.cc)
  void dispatch_websocket(std::string_view rest);
  void dispatch_websocket_path();            // anything but a handshake
  void answer_alive(std::string_view text);  // by GET; says so where a proxy took a handshake's Upgrade away
  void refuse_websocket(int status, std::string_view why);
  bool is_websocket_path(std::string_view path) const { return is_one_of(path, context().config.websocket.path); }
  std::uint32_t worker_for_socket();
  void upgrade();

  // BOSH by GET (get.cc)
  void dispatch_get(std::string_view rest);
  Form form_of_request() const;
  static void put_into_form(const Form* form, Finished& finished);

  // pages (page_requests.cc)
  void dispatch_page(Page page, std::string_view rest);
  void dispatch_metrics(std::string_view rest);
  bool metrics_only() const;  // the address of [metrics]
  void answer_page(Page page, http::Answer head);
  void answer_figures(Page page, http::Answer head);
  Finished figures_page(Page page, http::Answer head) const;
  void answer_ready(http::Answer head);
  void answer_system_info(http::Answer head);
  bool is_failure_counter(std::string_view rest);
  bool is_local() const;

  // bytes and answers (http_connection.cc)
  void parse(std::string_view bytes);
  void finish(Owed& owed, Finished finished);
  void flush();
  void write_front(Finished& finished);
  void settle();
  void linger();
  void read_on();  // whatever it was paused for
  void close();
  bool is_quiet() const;
  bool has_room() const;   // for another request
  bool can_go_on() const;  // there are bytes to parse and room for their requests
  bool can_leave() const;  // nothing is owed any more
  bool is_stalled(Instant now) const;
  Waiting waiting_for() const;
  void arm();
  Context& context() const { return shared_.context; }
  Instant now() const { return shared_.context.loop.now(); }

  Shared& shared_;
  const ConnId id_;
  const std::uint16_t listener_;
  const std::string peer_;
  std::unique_ptr<uv::Stream> stream_;
  http::Parser parser_;
  State state_ = State::Open;
  std::vector<Owed> owed_;  // at most kMaxUnanswered
  std::uint32_t last_number_ = 0;
  std::string unread_;      // read, but not parsed
  bool parsing_ = false;    // parse() is on the stack
  bool closing_ = false;    // the next request is the last
  bool continued_ = false;  // 100 Continue was sent for the request being read
  bool peer_ended_ = false;
  Waiting waiting_ = Waiting::Nothing;
  std::unique_ptr<std::string> arrived_;  // handed over, nothing dispatched yet: the sid minted by who accepted it
  std::unique_ptr<Departure> departure_;  // while Leaving

  Instant client_due_{};              // for what waiting_ says
  std::optional<Instant> write_due_;  // while bytes are queued (H-28)
  Instant linger_due_{};
  std::size_t lingered_ = 0;
};

}  // namespace nxb::edge
