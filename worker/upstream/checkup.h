// worker/upstream/checkup.h - how the servers of a domain do, for `nxbctl doctor --domain` (O-20): what its SRV records say,
// and each target that they lead to, tried by a Probe, all at a time.
// Runs in: worker. I/O: DNS, and what probes do. Owned by: Streams.
// Policy, resolvers and trust stores are those that streams meet. TLS sessions are its own: every handshake is a whole one, so
// that certificates are seen. It ends within kLookup and Probe::kPatience; kMost of them run at a time.
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "worker/upstream/probe.h"

namespace nxb::upstream {

class Checkup {
 public:
  static constexpr Duration kLookup{5'000};
  using Done = std::function<void(const std::string& json)>;

  Checkup(const XmppServices& services, const std::string& domain);
  ~Checkup();
  Checkup(const Checkup&) = delete;
  Checkup& operator=(const Checkup&) = delete;
  void start(Done done);  // called once, maybe from within

 private:
  void on_services(const dns::Services& answer);
  void tell_service(const char* name, const dns::SrvAnswer& answer);
  void try_targets(const std::vector<Target>& targets);
  void on_probed();
  void problem(const char* what, std::string why);
  void finish();

  tls::SessionCache sessions_;
  XmppServices services_;
  const std::string asked_;
  Done done_;
  Choice choice_;
  dns::LookupId lookup_;
  uv::Timer patience_;
  std::vector<Finding> findings_;
  std::vector<std::unique_ptr<Probe>> probes_;
  std::size_t awaited_ = 0;
};

class Checkups {
 public:
  static constexpr std::size_t kMost = 4;

  explicit Checkups(XmppServices& services) : services_(services) {}
  void begin(const std::string& domain, Checkup::Done done);  // `done` is called once; not if this object goes before

 private:
  void end(const Checkup* which);

  XmppServices& services_;
  std::vector<std::unique_ptr<Checkup>> all_;
};

// Instead of findings.
std::string refused_checkup(std::string_view why);

}  // namespace nxb::upstream
