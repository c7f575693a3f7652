// worker/xmpp/client_stream.cc - the client stream's transitions; the drawing is in the header.
// SPDX-License-Identifier: MIT
#include "worker/xmpp/client_stream.h"

#include <algorithm>
#include <array>
#include <utility>

#include "worker/xmpp/stream_management.h"

namespace nxb::xmpp {
namespace {

constexpr std::string_view kTlsNamespace = "urn:ietf:params:xml:ns:xmpp-tls";
constexpr std::string_view kEndTag = "</stream:stream>";

// "1.0", "12.34": digits, a dot, digits.
bool is_version(std::string_view text) {
  auto dot = text.find('.');
  if (dot == 0 || dot == std::string_view::npos || dot + 1 == text.size() || text.size() > 9) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i != dot && (text[i] < '0' || text[i] > '9')) return false;
  }
  return true;
}

// 1.0 and above promise features (U-22).
bool has_features(std::string_view version) {
  if (!is_version(version)) return false;
  std::string_view major = version.substr(0, version.find('.'));
  return major.find_first_not_of('0') != std::string_view::npos;
}

bool same_ascii(std::string_view a, std::string_view b) {
  auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::ranges::equal(a, b, [&](char x, char y) { return lower(x) == lower(y); });
}

// A bare JID of this very domain (U-19).
bool may_be_from(std::string_view from, std::string_view domain) {
  auto at = from.find('@');
  return at != 0 && at != std::string_view::npos && from.find('/') == std::string_view::npos &&
         same_ascii(from.substr(at + 1), domain);
}

// Negotiation is over: SASL and its kin are no stanzas (U-27).
bool begins_with_stanza(std::string_view elements) {
  return std::ranges::any_of(std::array{"<message", "<presence", "<iq"}, [&](std::string_view tag) {
    return elements.starts_with(tag) && elements.size() > tag.size() &&
           std::string_view(" \t\r\n/>").find(elements[tag.size()]) != std::string_view::npos;
  });
}

std::string_view condition_of(Fault fault) {
  switch (fault) {
    case Fault::None:
      return "undefined-condition";
    case Fault::NotWellFormed:
      return "not-well-formed";
    case Fault::RestrictedXml:
      return "restricted-xml";
    case Fault::InvalidNamespace:
      return "invalid-namespace";
    case Fault::StanzaTooBig:
      return "policy-violation";
  }
  return "undefined-condition";
}

}  // namespace

ClientStream::ClientStream(ClientStreamSetup setup, xml::Pool& pool)
    : domain_(std::move(setup.domain)),
      lang_(std::move(setup.lang)),
      max_held_(setup.max_held),
      setup_timeout_(setup.setup_timeout),
      pool_(pool),
      splitter_(pool, setup.max_stanza_size) {
  if (is_version(setup.version) && setup.version != wish_->version) wish_.own().version = std::move(setup.version);
  if (!setup.from.empty() && may_be_from(setup.from, domain_)) wish_.own().from = std::move(setup.from);
}

void ClientStream::on(const StreamInput& input, Instant now, StreamSteps& out) {
  if (state_ == State::Ended) return;  // late, not wrong
  std::visit([&](const auto& event) { take(event, now, out); }, input);
  NXB_PARANOID_CHECK(is_consistent(), "client stream after an event");
}

bool ClientStream::is_consistent() const {
  if (held_->size() > max_held_ || (quiet_ && state_ != State::Running)) return false;
  switch (state_) {  // no default: a new state must be thought about here
    case State::Idle:
      return !deadline_ && !secure_;
    case State::Header:
      return deadline_ && !header_;
    case State::Features:
      return deadline_ && header_;
    case State::Proceed:
    case State::Handshake:
      return deadline_ && !secure_;
    case State::Running:
      return !deadline_ && !held_ && !header_;
    case State::Closing:
      return deadline_ && !held_ && !header_;
    case State::Ended:
      return !deadline_ && !held_ && !header_;
  }
  return false;
}

std::size_t ClientStream::memory() const {
  return splitter_.memory() + (held_ ? sizeof(*held_) + held_->capacity() : 0);
}

void ClientStream::take(const event::TransportReady& ready, Instant, StreamSteps& out) {
  if (!NXB_EXPECT(state_ == State::Idle, "a transport becomes ready once")) return;
  secure_ = ready.secure;
  tls_ = ready.tls;
  deadline_ = ready.usable_by;
  write_header(out);
}

void ClientStream::take(const event::TlsReady&, Instant, StreamSteps& out) {
  if (!NXB_EXPECT(state_ == State::Handshake, "TLS comes up when it was asked for")) return;
  secure_ = true;
  write_header(out);
}

void ClientStream::take(const event::Received& received, Instant, StreamSteps& out) {
  if (state_ == State::Idle || state_ == State::Handshake || received.bytes.empty()) return;
  std::vector<StreamItem> items;
  Fault fault = splitter_.feed(received.bytes, items);
  bool ends_whole = fault == Fault::None && !splitter_.mid_element() && received.bytes.back() == '>';
  take_items(items, ends_whole, out);
  if (fault != Fault::None) take_fault(fault, out);
}

void ClientStream::take_items(std::vector<StreamItem>& items, bool ends_whole, StreamSteps& out) {
  bool was_awaited = state_ == State::Proceed;
  for (std::size_t i = 0; i < items.size() && state_ != State::Ended; ++i) {
    if (auto* header = std::get_if<StreamHeader>(&items[i])) {
      take_header(*header, out);
    } else if (auto* element = std::get_if<StreamElement>(&items[i])) {
      if (state_ == State::Proceed) {
        // Only what came after our <starttls/> can be its answer, and nothing may follow it in clear (U-41).
        take_tls_answer(*element, was_awaited && ends_whole && i + 1 == items.size(), out);
      } else {
        take_element(*element, out);
      }
    } else if (state_ == State::Proceed) {
      finish(Ending::NoTls, "the server closed the stream instead of starting TLS", out);
    } else {
      finish(Ending::Closed, "closed by the server", out);  // U-31: what came before it is delivered already
    }
  }
}

void ClientStream::take_header(StreamHeader& header, StreamSteps& out) {
  if (state_ != State::Header) return;  // Closing
  state_ = State::Features;
  if (!has_features(header.version)) header.version.clear();
  header_ = std::make_unique<StreamHeader>(std::move(header));
  if (!header_->version.empty()) return;
  // Older than 1.0: there are no features to wait for, and no STARTTLS either (U-22).
  if (!secure_ && tls_ == TlsRule::Required) {
    return finish(Ending::NoTls, "TLS is required and the server speaks XMPP before 1.0", out);
  }
  become_usable(out, std::nullopt);
}

void ClientStream::take_element(StreamElement& element, StreamSteps& out) {
  if (state_ == State::Closing) return;  // our end tag is out: dropped (U-30)
  if (frames_a_stream(element)) return take_fault(Fault::InvalidNamespace, out);
  switch (element.stanza.kind) {
    case Kind::StreamError:
      return finish(Ending::StreamError, "stream error by the server", out, std::move(element.stanza.bytes));
    case Kind::Features:
      return take_features(element, out);
    case Kind::Message:
    case Kind::Presence:
    case Kind::Iq:
    case Kind::Other:
      break;
  }
  if (state_ != State::Running) return finish(Ending::BadServer, "an element before the stream features", out);
  watch_stream_management(element);
  deliver(std::move(element.stanza), out);
}

void ClientStream::take_features(StreamElement& element, StreamSteps& out) {
  auto features = read_features(pool_, element.stanza.bytes);
  if (!features) return finish(Ending::BadServer, "features: " + features.error().text, out);
  Stanza stripped{Kind::Features, std::move(features->stripped)};          // B-37, U-44
  if (state_ == State::Running) return deliver(std::move(stripped), out);  // SASL2 pushes them (U-38)
  if (!secure_ && !settled_) {
    if (features->starttls && (tls_ != TlsRule::Off || features->starttls_required)) {
      state_ = State::Proceed;
      out.push_back(step::Write{"<starttls xmlns='" + std::string(kTlsNamespace) + "'/>"});
      return;
    }
    if (tls_ == TlsRule::Required) return finish(Ending::NoTls, "TLS is required and not offered", out);
  }
  become_usable(out, std::move(stripped));
}

void ClientStream::take_tls_answer(const StreamElement& element, bool ends_buffer, StreamSteps& out) {
  if (element.stanza.kind == Kind::StreamError) {
    return finish(Ending::StreamError, "stream error by the server", out, element.stanza.bytes);
  }
  if (element.ns != kTlsNamespace || element.local != "proceed") {
    bool refused = element.ns == kTlsNamespace && element.local == "failure";  // U-42
    return finish(Ending::NoTls, refused ? "TLS refused by the server" : "no answer to STARTTLS but another element",
                  out);
  }
  if (!ends_buffer) return abort(Ending::NoTls, "bytes in clear around <proceed/>: possible injection", out);
  state_ = State::Handshake;  // write_header will forget all that was learned so far (U-43)
  out.push_back(step::StartTls{});
}

void ClientStream::take_fault(Fault fault, StreamSteps& out) {
  if (state_ == State::Ended) return;
  std::string condition(condition_of(fault));
  if (state_ != State::Closing) {  // our header is out, so the error may follow at once (U-33)
    out.push_back(
        step::Write{"<stream:error><" + condition + " xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"});
  }
  finish(state_ == State::Closing ? Ending::Closed : Ending::BadServer, "server's XML: " + condition, out);
}

void ClientStream::take(const event::TransportEnded& ended, Instant, StreamSteps& out) {
  abort(state_ == State::Closing ? Ending::Closed : Ending::Lost, std::string(ended.why), out);
}

void ClientStream::take(const event::TransportReplaced&, Instant, StreamSteps&) {
  if (state_ == State::Idle) return;
  if (!NXB_EXPECT(state_ == State::Header && !settled_, "a transport is replaced before the server's header")) return;
  state_ = State::Idle;
  secure_ = false;
  deadline_.reset();
}

void ClientStream::take(const event::Send& send, Instant now, StreamSteps& out) {
  if (state_ == State::Closing || send.elements.empty()) return;
  if (state_ == State::Running) {
    out.push_back(step::Write{std::string(send.elements)});
    last_said_ = now;
    if (!quiet_ && begins_with_stanza(send.elements)) quiet_ = now + kQuiet;
    return;
  }
  if (send.elements.size() > max_held_ - held_->size()) {
    return finish(Ending::TooMuchHeld, "the client sent too much before the stream was usable", out);
  }
  held_.own() += send.elements;
}

void ClientStream::take(const event::Restart& restart, Instant now, StreamSteps& out) {
  if (state_ != State::Running) return;  // a stream that is being set up has nothing to restart
  sm_enabled_ = sm_resumable_ = false;
  quiet_.reset();
  deadline_ = now + setup_timeout_;
  write_header(out, parse_stream_attributes(restart.attributes));
}

void ClientStream::take(const event::Close& close, Instant now, StreamSteps& out) {
  switch (state_) {
    case State::Closing:
    case State::Ended:
      return;
    case State::Idle:
    case State::Proceed:
    case State::Handshake:
      return abort(Ending::Closed, "let go before the stream was usable", out);
    case State::Running:
      if (close.client_lost && sm_resumable_) return abort(Ending::Closed, "left for resumption", out);  // U-58
      if (close.undelivered != nullptr && !sm_enabled_) {                                                // B-103
        std::string bounces;
        for (const Stanza& stanza : *close.undelivered) bounces += bounce(pool_, stanza);
        if (!bounces.empty()) out.push_back(step::Write{std::move(bounces)});
      }
      break;
    case State::Header:
    case State::Features:
      break;
  }
  out.push_back(step::Write{std::string(kEndTag)});
  state_ = State::Closing;
  quiet_.reset();
  deadline_ = now + kCloseWait;
  held_.reset();
  header_.reset();
}

void ClientStream::take(const event::TimePassed&, Instant now, StreamSteps& out) {
  if (quiet_ && now >= *quiet_) {  // looked at late rather than moved with each element
    if (now - last_said_ >= kQuiet) {
      out.push_back(step::Write{" "});
      last_said_ = now;
    }
    quiet_ = last_said_ + kQuiet;
  }
  if (!deadline_ || now < *deadline_) return;
  if (state_ == State::Closing) return abort(Ending::Closed, "the server did not close in time", out);
  if (state_ == State::Handshake) return abort(Ending::TimedOut, "no TLS handshake in time", out);
  std::string awaited = state_ == State::Header    ? "stream header"
                        : state_ == State::Proceed ? "answer to STARTTLS"
                                                   : "stream features";
  finish(Ending::TimedOut, "no " + awaited + " in time", out);
}

void ClientStream::watch_stream_management(const StreamElement& element) {
  if (element.stanza.kind != Kind::Other) return;
  ManagementNews news = read_management(pool_, element);
  sm_enabled_ = sm_enabled_ || news.enabled;
  sm_resumable_ = sm_resumable_ || news.resumable;
}

void ClientStream::write_header(StreamSteps& out, const StreamAttributes& more) {
  splitter_.restart();
  header_.reset();
  std::string header = "<?xml version='1.0'?><stream:stream";
  xml::append_attribute(header, "to", domain_);
  xml::append_attribute(header, "version", wish_->version);
  if (!wish_->from.empty() && (secure_ || tls_ != TlsRule::Required)) {  // U-19
    xml::append_attribute(header, "from", wish_->from);
  }
  if (!lang_.empty()) xml::append_attribute(header, "xml:lang", lang_);
  for (const auto& [name, value] : more) xml::append_attribute(header, name, value);
  header += " xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
  state_ = State::Header;
  out.push_back(step::Write{std::move(header)});
}

void ClientStream::become_usable(StreamSteps& out, std::optional<Stanza> features) {
  state_ = State::Running;
  settled_ = true;
  deadline_.reset();
  out.push_back(step::Usable{std::move(*std::exchange(header_, nullptr))});
  if (features) deliver(std::move(*features), out);
  if (held_) out.push_back(step::Write{std::move(std::exchange(held_, {}).own())});
}

void ClientStream::deliver(Stanza stanza, StreamSteps& out) {
  if (out.empty() || !std::holds_alternative<step::Deliver>(out.back())) out.push_back(step::Deliver{});
  std::get<step::Deliver>(out.back()).stanzas.push_back(std::move(stanza));
}

// Ends with a goodbye, where our header is out and our end tag is not.
void ClientStream::finish(Ending ending, std::string why, StreamSteps& out, std::string stream_error) {
  if (state_ != State::Idle && state_ != State::Handshake && state_ != State::Closing) {
    out.push_back(step::Write{std::string(kEndTag)});
  }
  end(step::Ended{ending, std::move(stream_error), std::move(why), false}, out);
}

// Ends without one.
void ClientStream::abort(Ending ending, std::string why, StreamSteps& out) {
  end(step::Ended{ending, {}, std::move(why), true}, out);
}

void ClientStream::end(step::Ended ended, StreamSteps& out) {
  state_ = State::Ended;
  deadline_.reset();
  quiet_.reset();
  held_.reset();
  header_.reset();
  splitter_.restart();
  out.push_back(std::move(ended));
}

}  // namespace nxb::xmpp
