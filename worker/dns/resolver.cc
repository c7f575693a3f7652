// worker/dns/resolver.cc - the only user of udns. Each lookup has a context (socket, query ids) of its own.
// udns calls back while it works, and must not be freed then: callbacks only take notes, settle() acts on them.
// SPDX-License-Identifier: MIT
#include "worker/dns/resolver.h"

#include <netinet/in.h>
#include <udns.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string_view>

namespace nxb::dns {
namespace {

constexpr int kUdpSize = 1232;      // U-13; what passes every path unfragmented (DNS flag day 2020)
constexpr int kTimeoutSeconds = 2;  // of the first try; udns lengthens it
constexpr int kTries = 3;
constexpr Duration kOtherFamily{300};  // how long a complete family waits for the other
constexpr std::size_t kMaxAddresses = 16;

bool is_local_name(std::string_view host) {
  constexpr std::string_view kName = "localhost";
  return host == kName ||
         (host.size() > kName.size() && host.ends_with(kName) && host[host.size() - kName.size() - 1] == '.');
}

template <class T>
struct FreeDeleter {
  void operator()(T* memory) const noexcept { std::free(memory); }
};

Address from_v4(const in_addr& ip, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr = ip;
  address.sin_port = htons(port);
  return Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&address), sizeof(address));
}

Address from_v6(const in6_addr& ip, std::uint16_t port) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = ip;
  address.sin6_port = htons(port);
  return Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&address), sizeof(address));
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

class Resolver::Lookup {
 public:
  Lookup(Resolver& owner, Context context, std::uint16_t port, Callback done)
      : owner_(owner), context_(std::move(context)), port_(port), done_(std::move(done)), timer_(owner.loop_, [this] {
          on_time();
        }) {}

  void start(LookupId id, const std::string& host);
  Answer take_answer();
  Callback take_callback() { return std::move(done_); }

 private:
  struct Family {
    std::vector<Address> addresses;
    int status = DNS_E_TEMPFAIL;
    bool over = false;
  };
  static void on_v4(dns_ctx* context, dns_rr_a4* answer, void* data) noexcept;
  static void on_v6(dns_ctx* context, dns_rr_a6* answer, void* data) noexcept;
  void on_readable();
  void on_time();
  void settle();

  Resolver& owner_;
  LookupId id_;
  Context context_;
  std::uint16_t port_;
  Callback done_;
  Family v4_, v6_;
  uv::Timer timer_;
  std::unique_ptr<uv::Poll> poll_;  // after context_: it goes before the socket it watches
  std::optional<Instant> give_up_;  // on the family that is still missing
};

void Resolver::Lookup::start(LookupId id, const std::string& host) {
  id_ = id;
  // Nothing fails from within: whatever is missing is found by settle() when the timer fires.
  timer_.start(Duration{0});
  v4_.over = v6_.over = true;
  if (!context_ || dns_open(context_.get()) < 0) return;
  auto poll = uv::Poll::make(owner_.loop_, dns_sock(context_.get()), [this](bool, bool) { on_readable(); });
  if (!poll) return;
  poll_ = *std::move(poll);
  poll_->watch(true, false);
  v4_.over = dns_submit_a4(context_.get(), host.c_str(), DNS_NOSRCH, &on_v4, this) == nullptr;
  v6_.over = dns_submit_a6(context_.get(), host.c_str(), DNS_NOSRCH, &on_v6, this) == nullptr;
}

void Resolver::Lookup::on_v4(dns_ctx* context, dns_rr_a4* answer, void* data) noexcept {
  std::unique_ptr<dns_rr_a4, FreeDeleter<dns_rr_a4>> held(answer);
  auto* self = static_cast<Lookup*>(data);
  self->v4_.over = true;
  self->v4_.status = dns_status(context);
  for (int i = 0; held && i < held->dnsa4_nrr; ++i) {
    self->v4_.addresses.push_back(from_v4(held->dnsa4_addr[i], self->port_));
  }
}

void Resolver::Lookup::on_v6(dns_ctx* context, dns_rr_a6* answer, void* data) noexcept {
  std::unique_ptr<dns_rr_a6, FreeDeleter<dns_rr_a6>> held(answer);
  auto* self = static_cast<Lookup*>(data);
  self->v6_.over = true;
  self->v6_.status = dns_status(context);
  for (int i = 0; held && i < held->dnsa6_nrr; ++i) {
    self->v6_.addresses.push_back(from_v6(held->dnsa6_addr[i], self->port_));
  }
}

void Resolver::Lookup::on_readable() {
  dns_ioevent(context_.get(), 0);
  settle();
}

void Resolver::Lookup::on_time() { settle(); }

// Sends what is due, then either finishes or waits for the next moment that matters.
void Resolver::Lookup::settle() {
  int wait = poll_ ? dns_timeouts(context_.get(), -1, 0) : -1;
  Instant now = owner_.loop_.now();
  bool some = !v4_.addresses.empty() || !v6_.addresses.empty();
  if (some && !give_up_) give_up_ = now + kOtherFamily;
  if ((v4_.over && v6_.over) || (give_up_ && now >= *give_up_)) return owner_.finish(id_);
  Duration next = wait < 0 ? Duration{1000} : Duration{1000} * wait + Duration{1};
  timer_.start(give_up_ ? std::min(next, *give_up_ - now) : next);
}

Answer Resolver::Lookup::take_answer() {
  Answer out;
  std::size_t most = std::max(v4_.addresses.size(), v6_.addresses.size());
  for (std::size_t i = 0; i < most && out.addresses.size() < kMaxAddresses; ++i) {
    if (i < v6_.addresses.size()) out.addresses.push_back(v6_.addresses[i]);
    if (i < v4_.addresses.size()) out.addresses.push_back(v4_.addresses[i]);
  }
  auto absent = [](int status) { return status == DNS_E_NXDOMAIN || status == DNS_E_NODATA; };
  if (!out.addresses.empty()) return out;
  int telling = absent(v4_.status) ? v6_.status : v4_.status;
  out.failure = absent(telling) ? Code::NotFound : Code::TimedOut;
  out.why = std::string("DNS: ") + dns_strerror(telling);
  return out;
}

void Resolver::ContextDeleter::operator()(dns_ctx* context) const noexcept { dns_free(context); }

Result<std::unique_ptr<Resolver>> Resolver::make(uv::Loop& loop, const std::vector<std::string>& servers,
                                                 stats::Counters& counters) {
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
  return std::make_unique<Resolver>(Private(), loop, counters, std::move(base));
}

Resolver::Resolver(Private, uv::Loop& loop, stats::Counters& counters, Context base)
    : loop_(loop), counters_(counters), base_(std::move(base)) {}
Resolver::~Resolver() = default;

LookupId Resolver::lookup(const std::string& host, std::uint16_t port, Callback done) {
  LookupId id = lookups_.reserve();
  Context context(dns_new(base_.get()));
  lookups_.put(id, std::make_unique<Lookup>(*this, std::move(context), port, std::move(done))).start(id, host);
  return id;
}

void Resolver::cancel(LookupId id) { loop_.retire(lookups_.take(id)); }

void Resolver::finish(LookupId id) {
  auto lookup = lookups_.take(id);
  if (!lookup) return;
  Answer answer = lookup->take_answer();
  Callback done = lookup->take_callback();
  loop_.retire(std::move(lookup));
  done(std::move(answer));
}

}  // namespace nxb::dns
