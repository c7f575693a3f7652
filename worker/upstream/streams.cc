// worker/upstream/streams.cc
// SPDX-License-Identifier: MIT
#include "worker/upstream/streams.h"

#include <optional>
#include <unordered_map>
#include <vector>

#include "common/log/log.h"
#include "worker/upstream/checkup.h"
#include "worker/upstream/echo.h"
#include "worker/upstream/external_streams.h"
#include "worker/upstream/xmpp_connection.h"

namespace nxb::upstream {
namespace {

// The configuration was checked; what fails here is said once and leaves the system's resolvers.
std::unique_ptr<dns::Resolver> make_resolver(uv::Loop& loop, const std::vector<std::string>& servers,
                                             stats::Counters& counters) {
  auto resolver = dns::Resolver::make(loop, servers, counters);
  if (!resolver) {
    log::error("dns.resolvers", {{"why", resolver.error().text}});
    resolver = dns::Resolver::make(loop, {}, counters);
  }
  NXB_CHECK(static_cast<bool>(resolver), "the system's resolvers can always be used");
  return *std::move(resolver);
}

}  // namespace

struct Streams::Impl final : uv::DeadlineSink {
  explicit Impl(const StreamsContext& c)
      : context(c),
        policy(c.config.upstream),
        resolver(make_resolver(c.loop, c.config.upstream.resolvers, c.counters)),
        sessions([&loop = c.loop] { return loop.now(); }),
        services{c.loop, c.config,  c.pool,   c.deadlines, c.deadlines.add(*this), c.counters, c.events,
                 policy, *resolver, contexts, sessions} {}

  void on_deadline(std::uint64_t id, Instant now) override {
    auto at = connections.find(StreamId{id});
    if (at != connections.end()) at->second->on_deadline(now);
  }
  void read_trust_stores();
  std::vector<std::string> resolvers;  // those in use

  StreamsContext context;
  Policy policy;
  std::unique_ptr<dns::Resolver> resolver;
  tls::Contexts contexts;
  tls::SessionCache sessions;
  XmppServices services;
  Checkups checkups{services};
  // Two tables, so that a deadline finds its connection without asking an Upstream what it is.
  std::unordered_map<StreamId, std::unique_ptr<XmppConnection>> connections;
  std::unordered_map<StreamId, std::unique_ptr<Echo>> echoes;
  std::unique_ptr<ExternalStreams> program;  // if that is the kind
};

// Reads them now rather than in the middle of a turn, and says at once what is wrong or unverified (U-53).
void Streams::Impl::read_trust_stores() {
  const auto& upstream = context.config.upstream;
  auto read = [this](const std::string& file) {
    auto made = contexts.get(file, tls::Verify::Full);
    if (!made) log::error("tls.trust_store", {{"file", file}, {"why", made.error().text}});
  };
  read(upstream.tls_ca);
  if (!upstream.tls_verify) log::warn("tls.unverified", {{"domain", "all"}});
  for (const config::Domain& domain : upstream.domain) {
    if (!domain.tls_ca.empty()) read(domain.tls_ca);
    if (!domain.tls_verify) log::warn("tls.unverified", {{"domain", domain.name}});
  }
}

Streams::Streams(const StreamsContext& context) : impl_(std::make_unique<Impl>(context)) {
  impl_->resolvers = context.config.upstream.resolvers;
  if (context.config.upstream.kind == config::UpstreamKind::Xmpp) impl_->read_trust_stores();
  if (context.config.upstream.kind == config::UpstreamKind::External)
    impl_->program = std::make_unique<ExternalStreams>(impl_->context, impl_->policy);
}

Streams::~Streams() = default;

Upstream& Streams::make(StreamId id) {
  NXB_CHECK(find(id) == nullptr, "a stream's id names one stream");
  impl_->context.counters.add(stats::Counter::streams);
  impl_->context.counters.add(stats::Counter::streams_requested);
  switch (impl_->context.config.upstream.kind) {
    case config::UpstreamKind::Echo:
      return *(impl_->echoes[id] = std::make_unique<Echo>(id, impl_->policy, impl_->context.pool,
                                                          impl_->context.counters, impl_->context.events));
    case config::UpstreamKind::External:
      return impl_->program->make(id);
    case config::UpstreamKind::Xmpp:
      break;
  }
  return *(impl_->connections[id] = std::make_unique<XmppConnection>(id, impl_->services));
}

Upstream* Streams::find(StreamId id) {
  if (auto at = impl_->connections.find(id); at != impl_->connections.end()) return at->second.get();
  if (auto at = impl_->echoes.find(id); at != impl_->echoes.end()) return at->second.get();
  return impl_->program ? impl_->program->find(id) : nullptr;
}

void Streams::drop(StreamId id) {
  bool found = impl_->program && impl_->program->drop(id);
  if (auto at = impl_->connections.find(id); at != impl_->connections.end()) {
    at->second->let_go();  // the services may be gone before it is
    impl_->context.loop.retire(std::move(at->second));
    impl_->connections.erase(at);
    found = true;
  }
  if (auto at = impl_->echoes.find(id); at != impl_->echoes.end()) {
    impl_->context.loop.retire(std::move(at->second));
    impl_->echoes.erase(at);
    found = true;
  }
  if (found) impl_->context.counters.sub(stats::Counter::streams);
}

void Streams::check(const std::string& domain, std::function<void(const std::string&)> done) {
  if (impl_->context.config.upstream.kind != config::UpstreamKind::Xmpp) {
    return done(refused_checkup("kind in [upstream] is not xmpp: no server is looked for"));
  }
  impl_->checkups.begin(domain, std::move(done));
}

// Everybody refers to the policy and the resolver: they change where they are. Files of trust stores may be others under
// the same name; and a TLS session that was verified by the former rules is not resumed.
void Streams::reconfigure() {
  const auto& upstream = impl_->context.config.upstream;
  impl_->policy = Policy(upstream);
  if (upstream.resolvers != impl_->resolvers) {
    if (auto changed = impl_->resolver->change_servers(upstream.resolvers); !changed) {
      log::error("dns.resolvers", {{"why", changed.error().text}});
    }
    impl_->resolvers = upstream.resolvers;
  }
  impl_->contexts.forget();
  impl_->sessions.forget_all();
  if (upstream.kind == config::UpstreamKind::Xmpp) impl_->read_trust_stores();
}

std::size_t Streams::size() const {
  return impl_->connections.size() + impl_->echoes.size() + (impl_->program ? impl_->program->size() : 0);
}

}  // namespace nxb::upstream
