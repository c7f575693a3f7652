// worker/tls/peer_certificate.cc - see peer_certificate.h.
// SPDX-License-Identifier: MIT
#include "worker/tls/peer_certificate.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <array>
#include <memory>

namespace nxb::tls {
namespace {

constexpr int kMostNames = 8;
constexpr std::size_t kLongest = 200;  // of a text

struct Release {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
};
using Bio = std::unique_ptr<BIO, Release>;

Bio buffer() {
  Bio bio(BIO_new(BIO_s_mem()));
  NXB_CHECK(bio != nullptr, "OpenSSL out of memory");
  return bio;
}

std::string_view held_by(const Bio& bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return size > 0 ? std::string_view(data, static_cast<std::size_t>(size)) : std::string_view();
}

std::string text_of(const X509_NAME* name) {
  Bio bio = buffer();
  X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253);
  return std::string(held_by(bio).substr(0, kLongest));
}

std::string names_of(const X509* certificate) {
  std::unique_ptr<GENERAL_NAMES, Release> all(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  std::string text;
  int shown = 0;
  for (int i = 0; all && i < sk_GENERAL_NAME_num(all.get()) && text.size() < kLongest; ++i) {
    const GENERAL_NAME* one = sk_GENERAL_NAME_value(all.get(), i);
    if (one->type != GEN_DNS) continue;
    if (++shown > kMostNames) return text + " ...";
    const ASN1_IA5STRING* name = one->d.dNSName;
    std::string_view bytes(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name)),
                           static_cast<std::size_t>(ASN1_STRING_length(name)));
    text += (text.empty() ? "" : " ") + std::string(bytes.substr(0, kLongest));
  }
  return text;
}

}  // namespace

PeerCertificate describe(X509* certificate) {
  PeerCertificate about;
  about.subject = text_of(X509_get_subject_name(certificate));
  about.issuer = text_of(X509_get_issuer_name(certificate));
  about.names = names_of(certificate);
  Bio pem = buffer();
  PEM_write_bio_X509(pem.get(), certificate);
  if (auto validity = look_at_certificate(held_by(pem))) about.validity = *std::move(validity);
  return about;
}

}  // namespace nxb::tls
