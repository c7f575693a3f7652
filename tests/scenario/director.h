// tests/scenario/director.h - plays a script on a stage: who is on, who waits, whose time is up.
// A step has its turn as often as something happens. A client waits 1 s for what it expects unless the step says
// `within`; a server as long as anybody else can go on. Nothing waits for ever.
// SPDX-License-Identifier: MIT
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "scene.h"
#include "script.h"

namespace nxb::scenario {

class Director {
 public:
  Director(const Script& script, Scene& scene) : script_(script), scene_(scene) {}
  std::string run();  // "" or why it failed, with the line

 private:
  struct Actor {
    Role role = Role::Client;
    std::string name;
    bool background = false;
    std::deque<Step> steps;
    std::size_t next = 0;
    std::optional<Attempt> attempt;
    std::string waits_for;
    bool done() const { return next == steps.size(); }
    const Step& step() const { return steps[next]; }
  };

  void enter(const Part& part);
  void top(const Step& step);
  void expect_between(const Step& step);
  enum class Until : std::uint8_t { AllDone, Time };
  void play(Until until, Instant end = {});
  void come_to_rest();
  bool turn();
  bool turn(Actor& actor);
  Outcome attempt(Actor& actor, Attempt& attempt);
  Outcome sync(const Actor& actor);
  void rewind();
  std::optional<Instant> time_is_up(const Actor& actor) const;
  bool judge_time();
  Instant next_look() const;
  bool all_done() const;
  void fail(const Step& step, const std::string& who, const std::string& why);

  const Script& script_;
  Scene& scene_;
  std::deque<Actor> actors_;
  std::map<std::string, std::set<std::string>> at_barrier_;  // sync name -> actors that came
  std::optional<Instant> stuck_since_;                       // nobody has a time that runs out
  std::string failure_;
};

}  // namespace nxb::scenario
