// tests/scenario/parser.cc - see parser.h.
// SPDX-License-Identifier: MIT
#include "parser.h"

#include <charconv>
#include <limits>
#include <set>
#include <utility>

#include "grammar.h"
#include "lexer.h"

namespace nxb::scenario {

namespace {

constexpr std::size_t kMostSteps = 5'000;  // `repeat` written out
constexpr std::uint64_t kMostRepeats = 1'000;
constexpr Duration kUsual{1'000};  // what an `expect` waits without saying so

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || bad != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "B-49": a letter and a number of two or three digits.
bool is_requirement(std::string_view id) {
  bool form = id.size() >= 4 && id.size() <= 5 && id[0] >= 'A' && id[0] <= 'Z' && id[1] == '-';
  return form && number(id.substr(2)).has_value();
}

class Parser {
 public:
  Parser(std::string_view text, std::string_view origin) : text_(text), origin_(origin) {}
  Result<Script> run();

 private:
  Error fail(int line, std::string_view what) const {
    return {Code::BadInput, std::string(origin_) + ":" + std::to_string(line) + ": " + std::string(what)};
  }
  Status take(Line& line);
  Status take_head(const Step& step);
  Status take_part(const Step& step);
  Status take_step(Step step);
  Status take_top(Step step);
  Status open_repeat(const Step& step);
  Status close();
  Status account(const Step& step, Place place);
  Status finish();

  struct Repeat {
    std::uint64_t times;
    std::size_t from;  // index of its first step
    int line;
  };

  std::string_view text_, origin_;
  Script script_;
  std::optional<Part> part_;  // the block being read
  std::vector<Repeat> repeats_;
  std::size_t steps_ = 0;
  Duration waits_{0};
  int live_only_line_ = 0;  // of the first line that needs real processes
  int line_ = 0;
};

Result<Script> Parser::run() {
  for (std::size_t at = 0; at < text_.size();) {
    std::size_t end = std::min(text_.find('\n', at), text_.size());
    auto line = read_line(text_.substr(at, end - at), ++line_);
    if (!line) return fail(line_, line.error().text);
    if (auto taken = take(*line); !taken) return taken.error();
    at = end + 1;
  }
  if (auto finished = finish(); !finished) return finished.error();
  return std::move(script_);
}

Status Parser::take(Line& line) {
  if (line.closes) return close();
  if (line.step.verb.empty()) return line.opens ? Status(fail(line_, "a block without a name")) : Status(Done{});
  if (line.opens) {
    if (part_) return open_repeat(line.step);
    return take_part(line.step);
  }
  return part_ ? take_step(std::move(line.step)) : take_top(std::move(line.step));
}

Status Parser::take_top(Step step) {
  if (step.verb == "scenario" || step.verb == "covers" || step.verb == "stage" || step.verb == "nxb") {
    return take_head(step);
  }
  if (step.verb == "client" || step.verb == "server") return fail(step.line, "an actor needs a block: `{` is missing");
  if (auto why = objection(step, Place::Top); !why.empty()) return fail(step.line, why);
  if (auto accounted = account(step, Place::Top); !accounted) return accounted;
  script_.items.emplace_back(std::move(step));
  return Done{};
}

Status Parser::take_head(const Step& step) {
  if (!script_.items.empty()) return fail(step.line, "`" + step.verb + "` stands before actors and `run`");
  if (step.verb == "nxb") {
    if (!step.words.empty()) return fail(step.line, "`nxb` takes option=value only");
    script_.nxb.insert(script_.nxb.end(), step.arguments.begin(), step.arguments.end());
    return Done{};
  }
  if (!step.arguments.empty() || step.words.empty()) return fail(step.line, "`" + step.verb + "` is followed by words");
  if (step.verb == "scenario") {
    if (!script_.name.empty() || step.words.size() != 1) return fail(step.line, "one scenario, one name in quotes");
    script_.name = step.word(0);
  }
  for (const Word& word : step.words) {
    if (step.verb == "covers") script_.covers.push_back(word.text);
    if (step.verb != "stage") continue;
    if (word.text != "sim" && word.text != "live") return fail(step.line, "the stages are sim and live");
    (word.text == "sim" ? script_.sim : script_.live) = true;
  }
  return Done{};
}

Status Parser::take_part(const Step& step) {
  Part part;
  part.line = step.line;
  if (step.verb != "client" && step.verb != "server") return fail(step.line, "a block is of a client or a server");
  part.role = step.verb == "client" ? Role::Client : Role::Server;
  if (step.words.empty()) return fail(step.line, "an actor has a name");
  part.name = step.word(0);
  part.background = step.word(1) == "background";
  if (step.words.size() > (part.background ? 2U : 1U)) return fail(step.line, "unknown word " + step.words.back().text);
  part.arguments = step.arguments;
  for (const auto& [key, value] : part.arguments) {
    if (part.role == Role::Client || key != "domain") return fail(step.line, "an actor knows no argument " + key);
  }
  bool known = std::ranges::any_of(script_.items, [&](const Item& item) {
    const auto* earlier = std::get_if<Part>(&item);
    return earlier && earlier->name == part.name;
  });
  if (part.role == Role::Server && !known && !find(part.arguments, "domain")) {
    return fail(step.line, "a server has a domain=");
  }
  part_ = std::move(part);
  return Done{};
}

Status Parser::take_step(Step step) {
  Place place = part_->role == Role::Client ? Place::Client : Place::Server;
  if (auto why = objection(step, place); !why.empty()) return fail(step.line, why);
  std::uint64_t times = 1;
  for (const Repeat& repeat : repeats_) times *= repeat.times;
  if (step.verb == "sync" && times > 1) return fail(step.line, "`sync` cannot be repeated");
  for (std::uint64_t i = 0; i < times; ++i) {
    if (auto accounted = account(step, place); !accounted) return accounted;
  }
  part_->steps.push_back(std::move(step));
  return Done{};
}

Status Parser::open_repeat(const Step& step) {
  auto times = number(step.word(0));
  if (step.verb != "repeat") return fail(step.line, "only `repeat N` opens a block inside a block");
  if (!times || *times == 0 || *times > kMostRepeats || step.words.size() != 1) {
    return fail(step.line, "`repeat` needs a number from 1 to 1000");
  }
  repeats_.push_back({*times, part_->steps.size(), step.line});
  return Done{};
}

Status Parser::close() {
  if (!part_) return fail(line_, "`}` without a block");
  if (repeats_.empty()) {
    script_.items.emplace_back(*std::exchange(part_, std::nullopt));
    return Done{};
  }
  Repeat repeat = repeats_.back();
  repeats_.pop_back();
  std::vector<Step> once(part_->steps.begin() + static_cast<std::ptrdiff_t>(repeat.from), part_->steps.end());
  if (once.size() * repeat.times > kMostSteps) return fail(repeat.line, "too many steps");
  for (std::uint64_t i = 1; i < repeat.times; ++i) part_->steps.insert(part_->steps.end(), once.begin(), once.end());
  return Done{};
}

// What it adds to the time that the scenario takes on the live stage.
Status Parser::account(const Step& step, Place place) {
  if (++steps_ > kMostSteps) return fail(step.line, "too many steps");
  Duration waits{0};
  if (step.verb == "advance") {
    auto duration = parse_duration(step.word(0));
    if (!duration) return fail(step.line, "`advance` is followed by a duration");
    waits = *duration;
  } else if (step.within) {
    waits = std::max(*step.within - kUsual, Duration::zero());
  }
  if (step.verb == "expect" && step.find("took")) {
    auto took = parse_duration(step.get("took"));
    if (!took) return fail(step.line, "took= is a duration");
    waits = std::max(waits, *took);
  }
  waits_ += waits;
  if (live_only_line_ == 0 && needs_real_processes(step, place)) live_only_line_ = step.line;
  return Done{};
}

Status Parser::finish() {
  if (part_) return fail(repeats_.empty() ? part_->line : repeats_.back().line, "the block does not end");
  if (script_.name.empty()) return fail(line_, "no `scenario` line");
  if (!script_.sim && !script_.live) return fail(line_, "no `stage` line");
  if (std::ranges::none_of(script_.covers, is_requirement)) return fail(line_, "no `covers` line with a requirement");
  if (script_.sim && live_only_line_ != 0) return fail(live_only_line_, "this needs real processes: `stage live` only");
  if (script_.live && waits_ > kLongestLive) {
    return fail(line_, "it waits and advances " + std::to_string(waits_.count()) + " ms: too long for `stage live`");
  }
  auto runs = [](const Item& item) { return std::holds_alternative<Step>(item) && std::get<Step>(item).verb == "run"; };
  if (script_.items.empty() || std::ranges::none_of(script_.items, runs)) return fail(line_, "nothing is run");
  if (std::ranges::any_of(script_.items, [](const Item& item) { return std::holds_alternative<Part>(item); }) &&
      std::holds_alternative<Part>(script_.items.back())) {
    return fail(std::get<Part>(script_.items.back()).line, "this actor is never run");
  }
  return Done{};
}

}  // namespace

Result<Script> parse(std::string_view text, std::string_view origin) { return Parser(text, origin).run(); }

std::optional<Duration> parse_duration(std::string_view text) {
  std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  auto value = number(text.substr(0, digits));
  std::string_view unit = text.substr(digits);
  std::int64_t factor = unit == "ms" ? 1 : unit == "s" ? 1'000 : unit == "m" ? 60'000 : 0;
  if (!value || *value > 1'000'000'000 || factor == 0) return std::nullopt;
  return Duration(static_cast<std::int64_t>(*value) * factor);
}

}  // namespace nxb::scenario
