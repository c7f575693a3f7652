// worker/gateway/journal.cc - see journal.h.
// SPDX-License-Identifier: MIT
#include "worker/gateway/journal.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/ipc/message.h"
#include "common/log/line.h"
#include "worker/xmpp/redact.h"

namespace nxb::gateway {

namespace {

constexpr std::size_t kMostNames = 8;
constexpr std::size_t kMostShown = 8192;  // characters of elements that came together
static_assert(2 * Journal::kMostBytes <= ipc::kMaxEvents, "a batch, with its last line, is what the supervisor takes");

// Where the tag that begins at `at` ends: behind its '>'. Quoted values may hold one.
std::size_t end_of_tag(std::string_view text, std::size_t at) {
  char quote = 0;
  for (; at < text.size(); ++at) {
    char c = text[at];
    if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '>') {
      return at + 1;
    }
  }
  return text.size();
}

}  // namespace

void Journal::listen(bool on) {
  listening_ = on;
  if (on) return;
  waiting_ = {};
  watched_.clear();
}

void Journal::watch(std::string_view name) {
  if (watched_.size() < kMostWatched) watched_.emplace(name);
}

void Journal::unwatch(std::string_view name) { watched_.erase(std::string(name)); }

void Journal::tell_elements(std::string_view sid, std::string_view domain, std::string_view from,
                            std::string_view elements) {
  std::string xml = log::json_text(xmpp::redact(elements, kMostShown), std::string_view::npos);
  tell(ipc::EventType::stanza, sid, domain, {{"from", from}, log::Field::json("xml", std::move(xml))});
}

void Journal::tell(ipc::EventType type, std::string_view sid, std::string_view domain, log::Fields more) {
  tell(type, sid, domain, std::span(more.begin(), more.size()));
}

void Journal::tell(ipc::EventType type, std::string_view sid, std::string_view domain,
                   std::span<const log::Field> more) {
  if (!listening_) return;
  if (waiting_.lines.size() >= kMostBytes) {
    ++waiting_.dropped;
    return;
  }
  std::vector<log::Field> fields{{"time", log::timestamp(wall_clock_ms())}, {"type", ipc::name_of(type)}};
  if (!sid.empty()) fields.emplace_back("sid", sid);
  if (!domain.empty()) fields.emplace_back("domain", domain);
  fields.insert(fields.end(), more.begin(), more.end());
  waiting_.lines += log::json_object(fields) + '\n';
}

Journal::Batch Journal::take() { return std::exchange(waiting_, {}); }

std::string names_of(std::string_view elements) {
  std::vector<std::string_view> names;
  std::size_t depth = 0;
  constexpr std::string_view kCdata = "<![CDATA[";
  for (auto at = elements.find('<'); at != std::string_view::npos; at = elements.find('<', at)) {
    if (elements.substr(at).starts_with(kCdata)) {
      at = std::min(elements.find("]]>", at), elements.size());
      continue;
    }
    std::size_t end = end_of_tag(elements, at);
    if (elements.substr(at).starts_with("</")) {
      depth -= depth > 0 ? 1 : 0;
    } else {
      std::string_view tag = elements.substr(at + 1, end - at - 1);
      std::string_view name = tag.substr(0, tag.find_first_of(" \t\r\n/>"));
      if (depth == 0 && names.size() < kMostNames && std::ranges::find(names, name) == names.end())
        names.push_back(name);
      if (!tag.ends_with("/>")) ++depth;
    }
    at = end;
  }
  std::string text;
  for (std::string_view name : names) text += (text.empty() ? "" : " ") + std::string(name);
  return text;
}

}  // namespace nxb::gateway
