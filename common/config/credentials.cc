// common/config/credentials.cc - certificates and private keys of TLS listeners: looked at, sent to workers, taken out there.
// Runs in: supervisor (reads the files), worker (takes the texts out). I/O: reads the files named in the configuration.
// The supervisor holds no key longer than a call: what it read is wiped, and the JSON that it is in is its caller's.
// SPDX-License-Identifier: MIT
#include <utility>

#include "common/base/certificate.h"
#include "common/base/secret.h"
#include "common/config/file.h"
#include "common/config/finish.h"

namespace nxb::config {
namespace {

constexpr std::size_t kChainMost = 64 * 1024;  // those in use have 4 to 12 KiB
constexpr std::size_t kKeyMost = 32 * 1024;
constexpr std::int64_t kSoon = 14;  // days; whoever renews by himself has done so by then
constexpr const char* kTaken = "(in use)";

Place place_of(const Place& at, const Node::Table& table, std::string_view key) {
  const Entry* entry = find_entry(table, key);
  return at.inside(key, entry ? entry->line : 0);
}

std::string quoted(const std::string& path) { return '"' + printable(path) + "\" "; }

void warn_of_dates(const Place& at, const Validity& validity) {
  if (validity.over) {
    at.warning("expired on " + validity.until + ": clients will not connect");
  } else if (!validity.begun) {
    at.warning("is not valid yet: clients will not connect");
  } else if (validity.days_left < kSoon) {
    at.warning("expires on " + validity.until);
  }
}

// What a listener's files hold; the error names the one.
Result<Credentials> read_credentials(const ListenTls& tls) {
  Credentials read;
  auto named = [](const std::string& path, const Error& error) { return Error{error.code, path + " " + error.text}; };
  auto cert = read_file(tls.cert, kChainMost);
  if (!cert) return named(tls.cert, cert.error());
  auto key = read_file(tls.key, kKeyMost);
  if (!key) return named(tls.key, key.error());
  read.cert = *std::move(cert);
  read.key = *std::move(key);
  auto validity = look_at_certificate(read.cert);
  auto fits = look_at_key(read.key, read.cert);
  if (!validity || !fits) wipe(read.key);
  if (!validity) return named(tls.cert, validity.error());
  if (!fits) return named(tls.key, fits.error());
  return read;
}

}  // namespace

void finish(const Place& at, const Node::Table& table, ListenTls& tls) {
  if (tls.cert.empty() && tls.key.empty()) return;
  const Place cert = place_of(at, table, "cert");
  const Place key = place_of(at, table, "key");
  if (tls.cert.empty()) return cert.error("is missing beside key; allowed: both, or none");
  if (tls.key.empty()) return key.error("is missing beside cert; allowed: both, or none");
  auto chain = read_file(tls.cert, kChainMost);
  auto secret = read_file(tls.key, kKeyMost);
  if (!chain) cert.error(quoted(tls.cert) + chain.error().text + "; allowed: a readable PEM file");
  if (!secret) return key.error(quoted(tls.key) + secret.error().text + "; allowed: a readable PEM file");
  if (chain) {
    auto validity = look_at_certificate(*chain);
    if (!validity) {
      cert.error(quoted(tls.cert) + validity.error().text +
                 "; allowed: a certificate, and those of its chain behind it");
    } else {
      warn_of_dates(cert, *validity);
      auto fits = look_at_key(*secret, *chain);
      if (!fits) key.error(quoted(tls.key) + fits.error().text + "; allowed: the certificate's key without passphrase");
    }
  }
  wipe(*secret);
}

Result<std::string> to_json_for_workers(const Config& config) {
  Config copy = config;
  auto forget = [&copy] {
    for (Listen& listen : copy.listen) wipe(listen.tls.key);
  };
  for (Listen& listen : copy.listen) {
    if (listen.tls.cert.empty()) continue;
    auto read = read_credentials(listen.tls);
    if (!read) {
      forget();
      return read.error();
    }
    listen.tls.cert = std::move(read->cert);
    listen.tls.key = std::move(read->key);
  }
  std::string json = to_json(copy);
  forget();
  return json;
}

std::map<std::string, std::string> certificate_digests(const Config& config) {
  std::map<std::string, std::string> digests;
  for (const Listen& listen : config.listen) {
    if (listen.tls.cert.empty()) continue;
    if (auto chain = read_file(listen.tls.cert, kChainMost)) digests[listen.tls.cert] = sha256_base64(*chain);
  }
  return digests;
}

std::vector<Credentials> take_credentials(Config& config) {
  std::vector<Credentials> all;
  for (Listen& listen : config.listen) {
    Credentials& taken = all.emplace_back();
    if (listen.tls.cert.empty()) continue;
    taken.cert = std::exchange(listen.tls.cert, kTaken);
    taken.key = std::exchange(listen.tls.key, kTaken);
  }
  return all;
}

}  // namespace nxb::config
