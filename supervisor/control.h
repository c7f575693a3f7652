// supervisor/control.h - the supervisor's end of one worker's control channel: lines in, messages out.
// Runs in: supervisor. Owned by: Fleet, one per worker process; a fresh channel for every process.
// A worker is not trusted to speak well: what it may not say is reported, never acted on.
// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string_view>

#include "common/ipc/message.h"
#include "common/uv/stream.h"
#include "supervisor/policy.h"

namespace nxb::supervisor {

class ControlSink {
 public:
  virtual void on_worker_ready(Index index) = 0;
  virtual void on_worker_events(Index index, const ipc::Events& events) = 0;
  virtual void on_worker_answer(Index index, const ipc::Answer& answer) = 0;
  virtual void on_worker_asks(Index index, const ipc::Ask& ask) = 0;
  virtual void on_worker_reloaded(Index index, const ipc::Reloaded& reloaded) = 0;
  virtual void on_worker_misbehaved(Index index, std::string_view how) = 0;
  virtual void on_worker_drained(Index index) = 0;  // it has taken all that was queued for it

 protected:
  ~ControlSink() = default;
};

class Control final : public uv::StreamSink {
  struct Private {
    explicit Private() = default;
  };

 public:
  Control(Private, Index index, ControlSink& sink) : index_(index), sink_(&sink) {}
  // Takes ownership of fd.
  static Result<std::unique_ptr<Control>> make(uv::Loop& loop, int fd, Index index, ControlSink& sink);
  void send(const ipc::Message& message);
  std::size_t queued() const { return stream_->queued(); }  // bytes that the worker has not taken
  void silence() { sink_ = nullptr; }                       // its process is gone: what still arrives concerns nobody

 private:
  void on_bytes(std::string_view bytes) override;
  void on_end() override {}  // the exit report follows
  void on_broken(const Error&) override {}
  void on_drained() override;
  void on_line(std::string_view line);
  void misbehaved(std::string_view how);

  Index index_;
  ControlSink* sink_;
  ipc::LineReader lines_;
  std::unique_ptr<uv::Stream> stream_;
};

}  // namespace nxb::supervisor
