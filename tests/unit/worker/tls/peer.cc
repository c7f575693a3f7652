// tests/unit/worker/tls/peer.cc
// SPDX-License-Identifier: MIT
#include "tests/unit/worker/tls/peer.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <array>

#include "common/base/check.h"

namespace nxb::test {
namespace {

EVP_PKEY* make_key(std::size_t rsa_bits = 0) {
  EVP_PKEY* key = rsa_bits == 0 ? EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256")
                                : EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", rsa_bits);
  NXB_CHECK(key != nullptr, "a key for a test");
  return key;
}

void extend(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  NXB_CHECK(extension != nullptr, "an extension of a test certificate");
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

X509* make_certificate(EVP_PKEY* key, const Subject& subject, X509* issuer, EVP_PKEY* issuer_key) {
  static long serial = 1;
  X509* out = X509_new();
  X509_set_version(out, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(out), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(out), subject.valid_from);
  X509_gmtime_adj(X509_getm_notAfter(out), subject.valid_to);
  X509_set_pubkey(out, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(out), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(subject.common_name.c_str()), -1, -1, 0);
  X509_set_issuer_name(out, X509_get_subject_name(issuer ? issuer : out));
  if (!issuer) {
    extend(out, out, NID_basic_constraints, "critical,CA:TRUE");
    extend(out, out, NID_key_usage, "critical,keyCertSign,cRLSign");
  } else {
    if (!subject.alt_names.empty()) extend(out, issuer, NID_subject_alt_name, subject.alt_names);
    if (!subject.purpose.empty()) extend(out, issuer, NID_ext_key_usage, subject.purpose);
  }
  NXB_CHECK(X509_sign(out, issuer_key, EVP_sha256()) > 0, "signing a test certificate");
  return out;
}

int select_alpn(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in, unsigned in_size,
                void* wanted) {
  auto& name = *static_cast<std::string*>(wanted);
  std::string_view offered(reinterpret_cast<const char*>(in), in_size);
  auto at = offered.find(name);
  if (at == std::string_view::npos) return SSL_TLSEXT_ERR_NOACK;
  *out = in + at;
  *out_size = static_cast<unsigned char>(name.size());
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace

Authority::Authority() : file_("/tmp/nxb-test-ca-XXXXXX"), key_(make_key()) {
  Subject self;
  self.common_name = "nxb test authority";
  certificate_ = make_certificate(key_, self, nullptr, key_);
  int fd = mkstemp(file_.data());
  FILE* file = fdopen(fd, "w");
  NXB_CHECK(file && PEM_write_X509(file, certificate_) == 1, "writing a test authority");
  fclose(file);
}

Authority::~Authority() {
  unlink(file_.c_str());
  X509_free(certificate_);
  EVP_PKEY_free(key_);
}

X509* Authority::issue(const Subject& subject, EVP_PKEY* key) const {
  return make_certificate(key, subject, certificate_, key_);
}

PemPair pem_pair(const Authority& authority, const Subject& subject) {
  EVP_PKEY* key = make_key(subject.rsa_bits);
  X509* certificate = authority.issue(subject, key);
  BIO* bio = BIO_new(BIO_s_mem());
  auto written = [bio] {
    std::string text(BIO_ctrl_pending(bio), '\0');
    NXB_CHECK(BIO_read(bio, text.data(), static_cast<int>(text.size())) > 0, "a certificate or key as text");
    return text;
  };
  PemPair pair;
  NXB_CHECK(PEM_write_bio_X509(bio, certificate) == 1, "writing a test certificate");
  pair.cert = written();
  NXB_CHECK(PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr) == 1, "writing a test key");
  pair.key = written();
  BIO_free(bio);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return pair;
}

Server::Server(const Authority& authority, const Subject& subject, ServerOptions options)
    : context_(SSL_CTX_new(TLS_server_method())), wanted_alpn_(options.alpn) {
  EVP_PKEY* key = make_key();
  X509* certificate = authority.issue(subject, key);
  if (options.max_version != 0) {
    SSL_CTX_set_security_level(context_, 0);
    SSL_CTX_set_min_proto_version(context_, options.max_version);
    SSL_CTX_set_max_proto_version(context_, options.max_version);
  }
  if (!wanted_alpn_.empty()) SSL_CTX_set_alpn_select_cb(context_, &select_alpn, &wanted_alpn_);
  SSL_CTX_use_certificate(context_, certificate);
  SSL_CTX_use_PrivateKey(context_, key);
  X509_free(certificate);
  EVP_PKEY_free(key);
  if (!options.tickets) SSL_CTX_set_num_tickets(context_, 0);
  next_connection();
}

void Server::next_connection() {
  SSL_free(ssl_);
  said_.clear();
  failed_ = false;
  ssl_ = SSL_new(context_);
  SSL_set_bio(ssl_, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  SSL_set_accept_state(ssl_);
}

void Server::new_ticket_keys() {
  std::array<unsigned char, 80> keys{};
  RAND_bytes(keys.data(), static_cast<int>(keys.size()));
  SSL_CTX_set_tlsext_ticket_keys(context_, keys.data(), keys.size());
}

void Server::set_ticket_life(long life) { SSL_CTX_set_timeout(context_, life); }

bool Server::resumed() const { return SSL_session_reused(ssl_) == 1; }

Server::~Server() {
  SSL_free(ssl_);
  SSL_CTX_free(context_);
}

std::string Server::drain() {
  std::string out;
  std::array<char, 4096> chunk{};
  for (int got = 0; (got = BIO_read(SSL_get_wbio(ssl_), chunk.data(), static_cast<int>(chunk.size()))) > 0;) {
    out.append(chunk.data(), static_cast<std::size_t>(got));
  }
  return out;
}

std::string Server::take(std::string_view bytes) {
  BIO_write(SSL_get_rbio(ssl_), bytes.data(), static_cast<int>(bytes.size()));
  std::array<char, 4096> chunk{};
  while (true) {
    int got = SSL_read(ssl_, chunk.data(), static_cast<int>(chunk.size()));
    if (got > 0) {
      said_.append(chunk.data(), static_cast<std::size_t>(got));
      continue;
    }
    int why = SSL_get_error(ssl_, got);
    failed_ = failed_ || (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_ZERO_RETURN);
    return drain();
  }
}

std::string Server::say(std::string_view plaintext) {
  SSL_write(ssl_, plaintext.data(), static_cast<int>(plaintext.size()));
  return drain();
}

std::string Server::ask_for_another_handshake() {
  SSL_renegotiate(ssl_);
  SSL_do_handshake(ssl_);
  return drain();
}

std::string Server::ask_for_new_keys() {
  SSL_key_update(ssl_, SSL_KEY_UPDATE_REQUESTED);
  SSL_do_handshake(ssl_);
  return drain();
}

std::string Server::close() {
  SSL_shutdown(ssl_);
  return drain();
}

bool Server::up() const { return SSL_is_init_finished(ssl_) == 1; }
bool Server::closed_by_client() const { return (SSL_get_shutdown(ssl_) & SSL_RECEIVED_SHUTDOWN) != 0 && !failed_; }

std::string Server::sni() const {
  const char* name = SSL_get_servername(ssl_, TLSEXT_NAMETYPE_host_name);
  return name ? name : "";
}

std::string Server::alpn() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_, &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

}  // namespace nxb::test
