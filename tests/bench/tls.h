// tests/bench/tls.h - one end of a TLS connection, between bytes and bytes: no sockets. Runs in nxb-load and nxb-stub; owns OpenSSL's
// objects.
// SPDX-License-Identifier: MIT
#pragma once

#include <openssl/ssl.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace nxb::bench {

template <auto free>
struct Freed {
  template <class T>
  void operator()(T* object) const {
    free(object);
  }
};
using TlsContext = std::unique_ptr<SSL_CTX, Freed<&SSL_CTX_free>>;

// Of a server; no context: the files cannot be used. `tickets`: how many sessions a full handshake lets a client resume.
TlsContext tls_server(const std::string& certificate, const std::string& key, std::size_t tickets);
// Of all clients of the process; they do not care whom they reach.
SSL_CTX& tls_client();

class Tls {
 public:
  enum class Side { Server, Client };
  Tls(SSL_CTX& context, Side side);

  // Takes what came and adds what the other side says in plain, and what has to be sent. False: it is over.
  bool feed(std::string_view bytes, std::string& plain, std::string& out);
  // Adds what has to be sent; it waits for the end of the handshake, which a client begins with the first word, be it empty.
  void say(std::string_view plain, std::string& out);

 private:
  void collect(std::string& out);

  std::unique_ptr<SSL, Freed<&SSL_free>> ssl_;
  std::string waiting_;  // said before the handshake was done
};

}  // namespace nxb::bench
