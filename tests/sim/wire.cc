// tests/sim/wire.cc - see wire.h.
// SPDX-License-Identifier: MIT
#include "wire.h"

#include <algorithm>
#include <utility>

#include "worker/upstream/ending.h"

namespace nxb::sim {

namespace {

constexpr std::string_view kHeader =
    "<?xml version='1.0'?><stream:stream id='wire' from='a.example' version='1.0' xmlns='jabber:client' "
    "xmlns:stream='http://etherx.jabber.org/streams'>";
constexpr std::string_view kError =
    "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>";

xmpp::ClientStreamSetup setup() {
  xmpp::ClientStreamSetup made;
  made.domain = "a.example";
  return made;
}

}  // namespace

Wire::Wire(World& world, std::function<void(upstream::Event)> up, std::function<void(std::string_view)> down)
    : world_(world), up_(std::move(up)), down_(std::move(down)), stream_(setup(), pool_) {
  constexpr std::uint64_t kChunks[] = {1, 1, 2, 7, 100, 1'500};
  chunk_ = kChunks[world.dice.below(6)];
}

void Wire::open() { on(xmpp::event::TransportReady{false, xmpp::TlsRule::Off, world_.now + 30s}); }

void Wire::write_header() { write(kHeader); }

void Wire::write(std::string_view bytes) {
  on_its_way_ += bytes;
  flow();
}

void Wire::end(std::uint64_t how) {
  breaks_ = how == 1;
  write(how == 0 ? "</stream:stream>" : how == 2 ? kError : std::string_view());
  if (breaks_ && on_its_way_.empty()) on(xmpp::event::TransportEnded{"cut"});
}

void Wire::send(std::string_view elements) { on(xmpp::event::Send{elements}); }

void Wire::let_go() {
  gone_ = true;
  left_early_ = stream_.state() < xmpp::ClientStream::State::Running;
  on_its_way_.clear();
  on(xmpp::event::Close{false, nullptr});
}

void Wire::set_reading(bool on) {
  reading_ = on;
  flow();
}

// Chunk after chunk; some bytes share an instant, some come late.
void Wire::flow() {
  if (flowing_ || on_its_way_.empty() || gone_) return;
  flowing_ = true;
  Duration delay = world_.dice.percent(90) ? 0ms : world_.dice.upto(40ms);
  world_.in(delay, [this] {
    flowing_ = false;
    // A pass of its own for some of the chunks would cost an event for each byte.
    for (std::uint64_t chunks = 1 + world_.dice.below(40); chunks > 0 && reading_ && !on_its_way_.empty(); --chunks) {
      std::size_t size = std::min<std::size_t>(1 + world_.dice.below(chunk_), on_its_way_.size());
      std::string chunk = on_its_way_.substr(0, size);
      on_its_way_.erase(0, size);
      on(xmpp::event::Received{chunk});
    }
    if (breaks_ && on_its_way_.empty()) on(xmpp::event::TransportEnded{"cut"});
    if (reading_) flow();
  });
}

void Wire::on(const xmpp::StreamInput& input) {
  if (stream_.state() == xmpp::ClientStream::State::Ended) return;
  xmpp::StreamSteps steps;
  stream_.on(input, world_.now, steps);
  world_.expect(stream_.is_consistent(), "the server's stream is not consistent");
  perform(steps);
  wake();
}

void Wire::perform(xmpp::StreamSteps& steps) {
  for (auto& step : steps) {
    if (const auto* write = std::get_if<xmpp::step::Write>(&step)) {
      speaking_ = true;
      down_(write->bytes);
      speaking_ = false;
    }
    if (gone_) continue;
    // In a turn of its own: the session may be in the middle of something.
    if (auto* usable = std::get_if<xmpp::step::Usable>(&step)) {
      world_.in(0ms, [this, id = usable->header.id, version = usable->header.version] {
        up_(upstream::Opened{id, version});
      });
    }
    if (auto* deliver = std::get_if<xmpp::step::Deliver>(&step)) {
      world_.in(
          0ms, [this, stanzas = std::move(deliver->stanzas)]() mutable { up_(upstream::Arrived{std::move(stanzas)}); });
    }
    if (auto* ended = std::get_if<xmpp::step::Ended>(&step)) {
      world_.in(0ms, [this, condition = upstream::condition_of(ended->ending), error = std::move(ended->stream_error)] {
        up_(upstream::Closed{condition, error, {}});
      });
    }
  }
}

void Wire::wake() {
  auto due = stream_.next_deadline();
  if (!due || due == wake_at_) return;
  wake_at_ = due;
  world_.in(*due - world_.now, [this, at = *due] {
    if (stream_.next_deadline() == at) on(xmpp::event::TimePassed{});
  });
}

}  // namespace nxb::sim
