// worker/edge/tls_clients.cc - the table; tls_pump.cc has one connection of it.
// SPDX-License-Identifier: MIT
#include "worker/edge/tls_clients.h"

#include <utility>
#include <vector>

#include "common/log/log.h"
#include "worker/edge/tls_pump.h"

namespace nxb::edge {

TlsClients::TlsClients(const Context& context, Callbacks callbacks)
    : context_(context), callbacks_(std::move(callbacks)), family_(context.deadlines.add(*this)) {}

TlsClients::~TlsClients() {
  pumps_.for_each([this](ConnId id, Pump&) { context_.deadlines.clear(family_, id.value); });
}

bool TlsClients::wanted_at(std::uint16_t listener) const {
  return context_.tls != nullptr && context_.tls->at(listener) != nullptr;
}

void TlsClients::take(relay::Handover newcomer) {
  const ConnId id = pumps_.reserve();
  auto pump = std::make_unique<Pump>(*this, id, tls::Engine::server(*context_.tls->at(newcomer.listener)),
                                     newcomer.listener, newcomer.peer);
  Status begun = pump->begin(std::move(newcomer.fd));
  if (!begun) {
    pumps_.take(id);
    log::warn("edge.adopt_failed", {{"why", begun.error().text}});
    return callbacks_.uncounted(newcomer.peer, newcomer.listener);
  }
  Pump& there = pumps_.put(id, std::move(pump));
  there.arm();
  if (!newcomer.bytes.empty()) there.take(newcomer.bytes);
}

// A method of it may be on the stack; it must hear nothing more.
void TlsClients::remove(ConnId id) {
  std::unique_ptr<Pump> pump = pumps_.take(id);
  if (!pump) return;
  pump->cut();
  context_.deadlines.clear(family_, id.value);
  context_.loop.retire(std::move(pump));
  callbacks_.fewer();
}

void TlsClients::shut_down() {
  std::vector<ConnId> newcomers;
  pumps_.for_each([&](ConnId id, const Pump& pump) {
    if (pump.is_handshaking()) newcomers.push_back(id);
  });
  for (ConnId id : newcomers) remove(id);
}

void TlsClients::for_each_counted(const std::function<void(const std::string&, std::uint16_t)>& f) {
  pumps_.for_each([&f](ConnId, const Pump& pump) {
    if (pump.counts()) f(pump.peer(), pump.listener());
  });
}

void TlsClients::on_deadline(std::uint64_t id, Instant now) {
  if (Pump* pump = pumps_.find(ConnId{id})) pump->on_deadline(now);
}

}  // namespace nxb::edge
