// worker/tls/engine.cc - OpenSSL behind two string views: a BIO of our own reads from and writes to the call's
// arguments, so that no memory BIO keeps the largest record it ever saw.
// SPDX-License-Identifier: MIT
#include "worker/tls/engine.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "worker/tls/server_context.h"

namespace nxb::tls {
namespace {

// A handshake says 40 KiB at most: twice a ClientHello with the largest ticket that is kept. An answer to KeyUpdate is
// 27 bytes, no honest server asks for a thousand.
constexpr std::size_t kMaxAnswers = 64 * 1024;
constexpr long kMaxCertificates = 32 * 1024;  // bytes of a chain; those in use have 4 to 12 KiB, OpenSSL takes 100

std::string openssl_error(const char* fallback) {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return reason != nullptr ? reason : fallback;
}

bool is_ip(const std::string& name) {
  std::array<char, 16> store{};
  return inet_pton(AF_INET, name.c_str(), store.data()) == 1 || inet_pton(AF_INET6, name.c_str(), store.data()) == 1;
}

}  // namespace

// What OpenSSL calls. noexcept: an exception must not cross C.
struct Callbacks {
  static int read(BIO* bio, char* into, std::size_t size, std::size_t* done) noexcept {
    auto* engine = static_cast<Engine*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    *done = std::min(size, engine->input_.size());
    if (*done == 0) {
      BIO_set_retry_read(bio);
      return 0;
    }
    std::memcpy(into, engine->input_.data(), *done);
    engine->input_.remove_prefix(*done);
    return 1;
  }
  static int write(BIO* bio, const char* from, std::size_t size, std::size_t* done) noexcept {
    auto* engine = static_cast<Engine*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    if (engine->output_ == nullptr) return 0;
    if (engine->answering_ && (engine->answers_ += size) > kMaxAnswers) return 0;
    engine->output_->append(from, size);
    *done = size;
    return 1;
  }
  static long control(BIO*, int command, long, void*) noexcept { return command == BIO_CTRL_FLUSH ? 1 : 0; }

  static BIO_METHOD* method() {
    static BIO_METHOD* const made = [] {
      BIO_METHOD* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "nxb memory");
      NXB_CHECK(m != nullptr, "OpenSSL out of memory");
      BIO_meth_set_read_ex(m, &Callbacks::read);
      BIO_meth_set_write_ex(m, &Callbacks::write);
      BIO_meth_set_ctrl(m, &Callbacks::control);
      return m;
    }();
    return made;
  }

  // Chain, dates and purpose by OpenSSL (U-49), then the identity by RFC 9525 (U-50).
  static int verify(X509_STORE_CTX* store, void*) noexcept {
    auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    auto* engine = static_cast<Engine*>(SSL_get_app_data(ssl));
    X509* certificate = X509_STORE_CTX_get0_cert(store);
    const bool trusted = X509_verify_cert(store) == 1;
    if (trusted && certificate_speaks_for(certificate, engine->identity_)) return 1;
    if (trusted) X509_STORE_CTX_set_error(store, X509_V_ERR_HOSTNAME_MISMATCH);
    engine->rejected_ = std::make_unique<PeerCertificate>(describe(certificate));
    return 0;
  }

  // After the handshake with TLS 1.3, once for each ticket. 0: `session` remains OpenSSL's.
  static int new_session(SSL* ssl, SSL_SESSION* session) noexcept {
    static_cast<Engine*>(SSL_get_app_data(ssl))->keep(session);
    return 0;
  }
};

Result<std::unique_ptr<Context>> Context::make(const std::string& ca_file, Verify verify) {
  SSL_CTX* raw = SSL_CTX_new(TLS_client_method());
  NXB_CHECK(raw != nullptr, "OpenSSL out of memory");
  auto context = std::make_unique<Context>(Private(), raw, ca_file, verify);
  SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);  // U-48
  SSL_CTX_set_options(raw, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_max_cert_list(raw, kMaxCertificates);
  SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
  // OpenSSL only tells of sessions; worker/tls/sessions.h keeps them.
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(raw, &Callbacks::new_session);
  if (verify == Verify::None) {
    SSL_CTX_set_verify(raw, SSL_VERIFY_NONE, nullptr);
    return context;
  }
  SSL_CTX_set_verify(raw, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback(raw, &Callbacks::verify, nullptr);
  ERR_clear_error();
  int loaded = ca_file.empty() ? SSL_CTX_set_default_verify_paths(raw) : SSL_CTX_load_verify_file(raw, ca_file.c_str());
  if (loaded != 1) return Error{Code::Config, "trust store " + ca_file + ": " + openssl_error("cannot be read")};
  return context;
}

Context::~Context() { SSL_CTX_free(context_); }

Result<std::unique_ptr<Engine>> Engine::client(const Context& context, const std::string& server_name,
                                               Identity identity, Offer offer, const Resumption& resumption) {
  auto engine = std::make_unique<Engine>(Private());
  engine->identity_ = std::move(identity);
  engine->attach(SSL_new(context.raw()));
  SSL_set_connect_state(engine->ssl_);
  // What the macro SSL_set_tlsext_host_name does.
  if (!is_ip(server_name) && SSL_ctrl(engine->ssl_, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                                      const_cast<char*>(server_name.c_str())) != 1) {
    return Error{Code::BadInput, "server name: " + openssl_error("refused")};
  }
  if (offer == Offer::AlpnXmppClient) {
    static constexpr unsigned char kAlpn[] = "\x0bxmpp-client";
    if (SSL_set_alpn_protos(engine->ssl_, kAlpn, sizeof(kAlpn) - 1) != 0) return Error{Code::BadInput, "ALPN"};
  }
  engine->use_sessions(context, server_name, resumption);
  return engine;
}

std::unique_ptr<Engine> Engine::server(const ServerContext& context) {
  auto engine = std::make_unique<Engine>(Private());
  engine->attach(SSL_new(context.raw()));
  SSL_set_accept_state(engine->ssl_);
  return engine;
}

void Engine::attach(SSL* ssl) {
  BIO* bio = BIO_new(Callbacks::method());
  NXB_CHECK(ssl != nullptr && bio != nullptr, "OpenSSL out of memory");
  ssl_ = ssl;
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_, bio, bio);
  SSL_set_app_data(ssl_, this);
}

// A session stands for a verification that is not repeated, so its name holds all that the verification depended on.
void Engine::use_sessions(const Context& context, const std::string& server_name, const Resumption& resumption) {
  if (resumption.sessions == nullptr || context.verify() != Verify::Full) return;
  sessions_ = resumption.sessions;
  for (const std::string& part :
       {resumption.target, server_name, identity_.name, identity_.unicode_name, context.trust_store()}) {
    server_ += part + '\n';
  }
  auto found = sessions_->take(server_);
  if (found.session && SSL_set_session(ssl_, found.session.get()) == 1) until_ = found.until;
}

void Engine::keep(const SSL_SESSION* session) {
  if (sessions_ == nullptr || SSL_get_verify_result(ssl_) != X509_V_OK || SSL_SESSION_is_resumable(session) != 1)
    return;
  sessions_->put(server_, session, resumed() ? until_ : std::nullopt);
}

bool Engine::resumed() const { return SSL_session_reused(ssl_) == 1; }

std::optional<PeerCertificate> Engine::certificate() const {
  if (rejected_) return *rejected_;
  X509* certificate = SSL_get0_peer_certificate(ssl_);
  return certificate != nullptr ? std::optional(describe(certificate)) : std::nullopt;
}

Engine::~Engine() { SSL_free(ssl_); }

void Engine::start(Output& out) { received({}, out); }

void Engine::received(std::string_view ciphertext, Output& out) {
  if (state_ == State::Failed || state_ == State::PeerClosed) return;
  input_ = ciphertext;
  output_ = &out.to_peer;
  answering_ = true;
  advance(out);
  answering_ = false;
  input_ = {};
  output_ = nullptr;
}

void Engine::advance(Output& out) {
  ERR_clear_error();
  if (state_ == State::Handshaking) {
    int done = SSL_do_handshake(ssl_);
    if (done != 1) {
      if (SSL_get_error(ssl_, done) != SSL_ERROR_WANT_READ) fail();
      return;
    }
    state_ = State::Open;
  }
  std::array<char, 16 * 1024> chunk;  // one record
  while (true) {
    std::size_t got = 0;
    int done = SSL_read_ex(ssl_, chunk.data(), chunk.size(), &got);
    if (answers_ > kMaxAnswers) return fail();  // OpenSSL does not mind that an alert could not be written
    if (done == 1) {
      out.plaintext.append(chunk.data(), got);
      continue;
    }
    int why = SSL_get_error(ssl_, done);
    if (why == SSL_ERROR_ZERO_RETURN) {
      state_ = State::PeerClosed;
    } else if (why != SSL_ERROR_WANT_READ) {
      fail();
    }
    return;
  }
}

void Engine::fail() {
  if (state_ == State::Handshaking && until_) sessions_->forget(server_);  // the next attempt is a full handshake
  state_ = State::Failed;
  long verdict = SSL_get_verify_result(ssl_);
  error_ = "TLS: " + openssl_error("handshake failed");
  if (answers_ > kMaxAnswers) error_ = "TLS: the peer asks for handshakes or new keys without end";
  bool verified_here = (SSL_get_verify_mode(ssl_) & SSL_VERIFY_PEER) != 0;
  if (verified_here && verdict != X509_V_OK) {
    distrusted_ = true;
    error_ = verdict == X509_V_ERR_HOSTNAME_MISMATCH
                 ? "the certificate does not speak for " + identity_.name
                 : std::string("certificate: ") + X509_verify_cert_error_string(verdict);
  }
}

void Engine::send(std::string_view plaintext, Output& out) {
  if (state_ == State::Failed) return;  // a bad record came behind the one that this answers
  if (!NXB_EXPECT(state_ == State::Open || state_ == State::PeerClosed, "plaintext after the handshake")) return;
  if (plaintext.empty()) return;
  ERR_clear_error();
  output_ = &out.to_peer;
  std::size_t written = 0;
  int done = SSL_write_ex(ssl_, plaintext.data(), plaintext.size(), &written);
  output_ = nullptr;
  if (done != 1) fail();
}

void Engine::close(Output& out) {
  if (state_ != State::Open && state_ != State::PeerClosed) return;
  ERR_clear_error();
  output_ = &out.to_peer;
  SSL_shutdown(ssl_);
  output_ = nullptr;
  ERR_clear_error();
}

std::string Engine::description() const { return std::string(SSL_get_version(ssl_)) + " " + SSL_get_cipher_name(ssl_); }

}  // namespace nxb::tls
