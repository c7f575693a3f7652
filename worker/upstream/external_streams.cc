// worker/upstream/external_streams.cc
// SPDX-License-Identifier: MIT
#include "worker/upstream/external_streams.h"

#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace nxb::upstream {

ExternalStreams::ExternalStreams(const StreamsContext& context, const Policy& policy)
    : loop_(context.loop),
      from_clients_(context.pool, xml::kNoLimit),  // what they send was measured already
      from_program_(context.pool, context.config.upstream.max_xmpp_stanza_size),
      link_(context.loop, context.config.external, context.worker, context.counters, *this),
      services_{context.loop,
                context.config,
                context.deadlines,
                context.deadlines.add(*this),
                context.counters,
                context.events,
                policy,
                link_,
                from_clients_,
                from_program_} {}

Upstream& ExternalStreams::make(StreamId id) { return *(streams_[id] = std::make_unique<External>(id, services_)); }

External* ExternalStreams::at(StreamId id) {
  auto found = streams_.find(id);
  return found == streams_.end() ? nullptr : found->second.get();
}

Upstream* ExternalStreams::find(StreamId id) { return at(id); }

bool ExternalStreams::drop(StreamId id) {
  auto found = streams_.find(id);
  if (found == streams_.end()) return false;
  found->second->let_go();  // the services may be gone before it is
  loop_.retire(std::move(found->second));
  streams_.erase(found);
  return true;
}

void ExternalStreams::on_message(external::FromProgram message) {
  std::visit(
      [this](auto& each) {
        if constexpr (!std::is_same_v<std::decay_t<decltype(each)>, external::Hello>) {
          if (External* stream = at(each.stream)) stream->on_message(each);
        }
      },
      message);
}

void ExternalStreams::on_lost(const std::string& why) {
  std::vector<StreamId> all;
  for (const auto& [id, stream] : streams_) all.push_back(id);
  for (StreamId id : all) {
    if (External* stream = at(id)) stream->on_lost(why);  // which drops it
  }
}

void ExternalStreams::on_deadline(std::uint64_t id, Instant /*now*/) {
  if (External* stream = at(StreamId{id})) stream->on_deadline();
}

}  // namespace nxb::upstream
