// worker/upstream/checkup.cc - see checkup.h.
// SPDX-License-Identifier: MIT
#include "worker/upstream/checkup.h"

#include <algorithm>
#include <utility>

#include "common/base/secret.h"
#include "common/log/line.h"

namespace nxb::upstream {
namespace {

constexpr std::size_t kMostShown = 8;  // records of a service

XmppServices with_sessions(const XmppServices& of, tls::SessionCache& sessions) {
  return {of.loop,   of.config, of.pool,     of.deadlines, of.family, of.counters,
          of.events, of.policy, of.resolver, of.contexts,  sessions};
}

}  // namespace

Checkup::Checkup(const XmppServices& services, const std::string& domain)
    : sessions_([&loop = services.loop] { return loop.now(); }),
      services_(with_sessions(services, sessions_)),
      asked_(domain),
      patience_(services.loop, [this] {
        services_.resolver.cancel(std::exchange(lookup_, {}));
        problem("SRV", "DNS gave no answer within 5 s");
        finish();
      }) {}

Checkup::~Checkup() { services_.resolver.cancel(lookup_); }

void Checkup::start(Done done) {
  done_ = std::move(done);
  choice_ = services_.policy.choose(asked_);
  if (choice_.refusal.condition != bosh::Condition::None) {
    problem("domain", choice_.refusal.why);
    return finish();
  }
  if (!choice_.by_srv) {
    findings_.push_back({Finding::Kind::Ok, "domain", "configured: " + choice_.target.text() + ", SRV is not asked"});
    return try_targets({choice_.target});
  }
  patience_.start(kLookup);
  lookup_ = services_.resolver.lookup_services(choice_.domain.ascii,
                                               [this](const dns::Services& answer) { on_services(answer); });
}

void Checkup::on_services(const dns::Services& answer) {
  lookup_ = {};
  patience_.stop();
  tell_service("_xmpp-client", answer.plain);
  tell_service("_xmpps-client", answer.direct);
  dns::Plan plan = dns::plan_of(answer.plain, answer.direct, random_up_to);
  if (plan.verdict == dns::Plan::Verdict::NotOffered) {
    problem("domain", "it offers no XMPP to clients: its SRV target is \".\"");
    return finish();
  }
  if (plan.verdict == dns::Plan::Verdict::Fallback) return try_targets({choice_.target});
  std::vector<Target> targets;
  for (const dns::SrvTarget& each : plan.targets) {
    auto target = target_of(choice_.target, each.host, each.port, each.direct_tls);
    if (target && targets.size() < Race::kMaxTargets) targets.push_back(*std::move(target));
  }
  if (targets.empty()) problem("domain", "none of its SRV targets has direct TLS, as configured");
  try_targets(targets);
}

void Checkup::tell_service(const char* name, const dns::SrvAnswer& answer) {
  const std::string what = std::string("SRV ") + name;
  if (answer.outcome == dns::Outcome::Absent) return findings_.push_back({Finding::Kind::Ok, what, "none"});
  if (answer.outcome == dns::Outcome::Failed) return problem(what.c_str(), answer.why);
  std::string text;
  for (std::size_t i = 0; i < std::min(answer.records.size(), kMostShown); ++i) {
    const dns::SrvRecord& one = answer.records[i];
    text += (text.empty() ? "" : ", ") + one.target + ":" + std::to_string(one.port) + " (priority " +
            std::to_string(one.priority) + ", weight " + std::to_string(one.weight) + ")";
  }
  if (answer.records.size() > kMostShown) text += ", ...";
  findings_.push_back({Finding::Kind::Ok, what, std::move(text)});
}

void Checkup::try_targets(const std::vector<Target>& targets) {
  awaited_ = targets.size();
  if (targets.empty()) return finish();
  for (const Target& target : targets) {
    Choice one = choice_;
    one.by_srv = false;
    one.target = target;
    probes_.push_back(std::make_unique<Probe>(services_, one, [this] { on_probed(); }));
  }
  for (std::size_t i = 0; i < targets.size(); ++i) probes_[i]->start();  // the last to end ends this
}

void Checkup::on_probed() {
  if (--awaited_ > 0) return;
  for (const auto& probe : probes_) {
    findings_.insert(findings_.end(), probe->findings().begin(), probe->findings().end());
  }
  finish();
}

void Checkup::problem(const char* what, std::string why) {
  findings_.push_back({Finding::Kind::Problem, what, std::move(why)});
}

void Checkup::finish() { done_(to_json(choice_.domain.ascii.empty() ? asked_ : choice_.domain.ascii, findings_)); }

void Checkups::begin(const std::string& domain, Checkup::Done done) {
  if (all_.size() >= kMost) return done(refused_checkup("too many are under way; try again in some seconds"));
  auto made = std::make_unique<Checkup>(services_, domain);
  Checkup* which = made.get();
  all_.push_back(std::move(made));
  which->start([this, which, done = std::move(done)](const std::string& json) {
    done(json);
    end(which);
  });
}

// It calls: it is freed when the turn is over.
void Checkups::end(const Checkup* which) {
  auto at = std::ranges::find_if(all_, [which](const auto& each) { return each.get() == which; });
  if (at == all_.end()) return;
  services_.loop.retire(std::move(*at));
  all_.erase(at);
}

std::string refused_checkup(std::string_view why) {
  const log::Field fields[] = {{"error", why}};
  return log::json_object(fields);
}

}  // namespace nxb::upstream
