// tests/unit/worker/tls/peer.h - a certification authority and a TLS server in memory, for tests.
// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string>
#include <string_view>

typedef struct ssl_st SSL;
typedef struct ssl_ctx_st SSL_CTX;
typedef struct x509_st X509;
typedef struct evp_pkey_st EVP_PKEY;

namespace nxb::test {

struct Subject {
  std::string alt_names = "DNS:example.org";  // as OpenSSL's configuration spells them
  std::string common_name = "nobody";
  std::string purpose = "serverAuth";        // extendedKeyUsage, "" = none
  long valid_from = -3600, valid_to = 3600;  // seconds from now
  std::size_t rsa_bits = 0;                  // 0: an elliptic curve
};

// Signs certificates; its own is in a PEM file as long as it lives.
class Authority {
 public:
  Authority();
  ~Authority();
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;
  const std::string& file() const { return file_; }
  X509* issue(const Subject& subject, EVP_PKEY* key) const;  // the caller frees it

 private:
  std::string file_;
  EVP_PKEY* key_;
  X509* certificate_;
};

// As a file holds it: a new certificate, and its key.
struct PemPair {
  std::string cert, key;
};
PemPair pem_pair(const Authority& authority, const Subject& subject = {});

struct ServerOptions {
  int max_version = 0;  // TLS1_1_VERSION ...; 0 = the newest
  std::string alpn;     // wanted from the client, selected when offered
  bool tickets = true;  // lets clients come back with a session
};

class Server {
 public:
  Server(const Authority& authority, const Subject& subject, ServerOptions options = {});
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  void next_connection();           // the same server for another client; what was said is forgotten
  void new_ticket_keys();           // as after a restart: tickets given out are not understood any more
  void set_ticket_life(long life);  // seconds

  // Bytes from the client in, bytes to the client out; plaintext collects in said().
  std::string take(std::string_view bytes);
  std::string say(std::string_view plaintext);
  std::string ask_for_another_handshake();  // TLS 1.2: HelloRequest
  std::string ask_for_new_keys();           // TLS 1.3: KeyUpdate, update_requested
  std::string close();
  const std::string& said() const { return said_; }
  bool up() const;
  bool closed_by_client() const;
  std::string sni() const;
  std::string alpn() const;
  bool failed() const { return failed_; }
  bool resumed() const;

 private:
  std::string drain();
  SSL_CTX* context_;
  SSL* ssl_ = nullptr;
  std::string said_, wanted_alpn_;
  bool failed_ = false;
};

}  // namespace nxb::test
