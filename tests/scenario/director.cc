// tests/scenario/director.cc - see director.h.
// SPDX-License-Identifier: MIT
#include "director.h"

#include <utility>

#include "parser.h"
#include "steps.h"

namespace nxb::scenario {

namespace {

constexpr Duration kUsual{1'000};

bool is_sync(const Step& step, std::string_view name) { return step.verb == "sync" && step.word(0) == name; }

}  // namespace

std::string Director::run() {
  for (const Item& item : script_.items) {
    if (!failure_.empty()) break;
    if (const auto* part = std::get_if<Part>(&item)) {
      enter(*part);
    } else {
      top(std::get<Step>(item));
    }
  }
  return failure_;
}

void Director::enter(const Part& part) {
  auto at = std::ranges::find(actors_, part.name, &Actor::name);
  bool fresh = at == actors_.end();
  Actor& actor = fresh ? actors_.emplace_back() : *at;
  if (fresh) {
    actor.role = part.role;
    actor.name = part.name;
    if (actor.role == Role::Server) scene_.servers[part.name].domain = *find(part.arguments, "domain");
  }
  actor.background = part.background;
  actor.steps.insert(actor.steps.end(), part.steps.begin(), part.steps.end());
}

void Director::top(const Step& step) {
  if (step.verb == "run") return play(Until::AllDone);
  if (step.verb == "advance") {
    return play(Until::Time, scene_.stage.now() + parse_duration(step.word(0)).value_or(Duration::zero()));
  }
  expect_between(step);
}

void Director::expect_between(const Step& step) {
  Instant end = scene_.stage.now() + scene_.stage.patience(step.within.value_or(kUsual));
  for (;;) {
    while (failure_.empty() && turn()) continue;  // those in the background go on
    if (!failure_.empty()) return;
    Outcome outcome;
    if (step.word(0) == "server") {
      auto at = std::ranges::find(actors_, step.word(1), &Actor::name);
      if (at == actors_.end()) return fail(step, "", "there is no such server");
      outcome = at->done() ? done() : waits("it is at line " + std::to_string(at->step().line));
    } else {
      outcome = look_at_nxb(scene_, step);
    }
    if (outcome.kind == Outcome::Kind::Done) return;
    if (outcome.kind == Outcome::Kind::Failed || scene_.stage.now() >= end) return fail(step, "", outcome.why);
    scene_.stage.wait(end);
  }
}

void Director::play(Until until, Instant end) {
  stuck_since_.reset();
  for (;;) {
    while (failure_.empty() && turn()) stuck_since_.reset();
    if (!failure_.empty()) return;
    if (until == Until::AllDone && all_done()) return come_to_rest();
    if (until == Until::Time && scene_.stage.now() >= end) return;
    if (until == Until::AllDone && !judge_time()) return;
    scene_.stage.wait(until == Until::Time ? end : next_look());
  }
}

// What those in the background can see by now they look at, too.
void Director::come_to_rest() {
  Instant end = scene_.stage.now() + kUsual;
  while (failure_.empty()) {
    if (turn()) continue;
    if (scene_.settled() || scene_.stage.now() >= end) return;
    scene_.stage.wait(end);
  }
}

// Everybody does what can be done now; false when that was nothing.
bool Director::turn() {
  bool moved = false;
  for (Actor& actor : actors_) {
    while (failure_.empty() && !actor.done() && turn(actor)) moved = true;
  }
  if (!scene_.rewind.empty()) rewind();
  return moved;
}

bool Director::turn(Actor& actor) {
  if (!actor.attempt) {
    actor.attempt.emplace();
    actor.attempt->since = scene_.stage.now();
  }
  Outcome outcome = attempt(actor, *actor.attempt);
  if (outcome.kind == Outcome::Kind::Failed) fail(actor.step(), actor.name, outcome.why);
  actor.waits_for = std::move(outcome.why);
  if (outcome.kind != Outcome::Kind::Done) return false;
  if (actor.step().verb == "accept") scene_.servers[actor.name].accepted_at = actor.next;
  actor.attempt.reset();
  ++actor.next;
  return true;
}

Outcome Director::attempt(Actor& actor, Attempt& attempt) {
  const Step& step = actor.step();
  if (step.verb == "sync") return sync(actor);
  if (step.verb == "advance") {
    Instant end = attempt.since + parse_duration(step.word(0)).value_or(Duration::zero());
    return scene_.stage.now() >= end ? done() : waits("time");
  }
  return actor.role == Role::Client ? play_client(scene_, actor.name, step, attempt)
                                    : play_server(scene_, scene_.servers[actor.name], step);
}

// A barrier for all who name it.
Outcome Director::sync(const Actor& actor) {
  std::string name(actor.step().word(0));
  auto& there = at_barrier_[name];
  there.insert(actor.name);
  auto invited = std::ranges::count_if(actors_, [&](const Actor& one) {
    return std::ranges::any_of(one.steps, [&](const Step& step) { return is_sync(step, name); });
  });
  return static_cast<std::size_t>(invited) == there.size() ? done() : waits("not everybody is here");
}

// A session landed on a worker where it is not wanted: its server is where it was before (see open_on_worker).
void Director::rewind() {
  for (Actor& actor : actors_) {
    auto server = scene_.servers.find(actor.name);
    if (server == scene_.servers.end() || !scene_.rewind.contains(server->second.domain)) continue;
    if (server->second.link == 0) continue;
    scene_.stage.close(std::exchange(server->second.link, 0), Stage::Close::Abruptly);
    actor.next = server->second.accepted_at;
    actor.attempt.reset();
  }
  scene_.rewind.clear();
}

// When its step has failed, if it is not done by then.
std::optional<Instant> Director::time_is_up(const Actor& actor) const {
  if (actor.done() || !actor.attempt) return std::nullopt;
  const Step& step = actor.step();
  if (step.verb == "sync") return std::nullopt;
  if (step.verb == "advance") {
    return actor.attempt->since + parse_duration(step.word(0)).value_or(Duration::zero());
  }
  if (actor.role == Role::Server && !step.within) return std::nullopt;
  Duration wanted = step.within.value_or(kUsual);
  if (const std::string* took = step.find("took")) wanted += parse_duration(*took).value_or(Duration::zero());
  return actor.attempt->since + scene_.stage.patience(wanted);
}

bool Director::judge_time() {
  Instant now = scene_.stage.now();
  bool somebody_has_time = false;
  for (Actor& actor : actors_) {
    auto end = time_is_up(actor);
    somebody_has_time = somebody_has_time || end;
    if (end && now >= *end) fail(actor.step(), actor.name, "in vain: " + actor.waits_for);
  }
  if (somebody_has_time) return failure_.empty();
  if (!stuck_since_) stuck_since_ = now;
  if (now < *stuck_since_ + scene_.stage.patience(kUsual)) return true;
  for (Actor& actor : actors_) {
    if (!actor.done() && !actor.background) fail(actor.step(), actor.name, "in vain: " + actor.waits_for);
  }
  return failure_.empty();
}

Instant Director::next_look() const {
  std::optional<Instant> next;
  for (const Actor& actor : actors_) {
    auto end = time_is_up(actor);
    if (end && (!next || *end < *next)) next = end;
  }
  if (next) return *next;
  return stuck_since_.value_or(scene_.stage.now()) + scene_.stage.patience(kUsual);
}

bool Director::all_done() const {
  return std::ranges::all_of(actors_, [](const Actor& actor) { return actor.background || actor.done(); });
}

void Director::fail(const Step& step, const std::string& who, const std::string& why) {
  if (!failure_.empty()) return;
  failure_ =
      "line " + std::to_string(step.line) + ": " + (who.empty() ? "" : who + ": ") + step.source + "\n#   " + why;
}

}  // namespace nxb::scenario
