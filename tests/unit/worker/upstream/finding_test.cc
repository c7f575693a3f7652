// tests/unit/worker/upstream/finding_test.cc - what an operator is told of a server's certificate.
// SPDX-License-Identifier: MIT
#include "worker/upstream/finding.h"

#include <doctest/doctest.h>

using namespace nxb;
using namespace nxb::upstream;
using Kind = Finding::Kind;

namespace {

tls::PeerCertificate valid_for(std::int64_t days) {
  tls::PeerCertificate about{"CN=a", "CN=authority", "a.example *.a.example", {}};
  about.validity.days_left = days;
  about.validity.until = "Nov 28 06:00:00 2027 GMT";
  return about;
}

Finding found(std::int64_t days, const std::string& distrusted = {}, bool verified = true) {
  return finding_of(valid_for(days), "host:5222", "a.example", distrusted, verified);
}

}  // namespace

TEST_CASE("O-20 U-49 a certificate: believed, soon over, not believed, not asked for") {
  CHECK(found(14).kind == Kind::Ok);
  CHECK(found(14).text ==
        "believed, speaks for a.example, 14 days left; of host:5222: subject CN=a, names a.example *.a.example, "
        "issuer CN=authority, until Nov 28 06:00:00 2027 GMT");
  CHECK(found(13).kind == Kind::Warning);
  CHECK(found(13).text.starts_with("expires in 13 days; of host:5222"));
  CHECK(found(100, "certificate: self-signed").kind == Kind::Problem);
  CHECK(found(100, "certificate: self-signed").text.starts_with("certificate: self-signed; of "));
  CHECK(found(100, "", false).kind == Kind::Warning);
  CHECK(found(100, "", false).text.starts_with("not verified: tls_verify = false; "));
}

TEST_CASE("O-20 findings as JSON: what a server wrote into its certificate leaves no quotes and steers no terminal") {
  CHECK(to_json("a.example", {}) == R"({"domain":"a.example","findings":[]})");
  std::string json = to_json("a.example", {{Kind::Ok, "x", "y"}, {Kind::Problem, "certificate", "CN=\"\x1b[2J\n"}});
  CHECK(
      json.starts_with(R"({"domain":"a.example","findings":[{"kind":"ok","what":"x","text":"y"},{"kind":"problem",)"));
  CHECK(json.find('\x1b') == std::string::npos);
  CHECK(json.find('\n') == std::string::npos);
  CHECK(json.find(R"(CN=\")") != std::string::npos);
}
