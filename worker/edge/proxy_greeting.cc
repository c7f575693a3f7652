// worker/edge/proxy_greeting.cc - see proxy_greeting.h.
// SPDX-License-Identifier: MIT
#include "worker/edge/proxy_greeting.h"

#include <fcntl.h>

#include <utility>

#include "common/log/log.h"

namespace nxb::edge {

using stats::Counter;

// One connection that has not said yet who it is from. What it says too much of before it is looked at is bounded by
// one read.
class ProxyGreetings::Greeting final : public uv::StreamSink {
 public:
  Greeting(ProxyGreetings& all, ConnId id, std::uint16_t listener, const Address& peer)
      : all_(all), id_(id), listener_(listener), peer_(peer) {}

  std::uint16_t listener() const { return listener_; }
  std::string peer() const { return peer_.text(); }
  // Stands for whoever was not named.
  std::string nobody() const {
    auto address = Address::from_ip(peer_.ip_text(), 0);
    return address ? address->text() : peer_.text();
  }
  std::unique_ptr<uv::Stream> stream;

 private:
  void on_bytes(std::string_view bytes) override {
    all_.context_.counters.add(Counter::bytes_from_clients, bytes.size());
    so_far_ += bytes;
    auto header = read_proxy_header(so_far_);
    if (!header) return all_.close(id_, header.error().text);
    if (*header) all_.done(id_, **header, so_far_);
  }
  // A check by a balancer that only connects is not worth a line.
  void on_end() override { all_.close(id_, so_far_.empty() ? "" : "PROXY header: cut off"); }
  void on_broken(const Error&) override { on_end(); }

  ProxyGreetings& all_;
  const ConnId id_;
  const std::uint16_t listener_;
  const Address peer_;
  std::string so_far_;
};

ProxyGreetings::ProxyGreetings(const Context& context, const std::vector<TrustedProxies>& trusted, Callbacks callbacks)
    : context_(context), trusted_(trusted), callbacks_(std::move(callbacks)), family_(context.deadlines.add(*this)) {}

ProxyGreetings::~ProxyGreetings() {
  waiting_.for_each([this](ConnId id, Greeting&) { context_.deadlines.clear(family_, id.value); });
}

bool ProxyGreetings::wanted_at(std::uint16_t listener) const {
  return listener < context_.config.listen.size() && context_.config.listen[listener].accept_proxy;
}

void ProxyGreetings::take(Descriptor fd, std::uint16_t listener, const Address& peer) {
  if (listener >= trusted_.size() || !trusted_[listener].contains(peer.ip_text())) {
    return refuse(peer.text(), "not among trusted_proxies");
  }
  const ConnId id = waiting_.reserve();
  auto greeting = std::make_unique<Greeting>(*this, id, listener, peer);
  auto stream = uv::Stream::adopt(context_.loop, fd.release(), *greeting, uv::Stream::Options::Inherited);
  if (!stream) {
    waiting_.take(id);
    return log::warn("edge.adopt_failed", {{"why", stream.error().text}});
  }
  greeting->stream = *std::move(stream);
  waiting_.put(id, std::move(greeting));
  context_.counters.add(Counter::connections);
  context_.deadlines.set(family_, id.value, context_.loop.now() + context_.config.http.head_timeout);
}

void ProxyGreetings::done(ConnId id, const ProxyHeader& header, std::string_view bytes) {
  Greeting& greeting = *waiting_.find(id);
  relay::Handover newcomer;
  // A copy of the descriptor: the stream closes its own.
  newcomer.fd = Descriptor(fcntl(greeting.stream->fd(), F_DUPFD_CLOEXEC, 0));
  newcomer.listener = greeting.listener();
  newcomer.peer = header.source ? header.source->text() : greeting.nobody();
  newcomer.bytes = bytes.substr(header.size);
  if (!newcomer.fd) return close(id, "out of descriptors");
  remove(id);
  callbacks_.heard(std::move(newcomer));
}

void ProxyGreetings::close(ConnId id, std::string_view why) {
  if (!why.empty()) refuse(waiting_.find(id)->peer(), why);
  remove(id);
}

void ProxyGreetings::refuse(const std::string& peer, std::string_view why) const {
  context_.counters.add(Counter::connections_refused_proxy);
  log::warn("edge.proxy_refused", {{"peer", peer}, {"why", why}});
}

// A method of it may be on the stack; it must hear nothing more.
void ProxyGreetings::remove(ConnId id) {
  std::unique_ptr<Greeting> greeting = waiting_.take(id);
  greeting->stream.reset();
  context_.deadlines.clear(family_, id.value);
  context_.loop.retire(std::move(greeting));
  context_.counters.sub(Counter::connections);
  callbacks_.fewer();
}

void ProxyGreetings::shut_down() {
  std::vector<ConnId> all;
  waiting_.for_each([&all](ConnId id, Greeting&) { all.push_back(id); });
  for (ConnId id : all) remove(id);
}

void ProxyGreetings::on_deadline(std::uint64_t id, Instant) {
  if (waiting_.find(ConnId{id})) close(ConnId{id}, "PROXY header: not there in time");
}

}  // namespace nxb::edge
