// worker/dns/query.cc
// SPDX-License-Identifier: MIT
#include "worker/dns/query.h"

#include <netinet/in.h>
#include <udns.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>

#include "common/base/check.h"

namespace nxb::dns {
namespace {

enum PacketCode : int { kTaken = 0, kSent = 1 };  // what udns says of a packet

using Dn = std::array<dnsc_t, DNS_MAXDN>;

// An answer of one packet.
struct Parsed {
  RecordSet set;
  std::string alias;  // it ends with a CNAME to this name, in the protocol's form
  int aliases = 0;
};
struct Packet {
  dnscc_t *begin, *answers, *end;
};

Duration ttl_of(const dns_rr& record) {
  return record.dnsrr_ttl > 0x7fffffffU ? Duration{0} : Duration{1000} * record.dnsrr_ttl;  // RFC 2181 8
}

// A name inside a record, which has to end where the record ends.
std::optional<std::string> name_in(const Packet& packet, dnscc_t* at, dnscc_t* end) {
  Dn dn{};
  if (dns_getdn(packet.begin, &at, packet.end, dn.data(), dn.size()) <= 0 || at != end) return std::nullopt;
  return std::string(reinterpret_cast<const char*>(dn.data()), dns_dnlen(dn.data()));
}

bool take_service(const Packet& packet, const dns_rr& record, std::vector<SrvRecord>& out) {
  if (record.dnsrr_dsz < 7) return false;
  auto name = name_in(packet, record.dnsrr_dptr + 6, record.dnsrr_dend);
  std::array<char, DNS_MAXNAME> text{};
  if (!name || dns_dntop(reinterpret_cast<dnscc_t*>(name->c_str()), text.data(), text.size()) <= 0) return false;
  SrvRecord service;
  service.priority = static_cast<std::uint16_t>(dns_get16(record.dnsrr_dptr));
  service.weight = static_cast<std::uint16_t>(dns_get16(record.dnsrr_dptr + 2));
  service.port = static_cast<std::uint16_t>(dns_get16(record.dnsrr_dptr + 4));
  service.target = text[0] == '\0' ? "." : text.data();  // udns writes the root as nothing
  for (char& c : service.target) c = static_cast<char>(DNS_DNLC(c));
  out.push_back(std::move(service));
  return true;
}

bool take_record(const Packet& packet, const dns_rr& record, Type type, RecordSet& set) {
  set.ttl = set.outcome == Outcome::Records ? std::min(set.ttl, ttl_of(record)) : ttl_of(record);
  set.outcome = Outcome::Records;
  if (type == Type::Srv) return set.services.size() >= kMaxRecords || take_service(packet, record, set.services);
  if (record.dnsrr_dsz != (type == Type::A ? 4U : 16U)) return false;
  if (set.addresses.size() < kMaxRecords) {
    set.addresses.emplace_back(reinterpret_cast<const char*>(record.dnsrr_dptr), record.dnsrr_dsz);
  }
  return true;
}

// Records that `name` has in this packet, and where its CNAME points to. False: the packet is broken.
struct Found {
  RecordSet set;
  std::string alias;
  Duration alias_ttl{0};
};
bool look_for(const std::string& name, const Packet& packet, Type type, Found& found) {
  dns_parse parse{};
  dns_initparse(&parse, reinterpret_cast<dnscc_t*>(name.c_str()), packet.begin, packet.answers, packet.end);
  parse.dnsp_qcls = DNS_C_IN;
  parse.dnsp_qtyp = DNS_T_INVALID;  // any: CNAMEs are ours to follow
  dns_rr record{};
  int more = 0;
  while ((more = dns_nextrr(&parse, &record)) > 0) {
    if (record.dnsrr_typ == static_cast<unsigned>(type)) {
      if (!take_record(packet, record, type, found.set)) return false;
    } else if (record.dnsrr_typ == DNS_T_CNAME) {
      auto alias = name_in(packet, record.dnsrr_dptr, record.dnsrr_dend);
      if (!alias) return false;
      found.alias = *std::move(alias);
      found.alias_ttl = ttl_of(record);
    }
  }
  return more == 0;
}

// Called by udns with the answer to `name`; what it leaves in `result` is on_reply's.
template <Type kType>
int parse(dnscc_t* name, dnscc_t* begin, dnscc_t* answers, dnscc_t* end, void** result) noexcept {
  Packet packet{begin, answers, end};
  auto parsed = std::make_unique<Parsed>();
  std::string at(reinterpret_cast<const char*>(name), dns_dnlen(name));
  Duration shortest = Duration::max();
  while (parsed->aliases <= Query::kMaxAliases) {
    Found found;
    if (!look_for(at, packet, kType, found)) return DNS_E_PROTOCOL;
    if (found.set.outcome == Outcome::Records) {
      parsed->set = std::move(found.set);
      parsed->alias.clear();
      break;
    }
    if (found.alias.empty()) break;
    ++parsed->aliases;
    shortest = std::min(shortest, found.alias_ttl);
    at = parsed->alias = std::move(found.alias);
  }
  if (parsed->set.outcome != Outcome::Records && parsed->alias.empty()) return DNS_E_NODATA;
  parsed->set.ttl = parsed->alias.empty() ? std::min(shortest, parsed->set.ttl) : shortest;
  *result = parsed.release();
  return DNS_E_NOERROR;
}

dns_parse_fn* parser_of(Type type) {
  switch (type) {
    case Type::A:
      return &parse<Type::A>;
    case Type::Aaaa:
      return &parse<Type::Aaaa>;
    case Type::Srv:
      return &parse<Type::Srv>;
  }
  return nullptr;
}

}  // namespace

void Query::ask(dns_ctx* context) {
  if (!NXB_EXPECT(wants_to_ask_ && !over_, "a question that wants to be asked")) return;
  wants_to_ask_ = false;
  asked_.clear();
  dns_set_dbgfn(context, &on_packet);
  if (name_.empty()) {
    Dn dn{};
    int length = dns_ptodn(question_.name.c_str(), 0, dn.data(), dn.size(), nullptr);
    if (length <= 0) return finish({Outcome::Absent, {}, {}, {}, "the DNS can have no such name"});
    name_.assign(reinterpret_cast<const char*>(dn.data()), static_cast<std::size_t>(length));
  }
  auto* dn = reinterpret_cast<dnscc_t*>(name_.c_str());
  int type = static_cast<int>(question_.type);
  if (!dns_submit_dn(context, dn, DNS_C_IN, type, DNS_NOSRCH, parser_of(question_.type), &on_reply, this)) {
    fail(dns_strerror(dns_status(context)));
  }
}

void Query::finish(RecordSet answer) {
  wants_to_ask_ = false;
  over_ = true;
  answer_ = std::move(answer);
}

void Query::fail(const std::string& why) {
  if (!over_) finish({Outcome::Failed, {}, {}, {}, why});
}

void Query::give_up() { fail(what_they_said()); }

void Query::on_packet(int code, const sockaddr* server, unsigned, dnscc_t* packet, int, const dns_query*,
                      void* data) noexcept {
  if (!data || (code != kTaken && code != kSent)) return;
  auto* self = static_cast<Query*>(data);
  bool v6 = server->sa_family == AF_INET6;  // the size that udns gives is not always the address's
  Address address = Address::from_sockaddr(server, v6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in));
  auto same = [&](const Asked& asked) { return asked.server.text() == address.text(); };
  auto at = std::ranges::find_if(self->asked_, same);
  if (at == self->asked_.end()) at = self->asked_.insert(at, {std::move(address), {}});
  if (code == kSent) return;
  auto rcode = static_cast<dns_rcode>(dns_rcode(packet));
  at->said = dns_tc(packet) ? "a truncated answer" : rcode == DNS_R_NOERROR ? "a broken answer" : dns_rcodename(rcode);
}

std::string Query::servers() const {
  std::string out;
  for (const Asked& asked : asked_) out += (out.empty() ? "" : ", ") + asked.server.text();
  return out;
}

std::string Query::what_they_said() const {
  if (asked_.empty()) return "no server could be asked";
  std::map<std::string, std::string> by_answer;
  for (const auto& [server, said] : asked_) {
    std::string& from = by_answer[said.empty() ? "no answer" : said];
    from += (from.empty() ? "" : ", ") + server.text();
  }
  std::string out;
  for (const auto& [said, from] : by_answer) out += (out.empty() ? "" : "; ") + said + " from " + from;
  return out;
}

void Query::on_reply(dns_ctx* context, void* result, void* data) noexcept {
  std::unique_ptr<Parsed> parsed(static_cast<Parsed*>(result));
  auto* self = static_cast<Query*>(data);
  int status = dns_status(context);
  if (!parsed) {
    if (status != DNS_E_NXDOMAIN && status != DNS_E_NODATA) return self->give_up();
    return self->finish({Outcome::Absent, {}, {}, {}, std::string(dns_strerror(status)) + ", says " + self->servers()});
  }
  self->aliases_ += parsed->aliases;
  self->shortest_ = std::min(self->shortest_, parsed->set.ttl);
  if (self->aliases_ > kMaxAliases) return self->fail("too many CNAMEs, says " + self->servers());
  if (!parsed->alias.empty()) {
    self->name_ = std::move(parsed->alias);
    self->wants_to_ask_ = true;
    return;
  }
  parsed->set.ttl = self->shortest_;
  self->finish(std::move(parsed->set));
}

}  // namespace nxb::dns
