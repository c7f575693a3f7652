// common/uv/stream.h - a connected TCP or unix stream: reads, queued writes, marks, pause reasons.
// Runs in: supervisor, worker. Owns the socket. Destroying it closes the socket at once, unsent bytes are lost
// (half_close() first where they must arrive).
// Reads land in the loop's shared buffer, one of each stream in a turn. A write is tried at once; what does not fit is
// copied and queued, up to no limit of its own: the owner watches queued() and pauses its source (ARCHITECTURE, Bounds).
// Every sink callback comes from the loop, never from within a call the owner made, without exception; the sink may
// destroy the stream in any of them. After on_broken no other callback comes; between a failed write and it, neither
// on_end nor on_drained.
// SPDX-License-Identifier: MIT
#pragma once

#include <uv.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/address.h"
#include "common/uv/handle.h"
#include "common/uv/loop.h"

namespace nxb::uv {

class StreamSink {
 public:
  virtual void on_connected() {}                      // after Stream::connect only
  virtual void on_bytes(std::string_view bytes) = 0;  // valid during the call only
  virtual void on_end() = 0;                          // the peer finished sending (FIN); writing may go on
  virtual void on_broken(const Error& error) = 0;     // reset, failed connect or failed write; nothing works any more
  virtual void on_drained() {}                        // the write queue, once non-empty, is empty again

 protected:
  ~StreamSink() = default;
};

enum class PauseReason : std::uint8_t { PeerSlow = 1, TooManyRequests = 2, Busy = 4, Draining = 8 };

class Stream {
  struct Private {
    explicit Private() = default;
  };

 public:
  Stream(Private, Loop& loop, StreamSink& sink);
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  // TCP_NODELAY: set here; or there already, with keepalive, from the Listener that accepted it (bequeath()).
  enum class Options : std::uint8_t { Set, Inherited };
  // Takes ownership of a connected, non-blocking descriptor (also on failure: then it is closed). Reading starts.
  static Result<std::unique_ptr<Stream>> adopt(Loop& loop, int fd, StreamSink& sink, Options options = Options::Set);
  // Begins to connect; on_connected or on_broken follows. TCP_NODELAY is set on TCP.
  static Result<std::unique_ptr<Stream>> connect(Loop& loop, const Address& to, StreamSink& sink);
  ~Stream();

  void set_sink(StreamSink& sink);  // the callbacks to come are its; from within a callback, too

  // Both parts in one system call. Failure to write is reported by on_broken, later: when what the peer said before it
  // went has been read, at the latest after a second; in the next turn while reading is paused.
  void write(std::string_view first, std::string_view second = {});
  std::size_t queued() const;      // bytes accepted by write() and not yet taken by the kernel
  void half_close();               // FIN after all queued bytes
  void pause(PauseReason reason);  // stop reading until each reason was resumed
  void resume(PauseReason reason);
  bool paused() const;
  void keepalive(Duration idle);  // TCP keepalive; nothing on unix sockets
  int fd() const;                 // for hand-over (sendmsg dups it) and for getpeername; still owned here

 private:
  struct Failing;

  uv_stream_t* raw() const { return reinterpret_cast<uv_stream_t*>(tcp_ ? tcp_.base() : pipe_.base()); }
  Status open_tcp(bool nodelay);
  Status open_pipe();
  void adjust_reading();
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
  static Stream* of(void* data) { return static_cast<Stream*>(data); }

  // Each session has two of these for all its life: no bytes are spent on what is rarely there.
  Loop& loop_;
  StreamSink* sink_;
  Handle<uv_tcp_t> tcp_;  // one of the two
  Handle<uv_pipe_t> pipe_;
  std::unique_ptr<std::string> pending_;  // what the Write on its way does not have
  std::unique_ptr<Failing> failing_;
  std::uint8_t writes_ = 0;  // on their way
  std::uint8_t paused_ = 0;  // PauseReason bits
  bool connecting_ = false;
  bool reading_ = false;
  bool read_full_ = false;  // by the last read: libuv would go on at once, up to 32 times
  bool ended_ = false;      // the peer's FIN was seen
  bool half_closed_ = false;
  bool broken_ = false;
};

// A listening descriptor shared by all workers; accepts with accept4, one connection per readiness.
// Out of descriptors (EMFILE, ENFILE, ENOBUFS, ENOMEM): stops for a second, then tries again; on_exhausted is told.
class Listener {
  struct Private {
    explicit Private() = default;
  };

 public:
  class Sink {
   public:
    virtual void on_accepted(int fd) = 0;  // non-blocking, close-on-exec; the callee owns it
    virtual void on_exhausted() = 0;

   protected:
    ~Sink() = default;
  };
  Listener(Private, Loop& loop, int fd, Sink& sink);
  static Result<std::unique_ptr<Listener>> adopt(Loop& loop, int fd, Sink& sink);  // does not own fd
  // What it accepts from now on has TCP_NODELAY and keepalive without a call for each; nothing on unix sockets.
  void bequeath(Duration keepalive);
  void pause();
  void resume();

 private:
  void on_readable();
  void on_retry();
  void watch();
  int fd_;
  Sink& sink_;
  std::unique_ptr<Poll> poll_;
  Timer retry_;
  bool paused_ = false;
  bool exhausted_ = false;  // until retry_ is due
};

}  // namespace nxb::uv
