// worker/tls/server_context.cc - see server_context.h.
// SPDX-License-Identifier: MIT
#include "worker/tls/server_context.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <array>
#include <string>
#include <utility>

namespace nxb::tls {
namespace {

constexpr const char* kCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20";  // of TLS 1.2; all of TLS 1.3 are like that
constexpr long kTicketLife = 2 * 60 * 60;                        // seconds
constexpr std::string_view kHttp11 = "http/1.1";

struct Release {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(STACK_OF(X509) * chain) const { sk_X509_pop_free(chain, X509_free); }
};
template <class T>
using Owned = std::unique_ptr<T, Release>;

Owned<BIO> reader_of(std::string_view text) {
  Owned<BIO> bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  NXB_CHECK(bio != nullptr, "OpenSSL out of memory");
  return bio;
}

int no_passphrase(char*, int, int, void*) noexcept { return -1; }

// `offered`: each name behind its length.
int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
                    unsigned int offered_size, void*) noexcept {
  for (unsigned int at = 0; at < offered_size; at += 1U + offered[at]) {
    const unsigned char length = offered[at];
    if (at + 1U + length > offered_size) break;
    if (std::string_view(reinterpret_cast<const char*>(offered) + at + 1, length) != kHttp11) continue;
    *chosen = offered + at + 1;
    *size = length;
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

Status use_credentials(SSL_CTX* context, std::string_view cert_pem, std::string_view key_pem) {
  auto certs = reader_of(cert_pem);
  Owned<X509> own(PEM_read_bio_X509(certs.get(), nullptr, &no_passphrase, nullptr));
  Owned<STACK_OF(X509)> chain(sk_X509_new_null());
  NXB_CHECK(chain != nullptr, "OpenSSL out of memory");
  while (X509* next = PEM_read_bio_X509(certs.get(), nullptr, &no_passphrase, nullptr)) {
    NXB_CHECK(sk_X509_push(chain.get(), next) > 0, "OpenSSL out of memory");
  }
  Owned<EVP_PKEY> key(PEM_read_bio_PrivateKey(reader_of(key_pem).get(), nullptr, &no_passphrase, nullptr));
  const bool good = own && key && SSL_CTX_use_cert_and_key(context, own.get(), key.get(), chain.get(), 1) == 1;
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  std::string why = good || reason == nullptr ? "unreadable" : reason;
  ERR_clear_error();
  if (!good) return Error{Code::Config, "certificate or key of a listener: " + why};
  return Done{};
}

}  // namespace

Result<std::unique_ptr<ServerContext>> ServerContext::make(std::string_view cert_pem, std::string_view key_pem,
                                                           const HashKey& ticket_secret, Tickets::Clock clock) {
  SSL_CTX* raw = SSL_CTX_new(TLS_server_method());
  NXB_CHECK(raw != nullptr, "OpenSSL out of memory");
  auto context = std::make_unique<ServerContext>(Private(), raw);
  SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
  NXB_CHECK(SSL_CTX_set_cipher_list(raw, kCiphers) == 1, "ciphers that OpenSSL knows");
  SSL_CTX_set_options(raw, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                               SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
  SSL_CTX_set_verify(raw, SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);  // tickets only: they need no memory here
  SSL_CTX_set_timeout(raw, kTicketLife);
  static constexpr unsigned char kName[] = "nxb";
  SSL_CTX_set_session_id_context(raw, kName, sizeof(kName) - 1);
  SSL_CTX_set_alpn_select_cb(raw, &choose_protocol, nullptr);
  ERR_clear_error();
  NXB_TRY([[maybe_unused]] auto used, use_credentials(raw, cert_pem, key_pem));
  Tickets::serve(raw, key_pem, ticket_secret, std::move(clock));
  return context;
}

ServerContext::~ServerContext() { SSL_CTX_free(context_); }

Status ServerContexts::configure(const std::vector<Pem>& by_listener) {
  std::vector<std::unique_ptr<ServerContext>> made;
  for (const Pem& pem : by_listener) {
    auto& context = made.emplace_back();
    if (pem.cert.empty()) continue;
    NXB_TRY(context, ServerContext::make(pem.cert, pem.key, ticket_secret_, clock_));
  }
  made_ = std::move(made);
  return Done{};
}

const ServerContext* ServerContexts::at(std::size_t listener) const {
  return listener < made_.size() ? made_[listener].get() : nullptr;
}

}  // namespace nxb::tls
