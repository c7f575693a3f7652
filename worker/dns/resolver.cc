// worker/dns/resolver.cc - Each lookup has a udns context (socket, query ids) of its own, unless all is cached.
// udns calls back while it works, and must not be freed then: queries only take notes, settle() acts on them.
// SPDX-License-Identifier: MIT
#include "worker/dns/resolver.h"

#include <netinet/in.h>
#include <udns.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "common/base/text.h"
#include "worker/dns/query.h"

namespace nxb::dns {
namespace {

constexpr int kUdpSize = 1232;      // U-13; what passes every path unfragmented (DNS flag day 2020)
constexpr int kTimeoutSeconds = 2;  // of the first try; udns lengthens it
constexpr int kTries = 3;
constexpr Duration kOtherFamily{300};     // how long a complete family waits for the other
constexpr Duration kOtherService{3'000};  // the same for services: one repetition fits in
constexpr Duration kServices{6'000};      // both; the rest of a stream's set-up time is for the fallback (U-09)
constexpr std::size_t kMaxAddresses = 16;

bool is_local_name(std::string_view host) {
  constexpr std::string_view kName = "localhost";
  return host == kName ||
         (host.size() > kName.size() && host.ends_with(kName) && host[host.size() - kName.size() - 1] == '.');
}

Address address_of(const std::string& bytes, std::uint16_t port) {
  if (bytes.size() == sizeof(in_addr)) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, bytes.data(), sizeof(in_addr));
    return Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&v4), sizeof(v4));
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  std::memcpy(&v6.sin6_addr, bytes.data(), std::min(bytes.size(), sizeof(in6_addr)));
  return Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&v6), sizeof(v6));
}

Answer answer_of(const RecordSet& v4, const RecordSet& v6, std::uint16_t port) {
  Answer out;
  std::size_t most = std::max(v4.addresses.size(), v6.addresses.size());
  for (std::size_t i = 0; i < most && out.addresses.size() < kMaxAddresses; ++i) {
    if (i < v6.addresses.size()) out.addresses.push_back(address_of(v6.addresses[i], port));
    if (i < v4.addresses.size()) out.addresses.push_back(address_of(v4.addresses[i], port));
  }
  if (!out.addresses.empty()) return out;
  const RecordSet& telling = v4.outcome == Outcome::Absent ? v6 : v4;
  out.failure = telling.outcome == Outcome::Absent ? Code::NotFound : Code::TimedOut;
  out.why = "DNS: " + telling.why;
  return out;
}

SrvAnswer services_of(const RecordSet& set) {
  return {set.outcome, set.services, set.outcome == Outcome::Records ? "" : "DNS: " + set.why};
}

// As the cache names it: one name, one entry.
std::string plain_name(const std::string& name) {
  std::string out = lowered(name);
  if (out.ends_with('.')) out.pop_back();
  return out;
}

}  // namespace

std::vector<Address> known_addresses(const std::string& host, std::uint16_t port) {
  std::vector<Address> out;
  auto add = [&](const char* ip) {
    if (auto address = Address::from_ip(ip, port)) out.push_back(*std::move(address));
  };
  if (is_local_name(host)) {
    add("127.0.0.1");  // first: most local servers listen on IPv4, few on IPv6 only
    add("::1");
  } else {
    add(host.c_str());
  }
  return out;
}

// Two questions, until both are over or waiting on has no point.
class Resolver::Lookup {
 public:
  using Done = std::function<void(const RecordSet& first, const RecordSet& second)>;
  struct Patience {
    Duration for_other;                    // after one has records
    std::optional<Duration> for_anything;  // if udns's own is too much
  };
  Lookup(Resolver& owner, Question first, Question second, Patience patience, Done done)
      : owner_(owner),
        first_(std::move(first)),
        second_(std::move(second)),
        patience_(patience),
        done_(std::move(done)),
        timer_(owner.loop_, [this] { settle(); }) {}

  void finish(const RecordSet& both);  // without asking
  void start(LookupId id);
  void conclude();  // whatever is not known now has failed
  void tell() const { done_(first_.answer(), second_.answer()); }

 private:
  bool open();
  void ask(Query& query);
  void on_readable();
  void settle();

  Resolver& owner_;
  LookupId id_;
  Context context_;
  Query first_, second_;
  Patience patience_;
  Done done_;
  uv::Timer timer_;
  std::unique_ptr<uv::Poll> poll_;  // after context_: it goes before the socket it watches
  std::optional<Instant> give_up_;
  bool some_ = false;  // one has records
};

void Resolver::Lookup::start(LookupId id) {
  id_ = id;
  Instant now = owner_.loop_.now();
  if (patience_.for_anything) give_up_ = now + *patience_.for_anything;
  // Nothing ends from within: what is known already is found by settle() when the timer fires.
  timer_.start(Duration{0});
  for (Query* query : {&first_, &second_}) {
    const RecordSet* known = owner_.cache_.find(query->question(), now);
    if (!known) continue;
    owner_.counters_.add(stats::Counter::dns_cache_hits);
    query->finish(*known);
  }
}

void Resolver::Lookup::finish(const RecordSet& both) {
  first_.finish(both);
  second_.finish(both);
}

bool Resolver::Lookup::open() {
  if (poll_) return true;
  context_.reset(dns_new(owner_.base_.get()));
  if (!context_ || dns_open(context_.get()) < 0) return false;
  auto poll = uv::Poll::make(owner_.loop_, dns_sock(context_.get()), [this](bool, bool) { on_readable(); });
  if (!poll) return false;
  poll_ = *std::move(poll);
  poll_->watch(true, false);
  return true;
}

void Resolver::Lookup::ask(Query& query) {
  if (!query.wants_to_ask()) return;
  if (!open()) return query.fail("no socket");
  owner_.counters_.add(stats::Counter::dns_queries);
  query.ask(context_.get());
}

void Resolver::Lookup::on_readable() {
  dns_ioevent(context_.get(), 0);
  settle();
}

// Asks and repeats what is due, then either finishes or waits for the next moment that matters.
void Resolver::Lookup::settle() {
  ask(first_);
  ask(second_);
  int wait = poll_ ? dns_timeouts(context_.get(), -1, 0) : -1;
  Instant now = owner_.loop_.now();
  if (first_.has_records() || second_.has_records()) {
    Instant enough = now + patience_.for_other;
    if (!some_) give_up_ = give_up_ ? std::min(*give_up_, enough) : enough;
    some_ = true;
  }
  if ((first_.is_over() && second_.is_over()) || (give_up_ && now >= *give_up_)) return owner_.finish(id_);
  Duration next = wait < 0 ? Duration{1000} : Duration{1000} * wait + Duration{1};
  timer_.start(give_up_ ? std::min(next, *give_up_ - now) : next);
}

void Resolver::Lookup::conclude() {
  for (Query* query : {&first_, &second_}) {
    query->give_up();
    if (query->answer().outcome == Outcome::Failed) owner_.counters_.add(stats::Counter::dns_failures);
    if (query->was_asked()) owner_.cache_.put(query->question(), query->answer(), owner_.loop_.now());
  }
}

void Resolver::ContextDeleter::operator()(dns_ctx* context) const noexcept { dns_free(context); }

Result<Resolver::Context> Resolver::mould(const std::vector<std::string>& servers) {
  dns_reset(nullptr);  // the default context is only the mould; it is never opened
  Context base(dns_new(nullptr));
  NXB_CHECK(base != nullptr, "udns out of memory");
  if (servers.empty()) {
    dns_init(base.get(), 0);  // without a usable resolv.conf: 127.0.0.1
  } else {
    dns_add_serv(base.get(), nullptr);
    for (const std::string& server : servers) {
      NXB_TRY(auto address, Address::parse(server));
      if (address.family() == AF_UNIX) return Error{Code::Config, "a resolver is address:port"};
      if (dns_add_serv_s(base.get(), address.get()) < 0) return Error{Code::Config, "too many resolvers"};
    }
  }
  dns_set_opt(base.get(), DNS_OPT_UDPSIZE, kUdpSize);
  dns_set_opt(base.get(), DNS_OPT_TIMEOUT, kTimeoutSeconds);
  dns_set_opt(base.get(), DNS_OPT_NTRIES, kTries);
  return base;
}

Result<std::unique_ptr<Resolver>> Resolver::make(uv::Loop& loop, const std::vector<std::string>& servers,
                                                 stats::Counters& counters) {
  NXB_TRY(auto base, mould(servers));
  return std::make_unique<Resolver>(Private(), loop, counters, std::move(base));
}

Status Resolver::change_servers(const std::vector<std::string>& servers) {
  NXB_TRY(base_, mould(servers));
  cache_ = {};
  return Done{};
}

Resolver::Resolver(Private, uv::Loop& loop, stats::Counters& counters, Context base)
    : loop_(loop), counters_(counters), base_(std::move(base)) {}
Resolver::~Resolver() = default;

LookupId Resolver::begin(std::unique_ptr<Lookup> lookup) {
  LookupId id = lookups_.reserve();
  lookups_.put(id, std::move(lookup)).start(id);
  return id;
}

LookupId Resolver::lookup(const std::string& host, std::uint16_t port, Callback done) {
  std::string name = plain_name(host);
  auto tell = [port, done = std::move(done)](const RecordSet& v4, const RecordSet& v6) {
    done(answer_of(v4, v6, port));
  };
  return begin(std::make_unique<Lookup>(*this, Question{Type::A, name}, Question{Type::Aaaa, name},
                                        Lookup::Patience{kOtherFamily, std::nullopt}, std::move(tell)));
}

LookupId Resolver::lookup_services(const std::string& domain, ServicesCallback done) {
  std::string name = plain_name(domain);
  auto tell = [done = std::move(done)](const RecordSet& plain, const RecordSet& direct) {
    done({services_of(plain), services_of(direct)});
  };
  auto lookup = std::make_unique<Lookup>(*this, Question{Type::Srv, "_xmpp-client._tcp." + name},
                                         Question{Type::Srv, "_xmpps-client._tcp." + name},
                                         Lookup::Patience{kOtherService, kServices}, std::move(tell));
  if (!known_addresses(name, 0).empty()) lookup->finish({Outcome::Absent, {}, {}, {}, "not asked for such a name"});
  return begin(std::move(lookup));
}

void Resolver::cancel(LookupId id) { loop_.retire(lookups_.take(id)); }

void Resolver::finish(LookupId id) {
  auto lookup = lookups_.take(id);
  if (!lookup) return;
  lookup->conclude();
  Lookup& over = *lookup;
  loop_.retire(std::move(lookup));
  over.tell();
}

}  // namespace nxb::dns
