// worker/upstream/streams.h - all upstream streams of this worker; makes the kind that the configuration names.
// Runs in: worker. I/O: trust stores are read when it is made. Owns every stream until it is dropped.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "common/base/ids.h"
#include "common/config/config.h"
#include "common/stats/stats.h"
#include "common/uv/deadlines.h"
#include "common/uv/loop.h"
#include "worker/upstream/upstream.h"
#include "worker/xml/reader.h"

namespace nxb::upstream {

struct StreamsContext {
  uv::Loop& loop;
  const config::Config& config;
  xml::Pool& pool;
  uv::Deadlines& deadlines;
  stats::Counters& counters;
  Events& events;
  std::uint32_t worker = 0;  // its number, for a program that serves several
};

class Streams {
 public:
  explicit Streams(const StreamsContext& context);
  ~Streams();
  Streams(const Streams&) = delete;
  Streams& operator=(const Streams&) = delete;

  Upstream& make(StreamId id);
  Upstream* find(StreamId id);  // null after drop()
  void drop(StreamId id);       // destroyed after this turn; an id that is gone already is fine
  // How the servers of a domain do, for an operator (checkup.h); `done` is called once, with a JSON object.
  void check(const std::string& domain, std::function<void(const std::string&)> done);
  void reconfigure();  // the configuration is another one now; streams keep what they began with
  std::size_t size() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace nxb::upstream
