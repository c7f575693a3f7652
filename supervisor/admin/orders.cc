// supervisor/admin/orders.cc - see orders.h.
// Runs in: supervisor.
// SPDX-License-Identifier: MIT
#include "supervisor/admin/orders.h"

#include <charconv>
#include <utility>
#include <vector>

#include "supervisor/admin/answer.h"
#include "supervisor/admin/json.h"

namespace nxb::supervisor::admin {
namespace {

constexpr std::uint32_t kLongest = 86'400;  // seconds

struct Terms {
  std::optional<Index> worker;
  std::optional<Duration> over;
};

// The argument as a whole number of at most `most`; nothing if it was not given.
Result<std::optional<std::uint32_t>> number_in(const Request& order, std::string_view name, std::uint32_t most) {
  std::string text = order.argument(name);
  if (text.empty()) return std::optional<std::uint32_t>();
  std::uint32_t value = 0;
  const char* end = text.data() + text.size();
  auto [at, wrong] = std::from_chars(text.data(), end, value);
  if (wrong == std::errc() && at == end && value <= most) return std::optional(value);
  return Error{Code::BadInput, std::string(name) + " is not a whole number from 0 to " + std::to_string(most)};
}

Result<Terms> terms_of(const Request& order, const Levers& levers) {
  Terms terms;
  NXB_TRY(terms.worker, number_in(order, "worker", levers.workers - 1));
  NXB_TRY(auto seconds, number_in(order, "over", kLongest));
  if (seconds) terms.over = Duration{std::int64_t{*seconds} * 1000};
  return terms;
}

std::string sessions_text(std::uint64_t count) {
  return std::to_string(count) + (count == 1 ? " session" : " sessions");
}

std::string who(const Terms& terms) {
  return terms.worker ? "worker " + std::to_string(*terms.worker) : "every worker";
}

std::string verdict_of(bool on, const Terms& terms, std::uint64_t sessions) {
  if (!on) return who(terms) + " takes new sessions again";
  std::string text = who(terms) + " takes no new sessions; ";
  std::string those = terms.worker ? "its sessions" : "the " + sessions_text(sessions);
  if (!terms.over) return text + those + " stay until they end by themselves";
  return text + those + " are told to go within " + std::to_string(terms.over->count() / 1000) + " s";
}

// One that did not confirm hangs; one that is not there will be told when it is started.
std::string unheard(const std::vector<Reply>& replies) {
  std::string text;
  for (const Reply& reply : replies) {
    if (reply.state == Reply::State::Silent)
      text += "; worker " + std::to_string(reply.worker) + " has not confirmed it";
  }
  return text;
}

void drain(bool on, const Terms& terms, const Levers& levers, std::function<void(const std::string&)> done) {
  std::string verdict = verdict_of(on, terms, levers.sessions());
  levers.drain(terms.worker, on, terms.over);
  levers.hear(terms.worker, [on, verdict, done = std::move(done)](const std::vector<Reply>& replies) {
    Json json;
    json["ok"] = true;
    json["draining"] = on;
    json["verdict"] = verdict + unheard(replies);
    json["workers"] = Json::array();
    for (const Reply& reply : replies) {
      json["workers"].push_back({{"index", reply.worker}, {"told", reply.state == Reply::State::Answered}});
    }
    done(line_of(json));
  });
}

void stop(bool now, const Levers& levers, const std::function<void(const std::string&)>& done) {
  Json json;
  json["ok"] = true;
  json["sessions"] = levers.sessions();
  json["verdict"] = "stopping; " + sessions_text(levers.sessions()) + (now ? " told at once" : " to be told");
  done(line_of(json));  // the socket goes with the last worker
  levers.stop(now ? std::optional(Duration::zero()) : std::nullopt);
}

}  // namespace

bool is_order(Command command) {
#define NXB_ADMIN_ORDER(name, help) \
  if (command == Command::name) return true;
  NXB_ADMIN_ORDERS(NXB_ADMIN_ORDER)
#undef NXB_ADMIN_ORDER
  return false;
}

void carry_out(const Request& order, const Levers& levers, std::function<void(const std::string&)> done) {
  if (order.command == Command::stop) return stop(!order.argument("now").empty(), levers, done);
  if (levers.stopping()) return done(refusal("nxb is stopping"));
  auto terms = terms_of(order, levers);
  if (!terms) return done(refusal(terms.error().text));
  drain(order.command == Command::drain, *terms, levers, std::move(done));
}

}  // namespace nxb::supervisor::admin
