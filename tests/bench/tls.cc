// tests/bench/tls.cc - see tls.h.
// SPDX-License-Identifier: MIT
#include "tests/bench/tls.h"

#include <array>

#include "common/base/check.h"

namespace nxb::bench {

TlsContext tls_server(const std::string& certificate, const std::string& key, std::size_t tickets) {
  TlsContext context(SSL_CTX_new(TLS_server_method()));
  if (!context || SSL_CTX_use_certificate_chain_file(context.get(), certificate.c_str()) != 1 ||
      SSL_CTX_use_PrivateKey_file(context.get(), key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return nullptr;
  }
  SSL_CTX_set_num_tickets(context.get(), tickets);
  if (tickets == 0) SSL_CTX_set_options(context.get(), SSL_OP_NO_TICKET);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  return context;
}

SSL_CTX& tls_client() {
  static const TlsContext context(SSL_CTX_new(TLS_client_method()));
  NXB_CHECK(context, "no memory for TLS");
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  return *context;
}

Tls::Tls(SSL_CTX& context, Side side) : ssl_(SSL_new(&context)) {
  BIO* in = BIO_new(BIO_s_mem());
  BIO* out = BIO_new(BIO_s_mem());
  NXB_CHECK(ssl_ && in != nullptr && out != nullptr, "no memory for TLS");
  SSL_set_bio(ssl_.get(), in, out);  // it owns both from here
  if (side == Side::Server) {
    SSL_set_accept_state(ssl_.get());
  } else {
    SSL_set_connect_state(ssl_.get());
  }
}

bool Tls::feed(std::string_view bytes, std::string& plain, std::string& out) {
  BIO_write(SSL_get_rbio(ssl_.get()), bytes.data(), static_cast<int>(bytes.size()));
  std::array<char, 16 * 1024> chunk;
  int got = 0;
  while ((got = SSL_read(ssl_.get(), chunk.data(), static_cast<int>(chunk.size()))) > 0) {
    plain.append(chunk.data(), static_cast<std::size_t>(got));
  }
  bool goes_on = SSL_get_error(ssl_.get(), got) == SSL_ERROR_WANT_READ;
  say({}, out);
  return goes_on;
}

void Tls::say(std::string_view plain, std::string& out) {
  waiting_ += plain;
  if (SSL_is_init_finished(ssl_.get()) == 0) {
    SSL_do_handshake(ssl_.get());
  } else if (!waiting_.empty()) {
    SSL_write(ssl_.get(), waiting_.data(), static_cast<int>(waiting_.size()));
    waiting_.clear();
  }
  collect(out);
}

void Tls::collect(std::string& out) {
  std::array<char, 16 * 1024> chunk;
  int got = 0;
  while ((got = BIO_read(SSL_get_wbio(ssl_.get()), chunk.data(), static_cast<int>(chunk.size()))) > 0) {
    out.append(chunk.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace nxb::bench
