// worker/upstream/external.cc
// SPDX-License-Identifier: MIT
#include "worker/upstream/external.h"

#include <utility>

#include "common/log/log.h"
#include "worker/xmpp/stream_attributes.h"

namespace nxb::upstream {

using bosh::Condition;
using stats::Counter;

// --- what the session asks ---

void External::open(const StreamSpec& spec) {
  if (!NXB_EXPECT(state_ == State::Fresh, "a stream is opened once")) return;
  story_ = {spec.session, spec.client_address, spec.domain, {}, {}};
  Choice choice = services_.policy.choose(spec.domain);
  if (choice.refusal.condition != Condition::None)
    return fail(Stage::Policy, choice.refusal.condition, choice.refusal.why);  // U-02
  story_.domain = choice.domain.jid;
  external::Link& link = services_.link;
  story_.target = story_.address = link.target();  // it is no name that would have to be looked up
  if (link.state() == external::Link::State::Down)
    return fail(Stage::Tcp, Condition::RemoteConnectionFailed, "the program is not there");
  if (link.is_full()) return fail(Stage::Tcp, Condition::RemoteConnectionFailed, "the program does not read");
  link.send(external::stream_add(id_, story_.domain, spec));
  asked_at_ = services_.loop.now();
  wait_for_answer(State::Adding);
}

void External::send(std::string_view elements) {
  if (state_ == State::Running) return forward(elements);
  if (state_ != State::Adding && state_ != State::Restarting) return;
  early_.append(elements);
  if (early_.size() > services_.config.bosh.max_data_held)
    fail(Stage::Stream, Condition::PolicyViolation, "the client sends too much before the stream is ready");
}

void External::forward(std::string_view elements) {
  auto stanzas = services_.from_clients.split(elements);
  if (!stanzas)
    return fail(Stage::Stream, Condition::InternalServerError, "what the client sent: " + stanzas.error().text);
  if (stanzas->empty()) return;
  external::Link& link = services_.link;
  if (link.read() >= counted_from_) {  // all that was sent before has been read
    counted_from_ = link.sent();
    unsent_ = 0;
  }
  if (unsent_ > kMaxUnsent || link.is_full())
    return fail(Stage::Stream, Condition::PolicyViolation, "the program does not take what the client sends");  // U-70
  std::string line = external::nodes(id_, *stanzas);
  unsent_ += line.size();
  link.send(line);
}

void External::restart(std::string_view stream_attrs) {
  if (state_ != State::Running) return;
  services_.link.send(external::stream_restart(id_, xmpp::parse_stream_attributes(stream_attrs)));
  wait_for_answer(State::Restarting);
}

void External::acknowledged(std::uint32_t answers) {
  if (is_known()) services_.link.send(external::response_acknowledged(id_, answers));
}

void External::set_reading(bool on) {
  if (std::exchange(reading_, on) == on || !is_known()) return;
  services_.link.send(on ? external::resume(id_) : external::pause(id_));
  if (on) flush();
}

void External::close(Parting parting, const std::vector<xmpp::Stanza>& undelivered) {
  if (is_known()) {
    if (!undelivered.empty()) tell_undelivered(undelivered);
    auto why = parting == Parting::ClientLost ? external::kLost : external::kClosed;
    services_.link.send(external::stream_terminate(id_, why));
  }
  finish(Closed{Condition::None, {}, "closed"});
}

// Many sessions may end in one turn, each with much that waited: that is no fault of the program, which could not read in
// between, and must not cost the others their connection to it. So these lines alone are left out where they do not fit.
void External::tell_undelivered(const std::vector<xmpp::Stanza>& undelivered) {
  std::string line = external::no_client(id_, undelivered);
  if (services_.link.queued() + line.size() <= services_.config.external.max_pending) return services_.link.send(line);
  log::warn("external.no_client_dropped", {{"sid", story_.session}, {"elements", undelivered.size()}});
}

// --- what the program says; the session may call back from within raise(), and close the stream ---

void External::on_message(external::StreamAdded& added) {
  if (state_ != State::Adding) return breach("stream-added twice");
  services_.counters.add(Counter::streams_opened);
  services_.counters.observe(stats::Histogram::upstream_connect, services_.loop.now() - asked_at_);
  become_ready(added);
}

void External::on_message(external::StreamRestarted& restarted) {
  if (state_ != State::Restarting) return breach("stream-restarted without stream-restart");
  become_ready(restarted);
}

void External::become_ready(external::Header& header) {
  std::vector<xmpp::Stanza> features;
  if (!header.features.empty()) {
    auto read = services_.from_program.one(header.features);
    if (!read) return breach("features are " + read.error().text);
    if (read->kind != xmpp::Kind::Features) return breach("features are something else");
    features.push_back(*std::move(read));
  }
  state_ = State::Running;
  services_.deadlines.clear(services_.family, id_.value);
  std::string early = std::exchange(early_, {});
  if (!early.empty()) forward(early);  // before what the session may send from within raise()
  if (state_ != State::Running) return;
  raise(Opened{std::move(header.id), std::move(header.version), header.from.value_or(story_.domain),
               std::move(header.lang)});
  if (is_known()) deliver(std::move(features));
}

void External::on_message(external::Response& response) {
  if (state_ == State::Adding) return breach("response before stream-added");
  std::vector<xmpp::Stanza> stanzas;
  std::string wrong, error;
  for (std::size_t i = 0; i < response.elements.size() && wrong.empty() && error.empty(); ++i) {
    auto read = services_.from_program.one(response.elements[i]);
    if (!read) {
      wrong = "element " + std::to_string(i) + " of response is " + read.error().text;
    } else if (read->kind == xmpp::Kind::StreamError) {
      error = std::move(read->bytes);  // final (U-32)
    } else {
      stanzas.push_back(*std::move(read));
    }
  }
  deliver(std::move(stanzas));
  if (state_ == State::Done) return;
  if (!wrong.empty()) return breach(wrong);
  if (!error.empty()) end_with(std::move(error));
}

void External::on_message(external::Terminate& terminate) {
  if (!terminate.error.empty()) {
    auto read = services_.from_program.one(terminate.error);
    if (!read) return breach("error of terminate is " + read.error().text);
    if (read->kind != xmpp::Kind::StreamError) return breach("error of terminate is something else");
    return end_with(std::move(read->bytes));
  }
  flush();
  finish(Closed{terminate.condition, {}, "ended by the program"});
}

void External::end_with(std::string error) {
  flush();
  std::string why = "ended by the program";
  auto word = condition_in(error);
  if (!word.empty()) (why += ": ") += word;
  finish(Closed{Condition::RemoteStreamError, std::move(error), std::move(why)});
}

void External::on_lost(const std::string& why) {
  Stage stage = state_ == State::Adding ? Stage::Tcp : Stage::Stream;
  flush();
  finish(Closed{Condition::RemoteConnectionFailed, {}, "the program: " + why, stage});
}

void External::deliver(std::vector<xmpp::Stanza> stanzas) {
  if (stanzas.empty()) return;
  if (reading_) return raise(Arrived{std::move(stanzas)});
  for (xmpp::Stanza& stanza : stanzas) {
    waiting_bytes_ += stanza.bytes.size();
    waiting_.push_back(std::move(stanza));
  }
  if (waiting_bytes_ > kMaxUnsent)
    fail(Stage::Stream, Condition::PolicyViolation, "the program goes on though it was told to pause");
}

void External::flush() {
  waiting_bytes_ = 0;
  if (!waiting_.empty()) raise(Arrived{std::exchange(waiting_, {})});
}

// --- time and end ---

void External::wait_for_answer(State state) {
  state_ = state;
  services_.deadlines.set(services_.family, id_.value, services_.loop.now() + services_.config.upstream.setup_timeout);
}

void External::on_deadline() {
  if (state_ == State::Adding || state_ == State::Restarting)
    fail(Stage::Stream, Condition::RemoteConnectionFailed, "the program did not answer in time");
}

void External::breach(const std::string& why) {
  services_.counters.add(Counter::errors);
  fail(Stage::Stream, Condition::InternalServerError, "the program: " + why);
}

void External::fail(Stage stage, Condition condition, const std::string& why) {
  if (is_known()) services_.link.send(external::stream_terminate(id_, external::kFailed));
  finish(Closed{condition, {}, why, stage});
}

void External::finish(Closed closed) {
  if (state_ == State::Done) return;
  let_go();
  closed.target = story_.target;
  if (closed.condition != Condition::None) {
    if (!closed.stage) closed.stage = Stage::Stream;
    story_.failed(*closed.stage, closed.condition, closed.why, services_.counters);
  }
  raise(std::move(closed));
}

void External::let_go() {
  if (std::exchange(state_, State::Done) == State::Done) return;
  services_.deadlines.clear(services_.family, id_.value);
  std::string().swap(early_);
  std::vector<xmpp::Stanza>().swap(waiting_);
}

}  // namespace nxb::upstream
