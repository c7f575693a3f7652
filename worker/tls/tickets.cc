// worker/tls/tickets.cc - see tickets.h. Ciphers and layout are those of OpenSSL's own tickets.
// SPDX-License-Identifier: MIT
#include "worker/tls/tickets.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <tuple>
#include <utility>

#include "common/base/check.h"

namespace nxb::tls {
namespace {

constexpr std::size_t kName = 16;
constexpr std::size_t kKey = 32;
constexpr int kNotKnown = 0, kGood = 1, kGoodAndRenew = 2, kFailed = -1;  // what OpenSSL is told

void digest(std::string_view text, unsigned char* into) {
  unsigned int size = 0;
  NXB_CHECK(EVP_Digest(text.data(), text.size(), into, &size, EVP_sha512(), nullptr) == 1, "SHA-512");
}

std::string_view text_of(std::span<const unsigned char> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Of one epoch: the name that is in the ticket, the key of the HMAC, that of the cipher.
class Keys {
 public:
  Keys(std::span<const unsigned char> base, std::int64_t epoch) {
    std::string from(text_of(base));
    from.append(std::to_string(epoch)).append(1, '\0');
    for (std::size_t half = 0; half < 2; ++half) {  // of 64 bytes each
      from.back() = static_cast<char>(half);
      digest(from, bytes_.data() + half * EVP_MAX_MD_SIZE);
    }
    OPENSSL_cleanse(from.data(), from.size());
  }
  ~Keys() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }
  Keys(const Keys&) = delete;
  Keys& operator=(const Keys&) = delete;

  const unsigned char* name() const { return bytes_.data(); }
  const unsigned char* cipher() const { return bytes_.data() + kName + kKey; }
  bool authenticate(EVP_MAC_CTX* mac) {
    std::string sha256 = "SHA256";
    std::array<OSSL_PARAM, 3> params{OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, bytes_.data() + kName, kKey),
                                     OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sha256.data(), 0),
                                     OSSL_PARAM_construct_end()};
    return EVP_MAC_CTX_set_params(mac, params.data()) == 1;
  }

 private:
  std::array<unsigned char, 2 * EVP_MAX_MD_SIZE> bytes_{};
};

}  // namespace

// What OpenSSL calls. noexcept: an exception must not cross C.
struct TicketCallback {
  static int index() {
    static const int made =
        CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_SSL_CTX, 0, nullptr, nullptr, nullptr, &TicketCallback::on_free);
    NXB_CHECK(made >= 0, "OpenSSL out of memory");
    return made;
  }
  // With its SSL_CTX, or where one without tickets goes: then there is nothing.
  static void on_free(void*, void* tickets, CRYPTO_EX_DATA*, int, long, void*) noexcept {
    std::unique_ptr<Tickets> gone(static_cast<Tickets*>(tickets));
  }
  static int on_ticket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
                       int seals) noexcept {
    const auto* tickets = static_cast<const Tickets*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), index()));
    const std::int64_t epoch = tickets->epoch();
    if (seals != 0) return seal(*tickets, epoch, name, iv, cipher, mac);
    const int opened = open(*tickets, epoch, name, iv, cipher, mac);
    // A ticket of TLS 1.3 is for one use (RFC 8446 C.4): without another one clients could come back once only.
    return opened == kGood && SSL_version(ssl) == TLS1_3_VERSION ? kGoodAndRenew : opened;
  }

  static int seal(const Tickets& tickets, std::int64_t epoch, unsigned char* name, unsigned char* iv,
                  EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac) {
    Keys keys(tickets.base_, epoch);
    const HashKey random = random_hash_key();  // as long as a block of AES
    std::copy(random.begin(), random.end(), iv);
    std::copy_n(keys.name(), kName, name);
    const bool good = EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, keys.cipher(), iv) == 1;
    return good && keys.authenticate(mac) ? kGood : kFailed;
  }

  static int open(const Tickets& tickets, std::int64_t now, const unsigned char* name, const unsigned char* iv,
                  EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac) {
    for (std::int64_t epoch : {now, now - 1}) {
      Keys keys(tickets.base_, epoch);
      if (!std::equal(name, name + kName, keys.name())) continue;
      const bool good = EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, keys.cipher(), iv) == 1;
      if (!good || !keys.authenticate(mac)) return kFailed;
      return epoch == now ? kGood : kGoodAndRenew;
    }
    return kNotKnown;
  }
};

Tickets::Tickets(std::string_view key_pem, const HashKey& secret, Clock clock) : clock_(std::move(clock)) {
  std::string from = "nxb tickets";
  from.append(text_of(secret)).append(key_pem);
  digest(from, base_.data());
  OPENSSL_cleanse(from.data(), from.size());
}

Tickets::~Tickets() { OPENSSL_cleanse(base_.data(), base_.size()); }

void Tickets::serve(ssl_ctx_st* context, std::string_view key_pem, const HashKey& secret, Clock clock) {
  auto tickets = std::make_unique<Tickets>(key_pem, secret, std::move(clock));
  NXB_CHECK(SSL_CTX_set_ex_data(context, TicketCallback::index(), tickets.get()) == 1, "OpenSSL out of memory");
  std::ignore = tickets.release();  // on_free() has it
  NXB_CHECK(SSL_CTX_set_tlsext_ticket_key_evp_cb(context, &TicketCallback::on_ticket) == 1, "ticket keys");
}

}  // namespace nxb::tls
