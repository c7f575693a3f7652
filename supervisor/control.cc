// supervisor/control.cc - see control.h.
// Runs in: supervisor.
// SPDX-License-Identifier: MIT
#include "supervisor/control.h"

#include <string>
#include <utility>
#include <variant>

#include "common/ipc/contract.h"

namespace nxb::supervisor {

Result<std::unique_ptr<Control>> Control::make(uv::Loop& loop, int fd, Index index, ControlSink& sink) {
  auto control = std::make_unique<Control>(Private(), index, sink);
  NXB_TRY(control->stream_, uv::Stream::adopt(loop, fd, *control));
  return control;
}

void Control::send(const ipc::Message& message) { stream_->write(ipc::encode(message)); }

void Control::on_bytes(std::string_view bytes) {
  if (auto fed = lines_.feed(bytes); !fed) return misbehaved(fed.error().text);
  std::string line;
  while (sink_ && lines_.next(line)) on_line(line);
}

void Control::on_drained() {
  if (sink_) sink_->on_worker_drained(index_);
}

void Control::on_line(std::string_view line) {
  auto message = ipc::decode(line);
  if (!message) return misbehaved(message.error().text);
  if (const auto* events = std::get_if<ipc::Events>(&*message)) return sink_->on_worker_events(index_, *events);
  if (const auto* answer = std::get_if<ipc::Answer>(&*message)) return sink_->on_worker_answer(index_, *answer);
  if (const auto* ask = std::get_if<ipc::Ask>(&*message)) return sink_->on_worker_asks(index_, *ask);
  if (const auto* reloaded = std::get_if<ipc::Reloaded>(&*message)) return sink_->on_worker_reloaded(index_, *reloaded);
  const auto* ready = std::get_if<ipc::Ready>(&*message);
  if (!ready) return misbehaved("a message that only the supervisor sends");
  if (ready->version != contract::kVersion) return misbehaved("another version of the control protocol");
  sink_->on_worker_ready(index_);
}

void Control::misbehaved(std::string_view how) {
  if (auto* sink = std::exchange(sink_, nullptr)) sink->on_worker_misbehaved(index_, how);
}

}  // namespace nxb::supervisor
