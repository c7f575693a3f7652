// tests/unit/worker/xmpp/stream_rig.h - a client stream with a clock; its steps as text.
// SPDX-License-Identifier: MIT
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "worker/xmpp/client_stream.h"

namespace nxb::xmpp {

using State = ClientStream::State;

constexpr std::string_view kHeader =
    "<?xml version='1.0'?><stream:stream id='s1' from='example.org' version='1.0' xmlns='jabber:client' "
    "xmlns:stream='http://etherx.jabber.org/streams'>";
constexpr std::string_view kSecondHeader =
    "<?xml version='1.0'?><stream:stream id='s2' from='example.org' version='1.0' xmlns='jabber:client' "
    "xmlns:stream='http://etherx.jabber.org/streams'>";
constexpr std::string_view kPlainFeatures = "<stream:features><a xmlns='urn:a'/></stream:features>";
constexpr std::string_view kTlsFeatures =
    "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><a xmlns='urn:a'/></stream:features>";
constexpr std::string_view kMustTlsFeatures =
    "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>";
constexpr std::string_view kProceed = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
constexpr std::string_view kStartTls = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
constexpr std::string_view kEnd = "</stream:stream>";

inline std::string name(Ending ending) {
  switch (ending) {
    case Ending::Closed:
      return "closed";
    case Ending::StreamError:
      return "stream-error";
    case Ending::Lost:
      return "lost";
    case Ending::NoTls:
      return "no-tls";
    case Ending::BadServer:
      return "bad-server";
    case Ending::TooMuchHeld:
      return "too-much-held";
    case Ending::TimedOut:
      return "timed-out";
  }
  return "?";
}

struct Rig {
  explicit Rig(TlsRule rule = TlsRule::Off, ClientStreamSetup setup = with_domain())
      : rule_(rule), stream(setup, pool) {}
  static ClientStreamSetup with_domain() {
    ClientStreamSetup setup;
    setup.domain = "example.org";
    return setup;
  }
  std::string on(const StreamInput& input) {
    StreamSteps steps;
    stream.on(input, now, steps);
    CHECK(stream.is_consistent());
    std::string out;
    for (const StreamStep& step : steps) {
      if (!out.empty()) out += ' ';
      if (auto* write = std::get_if<step::Write>(&step)) out += "W:" + write->bytes;
      if (std::get_if<step::StartTls>(&step)) out += "TLS";
      if (auto* usable = std::get_if<step::Usable>(&step)) {
        header = usable->header;
        out += "U:" + header.id + "/" + header.version;
      }
      if (auto* deliver = std::get_if<step::Deliver>(&step)) {
        out += "D:";
        for (const Stanza& stanza : deliver->stanzas) {
          out += stanza.bytes;
          delivered += stanza.bytes + "\n";
        }
      }
      if (auto* ended = std::get_if<step::Ended>(&step)) {
        out += "E:" + name(ended->ending) + (ended->abrupt ? "!" : "");
        stream_error = ended->stream_error;
        why = ended->why;
      }
    }
    return out;
  }
  std::string ready(bool secure = false) { return on(event::TransportReady{secure, rule_, now + 20s}); }
  std::string hear(std::string_view bytes) { return on(event::Received{bytes}); }
  std::string hear_in_pieces(std::string_view bytes, std::size_t piece) {
    std::string out;
    for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
      std::string more = hear(bytes.substr(0, piece));
      if (!out.empty() && !more.empty()) out += ' ';
      out += more;
    }
    return out;
  }
  void run() {  // to Running, without TLS
    ready();
    hear(std::string(kHeader) + std::string(kPlainFeatures));
    REQUIRE(stream.state() == State::Running);
    delivered.clear();
  }
  TlsRule rule_;
  xml::Pool pool;
  Instant now{1h};
  ClientStream stream;
  std::string delivered, stream_error, why;
  StreamHeader header;  // of the usable stream
};

inline bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace nxb::xmpp
