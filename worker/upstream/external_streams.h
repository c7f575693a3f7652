// worker/upstream/external_streams.h - all streams of this worker to the operator's own program, and the way there.
// Runs in: worker. I/O: external::Link. Owned by: upstream::Streams. Owns each stream until it is dropped.
// A message names its stream; one for a stream that is over crossed with that end and is no mistake.
// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <unordered_map>

#include "worker/upstream/external.h"
#include "worker/upstream/streams.h"

namespace nxb::upstream {

class ExternalStreams final : private external::LinkSink, private uv::DeadlineSink {
 public:
  ExternalStreams(const StreamsContext& context, const Policy& policy);
  ExternalStreams(const ExternalStreams&) = delete;
  ExternalStreams& operator=(const ExternalStreams&) = delete;

  Upstream& make(StreamId id);
  Upstream* find(StreamId id);
  bool drop(StreamId id);  // destroyed after this turn; false: there is none
  std::size_t size() const { return streams_.size(); }
  external::Link::State state() const { return link_.state(); }

 private:
  void on_message(external::FromProgram message) override;
  void on_lost(const std::string& why) override;
  void on_deadline(std::uint64_t id, Instant now) override;
  External* at(StreamId id);

  uv::Loop& loop_;
  std::unordered_map<StreamId, std::unique_ptr<External>> streams_;
  external::Elements from_clients_, from_program_;
  external::Link link_;
  ExternalServices services_;
};

}  // namespace nxb::upstream
