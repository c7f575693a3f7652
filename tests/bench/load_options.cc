// tests/bench/load_options.cc - see load_options.h.
// SPDX-License-Identifier: MIT
#include "tests/bench/load_options.h"

#include <array>
#include <cstdlib>
#include <string_view>
#include <variant>

namespace nxb::bench {
namespace {

using Place = std::variant<std::string*, std::size_t*, double*, std::int64_t*, int*, std::uint16_t*>;
struct Row {
  std::string_view name;
  Place place;
  std::string_view meaning;
};

auto table(LoadOptions& o) {
  return std::array{
      Row{"kind", &o.kind, "bosh, ws (RFC 7395), or http: any HTTP server, of whose answers only sameness is asked"},
      Row{"port", &o.where.port, "of the server, on 127.0.0.1"},
      Row{"path", &o.where.path, "of its URL"},
      Row{"tls", &o.where.tls, "1: https or wss, whatever the certificate says"},
      Row{"domain", &o.domain, "of the XMPP server; a % in it becomes a number below `domains`"},
      Row{"domains", &o.domains, "how many there are"},
      Row{"route", &o.session.route, "what BOSH clients ask for"},
      Row{"wait", &o.session.wait, "likewise, seconds"},
      Row{"sessions", &o.sessions, "how many; of set-up: at a time"},
      Row{"size", &o.session.size, "bytes of an echo's text"},
      Row{"forms", &o.session.forms, "how many ways of writing the echo a server may have"},
      Row{"seconds", &o.seconds, "how long"},
      Row{"warm-up", &o.warm_up, "seconds of the same before, which are not counted"},
      Row{"rate", &o.rate, "echoes per second, however long they take; 0: each session sends when it has its answer"},
      Row{"interval", &o.interval, "of push: microseconds between two of one session"},
      Row{"pool", &o.pool, "so many connections that all BOSH sessions share; 0: each has its own"},
      Row{"hosts", &o.hosts, "so many addresses of the loopback network are connected from; 0: one"},
      Row{"first-host", &o.first_host, "the first of them, counted from 127.0.0.0"},
  };
}

void set(const Place& place, const std::string& value) {
  std::visit(
      [&](auto* where) {
        using T = std::remove_pointer_t<decltype(where)>;
        if constexpr (std::is_same_v<T, std::string>) {
          *where = value;
        } else if constexpr (std::is_same_v<T, double>) {
          *where = std::strtod(value.c_str(), nullptr);
        } else {
          *where = static_cast<T>(std::strtoll(value.c_str(), nullptr, 10));
        }
      },
      place);
}

bool set(LoadOptions& options, std::string_view name, const std::string& value) {
  for (const Row& row : table(options)) {
    if (row.name != name) continue;
    set(row.place, value);
    return true;
  }
  return false;
}

}  // namespace

std::string LoadOptions::domain_of(std::size_t number) const {
  std::string name = domain;
  if (std::size_t at = name.find('%'); at != std::string::npos) name.replace(at, 1, std::to_string(number % domains));
  return name;
}

std::uint32_t LoadOptions::source_host_of(std::size_t number) const {
  return hosts == 0 ? 0 : static_cast<std::uint32_t>(first_host + number % hosts);
}

std::string parse(std::span<char*> words, LoadOptions& options) {
  for (std::string_view word : words) {
    std::size_t equals = word.find('=');
    if (equals == std::string_view::npos) {
      options.work = word;
    } else if (!set(options, word.substr(0, equals), std::string(word.substr(equals + 1)))) {
      return "unknown: " + std::string(word);
    }
  }
  if (options.work != "echo" && options.work != "set-up" && options.work != "hold" && options.work != "push")
    return "no WORK";
  if (options.kind != "bosh" && options.kind != "ws" && options.kind != "http") return "no such kind: " + options.kind;
  if (options.where.port == 0 || options.sessions == 0 || options.domains == 0)
    return "port, sessions and domains are not 0";
  return {};
}

std::string help() {
  LoadOptions options;
  std::string text =
      "usage: nxb-load WORK NAME=VALUE...\n"
      "  WORK     echo: each message comes back; set-up: sessions are created, bound and terminated;\n"
      "           hold: sessions do nothing; push: the server (nxb-stub) sends\n";
  for (const Row& row : table(options)) {
    text += "  " + std::string(row.name) + std::string(row.name.size() < 12 ? 12 - row.name.size() : 1, ' ') +
            std::string(row.meaning) + "\n";
  }
  return text;
}

}  // namespace nxb::bench
