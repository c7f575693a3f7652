// worker/control.h - this worker's end of the control channel.
// Runs in: worker. Adapter: lines <-> ipc messages; a channel that ends means that the supervisor is gone (O-07).
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <memory>

#include "common/ipc/message.h"
#include "common/uv/stream.h"

namespace nxb {

class Control final : private uv::StreamSink {
  struct Private {
    explicit Private() = default;
  };

 public:
  struct Handlers {
    std::function<void(ipc::Configure)> configure;
    std::function<void(const ipc::Stop&)> stop;
    std::function<void(const ipc::Drain&)> drain;
    std::function<void(bool on)> publish;  // whether anybody listens to events
    std::function<void(ipc::Question)> question;
    std::function<void(ipc::Told)> told;  // the answer to an Ask
    std::function<void(const std::string& level)> log_level;
    std::function<void()> reopen_logs;
    std::function<void(const ipc::Reload&)> reload;
    std::function<void()> lost;                // the supervisor vanished
    std::function<void(const Error&)> misled;  // the supervisor spoke nonsense, or is of another version
  };
  static Result<std::unique_ptr<Control>> make(uv::Loop& loop, int fd, Handlers handlers);
  void send(const ipc::Message& message);
  std::size_t queued() const { return stream_->queued(); }  // bytes that the supervisor has not taken

  Control(Private, Handlers handlers) : handlers_(std::move(handlers)) {}

 private:
  void on_bytes(std::string_view bytes) override;
  void on_end() override { handlers_.lost(); }
  void on_broken(const Error& error) override;
  Status take_line(const std::string& line);

  Handlers handlers_;
  ipc::LineReader lines_;
  std::unique_ptr<uv::Stream> stream_;
};

}  // namespace nxb
