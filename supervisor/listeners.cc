// supervisor/listeners.cc - see listeners.h.
// Runs in: supervisor.
// SPDX-License-Identifier: MIT
#include "supervisor/listeners.h"

#include <algorithm>
#include <utility>

#include "common/base/address.h"

namespace nxb::supervisor {

namespace {

// What a connection keeps as long as it lives.
bool same_kind(const config::Listen& one, const config::Listen& other) {
  return one.accept_proxy == other.accept_proxy && one.metrics_only == other.metrics_only;
}

}  // namespace

std::optional<std::size_t> Listeners::find(const config::Listen& wanted, bool of_same_kind,
                                           const std::vector<bool>& taken) const {
  for (std::size_t i = 0; i < all_.size(); ++i) {
    if (taken[i] || !all_[i].socket || all_[i].rules.address != wanted.address) continue;
    if (same_kind(all_[i].rules, wanted) == of_same_kind) return i;
  }
  return std::nullopt;
}

Status Listeners::open_missing(const std::vector<config::Listen>& wanted,
                               const std::vector<std::optional<std::size_t>>& from, std::vector<ListeningSocket> passed,
                               std::vector<std::optional<ListeningSocket>>& opened) {
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (from[i]) continue;
    NXB_TRY(auto address, Address::parse(wanted[i].address));
    auto at = std::ranges::find(passed, address.text(), &ListeningSocket::text);
    if (at != passed.end()) {
      opened[i].emplace(std::move(*at));
      continue;
    }
    NXB_TRY(auto socket, ListeningSocket::open(address, kEverybody));
    opened[i].emplace(std::move(socket));
  }
  for (const auto& socket : passed) {
    if (socket.fd() < 0) continue;  // taken
    std::string there;
    for (const auto& listen : wanted) there += " " + listen.address;
    return Error{Code::Io, "the socket passed in for " + socket.text() +
                               " is neither of a [[listen]] nor of [metrics]; there are:" + there};
  }
  return Done{};
}

Status Listeners::change(const std::vector<config::Listen>& wanted, std::vector<ListeningSocket> passed) {
  std::vector<bool> taken(all_.size());
  std::vector<std::optional<std::size_t>> from(wanted.size());
  for (bool of_same_kind : {true, false}) {
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (!from[i]) from[i] = find(wanted[i], of_same_kind, taken);
      if (from[i]) taken[*from[i]] = true;
    }
  }
  if (all_.size() + wanted.size() > kMostNumbers) {
    return Error{Code::Config, "too many listeners came and went: restart nxb-supervisor"};
  }
  std::vector<std::optional<ListeningSocket>> opened(wanted.size());
  NXB_TRY([[maybe_unused]] auto done, open_missing(wanted, from, std::move(passed), opened));
  former_.clear();
  for (const Entry& entry : all_) former_.push_back(entry.rules);
  moved_.clear();
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (from[i] && same_kind(all_[*from[i]].rules, wanted[i])) {
      all_[*from[i]].rules = wanted[i];
      continue;
    }
    if (from[i]) moved_.push_back({*from[i], all_.size()});
    std::optional<ListeningSocket>& source = from[i] ? all_[*from[i]].socket : opened[i];
    Entry entry{wanted[i], std::nullopt};
    entry.socket.emplace(*std::move(source));
    source.reset();
    all_.push_back(std::move(entry));
  }
  for (std::size_t i = 0; i < taken.size(); ++i) {
    if (taken[i] || !all_[i].socket) continue;
    removed_.push_back({i, *std::move(all_[i].socket)});
    all_[i].socket.reset();
  }
  return Done{};
}

void Listeners::undo() {
  for (const Moved& one : moved_) all_[one.from].socket.emplace(*std::move(all_[one.to].socket));
  for (Removed& one : removed_) all_[one.number].socket.emplace(std::move(one.socket));
  removed_.clear();
  while (all_.size() > former_.size()) all_.pop_back();
  for (std::size_t i = 0; i < all_.size(); ++i) all_[i].rules = former_[i];
}

std::vector<config::Listen> Listeners::numbered() const {
  std::vector<config::Listen> list;
  for (const Entry& entry : all_) {
    list.push_back(entry.rules);
    if (entry.socket) continue;
    list.back().address.clear();
    list.back().tls = {};
  }
  return list;
}

std::vector<Fleet::Listening> Listeners::open() const {
  std::vector<Fleet::Listening> list;
  for (std::size_t i = 0; i < all_.size(); ++i) {
    if (all_[i].socket) list.push_back({static_cast<std::uint16_t>(i), all_[i].socket->fd()});
  }
  return list;
}

std::vector<std::string> Listeners::texts() const {
  std::vector<std::string> list;
  for (const Entry& entry : all_) {
    if (entry.socket) list.push_back(entry.socket->text());
  }
  return list;
}

}  // namespace nxb::supervisor
