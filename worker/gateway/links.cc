// worker/gateway/links.cc - see links.h.
// SPDX-License-Identifier: MIT
#include "worker/gateway/links.h"

#include <algorithm>

#include "common/base/domain.h"
#include "common/log/log.h"
#include "worker/xmpp/redact.h"

namespace nxb::gateway {

using ipc::EventType;
using stats::Counter;

namespace {

// Of the stream that ended last; whether that ends the session is the session's to say.
void note(Record& record, const upstream::Closed& closed) {
  record.server_end.own() = {closed.why, closed.target, closed.stage};
}

}  // namespace

StreamId Held::find(std::uint32_t number) const {
  auto at = std::ranges::find(held_, number, &One::number);
  return at == held_.end() ? StreamId{} : at->id;
}

Held::One* Held::one(std::uint32_t number) {
  auto at = std::ranges::find(held_, number, &One::number);
  return at == held_.end() ? nullptr : &*at;
}

void Held::drop(std::uint32_t number) {
  std::erase_if(held_, [number](const One& one) { return one.number == number; });
}

upstream::Upstream* Links::find(const Held& held, std::uint32_t number) const {
  StreamId stream = held.find(number);
  return stream ? context_.ports.stream(stream) : nullptr;
}

std::optional<upstream::Closed> Links::open(const Owner& owner, Held& held, Record& record,
                                            upstream::StreamSpec& spec) {
  const std::string domain = plain_domain(spec.domain);
  if (!census_.admit_stream(record, owner.number, domain)) {
    upstream::Closed closed{bosh::Condition::PolicyViolation, {}, "too fast", upstream::Stage::Policy};
    note(record, closed);
    return closed;
  }
  StreamId stream{++last_};
  held.add(owner.number, stream, domain);
  links_.emplace(stream, Link{owner});
  spec.client_address = record.client;
  spec.client_port = record.client_port;
  spec.session = record.name;
  spec.ua = record.ua;
  context_.note(EventType::stream_add, record, owner.number);
  if (context_.journal.listening()) {
    context_.journal.tell(
        EventType::stream_add, record.name, domain,
        {{"stream", owner.number}, {"to", spec.domain}, {"client", record.client}, {"ua", record.ua}});
  }
  context_.ports.make_stream(stream).open(spec);
  return std::nullopt;
}

void Links::send(Held& held, Record& record, std::uint32_t number, std::string_view elements, std::uint32_t count) {
  upstream::Upstream* stream = find(held, number);
  if (!stream) return;
  record.up += count;
  record.bytes_up += elements.size();
  context_.note(EventType::nodes, record, number, count);
  if (context_.journal.watches(record.name)) {
    context_.journal.tell_elements(record.name, held.one(number)->domain, "client", elements);
  }
  context_.counters.add(Counter::stanzas_from_clients, count);
  if (context_.journal.listening()) {
    context_.journal.tell(EventType::nodes, record.name, held.one(number)->domain,
                          {{"stream", number}, {"count", count}, {"names", names_of(elements)}});
  }
  if (log::enabled(log::Level::Trace)) trace("stanza.from_client", record, number, elements);
  stream->send(elements);
}

// C-16. Whole elements, so nothing is hidden from what hides secrets.
void Links::trace(std::string_view event, const Record& record, std::uint32_t number, std::string_view xml) const {
  log::trace(event, {{"sid", record.name},
                     {"stream", number},
                     log::Field::uncut("xml", xmpp::redact(xml, context_.config.log.trim_default_length))});
}

void Links::restart(Held& held, const Record& record, std::uint32_t number, std::string_view attributes) {
  upstream::Upstream* stream = find(held, number);
  if (!stream) return;
  context_.counters.add(Counter::restarts);
  context_.note(EventType::stream_restart, record, number);
  if (context_.journal.listening()) {
    context_.journal.tell(EventType::stream_restart, record.name, held.one(number)->domain, {{"stream", number}});
  }
  stream->restart(attributes);
}

void Links::acknowledged(const Held& held, std::uint32_t answers) {
  context_.counters.add(Counter::responses_acked, answers);
  held.for_each([&](StreamId id) {
    if (upstream::Upstream* stream = context_.ports.stream(id)) stream->acknowledged(answers);
  });
}

void Links::set_reading(const Held& held, std::uint32_t number, bool on) {
  if (!on) context_.counters.add(Counter::server_read_pauses);
  if (upstream::Upstream* stream = find(held, number)) stream->set_reading(on);
}

void Links::close(Held& held, const Record& record, std::uint32_t number, upstream::Parting parting,
                  const std::vector<xmpp::Stanza>& undelivered) {
  StreamId id = held.find(number);
  if (!id) return;
  context_.note(EventType::stream_terminate, record, number);
  if (context_.journal.listening()) {
    context_.journal.tell(EventType::stream_terminate, record.name, held.one(number)->domain, {{"stream", number}});
  }
  held.drop(number);
  links_.at(id).let_go = true;
  context_.counters.add(Counter::streams_closed_client);
  context_.ports.stream(id)->close(parting, undelivered);  // may raise Closed from within
}

void Links::abandon(Held& held, const Record& record) {
  while (!held.empty()) close(held, record, held.any(), upstream::Parting::ClientLost);
}

std::optional<Links::Owner> Links::heard(StreamId stream, const upstream::Event& event) {
  auto at = links_.find(stream);
  if (at == links_.end()) return std::nullopt;
  const Link link = at->second;
  if (const auto* arrived = std::get_if<upstream::Arrived>(&event))
    context_.counters.add(Counter::stanzas_to_clients, arrived->stanzas.size());
  if (const auto* congested = std::get_if<upstream::Congested>(&event); congested && congested->on && !link.let_go)
    context_.counters.add(Counter::client_read_pauses);
  if (std::holds_alternative<upstream::Closed>(event)) {
    links_.erase(at);
    context_.ports.drop_stream(stream);
    if (!link.let_go) context_.counters.add(Counter::streams_closed_server);
  }
  return link.owner;
}

void Links::heard(Held& held, Record& record, std::uint32_t number, const upstream::Event& event) {
  const auto* arrived = std::get_if<upstream::Arrived>(&event);
  if (arrived) {
    record.down += arrived->stanzas.size();
    for (const xmpp::Stanza& stanza : arrived->stanzas) record.bytes_down += stanza.bytes.size();
    if (log::enabled(log::Level::Trace)) {
      for (const xmpp::Stanza& stanza : arrived->stanzas) trace("stanza.from_server", record, number, stanza.bytes);
    }
  }
  Held::One* one = held.one(number);
  if (!one) return;  // it was let go
  if (const auto* closed = std::get_if<upstream::Closed>(&event)) return note_closed(held, record, *one, *closed);
  bool opened = std::holds_alternative<upstream::Opened>(event);
  bool again = opened && std::exchange(one->opened, true);
  if (opened) context_.note(again ? EventType::stream_restarted : EventType::stream_added, record, number);
  if (arrived) context_.note(EventType::response, record, number, arrived->stanzas.size());
  if (arrived && context_.journal.watches(record.name)) {
    for (const xmpp::Stanza& stanza : arrived->stanzas)
      context_.journal.tell_elements(record.name, one->domain, "server", stanza.bytes);
  }
  if (!context_.journal.listening()) return;
  if (opened) {
    auto type = again ? EventType::stream_restarted : EventType::stream_added;
    return context_.journal.tell(type, record.name, one->domain, {{"stream", number}});
  }
  if (arrived) {
    context_.journal.tell(EventType::response, record.name, one->domain,
                          {{"stream", number}, {"count", arrived->stanzas.size()}});
  }
}

void Links::note_closed(Held& held, Record& record, const Held::One& one, const upstream::Closed& closed) {
  context_.note(EventType::terminate, record, one.number);
  if (context_.journal.listening()) {
    context_.journal.tell(EventType::terminate, record.name, one.domain,
                          {{"stream", one.number},
                           {"condition", bosh::wire_name(closed.condition)},
                           {"stage", closed.stage ? upstream::name_of(*closed.stage) : ""},
                           {"target", closed.target},
                           {"why", closed.why}});
  }
  note(record, closed);
  held.drop(one.number);
}

}  // namespace nxb::gateway
