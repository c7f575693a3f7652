// tests/bench/wire.h - one TCP connection that never blocks: bytes received, in any segmentation, and bytes to be sent; in clear,
// or within TLS.
// Runs in nxb-load and nxb-stub; owns its socket.
// SPDX-License-Identifier: MIT
#pragma once

#include <netinet/in.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/descriptor.h"
#include "tests/bench/poller.h"
#include "tests/bench/tls.h"

namespace nxb::bench {

sockaddr_in loopback(std::uint32_t host, std::uint16_t port);          // 127.0.0.0 + host
void raise_descriptor_limit();                                         // to what this user may have
Descriptor connect_to(std::uint16_t port, std::uint32_t source_host);  // begun, not finished; no descriptor: impossible

class WireUser {
 public:
  // All bytes not yet taken; answers how many of them it takes now. It may close and reopen the wire, but not destroy it.
  virtual std::size_t received(std::string_view bytes) = 0;
  virtual void ended(std::string_view why) = 0;  // by the other side; the wire is closed

 protected:
  ~WireUser() = default;
};

class Wire final : public Watcher {
 public:
  Wire(Poller& poller, WireUser& user) : poller_(poller), user_(user) {}
  ~Wire() { close(); }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  void open(Descriptor socket);
  void secure(SSL_CTX& context, Tls::Side side);  // from here on bytes are those within TLS
  bool is_open() const { return static_cast<bool>(socket_); }
  void send(std::string_view bytes);
  void close();
  void ready(std::uint32_t events) override;

 private:
  void transmit(std::string_view bytes);
  void flush();
  void decipher(std::string_view bytes);
  void take(std::string_view bytes);
  void fail(std::string_view why);

  Poller& poller_;
  WireUser& user_;
  Descriptor socket_;
  std::unique_ptr<Tls> tls_;
  std::string in_, out_;      // empty most of the time
  std::uint32_t opened_ = 0;  // how often
  bool connected_ = false;
  bool wants_to_write_ = false;
};

}  // namespace nxb::bench
