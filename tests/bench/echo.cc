// tests/bench/echo.cc - see echo.h.
// SPDX-License-Identifier: MIT
#include "tests/bench/echo.h"

#include <algorithm>
#include <charconv>

#include "tests/bench/text.h"

namespace nxb::bench {
namespace {

std::size_t count_of(std::string_view text, std::string_view word) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = text.find(word, at)) != std::string_view::npos; at += word.size()) ++count;
  return count;
}

// Letters that do not repeat in a way that a compressor would like.
std::string padding(std::size_t size) {
  std::string text(size, 'a');
  std::uint32_t state = 1;
  for (char& c : text) {
    state = state * 1664525U + 1013904223U;
    c = static_cast<char>('a' + (state >> 24) % 26);
  }
  return text;
}

}  // namespace

void Echo::begin(std::string_view jid, std::size_t size) {
  stanza_ = "<message to='" + std::string(jid) + "' type='chat' xmlns='jabber:client'><body>";
  text_at_ = stanza_.size();
  stanza_ += "echo ";
  number_at_ = stanza_.size();
  stanza_ += padded(0) + " ";
  text_size_ = std::max<std::size_t>(size, 32);
  stanza_ += padding(text_size_ - (stanza_.size() - text_at_)) + "</body></message>";
}

std::string_view Echo::next() {
  stanza_.replace(number_at_, kNumberWidth, padded(++number_));
  return stanza_;
}

bool Echo::is(const Form& form, std::string_view answer) const {
  std::string_view known = form.text;
  std::size_t after = form.number_at + kNumberWidth;
  return answer.size() == known.size() && answer.substr(0, form.number_at) == known.substr(0, form.number_at) &&
         answer.substr(after) == known.substr(after) &&
         answer.substr(form.number_at, kNumberWidth) == std::string_view(stanza_).substr(number_at_, kNumberWidth);
}

std::string Echo::check(std::string_view answer) {
  for (const Form& form : forms_) {
    if (is(form, answer)) return {};
  }
  return learn(answer);
}

std::string Echo::learn(std::string_view answer) {
  std::string text = "<body>" + stanza_.substr(text_at_, text_size_) + "</body>";
  std::size_t at = answer.find(text);
  const char* wrong = nullptr;
  if (at == std::string_view::npos || count_of(answer, "<message") != 1 || count_of(answer, "echo ") != 1) {
    wrong = "not the echo of what was sent: ";
  } else if (answer.find("type='error'") != std::string_view::npos ||
             answer.find("type=\"error\"") != std::string_view::npos) {
    wrong = "an error: ";
  } else if (forms_.size() == forms_allowed_) {
    wrong = "not written as before: ";
  }
  if (wrong != nullptr) return wrong + std::string(answer.substr(0, 400));
  forms_.push_back({std::string(answer), at + (number_at_ - text_at_) + 6});
  return {};
}

bool Pushes::take(std::string_view answer, std::vector<Micros>& times) {
  times.clear();
  constexpr std::string_view kBegin = "<body>push ";
  constexpr std::string_view kEnd = "</body></message>";
  for (std::size_t at = 0; (at = answer.find(kBegin, at)) != std::string_view::npos;) {
    std::string_view rest = answer.substr(at + kBegin.size());
    std::string expected = padded(++count_) + " at ";
    if (!rest.starts_with(expected)) return false;
    rest.remove_prefix(expected.size());
    Micros sent = 0;
    auto number = std::from_chars(rest.data(), rest.data() + rest.size(), sent);
    if (!std::string_view(number.ptr, rest.data() + rest.size()).starts_with(kEnd)) return false;
    times.push_back(sent);
    at = static_cast<std::size_t>(number.ptr - answer.data());
  }
  return !times.empty() && count_of(answer, "<message") == times.size();
}

}  // namespace nxb::bench
