// worker/edge/listeners.cc - see listeners.h.
// SPDX-License-Identifier: MIT
#include "worker/edge/listeners.h"

#include <utility>

namespace nxb::edge {

Status Listeners::open(Edge& edge, std::uint16_t number, Descriptor socket) {
  NXB_TRY([[maybe_unused]] auto done, edge.listen(socket.get(), number));
  open_.insert_or_assign(number, std::move(socket));
  return Done{};
}

Status Listeners::open_added(Edge& edge, const config::Config& next, std::vector<ipc::ListenerMail> mail) {
  added_.clear();
  for (ipc::ListenerMail& one : mail) arrived_.insert_or_assign(one.number, std::move(one.socket));
  for (std::size_t i = 0; i < next.listen.size(); ++i) {
    auto number = static_cast<std::uint16_t>(i);
    if (!next.listen[i].is_open() || open_.contains(number)) continue;
    auto at = arrived_.find(number);
    Status done = Done{};
    if (at == arrived_.end()) {
      done = Error{Code::NotFound, "listener " + next.listen[i].address + " did not arrive"};
    } else {
      done = edge.listen(at->second.get(), number);
    }
    if (!done) {
      undo(edge);
      return done;
    }
    open_.insert(arrived_.extract(at));
    added_.push_back(number);
  }
  return Done{};
}

void Listeners::undo(Edge& edge) {
  for (std::uint16_t number : added_) {
    edge.unlisten(number);
    arrived_.insert(open_.extract(number));
  }
  added_.clear();
}

void Listeners::close_removed(Edge& edge, const config::Config& next) {
  added_.clear();
  for (auto at = open_.begin(); at != open_.end();) {
    if (next.listen.at(at->first).is_open()) {
      ++at;
      continue;
    }
    edge.unlisten(at->first);
    at = open_.erase(at);
  }
  // Those behind the end are named by a Reload that follows; a number below that is not open now never will be.
  arrived_.erase(arrived_.begin(), arrived_.lower_bound(static_cast<std::uint16_t>(next.listen.size())));
}

}  // namespace nxb::edge
