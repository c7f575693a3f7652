// tests/fuzz/client_stream.cc - the stream towards a server: bytes -> a sequence of what can happen to it.
// The first byte is the rule about TLS; then each operation is a byte, and what it takes. The server's bytes come as
// ready pieces of a login or as raw text.
// Properties: it is consistent after each event; it ends once, and the end is its last step; deadlines lie ahead;
// nothing but its header, <starttls/> and goodbye is written before the stream is usable; what it delivers is whole.
// SPDX-License-Identifier: MIT
#include "worker/xmpp/client_stream.h"

#include <array>

#include "bytes.h"
#include "common/base/check.h"
#include "worker/xml/tree.h"

using namespace nxb;
using namespace nxb::xmpp;
using namespace std::string_view_literals;

namespace {

constexpr std::array kPieces{
    "<?xml version='1.0'?><stream:stream id='s1' from='example.org' version='1.0' xmlns='jabber:client' "
    "xmlns:stream='http://etherx.jabber.org/streams'>"sv,
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"sv,
    "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></stream:features>"sv,
    "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>"sv,
    "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><a xmlns='urn:a'/></stream:features>"sv,
    "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"sv,
    "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"sv,
    "<message from='a@example.org'><body>b</body></message>"sv,
    "<enabled xmlns='urn:xmpp:sm:3' id='i' resume='true'/>"sv,
    "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"sv,
    "</stream:stream>"sv,
    "<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>"sv};

class Play {
 public:
  explicit Play(std::uint8_t flags)
      : rule_(static_cast<TlsRule>(flags % 3)), secure_((flags & 8) != 0), stream_(setup(flags), pool()) {}

  void run(fuzz::Bytes& in) {
    on(event::TransportReady{secure_, rule_, now_ + 20s});
    while (!in.empty()) act(in);
    for (int i = 0; i < 4 && stream_.next_deadline(); ++i) wait(100s);
    NXB_CHECK(stream_.state() == ClientStream::State::Running || ended_, "a stream that never comes to an end");
  }

 private:
  static xml::Pool& pool() {
    static xml::Pool pool;
    return pool;
  }
  static ClientStreamSetup setup(std::uint8_t flags) {
    ClientStreamSetup made;
    made.domain = "example.org";
    made.from = (flags & 16) != 0 ? "a@example.org" : "a@example.com/r";
    made.max_stanza_size = (flags & 32) != 0 ? 200 : 10'000;
    made.max_held = 300;
    return made;
  }

  void act(fuzz::Bytes& in) {
    std::uint8_t what = in.next();
    switch (what % 16) {
      case 0:
        return on(event::Received{in.take(in.next())});
      case 1:
        return on(event::Send{in.take(in.next())});
      case 2:
        return on(event::Restart{});
      case 3:
        return on(event::Close{what > 127, &undelivered_});
      case 4:
        return wait(Duration(in.next() * 100));
      case 5:
        return on(event::TransportEnded{"over"});
      case 6:  // an adapter says so after StartTls only
        if (stream_.state() != ClientStream::State::Handshake) return;
        secure_ = true;
        return on(event::TlsReady{});
      default: {
        std::string_view piece = kPieces[in.next() % kPieces.size()];
        fuzz::in_pieces(piece, what > 127 ? 7 : 0, [&](std::string_view part) { on(event::Received{part}); });
      }
    }
  }

  void wait(Duration most) {
    Instant until = now_ + most;
    auto due = stream_.next_deadline();
    now_ = due && *due < until ? *due : until;
    on(event::TimePassed{});
  }

  void on(const StreamInput& input) {
    bool waits_for_tls = stream_.state() == ClientStream::State::Handshake;
    StreamSteps steps;
    stream_.on(input, now_, steps);
    NXB_CHECK(stream_.is_consistent(), "after an event");
    NXB_CHECK(!ended_ || steps.empty(), "steps after the end");
    for (const StreamStep& step : steps) {
      NXB_CHECK(!ended_, "a step after the end");
      if (auto* write = std::get_if<step::Write>(&step)) check_write(write->bytes, waits_for_tls, input);
      if (std::holds_alternative<step::Usable>(step)) usable_ = true;
      if (auto* deliver = std::get_if<step::Deliver>(&step)) check_delivery(*deliver);
      if (std::holds_alternative<step::Ended>(step)) ended_ = true;
    }
    auto due = stream_.next_deadline();
    NXB_CHECK(!due || *due > now_ || !std::holds_alternative<event::TimePassed>(input), "a busy loop");
    NXB_CHECK(stream_.memory() < 200'000, "memory is bounded");
  }

  void check_write(std::string_view bytes, bool waits_for_tls, const StreamInput& input) {
    NXB_CHECK(!bytes.empty(), "nothing is written");
    NXB_CHECK(!waits_for_tls || std::holds_alternative<event::TlsReady>(input), "clear text during the handshake");
    // By what caused it: a client's own bytes may look like a header.
    bool header = std::holds_alternative<event::TransportReady>(input) ||
                  std::holds_alternative<event::TlsReady>(input) || std::holds_alternative<event::Restart>(input);
    if (header) usable_ = false;
    bool own = header || bytes.starts_with("<starttls") || bytes.starts_with("</stream:stream>") ||
               bytes.starts_with("<stream:error>");
    NXB_CHECK(own || usable_, "the client is heard before the stream is usable");
    NXB_CHECK(own || rule_ != TlsRule::Required || secure_, "the client's words in clear where TLS is required");
  }

  void check_delivery(const step::Deliver& deliver) {
    NXB_CHECK(usable_ && !deliver.stanzas.empty(), "a delivery before the stream is usable");
    for (const Stanza& stanza : deliver.stanzas) {
      NXB_CHECK(xml::read_tree(pool(), stanza.bytes, 1), "a stanza that does not stand alone");
    }
  }

  TlsRule rule_;
  bool secure_;  // the transport is, from the start or since TlsReady
  ClientStream stream_;
  Instant now_{Duration(1'000'000)};
  std::vector<Stanza> undelivered_{{Kind::Message, "<message xmlns='jabber:client' from='b@example.org'/>"}};
  bool usable_ = false, ended_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Bytes in(fuzz::text_of(data, size));
  Play play(in.next());
  play.run(in);
  return 0;
}
