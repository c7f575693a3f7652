// worker/upstream/finding.cc - see finding.h.
// SPDX-License-Identifier: MIT
#include "worker/upstream/finding.h"

#include "common/log/line.h"

namespace nxb::upstream {
namespace {

constexpr std::int64_t kSoon = 14;  // days; whoever renews by himself has done so by then

std::string_view name_of(Finding::Kind kind) {
  switch (kind) {
    case Finding::Kind::Ok:
      return "ok";
    case Finding::Kind::Warning:
      return "warning";
    case Finding::Kind::Problem:
      break;
  }
  return "problem";
}

}  // namespace

Finding finding_of(const tls::PeerCertificate& certificate, const std::string& target, const std::string& identity,
                   const std::string& distrusted, bool verified) {
  const Validity& validity = certificate.validity;
  std::string about = "of " + target + ": subject " + (certificate.subject.empty() ? "-" : certificate.subject) +
                      ", names " + (certificate.names.empty() ? "-" : certificate.names) + ", issuer " +
                      certificate.issuer + ", until " + validity.until;
  auto found = [&](Finding::Kind kind, const std::string& verdict) {
    return Finding{kind, "certificate", verdict + "; " + about};
  };
  if (!distrusted.empty()) return found(Finding::Kind::Problem, distrusted);
  if (!verified) return found(Finding::Kind::Warning, "not verified: tls_verify = false");
  std::string days = std::to_string(validity.days_left);
  if (validity.days_left < kSoon) return found(Finding::Kind::Warning, "expires in " + days + " days");
  return found(Finding::Kind::Ok, "believed, speaks for " + identity + ", " + days + " days left");
}

std::string to_json(const std::string& domain, const std::vector<Finding>& findings) {
  constexpr std::size_t kLongest = 2048;
  std::string all;
  for (const Finding& one : findings) {
    const log::Field fields[] = {
        {"kind", name_of(one.kind)}, {"what", one.what}, log::Field::json("text", log::json_text(one.text, kLongest))};
    all += (all.empty() ? "" : ",") + log::json_object(fields);
  }
  const log::Field fields[] = {{"domain", domain}, log::Field::json("findings", '[' + all + ']')};
  return log::json_object(fields);
}

}  // namespace nxb::upstream
