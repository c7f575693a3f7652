// worker/control.cc - see control.h.
// SPDX-License-Identifier: MIT
#include "worker/control.h"

#include <utility>

#include "common/log/log.h"

namespace nxb {

Result<std::unique_ptr<Control>> Control::make(uv::Loop& loop, int fd, Handlers handlers) {
  auto control = std::make_unique<Control>(Private(), std::move(handlers));
  NXB_TRY(control->stream_, uv::Stream::adopt(loop, fd, *control));
  return control;
}

void Control::send(const ipc::Message& message) { stream_->write(ipc::encode(message)); }

void Control::on_bytes(std::string_view bytes) {
  Status fed = lines_.feed(bytes);
  std::string line;
  while (fed && lines_.next(line)) fed = take_line(line);
  if (fed) return;
  handlers_.misled(fed.error());
}

void Control::on_broken(const Error& error) {
  log::error("control.broken", {{"why", error.text}});
  handlers_.lost();
}

Status Control::take_line(const std::string& line) {
  NXB_TRY(ipc::Message message, ipc::decode(line));
  if (auto* configure = std::get_if<ipc::Configure>(&message)) {
    handlers_.configure(std::move(*configure));
  } else if (const auto* stop = std::get_if<ipc::Stop>(&message)) {
    handlers_.stop(*stop);
  } else if (const auto* drain = std::get_if<ipc::Drain>(&message)) {
    handlers_.drain(*drain);
  } else if (const auto* publish = std::get_if<ipc::Publish>(&message)) {
    handlers_.publish(publish->on);
  } else if (auto* question = std::get_if<ipc::Question>(&message)) {
    handlers_.question(std::move(*question));
  } else if (auto* told = std::get_if<ipc::Told>(&message)) {
    handlers_.told(std::move(*told));
  } else if (const auto* log = std::get_if<ipc::LogLevel>(&message)) {
    handlers_.log_level(log->level);
  } else if (std::holds_alternative<ipc::ReopenLogs>(message)) {
    handlers_.reopen_logs();
  } else if (const auto* reload = std::get_if<ipc::Reload>(&message)) {
    handlers_.reload(*reload);
  } else {
    return Error{Code::BadInput, "a message that only workers send"};
  }
  return Done{};
}

}  // namespace nxb
