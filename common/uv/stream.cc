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

// A failure found within a call of the owner; it is told in a later turn.
struct Failing {
  Timer timer;
  Error error;
};

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

struct Stream::Impl {
  Impl(Loop& l, StreamSink& s) : loop(l), sink(&s) {}

  uv_stream_t* raw() const { return reinterpret_cast<uv_stream_t*>(tcp ? tcp.base() : pipe.base()); }
  Status open_tcp(bool nodelay);
  Status open_pipe();
  void adjust_reading();
  void write(std::string_view first, std::string_view second);
  void submit_pending();
  void shut_down();
  void fail(const Error& error);  // from the loop only; the last thing a callback does
  void fail_later(Error error);
  void fail_to_write(int rc);

  static void on_alloc(uv_handle_t* handle, std::size_t, uv_buf_t* out) noexcept;
  static void on_read(uv_stream_t* handle, ssize_t size, const uv_buf_t* buffer) noexcept;
  static void on_written(uv_write_t* raw, int status) noexcept;
  static void on_shut_down(uv_shutdown_t* raw, int status) noexcept;
  static void on_connected(uv_connect_t* raw, int status) noexcept;
  static Impl* of(void* data) { return static_cast<Impl*>(data); }

  Loop& loop;
  StreamSink* sink;
  Handle<uv_tcp_t> tcp;  // one of the two
  Handle<uv_pipe_t> pipe;
  std::string pending;  // what the Write on its way does not have
  std::unique_ptr<Failing> failing;
  std::uint8_t writes = 0;  // on their way
  std::uint8_t paused = 0;  // PauseReason bits
  bool connecting = false;
  bool reading = false;
  bool read_full = false;  // by the last read: libuv would go on at once, up to 32 times
  bool ended = false;      // the peer's FIN was seen
  bool half_closed = false;
  bool broken = false;
};

Status Stream::Impl::open_tcp(bool nodelay) {
  NXB_TRY(tcp, Handle<uv_tcp_t>::make(this, [this](uv_tcp_t* h) { return uv_tcp_init(loop.raw(), h); }));
  if (nodelay) uv_tcp_nodelay(tcp.raw(), 1);  // remembered until there is a socket
  return Done{};
}

Status Stream::Impl::open_pipe() {
  NXB_TRY(pipe, Handle<uv_pipe_t>::make(this, [this](uv_pipe_t* h) { return uv_pipe_init(loop.raw(), h, 0); }));
  return Done{};
}

void Stream::Impl::adjust_reading() {
  bool wanted = !connecting && !ended && !broken && paused == 0;
  if (wanted == reading) return;
  reading = wanted;
  if (!wanted) {
    uv_read_stop(raw());
  } else if (int rc = uv_read_start(raw(), &on_alloc, &on_read); rc != 0) {
    fail_later(failure("read", rc));
  }
}

void Stream::Impl::write(std::string_view first, std::string_view second) {
  if (broken || failing || half_closed || first.size() + second.size() == 0) return;
  if (!connecting && writes == 0) {
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
  pending.append(first);
  pending.append(second);
  if (!connecting && writes == 0) submit_pending();
}

void Stream::Impl::submit_pending() {
  auto write = std::make_unique<Write>();
  write->bytes = std::exchange(pending, {});
  uv_buf_t buffer = uv_buf_init(write->bytes.data(), static_cast<unsigned>(write->bytes.size()));
  Write* submitted = submit(std::move(write));
  if (int rc = uv_write(&submitted->request, raw(), &buffer, 1, &on_written); rc != 0) {
    reclaim<Write>(&submitted->request);
    return fail_to_write(rc);
  }
  ++writes;
}

void Stream::Impl::shut_down() {
  if (!pending.empty()) submit_pending();
  Shutdown* submitted = submit(std::make_unique<Shutdown>());
  if (int rc = uv_shutdown(&submitted->request, raw(), &on_shut_down); rc != 0) {
    reclaim<Shutdown>(&submitted->request);
    fail_later(failure("shutdown", rc));
  }
}

void Stream::Impl::fail(const Error& error) {
  if (broken) return;
  broken = true;
  adjust_reading();
  sink->on_broken(error);  // may destroy this stream
}

void Stream::Impl::fail_later(Error error) {
  if (broken || failing) return;
  failing.reset(new Failing{Timer(loop, [this] { fail(Error(failing->error)); }), std::move(error)});
  failing->timer.start(Duration{0});
}

void Stream::Impl::fail_to_write(int rc) {
  if (broken || failing) return;
  fail_later(failure("write", rc));
  pending.clear();
  if (reading) failing->timer.start(kLastWords);
}

void Stream::Impl::on_alloc(uv_handle_t* handle, std::size_t, uv_buf_t* out) noexcept {
  auto* self = of(handle->data);
  if (!self || std::exchange(self->read_full, false)) return;  // no buffer: libuv leaves the rest to the next turn
  *out = uv_buf_init(self->loop.read_buffer(), Loop::kReadBufferSize);
}

void Stream::Impl::on_read(uv_stream_t* handle, ssize_t size, const uv_buf_t* buffer) noexcept {
  auto* self = of(handle->data);
  if (!self || size == 0 || size == UV_ENOBUFS) return;
  self->read_full = size == ssize_t{Loop::kReadBufferSize};
  if (size > 0) return self->sink->on_bytes({buffer->base, static_cast<std::size_t>(size)});
  if (self->failing) return self->fail(Error(self->failing->error));
  if (size != UV_EOF) return self->fail(failure("read", static_cast<int>(size)));
  self->ended = true;
  self->adjust_reading();
  self->sink->on_end();
}

void Stream::Impl::on_written(uv_write_t* raw, int status) noexcept {
  auto write = reclaim<Write>(raw);
  auto* self = of(raw->handle->data);
  if (!self) return;  // the stream was destroyed first
  --self->writes;
  if (self->broken) return;
  if (status < 0) return self->fail_to_write(status);
  if (self->writes > 0 || self->failing) return;
  if (!self->pending.empty()) return self->submit_pending();
  self->sink->on_drained();
}

void Stream::Impl::on_shut_down(uv_shutdown_t* raw, int status) noexcept {
  auto shutdown = reclaim<Shutdown>(raw);
  auto* self = of(raw->handle->data);
  if (self && status < 0) self->fail(failure("shutdown", status));
}

void Stream::Impl::on_connected(uv_connect_t* raw, int status) noexcept {
  auto connect = reclaim<Connect>(raw);
  auto* self = of(raw->handle->data);
  if (!self) return;
  if (status < 0) return self->fail(failure("connect", status));
  self->connecting = false;
  self->adjust_reading();
  if (self->half_closed) {
    self->shut_down();
  } else if (!self->pending.empty()) {
    self->submit_pending();
  }
  self->sink->on_connected();
}

Stream::Stream(Private, std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Stream::~Stream() = default;

Result<std::unique_ptr<Stream>> Stream::adopt(Loop& loop, int fd, StreamSink& sink, Options options) {
  auto impl = std::make_unique<Impl>(loop, sink);
  int family = 0;
  socklen_t size = sizeof(family);
  int rc = getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) == 0 ? 0 : -errno;
  if (rc == 0) {
    Status made = family == AF_UNIX ? impl->open_pipe() : impl->open_tcp(options == Options::Set);
    rc = !made ? UV_ENOMEM : family == AF_UNIX ? uv_pipe_open(impl->pipe.raw(), fd) : uv_tcp_open(impl->tcp.raw(), fd);
  }
  if (rc != 0) {
    close(fd);
    return failure("adopting a socket", rc);
  }
  impl->adjust_reading();
  return std::make_unique<Stream>(Private(), std::move(impl));
}

Result<std::unique_ptr<Stream>> Stream::connect(Loop& loop, const Address& to, StreamSink& sink) {
  auto impl = std::make_unique<Impl>(loop, sink);
  impl->connecting = true;
  if (to.family() == AF_UNIX) {
    NXB_TRY([[maybe_unused]] auto made, impl->open_pipe());
    Connect* submitted = submit(std::make_unique<Connect>());
    std::string path = to.text().substr(std::strlen("unix:"));
    uv_pipe_connect(&submitted->request, impl->pipe.raw(), path.c_str(), &Impl::on_connected);  // never fails at once
  } else {
    NXB_TRY([[maybe_unused]] auto made, impl->open_tcp(true));
    Connect* submitted = submit(std::make_unique<Connect>());
    int rc = uv_tcp_connect(&submitted->request, impl->tcp.raw(), to.get(), &Impl::on_connected);
    if (rc != 0) {
      reclaim<Connect>(&submitted->request);
      return failure("connect", rc);
    }
  }
  return std::make_unique<Stream>(Private(), std::move(impl));
}

void Stream::set_sink(StreamSink& sink) { impl_->sink = &sink; }

void Stream::write(std::string_view first, std::string_view second) { impl_->write(first, second); }

std::size_t Stream::queued() const {
  return impl_->broken ? 0 : uv_stream_get_write_queue_size(impl_->raw()) + impl_->pending.size();
}

void Stream::half_close() {
  if (impl_->broken || std::exchange(impl_->half_closed, true)) return;
  if (!impl_->connecting) impl_->shut_down();
}

void Stream::pause(PauseReason reason) {
  impl_->paused = static_cast<std::uint8_t>(impl_->paused | static_cast<std::uint8_t>(reason));
  impl_->adjust_reading();
}

void Stream::resume(PauseReason reason) {
  impl_->paused = static_cast<std::uint8_t>(impl_->paused & ~static_cast<unsigned>(reason));
  impl_->adjust_reading();
}

bool Stream::paused() const { return impl_->paused != 0; }

void Stream::keepalive(Duration idle) {
  auto seconds = static_cast<unsigned>(std::max<Duration::rep>(idle.count() / 1000, 1));
  if (impl_->tcp) uv_tcp_keepalive(impl_->tcp.raw(), 1, seconds);
}

int Stream::fd() const {
  uv_os_fd_t fd = -1;
  return uv_fileno(reinterpret_cast<uv_handle_t*>(impl_->raw()), &fd) == 0 ? fd : -1;
}

}  // namespace nxb::uv
