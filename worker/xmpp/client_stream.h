// worker/xmpp/client_stream.h - one XMPP stream towards a server as a state machine (RFC 6120 4, 5).
// Runs in: worker. I/O: none; time is an argument. Owned by: upstream::XmppConnection.
// It writes the header, reads features, negotiates STARTTLS, holds back what the client sends until the stream is
// usable, passes whole elements on, restarts and closes. It never sees ciphertext and never touches a socket.
//
//   Idle --TransportReady--> Header --<stream:stream>--> Features --<features/>--> Running --Close--> Closing --> Ended
//                              ^ |                          |                         |
//                              | '--version < 1.0-----------|-----------------------> |
//                              |                            '--<starttls/>--> Proceed --> Handshake
//                              '--TlsReady (Handshake), Restart (Running)
//
// Header also goes back to Idle when its transport is replaced before the server said anything.
// Any state but Idle and Ended may also go to Ended at once: stream error, </stream:stream>, broken XML, lost
// transport, deadline. Ended is emitted exactly once and is the last step.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/clock.h"
#include "common/base/rare.h"
#include "worker/xmpp/splitter.h"
#include "worker/xmpp/stream_attributes.h"

namespace nxb::xmpp {

enum class TlsRule : std::uint8_t { Required, Offered, Off };  // U-39; a direct TLS transport is secure from the start

struct ClientStreamSetup {
  std::string domain;                       // as a JID spells it; goes into `to`
  std::string from;                         // the client's wish; sent only under U-19
  std::string lang;                         // B-24
  std::string version;                      // "" or nonsense = 1.0 (B-27)
  std::uint64_t max_stanza_size = 500'000;  // U-24
  std::uint64_t max_held = 100'000;         // bytes of the client that wait for a usable stream
  Duration setup_timeout{20'000};           // header and features after a restart (U-17)
};

// Why a stream ended; the adapter turns it into what the client is told (U-62 to U-72).
enum class Ending : std::uint8_t {
  Closed,       // </stream:stream> by either side, or let go for resumption
  StreamError,  // the server's <stream:error/> (U-68)
  Lost,         // the transport ended under a running stream (U-66)
  NoTls,        // TLS required and missing, or refused (U-65)
  BadServer,    // broken XML, wrong namespace, stanza too big, wrong order (U-69)
  TooMuchHeld,  // the client sent too much before the stream was usable (U-70)
  TimedOut,     // no header or no features in time (U-64)
};

namespace event {
struct TransportReady {  // connected; with direct TLS (secure) the handshake is done
  bool secure;
  TlsRule tls;
  Instant usable_by;  // header, STARTTLS and features must be done by then
};
struct TlsReady {};  // the handshake that StartTls asked for is done
struct Received {
  std::string_view bytes;
};  // plaintext, in any pieces
struct TransportEnded {
  std::string_view why;
};                            // FIN, close_notify or reset
struct TransportReplaced {};  // it was of no use and nothing was received on it; another will be TransportReady
struct Send {
  std::string_view elements;
};
struct Restart {
  std::string_view attributes = {};  // for the new header: the client's stream_attrs (C-45)
};
struct Close {
  bool client_lost;
  const std::vector<Stanza>* undelivered;
};
struct TimePassed {};
}  // namespace event
using StreamInput =
    std::variant<event::TransportReady, event::TlsReady, event::Received, event::TransportEnded,
                 event::TransportReplaced, event::Send, event::Restart, event::Close, event::TimePassed>;

namespace step {
struct Write {
  std::string bytes;
};
struct StartTls {};  // begin a TLS handshake; nothing may be written until TlsReady
struct Usable {
  StreamHeader header;
};  // of a stream that may be used; version "" = before 1.0
struct Deliver {
  std::vector<Stanza> stanzas;
};
struct Ended {
  Ending ending;
  std::string stream_error;
  std::string why;
  bool abrupt;
};  // abrupt: no goodbye, just close
}  // namespace step
using StreamStep = std::variant<step::Write, step::StartTls, step::Usable, step::Deliver, step::Ended>;
using StreamSteps = std::vector<StreamStep>;

class ClientStream final {
 public:
  enum class State : std::uint8_t { Idle, Header, Features, Proceed, Handshake, Running, Closing, Ended };
  static constexpr Duration kCloseWait{5'000};  // U-30
  static constexpr Duration kQuiet{120'000};    // of silence on our side, then whitespace keeps the stream alive (U-27)

  ClientStream(ClientStreamSetup setup, xml::Pool& pool);
  void on(const StreamInput& input, Instant now, StreamSteps& out);  // runs to completion; never calls out
  std::optional<Instant> next_deadline() const { return deadline_ ? deadline_ : quiet_; }
  bool is_consistent() const;
  State state() const { return state_; }
  bool resumable() const { return sm_resumable_; }
  const std::string& domain() const { return domain_; }
  std::size_t memory() const;  // bytes held beyond the object itself

 private:
  void take(const event::TransportReady&, Instant, StreamSteps&);
  void take(const event::TlsReady&, Instant, StreamSteps&);
  void take(const event::Received&, Instant, StreamSteps&);
  void take(const event::TransportEnded&, Instant, StreamSteps&);
  void take(const event::TransportReplaced&, Instant, StreamSteps&);
  void take(const event::Send&, Instant, StreamSteps&);
  void take(const event::Restart&, Instant, StreamSteps&);
  void take(const event::Close&, Instant, StreamSteps&);
  void take(const event::TimePassed&, Instant, StreamSteps&);

  void take_items(std::vector<StreamItem>& items, bool ends_whole, StreamSteps& out);
  void take_header(StreamHeader& header, StreamSteps& out);
  void take_element(StreamElement& element, StreamSteps& out);
  void take_features(StreamElement& element, StreamSteps& out);
  void take_tls_answer(const StreamElement& element, bool ends_buffer, StreamSteps& out);
  void take_fault(Fault fault, StreamSteps& out);
  void watch_stream_management(const StreamElement& element);
  void write_header(StreamSteps& out, const StreamAttributes& more = {});
  void become_usable(StreamSteps& out, std::optional<Stanza> features);
  void deliver(Stanza stanza, StreamSteps& out);
  void finish(Ending ending, std::string why, StreamSteps& out, std::string stream_error = {});
  void abort(Ending ending, std::string why, StreamSteps& out);
  void end(step::Ended ended, StreamSteps& out);

  // What else goes into a header.
  struct Wish {
    std::string from, version = "1.0";
  };

  const std::string domain_, lang_;
  Rare<Wish> wish_;
  const std::uint64_t max_held_;
  const Duration setup_timeout_;
  xml::Pool& pool_;
  Splitter splitter_;
  Rare<std::string> held_;                // what the client sent while the stream was not usable
  std::unique_ptr<StreamHeader> header_;  // of the stream being set up, until it is usable
  std::optional<Instant> deadline_;       // setup or close wait
  std::optional<Instant> quiet_;          // when to see whether we were silent; from the client's first stanza on
  Instant last_said_;                     // by the client or for it, since then
  TlsRule tls_ = TlsRule::Required;
  State state_ = State::Idle;
  bool secure_ = false;      // TLS is up
  bool settled_ = false;     // was usable once: the question of TLS is not opened again by a restart
  bool sm_enabled_ = false;  // XEP-0198, U-57
  bool sm_resumable_ = false;
};

}  // namespace nxb::xmpp
