// worker/upstream/external.h - one stream whose server side is the operator's own program (C-66 to C-76).
// Runs in: worker. I/O: none of its own; lines go through external::Link. Owned by: upstream::ExternalStreams.
//
//   Fresh --open--> Adding --stream-added--> Running --restart--> Restarting --stream-restarted--> Running
//
// What the client sends while the program is asked to add or restart the stream waits here, up to max_data_held (B-28,
// U-29). What the program says while the client does not collect waits here, up to kMaxUnsent (U-36). A stream that
// the program handles wrongly ends with internal-server-error and a line in the log; the others go on.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/config/config.h"
#include "common/stats/stats.h"
#include "common/uv/deadlines.h"
#include "common/uv/loop.h"
#include "worker/upstream/external_elements.h"
#include "worker/upstream/external_link.h"
#include "worker/upstream/external_protocol.h"
#include "worker/upstream/policy.h"
#include "worker/upstream/story.h"
#include "worker/upstream/upstream.h"

namespace nxb::upstream {

// What all streams of a worker to the program share.
struct ExternalServices {
  uv::Loop& loop;
  const config::Config& config;
  uv::Deadlines& deadlines;
  uv::Deadlines::Family family;
  stats::Counters& counters;
  Events& events;
  const Policy& policy;
  external::Link& link;
  external::Elements& from_clients;
  external::Elements& from_program;
};

class External final : public Upstream {
 public:
  External(StreamId id, ExternalServices& services) : id_(id), services_(services) {}

  void open(const StreamSpec& spec) override;
  void send(std::string_view elements) override;
  void restart(std::string_view stream_attrs) override;
  void acknowledged(std::uint32_t answers) override;
  std::string target() const override { return services_.link.target(); }
  void set_reading(bool on) override;
  void close(Parting parting, const std::vector<xmpp::Stanza>& undelivered) override;

  // What the program says of this stream.
  void on_message(external::StreamAdded& added);
  void on_message(external::StreamRestarted& restarted);
  void on_message(external::Response& response);
  void on_message(external::Terminate& terminate);
  void on_lost(const std::string& why);

  void on_deadline();
  void let_go();  // nothing of it touches the services any more; it only waits to be destroyed

 private:
  enum class State : std::uint8_t { Fresh, Adding, Running, Restarting, Done };

  bool is_known() const { return state_ != State::Fresh && state_ != State::Done; }  // to the program
  void become_ready(external::Header& header);
  void forward(std::string_view elements);
  void tell_undelivered(const std::vector<xmpp::Stanza>& undelivered);
  void deliver(std::vector<xmpp::Stanza> stanzas);
  void flush();
  void end_with(std::string error);  // the program's <stream:error/>
  void wait_for_answer(State state);
  void fail(Stage stage, bosh::Condition condition, const std::string& why);
  void breach(const std::string& why);  // the program handled this stream wrongly
  void finish(Closed closed);
  void raise(Event event) { services_.events.on_stream_event(id_, std::move(event)); }

  StreamId id_;
  ExternalServices& services_;
  Story story_;
  std::string early_;                  // of the client, while Adding or Restarting
  std::vector<xmpp::Stanza> waiting_;  // for the client, while it does not collect
  std::size_t waiting_bytes_ = 0;
  std::size_t unsent_ = 0;  // bytes that it sent since the link had sent counted_from_; none of them was read, and
  std::uint64_t counted_from_ = 0;  // at most kMaxUnsent that were counted before may wait as well
  Instant asked_at_{};              // when the program was told of it
  State state_ = State::Fresh;
  bool reading_ = true;
};

}  // namespace nxb::upstream
