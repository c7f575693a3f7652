// worker/edge/http_connection.cc - bytes, answers and deadlines of a connection; dispatch.cc has the requests.
// SPDX-License-Identifier: MIT
#include "worker/edge/http_connection.h"

#include <algorithm>
#include <utility>

namespace nxb::edge {

using stats::Counter;
using uv::PauseReason;

namespace {

stats::Method counted(http::Method method) {
  switch (method) {
    case http::Method::Get:
    case http::Method::Head:
      return stats::Method::get;
    case http::Method::Post:
      return stats::Method::post;
    case http::Method::Options:
      return stats::Method::options;
    case http::Method::Other:
      break;
  }
  return stats::Method::other;
}

}  // namespace

Result<std::unique_ptr<HttpConnection>> HttpConnection::make(Shared& shared, ConnId id, int fd, std::uint16_t listener,
                                                             std::string peer) {
  auto connection = std::make_unique<HttpConnection>(Private(), shared, id, listener, std::move(peer));
  NXB_TRY(connection->stream_, uv::Stream::adopt(shared.context.loop, fd, *connection, uv::Stream::Options::Inherited));
  connection->settle();
  return connection;
}

HttpConnection::HttpConnection(Private, Shared& shared, ConnId id, std::uint16_t listener, std::string peer)
    : shared_(shared), id_(id), listener_(listener), peer_(std::move(peer)), parser_(shared.parsers) {}

// --- in ---

void HttpConnection::on_bytes(std::string_view bytes) {
  context().counters.add(Counter::bytes_from_clients, bytes.size());
  switch (state_) {
    case State::Open:
      if (unread_.empty()) return parse(bytes);
      [[fallthrough]];
    case State::Leaving:
      unread_ += bytes;
      return;
    case State::Lingering:
      lingered_ += bytes.size();
      if (lingered_ > kLingerBytes) close();
      return;
    case State::Last:
    case State::Closed:
      return;
  }
}

void HttpConnection::resume(relay::Handover handover) {
  if (handover.hops != 0) arrived_ = std::make_unique<std::string>(std::move(handover.minted_sid));
  parse(handover.bytes);
}

void HttpConnection::parse(std::string_view bytes) {
  parsing_ = true;
  while (state_ == State::Open && !bytes.empty() && has_room()) {
    http::Parser::Step step = parser_.feed(bytes);
    bytes.remove_prefix(step.consumed);
    if (step.state == http::Parser::State::NeedMore) continue;
    if (step.state == http::Parser::State::Failed) {
      fail(parser_.error_status());
      break;
    }
    dispatch(bytes);
    waiting_ = Waiting::Nothing;  // the next head, or the next pause, has its own time
    continued_ = false;
    parser_.next();
  }
  parsing_ = false;
  if (state_ == State::Open) unread_ = bytes;
  settle();
}

// FIN while an answer is owed is a closed connection (H-19). Otherwise the client may still read what is queued.
void HttpConnection::on_end() {
  peer_ended_ = true;
  if (!owed_.empty()) return close();
  if (stream_->queued() == 0) return close();
  if (state_ != State::Lingering) linger();
}

void HttpConnection::on_broken(const Error&) { close(); }

// --- out ---

void HttpConnection::reply(std::uint32_t number, gateway::Reply reply) {
  auto is_it = [number](const Owed& owed) { return owed.number == number && !owed.finished; };
  auto at = std::find_if(owed_.begin(), owed_.end(), is_it);
  if (at == owed_.end()) return;
  http::Answer answer;
  answer.status = reply.status;
  answer.purpose = http::Purpose::Bosh;
  answer.content_type = reply.content_type;
  if (reply.begins_session) answer.node = shared_.replies.node_lines(reply.secure);
  finish(*at, {answer, std::move(reply.body)});
}

void HttpConnection::finish(Owed& owed, Finished finished) {
  put_into_form(owed.form.get(), finished);
  finished.answer.content_length = finished.body.size();
  finished.answer.cors = owed.cors;
  if (state_ != State::Closed && &owed == &owed_.front()) {
    write_front(finished);
    flush();
  } else {
    owed.finished = std::make_unique<Finished>(std::move(finished));
  }
  if (parsing_) return;
  can_leave() ? arm() : settle();  // to leave is to call the gateway, which must not be from within its own call
}

void HttpConnection::flush() {
  while (state_ != State::Closed && !owed_.empty() && owed_.front().finished) {
    const auto finished = std::move(owed_.front().finished);
    write_front(*finished);
  }
}

void HttpConnection::write_front(Finished& finished) {
  const Owed owed = std::move(owed_.front());
  http::Answer& answer = finished.answer;
  bool last = state_ == State::Last && owed_.size() == 1;
  if (last) {
    answer.persistence = http::Persistence::Close;
  } else if (owed.http10) {
    answer.persistence = http::Persistence::KeepAlive;
  }
  std::string head = shared_.replies.head(answer, wall_clock_ms());
  std::string_view body = owed.method == http::Method::Head ? std::string_view() : finished.body;
  owed_.erase(owed_.begin());
  stream_->write(head, body);
  context().counters.add(Counter::bytes_to_clients, head.size() + body.size());
  context().counters.answered(counted(owed.method), answer.status);
  if (answer.status >= 400) context().counters.add(Counter::requests_refused);
}

// Brings everything that follows from the state in line with it. Called whenever one of them may have changed, but not
// from within parse(), whose end calls it.
void HttpConnection::settle() {
  if (state_ == State::Closed) return;
  if (can_leave()) return departure_->upgrade ? upgrade() : hand_over();
  if (state_ == State::Last && owed_.empty()) return linger();
  bool expects =
      state_ == State::Open && parser_.in_body() && !parser_.body_begun() && parser_.request().wants_continue;
  if (expects && owed_.empty() && !std::exchange(continued_, true)) stream_->write(http::kContinue);
  if (state_ != State::Lingering) {
    if (stream_->queued() > kMaxQueued) stream_->pause(PauseReason::PeerSlow);
    if (state_ == State::Leaving || state_ == State::Last) stream_->pause(PauseReason::Busy);
    owed_.size() >= kMaxUnanswered ? stream_->pause(PauseReason::TooManyRequests)
                                   : stream_->resume(PauseReason::TooManyRequests);
  }
  arm();
}

void HttpConnection::on_drained() {
  write_due_.reset();
  stream_->resume(PauseReason::PeerSlow);
  if (state_ == State::Lingering && peer_ended_) return close();
  linger_due_ = now() + kLinger;
  settle();
}

// H-10: FIN behind the answers, then read on for a while: a reset for unread bytes could destroy the answer.
void HttpConnection::linger() {
  state_ = State::Lingering;
  linger_due_ = now() + kLinger;
  stream_->half_close();
  read_on();
  settle();
}

void HttpConnection::read_on() {
  for (PauseReason reason : {PauseReason::PeerSlow, PauseReason::TooManyRequests, PauseReason::Busy}) {
    stream_->resume(reason);
  }
}

void HttpConnection::shut_down() {
  closing_ = true;
  if (state_ != State::Open) return;
  if (is_quiet() && stream_->queued() == 0) return close();
  if (is_quiet() || !owed_.empty()) state_ = State::Last;  // else: a request is being read; it is the last
  settle();
}

void HttpConnection::close() {
  if (std::exchange(state_, State::Closed) == State::Closed) return;
  context().deadlines.clear(shared_.family, id_.value);
  stream_.reset();
  if (!parsing_) parser_.next();  // else parse() does: the request is in use, further up the stack
  for (const Owed& owed : std::exchange(owed_, {})) {
    if (owed.at_gateway && !owed.finished) context().requests.on_request_gone({id_, owed.number});
  }
  shared_.closed(id_);
}

// --- time (H-27, H-28) ---

bool HttpConnection::is_quiet() const { return owed_.empty() && unread_.empty() && parser_.between_requests(); }

HttpConnection::Waiting HttpConnection::waiting_for() const {
  if (state_ != State::Open || stream_->paused()) return Waiting::Nothing;
  if (parser_.in_body()) return Waiting::Body;
  if (!parser_.between_requests()) return Waiting::Head;
  return is_quiet() ? Waiting::Idle : Waiting::Nothing;
}

void HttpConnection::arm() {
  const config::Config::Http& http = context().config.http;
  Waiting waiting = waiting_for();
  if (waiting != std::exchange(waiting_, waiting)) {
    if (waiting == Waiting::Idle) client_due_ = now() + http.idle_timeout;
    if (waiting == Waiting::Head) client_due_ = now() + http.head_timeout;
    if (waiting == Waiting::Body) client_due_ = now() + http.body_timeout;
  }
  bool queued = stream_->queued() > 0;
  if (queued && !write_due_) write_due_ = now() + http.write_timeout;
  if (!queued) write_due_.reset();
  std::optional<Instant> due = write_due_;
  if (waiting_ != Waiting::Nothing) due = std::min(due.value_or(client_due_), client_due_);
  if (state_ == State::Lingering && !queued) due = linger_due_;
  if (can_go_on() || can_leave()) due = now();  // an answer made room; its giver must not be called from within
  if (due) {
    context().deadlines.set(shared_.family, id_.value, *due);
  } else {
    context().deadlines.clear(shared_.family, id_.value);
  }
}

bool HttpConnection::is_stalled(Instant at) const { return write_due_ && stream_->queued() > 0 && at >= *write_due_; }

// Not for requests alone: one read may hold hundreds that are answered at once, each with a large answer.
bool HttpConnection::has_room() const { return owed_.size() < kMaxUnanswered && stream_->queued() <= kMaxQueued; }

bool HttpConnection::can_go_on() const { return state_ == State::Open && !unread_.empty() && has_room(); }

bool HttpConnection::can_leave() const { return state_ == State::Leaving && owed_.empty() && stream_->queued() == 0; }

void HttpConnection::on_deadline(Instant at) {
  if (is_stalled(at)) return close();
  if (can_leave()) return settle();
  if (can_go_on()) {
    std::string bytes = std::exchange(unread_, {});
    return parse(bytes);
  }
  if (state_ == State::Lingering && stream_->queued() == 0 && at >= linger_due_) return close();
  if (waiting_ == Waiting::Nothing || at < client_due_) return arm();
  if (waiting_ == Waiting::Idle) return close();
  fail(408);
  settle();
}

}  // namespace nxb::edge
