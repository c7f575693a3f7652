// tests/bench/stub_session.cc - see stub_session.h.
// SPDX-License-Identifier: MIT
#include "tests/bench/stub_session.h"

#include <algorithm>
#include <charconv>

#include "tests/bench/text.h"

namespace nxb::bench {
namespace {

constexpr std::string_view kMechanisms =
    "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>ANONYMOUS</mechanism>"
    "<mechanism>PLAIN</mechanism></mechanisms></stream:features>";
constexpr std::string_view kStartTls =
    "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>";
constexpr std::string_view kProceed = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
constexpr std::string_view kBind =
    "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"
    "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'><optional/></session></stream:features>";
constexpr std::string_view kSuccess = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";

// The first item of `bytes`: a start tag, an end tag or an empty element as it is, else all to the element's end; empty: not whole yet.
std::string_view first_item(std::string_view bytes, std::string_view name) {
  std::size_t end = bytes.find('>');
  if (end == std::string_view::npos) return {};
  std::string_view tag = bytes.substr(0, end + 1);
  bool alone = bytes[1] == '?' || bytes[1] == '/' || bytes[end - 1] == '/' || name == "stream:stream";
  if (alone) return tag;
  std::string close = "</" + std::string(name) + ">";
  std::size_t at = bytes.find(close, end);
  return at == std::string_view::npos ? std::string_view() : bytes.substr(0, at + close.size());
}

}  // namespace

std::size_t StubSession::received(std::string_view bytes) {
  std::size_t taken = 0;
  while (taken < bytes.size() && wire_.is_open()) {
    std::string_view rest = bytes.substr(taken);
    std::size_t begin = rest.find('<');  // whitespace between elements keeps a connection alive, and says nothing
    if (begin == std::string_view::npos) {
      taken = bytes.size();
      break;
    }
    rest.remove_prefix(begin);
    std::string_view name = rest.substr(1, std::min(rest.find_first_of(" \t\r\n/>", 2), rest.size()) - 1);
    std::string_view item = first_item(rest, name);
    if (item.empty()) break;
    taken += begin + item.size();
    answer(item, name);
    if (name == "starttls") break;  // what follows is the handshake
  }
  say();
  return taken;
}

void StubSession::say() {
  if (!out_.empty()) wire_.send(out_);
  out_.clear();
}

void StubSession::answer(std::string_view item, std::string_view name) {
  if (name == "message") {
    std::string_view body = between(item, "<body>", "</body>");
    if (body.starts_with("push ")) return begin_pushing(body.substr(5));
    out_ += item;
  } else if (name == "stream:stream") {
    domain_ = attribute(item, "to");
    out_ +=
        "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
        "id='s" +
        std::to_string(number_) + "' from='" + domain_ + "' version='1.0'>";
    out_ += authenticated_ ? kBind : context_ == nullptr || secured_ ? kMechanisms : kStartTls;
  } else if (name == "starttls" && context_ != nullptr) {
    out_ += kProceed;
    say();
    wire_.secure(*context_, Tls::Side::Server);
    secured_ = true;
  } else if (name == "auth") {
    authenticated_ = true;
    out_ += kSuccess;
  } else if (name == "iq") {
    out_ += "<iq type='result' id='" + std::string(attribute(item, "id")) + "'>";
    if (item.find("xmpp-bind") != std::string_view::npos) {
      out_ += "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>u" + std::to_string(number_) + "@" + domain_ +
              "/r</jid></bind>";
    }
    out_ += "</iq>";
  } else if (name == "/stream:stream") {
    out_ += "</stream:stream>";
    say();
    wire_.close();
  }
}

void StubSession::begin_pushing(std::string_view command) {
  const char* end = command.data() + command.size();
  auto count = std::from_chars(command.data(), end, pushes_left_);
  if (count.ptr != end) std::from_chars(count.ptr + 1, end, push_interval_);
  pushed_ = 0;
  // Not in step with the others.
  next_push_ = now_us() + push_interval_ * static_cast<Micros>(number_ % 64 + 1) / 64;
  push_times_.emplace(next_push_, number_);
}

void StubSession::push(Micros now) {
  if (is_over()) return;
  for (; pushes_left_ > 0 && next_push_ <= now; --pushes_left_, next_push_ += push_interval_) {
    out_ += "<message from='" + domain_ + "' type='headline'><body>push " + padded(++pushed_) + " at " +
            padded(static_cast<std::uint64_t>(next_push_)) + "</body></message>";
  }
  say();
  if (pushes_left_ > 0) push_times_.emplace(next_push_, number_);
}

}  // namespace nxb::bench
