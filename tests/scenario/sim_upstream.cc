// tests/scenario/sim_upstream.cc - see sim_upstream.h.
// SPDX-License-Identifier: MIT
#include "sim_upstream.h"

#include <utility>

#include "worker/upstream/ending.h"

namespace nxb::scenario {

using bosh::Condition;

// In a turn of its own, if the stream is still there.
void SimUpstream::soon(std::function<void(SimUpstream&)> what) {
  world_.clock.soon([find = world_.find, id = id_, what = std::move(what)] {
    if (SimUpstream* self = find(id)) what(*self);
  });
}

void SimUpstream::open(const upstream::StreamSpec& spec) {
  upstream::Choice choice = world_.policy.choose(spec.domain, spec.route);
  if (choice.refusal.condition != Condition::None) {
    done_ = true;
    return soon([refusal = choice.refusal](SimUpstream& self) {
      self.raise(upstream::Closed{refusal.condition, {}, refusal.why});
    });
  }
  xmpp::ClientStreamSetup setup;
  setup.domain = choice.domain.jid;
  setup.from = spec.from;
  setup.lang = spec.lang;
  setup.version = spec.xmpp_version;
  setup.max_stanza_size = world_.config.upstream.max_xmpp_stanza_size;
  setup.max_held = world_.config.bosh.max_data_held;
  setup.setup_timeout = world_.config.upstream.setup_timeout;
  machine_.emplace(std::move(setup), world_.pool);
  Instant usable_by = world_.clock.now + world_.config.upstream.setup_timeout;
  soon([domain = choice.domain.jid, usable_by](SimUpstream& self) {
    if (self.done_) return;
    self.link_ = ++self.world_.last_link;
    self.world_.listener->on_link(self.link_, domain);
    self.feed(xmpp::event::TransportReady{false, xmpp::TlsRule::Off, usable_by});
  });
}

void SimUpstream::set_reading(bool on) {
  reading_ = on;
  if (on && !unread_.empty()) soon([](SimUpstream& self) { self.receive({}); });
}

void SimUpstream::close(upstream::Parting parting, const std::vector<xmpp::Stanza>& undelivered) {
  if (!machine_) {
    done_ = true;
    return raise(upstream::Closed{Condition::None, {}, "closed before it was opened"});
  }
  set_reading(true);
  feed(xmpp::event::Close{parting == upstream::Parting::ClientLost, &undelivered});
}

void SimUpstream::receive(std::string_view bytes) {
  unread_ += bytes;
  if (!reading_ || unread_.empty()) return;
  std::string taken = std::exchange(unread_, {});
  feed(xmpp::event::Received{taken});
}

void SimUpstream::feed(const xmpp::StreamInput& input) {
  if (done_ || !machine_) return;
  machine_->on(input, world_.clock.now, steps_);
  if (std::exchange(pumping_, true)) return;
  for (std::size_t i = 0; i < steps_.size() && !done_; ++i) {
    auto step = std::move(steps_[i]);
    std::visit([this](auto& each) { perform(each); }, step);
  }
  steps_.clear();
  pumping_ = false;
}

void SimUpstream::perform(xmpp::step::Write& step) {
  // Not soon(): what was written leaves, whether the stream is still there or not.
  world_.clock.soon([&listener = world_.listener, link = link_, bytes = std::move(step.bytes)] {
    listener->on_link_bytes(link, bytes);
  });
}

void SimUpstream::perform(xmpp::step::StartTls&) { feed(xmpp::event::TransportEnded{"there is no TLS on this stage"}); }

void SimUpstream::perform(xmpp::step::Usable& step) {
  auto& [id, from, lang, version] = step.header;
  raise(upstream::Opened{std::move(id), std::move(version), std::move(from), std::move(lang)});
}

void SimUpstream::perform(xmpp::step::Deliver& step) { raise(upstream::Arrived{std::move(step.stanzas)}); }

void SimUpstream::perform(xmpp::step::Ended& step) {
  done_ = true;
  if (link_ != 0) world_.clock.soon([&listener = world_.listener, link = link_] { listener->on_link_closed(link); });
  raise(upstream::Closed{upstream::condition_of(step.ending), std::move(step.stream_error), std::move(step.why)});
}

}  // namespace nxb::scenario
