// worker/tls/engine.h - TLS over memory: ciphertext in, plaintext out, no socket (U-46 to U-53). As a client towards XMPP
// servers, as a server towards browsers (server_context.h).
// Runs in: worker. I/O: reads trust stores when a Context is made (and hashed certificate folders while verifying).
// Context: what connections share (protocol versions, trust store), one per CA file and verify mode.
// Engine: one connection. It keeps no buffers of its own; OpenSSL's are released when idle.
// A peer that fails verification gets an alert and nothing else; no application byte leaves before the handshake is
// done. What the peer makes it say (answers to HelloRequest, KeyUpdate, renegotiation) is bounded for the life of the connection, so
// the owner need not count it.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "worker/tls/identity.h"
#include "worker/tls/peer_certificate.h"
#include "worker/tls/sessions.h"

struct ssl_st;
struct ssl_ctx_st;

namespace nxb::tls {

enum class Verify : std::uint8_t { Full, None };

class ServerContext;

class Context {
  struct Private {
    explicit Private() = default;
  };

 public:
  // ca_file "" = the system's trust store.
  static Result<std::unique_ptr<Context>> make(const std::string& ca_file, Verify verify);
  Context(Private, ssl_ctx_st* context, std::string trust_store, Verify verify)
      : context_(context), trust_store_(std::move(trust_store)), verify_(verify) {}
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ssl_ctx_st* raw() const { return context_; }
  const std::string& trust_store() const { return trust_store_; }
  Verify verify() const { return verify_; }

 private:
  ssl_ctx_st* context_;
  std::string trust_store_;
  Verify verify_;
};

// Where sessions of earlier connections are found, and those of this one go. Only verified ones are kept, and offered
// only to the same target for the same domain, identity and trust store (U-54).
struct Resumption {
  SessionCache* sessions = nullptr;
  std::string target;  // what is connected to: host and port
};

// What a call produced.
struct Output {
  std::string to_peer;    // ciphertext to be written now
  std::string plaintext;  // what the peer said
};

class Engine {
  struct Private {
    explicit Private() = default;
  };

 public:
  enum class State : std::uint8_t {
    Handshaking,
    Open,
    PeerClosed,  // close_notify received; everything before it was given out
    Failed,      // error() says why; `to_peer` may hold an alert
  };
  enum class Offer : std::uint8_t { NoAlpn, AlpnXmppClient };  // U-47: ALPN with direct TLS only

  // SNI is `server_name`, none for an IP address (U-46); the certificate must speak for `identity`.
  static Result<std::unique_ptr<Engine>> client(const Context& context, const std::string& server_name,
                                                Identity identity, Offer offer, const Resumption& resumption = {});
  static std::unique_ptr<Engine> server(const ServerContext& context);
  explicit Engine(Private) {}
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  void start(Output& out);  // ClientHello; not of a server
  void received(std::string_view ciphertext, Output& out);
  void send(std::string_view plaintext, Output& out);  // only when Open
  void close(Output& out);                             // close_notify
  State state() const { return state_; }
  const std::string& error() const { return error_; }
  bool distrusted() const { return distrusted_; }  // Failed because of the peer's certificate: final (U-49)
  std::string description() const;                 // "TLSv1.3 TLS_AES_256_GCM_SHA384", for logs
  // Also one that was not believed. Nothing: it has not been seen.
  std::optional<PeerCertificate> certificate() const;
  bool resumed() const;  // once the handshake is done: by a session of an earlier connection

 private:
  friend struct Callbacks;
  void attach(ssl_st* ssl);
  void advance(Output& out);
  void fail();
  void use_sessions(const Context& context, const std::string& server_name, const Resumption& resumption);
  void keep(const ssl_session_st* session);

  ssl_st* ssl_ = nullptr;
  Identity identity_;
  SessionCache* sessions_ = nullptr;  // null: nothing is kept or offered
  std::string server_;                // for whom sessions are kept
  std::optional<Instant> until_;      // of the session that was offered
  std::string error_;
  std::unique_ptr<PeerCertificate> rejected_;  // OpenSSL keeps only those that were believed
  std::string_view input_;                     // during a call only: ciphertext not yet taken by OpenSSL
  std::string* output_ = nullptr;              // during a call only
  std::size_t answers_ = 0;                    // bytes that the peer made it say, the handshake's included
  bool answering_ = false;                     // within received(): what is written now is such an answer
  State state_ = State::Handshaking;
  bool distrusted_ = false;
};

}  // namespace nxb::tls
