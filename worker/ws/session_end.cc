// worker/ws/session_end.cc - how a WebSocket session ends; see session.h.
// Every end goes through part(), so that it is told once: CloseStream if there is a stream, then Ended. Then either the
// connection is closed at once, or what the client owes is waited for: its <close/>, then its Close, close_wait each.
// SPDX-License-Identifier: MIT
#include <utility>

#include "worker/ws/session.h"

namespace nxb::ws {

using bosh::Condition;
using bosh::EndedBy;

// W-42: the client hears at once, its server when it comes to it.
void Session::end_by_client(Actions& out) {
  say_missing_header(out);
  say_goodbye(out);
  part({"client closed", Condition::None, upstream::Parting::ClientClosed, EndedBy::Client}, out);
  wait_for(Owed::CloseFrame);
}

// W-41, W-43
void Session::end_by_server(upstream::Closed& closed, Actions& out) {
  const End end{upstream::reason(closed), closed.condition, std::nullopt, upstream::ended_by(closed)};
  switch (closed.condition) {
    case Condition::None:
      say_missing_header(out);
      say_goodbye(out);
      part(end, out);
      return wait_for(Owed::Goodbye);
    case Condition::RemoteStreamError:
      if (closed.stream_error.empty()) return end_with_error("undefined-condition", end, out);
      return end_with_element(with_language(std::move(closed.stream_error), lang_), end, out);
    case Condition::HostGone:
    case Condition::HostUnknown:
    case Condition::ImproperAddressing:
    case Condition::PolicyViolation:
    case Condition::RemoteConnectionFailed:
    case Condition::SystemShutdown:
    case Condition::UndefinedCondition:
      return end_with_error(wire_name(closed.condition), end, out);  // the names are those of RFC 6120 4.9.3
    case Condition::BadRequest:
    case Condition::InternalServerError:
    case Condition::ItemNotFound:
    case Condition::OtherRequest:
    case Condition::SeeOtherUri:
      return fail(CloseCode::InternalError, end, out);  // U-72
  }
}

void Session::end_with_error(std::string_view condition, const End& end, Actions& out, CloseCode code) {
  end_with_element(write_stream_error(condition), end, out, code);
}

// W-40
void Session::end_with_element(std::string element, const End& end, Actions& out, CloseCode code) {
  say_missing_header(out);
  say(std::move(element), out);
  say_goodbye(out);
  end_with_close(code, end, out);
}

// W-46
void Session::end_elsewhere(Actions& out) {
  say_own_header(out);
  say(write_see_other_uri(limits_.see_other_uri), out);
  part({"see other uri", Condition::SeeOtherUri}, out);
  wait_for(Owed::Goodbye);
}

void Session::end_with_close(CloseCode code, const End& end, Actions& out) {
  part(end, out);
  send_close(code, out);
}

// Fails the connection: nothing is waited for.
void Session::fail(CloseCode code, const End& end, Actions& out) {
  if (owed_ != Owed::Answer) out.push_back(Send{Opcode::Close, close_payload(code)});
  lose(end, out);
}

void Session::lose(const End& end, Actions& out) {
  part(end, out);
  hang_up(out);
}

// The only place that says Ended.
void Session::part(const End& end, Actions& out) {
  if (over()) return;
  if (running() && end.parting) out.push_back(CloseStream{*end.parting});
  hear_again(out);  // its goodbye
  out.push_back(Ended{end.why, end.condition, end.by, !end.parting});
  header_ = Header::Settled;
  deadline_.reset();
  ping_at_.reset();
  lost_at_.reset();
  move_to(State::Closing);
}

void Session::wait_for(Owed owed) {
  owed_ = owed;
  deadline_ = now_ + limits_.close_wait;
}

void Session::hang_up(Actions& out) {
  out.push_back(HangUp{});
  be_gone();
}

void Session::be_gone() {
  owed_ = Owed::Nothing;
  deadline_.reset();
  move_to(State::Gone);
}

// --- what is said and heard at the end ---

void Session::say_goodbye(Actions& out) { say(std::string(legacy_ ? kLegacyEnd : kClose), out); }

void Session::send_close(CloseCode code, Actions& out) {
  out.push_back(Send{Opcode::Close, close_payload(code)});
  wait_for(Owed::Answer);
}

// Anything else that the client says now is too late (W-42).
void Session::goodbye_heard(const Message& message, Actions& out) {
  auto goodbye = legacy_ ? Message::Kind::LegacyEnd : Message::Kind::Close;
  if (owed_ == Owed::Goodbye && message.kind == goodbye) send_close(CloseCode::Normal, out);
}

// Without a goodbye before it the client is lost, and may come back (W-45).
void Session::close_heard(std::uint16_t code, Actions& out) {
  bool answered = owed_ == Owed::Answer;
  part({"closed without goodbye", Condition::None, upstream::Parting::ClientLost, EndedBy::Client}, out);
  bool coded = code != 1005;  // W-21: the same code, or none
  if (!answered) out.push_back(Send{Opcode::Close, coded ? close_payload(CloseCode{code}) : std::string()});
  hang_up(out);
}

void Session::say(std::string text, Actions& out) { out.push_back(Send{Opcode::Text, std::move(text)}); }

}  // namespace nxb::ws
