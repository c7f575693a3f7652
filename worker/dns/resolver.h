// worker/dns/resolver.h - host name -> addresses, domain -> services, over UDP, on the loop (udns; U-05, U-09, U-12..U-15).
// Runs in: worker. I/O: a UDP socket per lookup, so that source ports differ; /etc/resolv.conf is read when a Resolver
// is made. A lookup is two questions asked in parallel: A and AAAA, or the SRV records of both services. Once one has
// records the other is given a little time, not all of its own. Answers are cached for all streams of the worker.
// `localhost` and IP literals never reach the network.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/address.h"
#include "common/base/ids.h"
#include "common/base/result.h"
#include "common/stats/stats.h"
#include "common/uv/loop.h"
#include "worker/dns/cache.h"
#include "worker/dns/srv.h"

struct dns_ctx;

namespace nxb::dns {

using LookupId = Id<struct LookupTag>;

struct Answer {
  std::vector<Address> addresses;  // families interleaved, IPv6 first; empty = failed
  Code failure = Code::NotFound;   // NotFound: the name or its addresses do not exist; TimedOut: no usable answer
  std::string why;
};

// Both services of a domain, for plan_of().
struct Services {
  SrvAnswer plain;   // _xmpp-client._tcp
  SrvAnswer direct;  // _xmpps-client._tcp
};

// Addresses of an IP literal, of `localhost` and of names under it; empty for any other name.
std::vector<Address> known_addresses(const std::string& host, std::uint16_t port);

class Resolver {
 public:
  using Callback = std::function<void(Answer)>;
  using ServicesCallback = std::function<void(Services)>;
  // Servers as address:port; none = the system's.
  static Result<std::unique_ptr<Resolver>> make(uv::Loop& loop, const std::vector<std::string>& servers,
                                                stats::Counters& counters);
  ~Resolver();
  // Other servers, for lookups to come; what was learnt from the former is forgotten. An error leaves all as it was.
  Status change_servers(const std::vector<std::string>& servers);

  // `done` is called once, from the loop, never from within this call; not at all after cancel().
  LookupId lookup(const std::string& host, std::uint16_t port, Callback done);
  // Both services of a domain, asked in parallel (U-05). The same rules for `done`.
  LookupId lookup_services(const std::string& domain, ServicesCallback done);
  void cancel(LookupId id);
  std::size_t pending() const { return lookups_.size(); }
  const Cache& cache() const { return cache_; }

 private:
  struct ContextDeleter {
    void operator()(dns_ctx* context) const noexcept;
  };
  using Context = std::unique_ptr<dns_ctx, ContextDeleter>;
  struct Private {
    explicit Private() = default;
  };
  class Lookup;

 public:
  Resolver(Private, uv::Loop& loop, stats::Counters& counters, Context base);

 private:
  static Result<Context> mould(const std::vector<std::string>& servers);
  LookupId begin(std::unique_ptr<Lookup> lookup);
  void finish(LookupId id);

  uv::Loop& loop_;
  stats::Counters& counters_;
  Context base_;  // settings that each lookup copies
  Cache cache_;
  IdTable<LookupId, Lookup> lookups_;
};

}  // namespace nxb::dns
