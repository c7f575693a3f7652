// supervisor/fleet_reload.cc - another configuration for workers that run, and for those to come (O-33).
// Runs in: supervisor.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <utility>

#include "common/base/certificate.h"
#include "common/ipc/listener_mail.h"
#include "common/log/log.h"
#include "supervisor/fleet.h"

namespace nxb::supervisor {

Status Fleet::reconfigure(std::string config_json, std::vector<Listening> listeners, Questions::Done done) {
  NXB_TRY(config_, SealedText::make(std::move(config_json)));
  setup_.listeners = std::move(listeners);
  std::vector<Index> all;
  for (Index i = 0; i < slots_.size(); ++i) all.push_back(i);
  reloads_.ask(all, "", "", std::move(done));
  deliver(Reconfigured{});
  return Done{};
}

Reply::State Fleet::put_reload(Index index, std::uint32_t id) {
  Slot& slot = slots_[index];
  if (!slot.control) return Reply::State::Absent;  // the next process starts with the new configuration
  slot.reload_due = id;
  tell_reload(slot);
  return Reply::State::Answered;
}

// Only the configuration that holds, and only to a worker that reads: one that hangs is told when it has taken the rest,
// so nothing piles up for it however often there is a reload.
void Fleet::tell_reload(Slot& slot) {
  if (!slot.control || slot.reload_due == 0 || slot.control->queued() != 0) return;
  for (const Listening& listener : setup_.listeners) {
    if (slot.listeners.contains(listener.number)) continue;
    if (auto sent = ipc::send_listener(slot.listener_mail.get(), listener.number, listener.fd); !sent) {
      log::warn("reload.listener", {{"why", sent.error().text}});
      break;  // the worker says what it misses
    }
    slot.listeners.insert(listener.number);
  }
  std::erase_if(slot.listeners, [this](std::uint16_t number) {
    return std::ranges::find(setup_.listeners, number, &Listening::number) == setup_.listeners.end();
  });
  auto config = config_.text();
  if (!config) return log::error("reload.configuration", {{"why", config.error().text}});
  ipc::Reload reload{std::exchange(slot.reload_due, 0), *std::move(config)};
  slot.control->send(reload);
  wipe(reload.config);
}

void Fleet::on_worker_reloaded(Index index, const ipc::Reloaded& reloaded) {
  questions_.on_word(index);
  reloads_.on_answer(index, {reloaded.id, reloaded.error});
}

}  // namespace nxb::supervisor
