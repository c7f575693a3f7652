// common/base/certificate.cc - see certificate.h.
// SPDX-License-Identifier: MIT
#include "common/base/certificate.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>

namespace nxb {
namespace {

struct Release {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(STACK_OF(X509) * chain) const { sk_X509_pop_free(chain, X509_free); }
};
using Bio = std::unique_ptr<BIO, Release>;
using Certificate = std::unique_ptr<X509, Release>;
using Key = std::unique_ptr<EVP_PKEY, Release>;
using Context = std::unique_ptr<SSL_CTX, Release>;
using Chain = std::unique_ptr<STACK_OF(X509), Release>;

Bio reader_of(std::string_view text) {
  Bio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  NXB_CHECK(bio != nullptr, "OpenSSL out of memory");
  return bio;
}

// Without it OpenSSL asks at the terminal.
int no_passphrase(char*, int, int, void*) noexcept { return -1; }

// What follows the first one is of the same form, or the file was cut.
Result<Certificate> first_of(std::string_view chain_pem) {
  Bio bio = reader_of(chain_pem);
  Certificate first(PEM_read_bio_X509(bio.get(), nullptr, &no_passphrase, nullptr));
  if (!first) return Error{Code::BadInput, "holds no certificate in PEM form"};
  while (Certificate next{PEM_read_bio_X509(bio.get(), nullptr, &no_passphrase, nullptr)}) {
  }
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (!at_end) return Error{Code::BadInput, "holds a certificate that cannot be read behind the first"};
  return first;
}

// As a worker will: a key that is too short, or a signature too weak, is only seen by a server that takes them.
Status try_with(std::string_view chain_pem, EVP_PKEY* key) {
  Context context(SSL_CTX_new(TLS_server_method()));
  Chain chain(sk_X509_new_null());
  NXB_CHECK(context && chain, "OpenSSL out of memory");
  Bio bio = reader_of(chain_pem);
  Certificate own(PEM_read_bio_X509(bio.get(), nullptr, &no_passphrase, nullptr));
  while (X509* next = PEM_read_bio_X509(bio.get(), nullptr, &no_passphrase, nullptr)) {
    NXB_CHECK(sk_X509_push(chain.get(), next) > 0, "OpenSSL out of memory");
  }
  ERR_clear_error();
  if (SSL_CTX_use_cert_and_key(context.get(), own.get(), key, chain.get(), 1) == 1) return Done{};
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  std::string why = reason ? reason : "unknown";
  ERR_clear_error();
  return Error{Code::Unsupported, "is not for use with that certificate: " + why};
}

std::string text_of(const ASN1_TIME* time) {
  Bio bio(BIO_new(BIO_s_mem()));
  NXB_CHECK(bio != nullptr, "OpenSSL out of memory");
  ASN1_TIME_print(bio.get(), time);
  std::string text(64, '\0');
  int size = BIO_read(bio.get(), text.data(), static_cast<int>(text.size()));
  text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return text;
}

}  // namespace

Result<Validity> look_at_certificate(std::string_view chain_pem) {
  ERR_clear_error();
  NXB_TRY(auto certificate, first_of(chain_pem));
  Validity validity;
  const ASN1_TIME* end = X509_get0_notAfter(certificate.get());
  int days = 0, seconds = 0;
  if (ASN1_TIME_diff(&days, &seconds, nullptr, end) != 1) return Error{Code::BadInput, "has a date that is none"};
  validity.over = days < 0 || seconds < 0;
  validity.days_left = days;
  validity.begun = X509_cmp_current_time(X509_get0_notBefore(certificate.get())) < 0;
  validity.until = text_of(end);
  return validity;
}

Status look_at_key(std::string_view key_pem, std::string_view chain_pem) {
  ERR_clear_error();
  Bio bio = reader_of(key_pem);
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, &no_passphrase, nullptr));
  const int why = ERR_GET_REASON(ERR_peek_error());
  ERR_clear_error();
  if (!key && why == PEM_R_BAD_PASSWORD_READ) return Error{Code::Unsupported, "is locked by a passphrase"};
  if (!key) return Error{Code::BadInput, "holds no private key in PEM form"};
  NXB_TRY(auto certificate, first_of(chain_pem));
  const bool fits = X509_check_private_key(certificate.get(), key.get()) == 1;
  ERR_clear_error();
  if (!fits) return Error{Code::BadInput, "is not the key of that certificate"};
  return try_with(chain_pem, key.get());
}

void wipe(std::string& secret) {
  OPENSSL_cleanse(secret.data(), secret.size());
  secret.clear();
}

}  // namespace nxb
