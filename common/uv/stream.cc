// common/uv/stream.cc - a connected stream.
// A write is the kernel's at once (uv_try_write) or its remainder becomes a Write that owns its bytes until libuv calls
// back, even when the Stream has long been destroyed. At most one Write is on its way (two after half_close); what is
// written meanwhile collects in pending_. An idle stream owns no buffer.
// A stream is read once a turn, so that one with much to say cannot make all others wait.
// SPDX-License-Identifier: MIT
#include "common/uv/stream.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>

namespace nxb::uv {
namespace {

Error failure(const char* what, int rc) {
  Code code = Code::Io;
  if (rc == UV_ECONNRESET || rc == UV_EPIPE || rc == UV_ENOTCONN) code = Code::Closed;
  if (rc == UV_ECONNREFUSED || rc == UV_EACCES) code = Code::Refused;
  if (rc == UV_ETIMEDOUT) code = Code::TimedOut;
  if (rc == UV_ENOENT) code = Code::NotFound;
  return Error{code, std::string(what) + ": " + uv_strerror(rc)};
}

struct Write {
  uv_write_t request{};
  std::string bytes;
};
struct Shutdown {
  uv_shutdown_t request{};
};
struct Connect {
  uv_connect_t request{};
};

// What the peer said before it went can be read after a write failed; the read side tells the end of it.
constexpr Duration kLastWords{1'000};

// A request belongs to libuv between submit() and its callback, which calls reclaim() first.
template <class R>
R* submit(std::unique_ptr<R> request) {
  request->request.data = request.get();
  return request.release();
}
template <class R, class Raw>
std::unique_ptr<R> reclaim(Raw* raw) {
  return std::unique_ptr<R>(static_cast<R*>(raw->data));
}

}  // namespace

// A failure found within a call of the owner; it is told in a later turn.
struct Stream::Failing {
  Failing(Stream& stream, Error e)
      : timer(stream.loop_, [&stream] { stream.fail(Error(stream.failing_->error)); }), error(std::move(e)) {}
  Timer timer;
  Error error;
};

Stream::Stream(Private, Loop& loop, StreamSink& sink) : loop_(loop), sink_(&sink) {}
Stream::~Stream() = default;

Status Stream::open_tcp(bool nodelay) {
  NXB_TRY(tcp_, Handle<uv_tcp_t>::make(this, [this](uv_tcp_t* h) { return uv_tcp_init(loop_.raw(), h); }));
  if (nodelay) uv_tcp_nodelay(tcp_.raw(), 1);  // remembered until there is a socket
  return Done{};
}

Status Stream::open_pipe() {
  NXB_TRY(pipe_, Handle<uv_pipe_t>::make(this, [this](uv_pipe_t* h) { return uv_pipe_init(loop_.raw(), h, 0); }));
  return Done{};
}

void Stream::adjust_reading() {
  bool wanted = !connecting_ && !ended_ && !broken_ && paused_ == 0;
  if (wanted == reading_) return;
  reading_ = wanted;
  if (!wanted) {
    uv_read_stop(raw());
  } else if (int rc = uv_read_start(raw(), &on_alloc, &on_read); rc != 0) {
    fail_later(failure("read", rc));
  }
}

void Stream::write(std::string_view first, std::string_view second) {
  if (broken_ || failing_ || half_closed_ || first.size() + second.size() == 0) return;
  if (!connecting_ && writes_ == 0) {
    std::array buffers{uv_buf_init(const_cast<char*>(first.data()), static_cast<unsigned>(first.size())),
                       uv_buf_init(const_cast<char*>(second.data()), static_cast<unsigned>(second.size()))};
    int rc = uv_try_write(raw(), buffers.data(), second.empty() ? 1 : 2);
    if (rc < 0 && rc != UV_EAGAIN) return fail_to_write(rc);
    std::size_t taken = rc > 0 ? static_cast<std::size_t>(rc) : 0;
    std::size_t of_first = std::min(taken, first.size());
    first.remove_prefix(of_first);
    second.remove_prefix(taken - of_first);
    if (first.size() + second.size() == 0) return;
  }
  if (!pending_) pending_ = std::make_unique<std::string>();
  pending_->append(first).append(second);
  if (!connecting_ && writes_ == 0) submit_pending();
}

void Stream::submit_pending() {
  auto write = std::make_unique<Write>();
  write->bytes = std::move(*std::exchange(pending_, nullptr));
  uv_buf_t buffer = uv_buf_init(write->bytes.data(), static_cast<unsigned>(write->bytes.size()));
  Write* submitted = submit(std::move(write));
  if (int rc = uv_write(&submitted->request, raw(), &buffer, 1, &on_written); rc != 0) {
    reclaim<Write>(&submitted->request);
    return fail_to_write(rc);
  }
  ++writes_;
}

void Stream::shut_down() {
  if (pending_) submit_pending();
  Shutdown* submitted = submit(std::make_unique<Shutdown>());
  if (int rc = uv_shutdown(&submitted->request, raw(), &on_shut_down); rc != 0) {
    reclaim<Shutdown>(&submitted->request);
    fail_later(failure("shutdown", rc));
  }
}

void Stream::fail(const Error& error) {
  if (broken_) return;
  broken_ = true;
  adjust_reading();
  sink_->on_broken(error);  // may destroy this stream
}

void Stream::fail_later(Error error) {
  if (broken_ || failing_) return;
  failing_ = std::make_unique<Failing>(*this, std::move(error));
  failing_->timer.start(Duration{0});
}

void Stream::fail_to_write(int rc) {
  if (broken_ || failing_) return;
  fail_later(failure("write", rc));
  pending_.reset();
  if (reading_) failing_->timer.start(kLastWords);
}

void Stream::on_alloc(uv_handle_t* handle, std::size_t, uv_buf_t* out) noexcept {
  auto* self = of(handle->data);
  if (!self || std::exchange(self->read_full_, false)) return;  // no buffer: libuv leaves the rest to the next turn
  *out = uv_buf_init(self->loop_.read_buffer(), Loop::kReadBufferSize);
}

void Stream::on_read(uv_stream_t* handle, ssize_t size, const uv_buf_t* buffer) noexcept {
  auto* self = of(handle->data);
  if (!self || size == 0 || size == UV_ENOBUFS) return;
  self->read_full_ = size == ssize_t{Loop::kReadBufferSize};
  if (size > 0) return self->sink_->on_bytes({buffer->base, static_cast<std::size_t>(size)});
  // The end, or a reset: what the write found is told.
  if (self->failing_) return self->fail(Error(self->failing_->error));
  if (size != UV_EOF) return self->fail(failure("read", static_cast<int>(size)));
  self->ended_ = true;
  self->adjust_reading();
  self->sink_->on_end();
}

void Stream::on_written(uv_write_t* raw, int status) noexcept {
  auto write = reclaim<Write>(raw);
  auto* self = of(raw->handle->data);
  if (!self) return;  // the stream was destroyed first
  --self->writes_;
  if (self->broken_) return;
  if (status < 0) return self->fail_to_write(status);
  if (self->writes_ > 0 || self->failing_) return;
  if (self->pending_) return self->submit_pending();
  self->sink_->on_drained();
}

void Stream::on_shut_down(uv_shutdown_t* raw, int status) noexcept {
  auto shutdown = reclaim<Shutdown>(raw);
  auto* self = of(raw->handle->data);
  if (self && status < 0) self->fail(failure("shutdown", status));
}

void Stream::on_connected(uv_connect_t* raw, int status) noexcept {
  auto connect = reclaim<Connect>(raw);
  auto* self = of(raw->handle->data);
  if (!self) return;
  if (status < 0) return self->fail(failure("connect", status));
  self->connecting_ = false;
  self->adjust_reading();
  if (self->half_closed_) {
    self->shut_down();
  } else if (self->pending_) {
    self->submit_pending();
  }
  self->sink_->on_connected();
}

Result<std::unique_ptr<Stream>> Stream::adopt(Loop& loop, int fd, StreamSink& sink, Options options) {
  auto stream = std::make_unique<Stream>(Private(), loop, sink);
  int family = 0;
  socklen_t size = sizeof(family);
  int rc = getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) == 0 ? 0 : -errno;
  if (rc == 0) {
    Status made = family == AF_UNIX ? stream->open_pipe() : stream->open_tcp(options == Options::Set);
    if (!made) {
      rc = UV_ENOMEM;
    } else {
      rc = family == AF_UNIX ? uv_pipe_open(stream->pipe_.raw(), fd) : uv_tcp_open(stream->tcp_.raw(), fd);
    }
  }
  if (rc != 0) {
    close(fd);
    return failure("adopting a socket", rc);
  }
  stream->adjust_reading();
  return stream;
}

Result<std::unique_ptr<Stream>> Stream::connect(Loop& loop, const Address& to, StreamSink& sink) {
  auto stream = std::make_unique<Stream>(Private(), loop, sink);
  stream->connecting_ = true;
  if (to.family() == AF_UNIX) {
    NXB_TRY([[maybe_unused]] auto made, stream->open_pipe());
    Connect* submitted = submit(std::make_unique<Connect>());
    std::string path = to.text().substr(std::strlen("unix:"));
    uv_pipe_connect(&submitted->request, stream->pipe_.raw(), path.c_str(), &on_connected);  // never fails at once
  } else {
    NXB_TRY([[maybe_unused]] auto made, stream->open_tcp(true));
    Connect* submitted = submit(std::make_unique<Connect>());
    int rc = uv_tcp_connect(&submitted->request, stream->tcp_.raw(), to.get(), &on_connected);
    if (rc != 0) {
      reclaim<Connect>(&submitted->request);
      return failure("connect", rc);
    }
  }
  return stream;
}

void Stream::set_sink(StreamSink& sink) { sink_ = &sink; }

std::size_t Stream::queued() const {
  return broken_ ? 0 : uv_stream_get_write_queue_size(raw()) + (pending_ ? pending_->size() : 0);
}

void Stream::half_close() {
  if (broken_ || std::exchange(half_closed_, true)) return;
  if (!connecting_) shut_down();
}

void Stream::pause(PauseReason reason) {
  paused_ = static_cast<std::uint8_t>(paused_ | static_cast<std::uint8_t>(reason));
  adjust_reading();
}

void Stream::resume(PauseReason reason) {
  paused_ = static_cast<std::uint8_t>(paused_ & ~static_cast<unsigned>(reason));
  adjust_reading();
}

bool Stream::paused() const { return paused_ != 0; }

void Stream::keepalive(Duration idle) {
  auto seconds = static_cast<unsigned>(std::max<Duration::rep>(idle.count() / 1000, 1));
  if (tcp_) uv_tcp_keepalive(tcp_.raw(), 1, seconds);
}

int Stream::fd() const {
  uv_os_fd_t fd = -1;
  return uv_fileno(reinterpret_cast<uv_handle_t*>(raw()), &fd) == 0 ? fd : -1;
}

}  // namespace nxb::uv
