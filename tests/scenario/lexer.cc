// tests/scenario/lexer.cc - see lexer.h.
// SPDX-License-Identifier: MIT
#include "lexer.h"

#include <utility>

#include "parser.h"

namespace nxb::scenario {

namespace {

bool is_space(char c) { return c == ' ' || c == '\t'; }

bool is_key(std::string_view text) {
  return !text.empty() &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:") ==
             std::string_view::npos;
}

// What stands in quotes from `at` on, which is behind the opening one; nothing when it does not end.
std::optional<std::string> quoted(std::string_view text, std::size_t& at) {
  std::string out;
  for (; at < text.size() && text[at] != '"'; ++at) {
    if (text[at] != '\\') {
      out += text[at];
      continue;
    }
    if (++at == text.size()) return std::nullopt;
    static constexpr std::string_view kNames = "nrt\"\\", kMeanings = "\n\r\t\"\\";
    auto which = kNames.find(text[at]);
    if (which == std::string_view::npos) return std::nullopt;
    out += kMeanings[which];
  }
  if (at == text.size()) return std::nullopt;
  ++at;
  return out;
}

struct Token {
  std::optional<std::string> key;
  Word word;
};

// "" or what is wrong.
std::string_view next_token(std::string_view text, std::size_t& at, Token& token) {
  std::string plain;
  while (at < text.size() && !is_space(text[at])) {
    if (text[at] == '"') {
      if (!plain.empty() || token.word.quoted) return "a quote in the middle of a word";
      auto inside = quoted(text, ++at);
      if (!inside) return "quotes that do not end, or an unknown \\-escape";
      token.word = {*std::move(inside), true};
    } else if (token.word.quoted) {
      return "no space behind quotes";
    } else if (text[at] == '=' && !token.key && is_key(plain)) {
      token.key = std::exchange(plain, {});
      ++at;
    } else {
      plain += text[at++];
    }
  }
  if (!token.word.quoted) token.word.text = std::move(plain);
  return {};
}

// `within 5s` may stand at the end of every line.
Status take_within(Step& step) {
  auto at = std::ranges::find_if(step.words, [](const Word& word) { return !word.quoted && word.text == "within"; });
  if (at == step.words.end()) return Done{};
  auto duration = step.words.end() - at == 2 ? parse_duration(std::next(at)->text) : std::nullopt;
  if (!duration) return Error{Code::BadInput, "`within` is followed by a duration and ends the line"};
  step.within = duration;
  step.words.erase(at, step.words.end());
  return Done{};
}

}  // namespace

Result<Line> read_line(std::string_view text, int number) {
  Line line;
  line.step.line = number;
  for (std::size_t at = 0; at < text.size();) {
    if (is_space(text[at]) || text[at] == '\r') {
      ++at;
      continue;
    }
    if (text[at] == '#') break;
    if (line.opens || line.closes) return Error{Code::BadInput, "a brace ends the line"};
    Token token;
    if (auto wrong = next_token(text, at, token); !wrong.empty()) return Error{Code::BadInput, std::string(wrong)};
    bool bare = !token.key && !token.word.quoted;
    if (bare && token.word.text == "{") {
      line.opens = true;
    } else if (bare && token.word.text == "}") {
      line.closes = true;
    } else if (token.key) {
      line.step.arguments.push_back({*token.key, std::move(token.word.text)});
    } else if (line.step.verb.empty() && bare && line.step.arguments.empty()) {
      line.step.verb = std::move(token.word.text);
    } else {
      line.step.words.push_back(std::move(token.word));
    }
  }
  bool empty = line.step.verb.empty() && line.step.words.empty() && line.step.arguments.empty();
  if (line.step.verb.empty() && !empty) return Error{Code::BadInput, "a line begins with a verb"};
  if (line.closes && !empty) return Error{Code::BadInput, "`}` stands alone"};
  NXB_TRY(auto done, take_within(line.step));
  static_cast<void>(done);
  auto first = text.find_first_not_of(" \t");
  if (first != std::string_view::npos) line.step.source = text.substr(first);
  return line;
}

}  // namespace nxb::scenario
