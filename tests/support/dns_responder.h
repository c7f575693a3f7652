// tests/support/dns_responder.h - a DNS server for tests: one UDP socket on loopback, in the loop under test.
// SPDX-License-Identifier: MIT
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/base/check.h"
#include "common/uv/loop.h"

namespace nxb::test {

constexpr int kA = 1, kCname = 5, kAaaa = 28, kSrv = 33;

struct Service {
  int priority = 0, weight = 0, port = 0;
  std::string target;  // "": the root
};
struct Records {
  int rcode = 0;  // 2 SERVFAIL, 3 NXDOMAIN
  bool truncated = false, silent = false;
  std::vector<std::string> addresses = {};  // text
  std::vector<std::string> aliases = {};    // CNAMEs, one leading to the next; what follows belongs to the last
  std::vector<Service> services = {};
  int ttl = 60;
  bool backwards = false;  // the last record first
  bool broken = false;     // the packet ends before the answer does
  std::function<void(std::string& packet, std::size_t answers)> mangle = {};
};

class Responder {
 public:
  explicit Responder(uv::Loop& loop) : fd_(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    NXB_CHECK(bind(fd_, reinterpret_cast<sockaddr*>(&address), size) == 0, "binding a test socket");
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    auto poll = uv::Poll::make(loop, fd_, [this](bool, bool) { on_readable(); });
    NXB_CHECK(static_cast<bool>(poll), "watching a test socket");
    poll_ = *std::move(poll);
    poll_->watch(true, false);
  }
  ~Responder() {
    poll_.reset();
    close(fd_);
  }
  Responder(const Responder&) = delete;
  Responder& operator=(const Responder&) = delete;

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  std::map<std::pair<std::string, int>, Records> zone;  // nothing there: NODATA
  int questions = 0;
  std::vector<std::string> names;  // of the questions, in their order
  int advertised_size = 0;         // EDNS0, of the last question
  std::set<int> client_ports, ids;

 private:
  static void put16(std::string& out, int value) {
    out += static_cast<char>((value >> 8) & 0xff);
    out += static_cast<char>(value & 0xff);
  }
  static std::string wire_name(const std::string& name) {
    std::string out;
    for (std::size_t at = 0; at < name.size();) {
      std::size_t dot = std::min(name.find('.', at), name.size());
      out += static_cast<char>(dot - at);
      out += name.substr(at, dot - at);
      at = dot + 1;
    }
    return out + '\0';
  }
  static std::string record(const std::string& owner, int type, int ttl, const std::string& data) {
    std::string out = wire_name(owner);
    put16(out, type);
    put16(out, 1);
    put16(out, ttl >> 16);
    put16(out, ttl);
    put16(out, static_cast<int>(data.size()));
    return out + data;
  }
  static std::vector<std::string> answers_of(std::string owner, int type, const Records& records) {
    std::vector<std::string> out;
    for (const std::string& alias : records.aliases) {
      out.push_back(record(owner, kCname, records.ttl, wire_name(alias)));
      owner = alias;
    }
    for (const std::string& text : records.addresses) {
      char ip[16];
      inet_pton(type == kA ? AF_INET : AF_INET6, text.c_str(), ip);
      out.push_back(record(owner, type, records.ttl, std::string(ip, type == kA ? 4 : 16)));
    }
    for (const Service& service : records.services) {
      std::string data;
      for (int number : {service.priority, service.weight, service.port}) put16(data, number);
      out.push_back(record(owner, kSrv, records.ttl, data + wire_name(service.target)));
    }
    if (records.backwards) std::reverse(out.begin(), out.end());
    return out;
  }
  static std::string packet_of(const std::string& head, const std::string& question,
                               const std::vector<std::string>& answers, const Records& records) {
    std::string out = head;
    out += static_cast<char>(0x81 | (records.truncated ? 2 : 0));
    out += static_cast<char>(0x80 | records.rcode);
    put16(out, 1);
    put16(out, static_cast<int>(answers.size()));
    out += std::string(4, '\0') + question;
    for (const std::string& answer : answers) out += answer;
    if (records.broken) out.pop_back();
    if (records.mangle) records.mangle(out, 12 + question.size());
    return out;
  }
  void on_readable() {
    char packet[2048];
    sockaddr_in from{};
    socklen_t size = sizeof(from);
    ssize_t got = recvfrom(fd_, packet, sizeof(packet), 0, reinterpret_cast<sockaddr*>(&from), &size);
    if (got < 17) return;
    std::string query(packet, static_cast<std::size_t>(got));
    ++questions;
    client_ports.insert(ntohs(from.sin_port));
    ids.insert((static_cast<unsigned char>(query[0]) << 8) | static_cast<unsigned char>(query[1]));
    std::string name;
    std::size_t at = 12;
    while (query[at] != 0) {
      auto length = static_cast<std::size_t>(query[at]);
      if (!name.empty()) name += '.';
      name += query.substr(at + 1, length);
      at += length + 1;
    }
    int type = (static_cast<unsigned char>(query[at + 1]) << 8) | static_cast<unsigned char>(query[at + 2]);
    std::size_t question_end = at + 5;
    if (query.size() >= question_end + 5) {
      advertised_size = (static_cast<unsigned char>(query[question_end + 3]) << 8) |
                        static_cast<unsigned char>(query[question_end + 4]);
    }
    names.push_back(name);
    Records records = zone[{name, type}];
    if (records.silent) return;
    std::string answer =
        packet_of(query.substr(0, 2), query.substr(12, question_end - 12), answers_of(name, type, records), records);
    sendto(fd_, answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
  }

  int fd_;
  int port_ = 0;
  std::unique_ptr<uv::Poll> poll_;
};

}  // namespace nxb::test
