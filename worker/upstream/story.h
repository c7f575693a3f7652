// worker/upstream/story.h - what the log and the counters say of one stream: how it came up, or why it failed.
// Runs in: worker. I/O: the log. Owned by: the stream, whatever its kind: XmppConnection, Echo, External.
// One line for each stream that fails (stream.failed), and at debug one for each that is usable (stream.open).
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/stats/stats.h"
#include "worker/upstream/upstream.h"

namespace nxb::upstream {

struct Story {
  std::string session, client, domain;  // who asks for what
  std::string target, address;          // what was last connected to, or was to be

  // Counts it, in all and by how far the stream had come, and writes the line.
  void failed(Stage stage, bosh::Condition condition, std::string_view why, stats::Counters& counters) const;
};

// How long the parts of a set-up took.
struct SetupTimes {
  Duration dns{}, tcp{}, tls{}, stream{};
  Duration all() const { return dns + tcp + tls + stream; }
};
void log_open(const Story& story, const SetupTimes& times, std::string_view tls);

// The defined condition in a <stream:error/>, as a word for the log; "" when there is none that looks like one.
std::string_view condition_in(std::string_view stream_error);

}  // namespace nxb::upstream
