// common/base/secret.cc - random bytes and hashes by OpenSSL.
// SPDX-License-Identifier: MIT
#include "common/base/secret.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <memory>
#include <vector>

#include "common/base/check.h"

namespace nxb {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";
constexpr char kBase64Url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

void fill_random(std::uint8_t* out, std::size_t size) {
  // Going on with predictable sids would be worse than ending.
  NXB_CHECK(RAND_bytes(out, static_cast<int>(size)) == 1, "no random bytes from the system");
}

// Looking an algorithm up costs more than hashing a sid with it, so the context is kept. One process is one thread.
class SipHash {
 public:
  SipHash() : mac_(EVP_MAC_fetch(nullptr, "SIPHASH", nullptr), &EVP_MAC_free), context_(nullptr, &EVP_MAC_CTX_free) {
    NXB_CHECK(mac_ != nullptr, "OpenSSL has no SipHash");
    context_.reset(EVP_MAC_CTX_new(mac_.get()));
    std::size_t size = sizeof(std::uint64_t);
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size), OSSL_PARAM_construct_end()};
    NXB_CHECK(context_ && EVP_MAC_CTX_set_params(context_.get(), params) == 1, "SipHash with 64 bits");
  }
  std::uint64_t hash(const HashKey& key, std::string_view text) {
    std::array<unsigned char, 8> out{};
    std::size_t size = 0;
    bool done = EVP_MAC_init(context_.get(), key.data(), key.size(), nullptr) == 1 &&
                EVP_MAC_update(context_.get(), bytes_of(text), text.size()) == 1 &&
                EVP_MAC_final(context_.get(), out.data(), &size, out.size()) == 1;
    NXB_CHECK(done && size == out.size(), "SipHash failed");
    std::uint64_t value = 0;  // little endian, as the reference implementation prints it
    for (std::size_t i = out.size(); i > 0; --i) value = (value << 8) | out[i - 1];
    return value;
  }

 private:
  std::unique_ptr<EVP_MAC, decltype(&EVP_MAC_free)> mac_;
  std::unique_ptr<EVP_MAC_CTX, decltype(&EVP_MAC_CTX_free)> context_;
};

// A digest is kept for the same reason.
template <std::size_t Size>
class Digest {
 public:
  explicit Digest(const char* name)
      : algorithm_(EVP_MD_fetch(nullptr, name, nullptr), &EVP_MD_free), context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
    NXB_CHECK(algorithm_ && context_, "OpenSSL has no such digest");
    NXB_CHECK(EVP_MD_get_size(algorithm_.get()) == static_cast<int>(Size), "a digest of another size");
  }
  std::array<unsigned char, Size> of(std::string_view text) {
    std::array<unsigned char, Size> out{};
    bool done = EVP_DigestInit_ex2(context_.get(), algorithm_.get(), nullptr) == 1 &&
                EVP_DigestUpdate(context_.get(), text.data(), text.size()) == 1 &&
                EVP_DigestFinal_ex(context_.get(), out.data(), nullptr) == 1;
    NXB_CHECK(done, "no digest");
    return out;
  }

 private:
  std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)> algorithm_;
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

int hex_value(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  return -1;
}

std::string hex(const std::uint8_t* bytes, std::size_t size) {
  std::string text;
  text.reserve(size * 2);
  for (std::size_t i = 0; i < size; ++i) {
    text += kHexDigits[bytes[i] >> 4];
    text += kHexDigits[bytes[i] & 15];
  }
  return text;
}

std::array<unsigned char, 32> sha256(std::string_view text) {
  static Digest<32> digest("SHA2-256");
  return digest.of(text);
}
std::array<unsigned char, 20> sha1(std::string_view text) {
  static Digest<20> digest("SHA1");
  return digest.of(text);
}

template <std::size_t Size>
std::string base64(const std::array<unsigned char, Size>& digest) {
  std::array<unsigned char, (Size + 2) / 3 * 4 + 1> out{};
  const int size = EVP_EncodeBlock(out.data(), digest.data(), static_cast<int>(Size));
  return {out.begin(), out.begin() + size};
}

}  // namespace

std::string random_token(std::size_t random_bytes) {
  std::vector<std::uint8_t> bytes(random_bytes);
  if (!bytes.empty()) fill_random(bytes.data(), bytes.size());
  std::string token;
  token.reserve((random_bytes * 4 + 2) / 3);
  std::uint32_t bits = 0;
  int count = 0;
  for (std::uint8_t byte : bytes) {
    bits = (bits << 8) | byte;
    for (count += 8; count >= 6; count -= 6) token += kBase64Url[(bits >> (count - 6)) & 63];
    bits &= (1U << count) - 1;
  }
  if (count > 0) token += kBase64Url[(bits << (6 - count)) & 63];
  return token;
}

HashKey random_hash_key() {
  HashKey key{};
  fill_random(key.data(), key.size());
  return key;
}

std::uint32_t random_up_to(std::uint32_t most) {
  const std::uint64_t count = std::uint64_t{most} + 1;
  const std::uint64_t even =
      (std::uint64_t{1} << 32) / count * count;  // drawn numbers from here on favour some results
  std::array<std::uint8_t, 4> bytes{};
  for (;;) {
    fill_random(bytes.data(), bytes.size());
    std::uint64_t drawn = 0;
    for (std::uint8_t byte : bytes) drawn = (drawn << 8) | byte;
    if (drawn < even) return static_cast<std::uint32_t>(drawn % count);
  }
}

std::uint64_t keyed_hash(const HashKey& key, std::string_view text) {
  static SipHash siphash;
  return siphash.hash(key, text);
}

std::string short_hash(std::string_view text) { return hex(sha256(text).data(), 4); }

bool is_short_hash(std::string_view text) {
  return text.size() == 8 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string sha256_base64(std::string_view text) { return base64(sha256(text)); }

std::string sha1_hex(std::string_view text) {
  const auto digest = sha1(text);
  return hex(digest.data(), digest.size());
}

std::string sha1_base64(std::string_view text) { return base64(sha1(text)); }

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && (a.empty() || CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0);
}

std::string to_hex(const HashKey& key) { return hex(key.data(), key.size()); }

bool from_hex(std::string_view text, HashKey& key) {
  if (text.size() != key.size() * 2) return false;
  HashKey read{};
  for (std::size_t i = 0; i < read.size(); ++i) {
    int high = hex_value(text[2 * i]);
    int low = hex_value(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    read[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  key = read;
  return true;
}

}  // namespace nxb
