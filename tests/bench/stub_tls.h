// tests/bench/stub_tls.h - TLS of the stub server, between bytes and bytes: no sockets. Runs in nxb-stub; owns OpenSSL's objects.
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

// A server's certificate; no context: the files cannot be used. `tickets`: how many sessions a full handshake lets a client resume.
TlsContext tls_context(const std::string& certificate, const std::string& key, std::size_t tickets);

class StubTls {
 public:
  explicit StubTls(SSL_CTX& context);

  // Takes what came from the client and adds what it says in plain, and what has to be sent for TLS itself. False: it is over.
  bool feed(std::string_view bytes, std::string& plain, std::string& out);
  void say(std::string_view plain, std::string& out);  // once the handshake is done

 private:
  void collect(std::string& out);

  std::unique_ptr<SSL, Freed<&SSL_free>> ssl_;
};

}  // namespace nxb::bench
