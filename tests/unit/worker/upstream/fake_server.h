// tests/unit/worker/upstream/fake_server.h - a scripted XMPP server on a loopback socket, in the loop under test, and
// the one who hears a stream's events.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/stats/stats.h"
#include "common/uv/stream.h"
#include "tests/unit/worker/tls/peer.h"
#include "worker/upstream/upstream.h"

namespace nxb::test {

// Waits until `wait` was heard, forgets everything up to its end, then says `say`; may begin TLS or hang up after it.
struct Act {
  enum class Then { Nothing, StartTls, Fin, Drop };
  std::string wait, say;
  Then then = Then::Nothing;
};

class FakeServer final : public uv::Listener::Sink, public uv::StreamSink {
 public:
  FakeServer(uv::Loop& loop, const std::string& where, std::vector<Act> script)
      : loop_(loop), script_(script.begin(), script.end()) {
    Address address = *Address::parse(where);
    fd_ = socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    NXB_CHECK(bind(fd_, address.get(), address.size()) == 0 && listen(fd_, 8) == 0, "listening in a test");
    sockaddr_storage bound{};
    socklen_t size = sizeof(bound);
    getsockname(fd_, reinterpret_cast<sockaddr*>(&bound), &size);
    address_ = Address::from_sockaddr(reinterpret_cast<sockaddr*>(&bound), size);
    listener_ = *uv::Listener::adopt(loop, fd_, *this);
  }
  ~FakeServer() {
    listener_.reset();
    close(fd_);
  }
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;

  std::string address() const { return address_.text(); }
  void use_tls(const Authority& authority, const Subject& subject, ServerOptions options = {}) {
    tls = std::make_unique<Server>(authority, subject, std::move(options));
  }
  void say(const std::string& text) {
    if (stream) stream->write(secure ? tls->say(text) : text);
  }
  bool finished() const { return script_.empty(); }

  std::unique_ptr<uv::Stream> stream;
  std::unique_ptr<Server> tls;
  bool secure = false;  // TLS is up; set before accepting for direct TLS
  bool ended = false;   // FIN or reset came
  int accepted = 0;
  std::string heard;  // everything, in plaintext

 private:
  void on_accepted(int fd) override {
    ++accepted;
    stream = *uv::Stream::adopt(loop_, fd, *this);
    play();
  }
  void on_exhausted() override {}
  void on_bytes(std::string_view bytes) override {
    if (secure) {
      std::size_t before = tls->said().size();
      std::string answer = tls->take(bytes);
      if (!answer.empty()) stream->write(answer);
      take(tls->said().substr(before));
    } else {
      take(std::string(bytes));
    }
  }
  void on_end() override {
    ended = true;
    stream.reset();
  }
  void on_broken(const Error&) override {
    ended = true;
    stream.reset();
  }
  void take(const std::string& plaintext) {
    heard += plaintext;
    unread_ += plaintext;
    play();
  }
  void play() {
    while (!script_.empty() && stream) {
      auto at = unread_.find(script_.front().wait);
      if (at == std::string::npos) return;
      unread_.erase(0, at + script_.front().wait.size());
      Act act = script_.front();
      script_.pop_front();
      if (!act.say.empty()) say(act.say);
      if (act.then == Act::Then::StartTls) secure = true;
      if (act.then == Act::Then::Fin) stream->half_close();
      if (act.then == Act::Then::Drop) on_end();
    }
  }

  uv::Loop& loop_;
  std::deque<Act> script_;
  std::string unread_;
  int fd_ = -1;
  Address address_;
  std::unique_ptr<uv::Listener> listener_;
};

// Writes the events down; checks that Closed comes once and last.
class Ears final : public upstream::Events {
 public:
  void on_stream_event(StreamId, upstream::Event event) override {
    NXB_CHECK(!closed, "an event after Closed");
    if (auto* opened = std::get_if<upstream::Opened>(&event)) {
      header = *opened;
      log += "O:" + opened->authid + "/" + opened->xmpp_version + " ";
    }
    if (auto* arrived = std::get_if<upstream::Arrived>(&event)) {
      for (const auto& stanza : arrived->stanzas) log += "A:" + stanza.bytes + " ";
    }
    if (auto* last = std::get_if<upstream::Closed>(&event)) {
      closed = true;
      end = *last;
      log += "C:" + std::string(bosh::wire_name(last->condition)) + " ";
    }
    if (on_event) on_event(event);
  }
  std::string log;
  bool closed = false;
  upstream::Opened header;  // the last one
  upstream::Closed end;
  std::function<void(const upstream::Event&)> on_event;
};

// How many streams the histogram of set-ups has (O-23).
inline std::uint64_t set_ups(const stats::Counters::Slot& slot) {
  const std::size_t first = stats::first_of(stats::Histogram::upstream_connect);
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < stats::kBuckets; ++i) sum += slot.at(first + i);
  return sum;
}

}  // namespace nxb::test
