// tests/scenario/grammar.cc - see grammar.h.
// SPDX-License-Identifier: MIT
#include "grammar.h"

#include <array>

#include "common/stats/stats.h"

namespace nxb::scenario {

namespace {

constexpr std::string_view kAny = "*";
// What a client may say on <body/> (XEP-0124 22, XEP-0206), and extensions; `lang`, `version` and `restart` are spelled
// without their prefix.
constexpr std::string_view kBody =
    "rid sid to from wait hold ver ack content lang version route key newkey stream pause type restart inactivity ua "
    "stream_attrs secure window message as conn ";

struct Rule {
  Place place;
  std::string_view verb;
  std::string_view first;      // the first word, where it says what the verb is about; "" = any or none
  std::size_t least, most;     // words behind the verb, `first` included
  std::string_view arguments;  // names in blanks; "*" = any
  bool live_only = false;
};

constexpr std::size_t kMany = 64;

constexpr std::array kRules{
    Rule{Place::Top, "run", "", 0, 0, ""},
    Rule{Place::Top, "advance", "", 1, 1, ""},
    Rule{Place::Top, "expect", "counter", 4, 4, ""},
    Rule{Place::Top, "expect", "server", 3, 3, ""},
    Rule{Place::Top, "expect", "log", 1, 1, kAny, true},
    Rule{Place::Top, "expect", "leaks", 2, 2, "", true},

    Rule{Place::Client, "open", "", 0, kMany, "on"},
    Rule{Place::Client, "post", "", 0, kMany, ""},
    Rule{Place::Client, "http", "", 2, 2, "as conn body header chunked split length", true},
    Rule{Place::Client, "raw", "", 1, 1, "as conn split", true},
    Rule{Place::Client, "lose", "", 1, 1, ""},
    Rule{Place::Client, "cut", "", 1, 1, ""},
    Rule{Place::Client, "chunk", "", 1, 1, ""},
    Rule{Place::Client, "ws", "connect", 1, 1, "path protocol"},
    Rule{Place::Client, "ws", "open", 1, 1, "to from version lang id"},
    Rule{Place::Client, "ws", "close", 1, 1, ""},
    Rule{Place::Client, "ws", "say", 2, kMany, kAny},
    Rule{Place::Client, "ws", "frame", 2, 3, "code"},
    Rule{Place::Client, "ws", "cut", 1, 1, ""},
    Rule{Place::Client, "stop", "", 0, 0, "", true},
    Rule{Place::Client, "kill", "", 0, 0, "worker signal", true},
    Rule{Place::Client, "expect", "worker", 3, 3, "", true},
    Rule{Place::Client, "expect", "ws", 2, 3, kAny},
    Rule{Place::Client, "expect", "", 2, 3, kAny},

    Rule{Place::Server, "accept", "", 0, 0, ""},
    Rule{Place::Server, "refuse", "", 0, 0, ""},
    Rule{Place::Server, "chunk", "", 1, 1, ""},
    Rule{Place::Server, "send", "", 1, kMany, kAny},
    Rule{Place::Server, "close", "", 0, 0, ""},
    Rule{Place::Server, "cut", "", 0, 0, ""},
    Rule{Place::Server, "expect", "", 1, 1, kAny},

    // both kinds of actor
    Rule{Place::Client, "advance", "", 1, 1, ""},
    Rule{Place::Server, "advance", "", 1, 1, ""},
    Rule{Place::Client, "sync", "", 1, 1, ""},
    Rule{Place::Server, "sync", "", 1, 1, ""},
};

// What an answer may be expected to be.
constexpr std::array<std::string_view, 10> kAnswers{"body",    "answer", "empty", "terminate", "error",
                                                    "payload", "end",    "same",  "held",      "closed"};

bool listed(std::string_view names, std::string_view one) {
  for (std::size_t at = names.find(one); at != std::string_view::npos; at = names.find(one, at + 1)) {
    bool begins = at == 0 || names[at - 1] == ' ';
    bool ends = at + one.size() == names.size() || names[at + one.size()] == ' ';
    if (begins && ends) return true;
  }
  return false;
}

const Rule* find_rule(const Step& step, Place place) {
  for (const Rule& rule : kRules) {
    if (rule.place != place || rule.verb != step.verb) continue;
    if (rule.first.empty() || rule.first == step.word(0)) return &rule;
  }
  return nullptr;
}

std::string counter_objection(const Step& step) {
  bool known = std::ranges::any_of(stats::kCounters, [&](const auto& info) { return info.name == step.word(1); });
  if (!known) return "there is no counter " + std::string(step.word(1));
  if (step.word(2) != "==" && step.word(2) != ">=" && step.word(2) != "<=") return "compare with ==, >= or <=";
  return {};
}

std::string answer_objection(const Step& step) {
  if (step.words[1].quoted || std::ranges::find(kAnswers, step.word(1)) == kAnswers.end()) {
    return "an answer cannot be expected to be " + std::string(step.word(1));
  }
  bool third = step.word(1) == "payload" || step.word(1) == "same";
  if (third == (step.words.size() == 3)) return {};
  std::string what("`");
  what += step.word(1);
  return what + (third ? "` of what?" : "` ends here");
}

}  // namespace

std::string objection(const Step& step, Place place) {
  const Rule* rule = find_rule(step, place);
  if (!rule) return "unknown verb `" + step.verb + "` here";
  if (step.words.size() < rule->least) return "`" + step.verb + "` needs more words";
  if (step.words.size() > rule->most) return "too many words behind `" + step.verb + "`";
  bool sends_body = place == Place::Client && (step.verb == "open" || step.verb == "post");
  for (const auto& [key, value] : step.arguments) {
    bool known = rule->arguments == kAny || listed(rule->arguments, key) || (sends_body && listed(kBody, key));
    if (!known) return "`" + step.verb + "` knows no argument " + key;
  }
  if (sends_body) {
    if (!step.find("rid") || !step.find("as")) return "`" + step.verb + "` needs rid= and as=";
    if (std::ranges::any_of(step.words, [](const Word& word) { return !word.quoted; })) return "payloads are quoted";
  }
  if (place == Place::Top && step.word(0) == "counter") return counter_objection(step);
  if (place == Place::Client && step.verb == "expect" && step.word(0) != "worker" && step.word(0) != "ws")
    return answer_objection(step);
  return {};
}

bool needs_real_processes(const Step& step, Place place) {
  const Rule* rule = find_rule(step, place);
  return rule && (rule->live_only || step.find("on"));
}

}  // namespace nxb::scenario
