// tests/unit/worker/ws/session_end_test.cc - every way to end: what is said, in which order, and how long is waited.
// SPDX-License-Identifier: MIT
#include "session_rig.h"

namespace nxb::ws {

const std::string kSaidClose = "S " + std::string(kClose) + "\n";

TEST_CASE("W-42 U-58 a client that closes is answered at once; its Close is waited for 5 s, then ours for 5 s") {
  Rig rig;
  rig.open();
  CHECK(rig.says(kClientsClose) == kSaidClose + "CloseStream closed\nEnded client closed/\n");
  CHECK(rig.says("<a/>").empty());
  CHECK(rig.says("<a").empty());
  CHECK(rig.says(kClientsClose).empty());
  CHECK(rig.says(kOpen).empty());
  CHECK(rig.server_says("<a/>").empty());
  CHECK(rig.server(upstream::Closed{}).empty());
  CHECK(rig.pass(4'999ms).empty());
  CHECK(rig.pass(1ms) == "Close 1000\n");
  CHECK(rig.pass(4'999ms).empty());
  CHECK(rig.pass(1ms) == "HangUp\n");
  CHECK(rig.pass(1h).empty());
}

TEST_CASE("W-42 a client that closes before it was answered gets open, then close") {
  Rig rig;
  rig.says(kOpen);
  CHECK(rig.says(kClientsClose) == "S " + kOwnOpen + "\n" + kSaidClose + "CloseStream closed\nEnded client closed/\n");
  CHECK(rig.opened().empty());
}

TEST_CASE("W-43 C-60 D-62 a server that closes: its client's close is waited for, not for long") {
  Rig rig;
  rig.open();
  CHECK(rig.server(upstream::Closed{}) == kSaidClose + "Ended server closed/\n");
  CHECK(rig.says("<a/>").empty());
  SUBCASE("it answers") {
    CHECK(rig.says(kClientsClose) == "Close 1000\n");
    CHECK(rig.says(kClientsClose).empty());
    CHECK(rig.feed(CloseArrived{1000}) == "HangUp\n");
  }
  SUBCASE("it closes the WebSocket alone") { CHECK(rig.feed(CloseArrived{1001}) == "Close 1001\nHangUp\n"); }
  SUBCASE("it is silent") {
    CHECK(rig.pass(4'999ms).empty());
    CHECK(rig.pass(1ms) == "Close 1000\n");
    CHECK(rig.says(kClientsClose).empty());
    CHECK(rig.pass(5s) == "HangUp\n");
  }
  SUBCASE("it goes") {
    CHECK(rig.feed(ConnectionGone{}).empty());
    CHECK(rig.session.state() == State::Gone);
  }
}

TEST_CASE("W-43 W-32 a server that closes before its header: open and close") {
  Rig rig;
  rig.says(kOpen);
  CHECK(rig.server(upstream::Closed{}) == "S " + kOwnOpen + "\n" + kSaidClose + "Ended server closed/\n");
}

TEST_CASE("W-41 W-40 W-36 the server's stream error comes whole, behind its stanzas") {
  Rig rig;
  rig.open();
  CHECK(rig.server_says("<message/>") == "S <message xml:lang=\"en\"/>\n");
  CHECK(rig.server(upstream::Closed{
            bosh::Condition::RemoteStreamError, "<stream:error xmlns:stream='s'><x/></stream:error>", {}}) ==
        lines({"S <stream:error xml:lang=\"en\" xmlns:stream='s'><x/></stream:error>", "S " + std::string(kClose),
               "Ended stream error/remote-stream-error", "Close 1000"}));
}

TEST_CASE("W-41 W-40 each end of the server has its stream error; a fault of ours has 1011") {
  using bosh::Condition;
  struct Row {
    Condition condition;
    const char* error;
    const char* why = "server lost";
  };
  const Row rows[] = {{Condition::HostUnknown, "host-unknown"},
                      {Condition::HostGone, "host-gone"},
                      {Condition::ImproperAddressing, "improper-addressing"},
                      {Condition::RemoteConnectionFailed, "remote-connection-failed"},
                      {Condition::PolicyViolation, "policy-violation", "too much unsent"},  // U-70
                      {Condition::SystemShutdown, "system-shutdown"},
                      {Condition::UndefinedCondition, "undefined-condition"}};
  for (const Row& row : rows) {
    Rig rig;
    rig.open();
    CHECK(rig.server(upstream::Closed{row.condition, {}, "why"}) ==
          error_end("", row.error, "", std::string(row.why) + "/" + row.error));
  }
  Rig empty;
  empty.open();
  CHECK(empty.server(upstream::Closed{Condition::RemoteStreamError, {}, {}}) ==
        error_end("", "undefined-condition", "", "stream error/remote-stream-error"));
  Rig fault;
  fault.open();
  CHECK(fault.server(upstream::Closed{Condition::InternalServerError, {}, {}}) ==
        lines({"Close 1011", "Ended server lost/internal-server-error", "HangUp"}));
}

TEST_CASE("W-27 W-28 W-30 W-40 C-61 a message that is no good XML ends an open stream with its error") {
  struct Row {
    const char *text, *condition;
  };
  for (const Row& row :
       {Row{"<a", "not-well-formed"}, Row{"</stream:stream>", "bad-format"}, Row{"<a/><b/>", "not-well-formed"},
        Row{"<a>&b;</a>", "restricted-xml"}, Row{"<close/>", "invalid-namespace"}}) {
    CAPTURE(std::string(row.text));
    Rig rig;
    rig.open();
    std::string condition = row.condition, why = condition == "bad-format" ? "another framing" : condition;
    CHECK(rig.says(row.text) == error_end("", condition, "CloseStream lost\n", why + "/bad-request"));
    CHECK(rig.pass(5s) == "HangUp\n");
  }
}

TEST_CASE("W-40 an error before the server's header, also after a restart, has an open of our own before it") {
  Rig first;
  first.says(kOpen);
  CHECK(first.says("<a") ==
        error_end(kOwnOpen, "not-well-formed", "CloseStream lost\n", "not-well-formed/bad-request"));
  Rig again;
  again.open();
  again.says(kOpen);
  CHECK(again.says("<a") ==
        error_end(kOwnOpen, "not-well-formed", "CloseStream lost\n", "not-well-formed/bad-request"));
}

TEST_CASE("W-45 U-58 a client that is gone, or closes without goodbye, is lost and leaves the stream so") {
  Rig gone;
  gone.open();
  CHECK(gone.feed(ConnectionGone{}) == "CloseStream lost\nEnded connection lost/\n");
  CHECK(gone.session.state() == State::Gone);
  CHECK(gone.server_says("<a/>").empty());
  Rig closes;
  closes.open();
  CHECK(closes.feed(CloseArrived{1001}) ==
        lines({"CloseStream lost", "Ended closed without goodbye/", "Close 1001", "HangUp"}));
  Rig early;
  CHECK(early.feed(ConnectionGone{"does not read"}) == "Ended does not read/\n");
}

TEST_CASE("W-21 a Close is answered with the same code, one without a code by one without, and the connection closed") {
  for (int code : {1000, 1001, 1011, 3000, 4999}) {
    Rig rig;
    CHECK(rig.feed(CloseArrived{static_cast<std::uint16_t>(code)}) ==
          lines({"Ended closed without goodbye/", "Close " + std::to_string(code), "HangUp"}));
  }
  Rig none;
  none.open();
  none.says(kClientsClose);
  CHECK(none.feed(CloseArrived{1005}) == "Close -\nHangUp\n");
}

TEST_CASE("W-22 W-23 nothing is sent behind Close, whatever comes, and the answer is waited for 5 s") {
  Rig rig;
  rig.open();
  rig.says("<a");
  CHECK(rig.closed);
  CHECK(rig.says("<a/>").empty());
  CHECK(rig.says(kClientsClose).empty());
  CHECK(rig.feed(PingArrived{"x"}).empty());
  CHECK(rig.feed(PongArrived{}).empty());
  CHECK(rig.feed(Unsent{2 << 20}).empty());
  CHECK(rig.server_says("<a/>").empty());
  CHECK(rig.feed(ShutDown{}).empty());
  CHECK(rig.feed(Refused{CloseCode::TryAgainLater, "late"}).empty());
  CHECK(rig.pass(4'999ms).empty());
  CHECK(rig.pass(1ms) == "HangUp\n");
}

TEST_CASE("W-19 a message too big: policy-violation, close, 1009; its answer is not waited for") {
  Rig rig;
  rig.open();
  CHECK(rig.feed(RuleBroken{CloseCode::TooBig, "too big"}) ==
        error_end("", "policy-violation", "CloseStream lost\n", "too big/policy-violation", 1009) + "HangUp\n");
  Rig first;
  CHECK(first.feed(RuleBroken{CloseCode::TooBig, "too big"}) ==
        error_end(kBareOpen, "policy-violation", "", "too big/policy-violation", 1009) + "HangUp\n");
  Rig last;
  last.open();
  last.says(kClientsClose);
  CHECK(last.feed(RuleBroken{CloseCode::TooBig, "too big"}) == "Close 1009\nHangUp\n");
}

TEST_CASE("W-22 a broken rule of frames: Close with its code, and an abrupt end") {
  for (auto code : {CloseCode::ProtocolError, CloseCode::UnacceptableData, CloseCode::InvalidData}) {
    Rig rig;
    rig.open();
    std::string number = std::to_string(static_cast<int>(code));
    CHECK(rig.feed(RuleBroken{code, "a rule"}) ==
          lines({"Close " + number, "CloseStream lost", "Ended a rule/bad-request", "HangUp"}));
    Rig late;
    late.open();
    late.feed(ShutDown{});
    CHECK(late.feed(RuleBroken{code, "a rule"}) == "HangUp\n");
  }
}

TEST_CASE("W-48 STARTTLS of a client is refused, and the stream closed") {
  Rig rig;
  rig.open();
  CHECK(rig.says("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>") ==
        lines({"S <failure xmlns=\"urn:ietf:params:xml:ns:xmpp-tls\"/>", "S " + std::string(kClose), "CloseStream lost",
               "Ended starttls/bad-request", "Close 1000"}));
}

TEST_CASE("O-09 W-22 at shutdown a stream hears system-shutdown, close and 1001, who has none 1001 alone") {
  Rig rig;
  rig.open();
  CHECK(rig.feed(ShutDown{}) ==
        error_end("", "system-shutdown", "CloseStream lost\n", "shutdown/system-shutdown", 1001));
  Rig opening;
  opening.says(kOpen);
  CHECK(opening.feed(ShutDown{}) ==
        error_end(kOwnOpen, "system-shutdown", "CloseStream lost\n", "shutdown/system-shutdown", 1001));
  Rig waiting;
  CHECK(waiting.feed(ShutDown{}) == "Ended shutdown/system-shutdown\nClose 1001\n");
  CHECK(waiting.feed(CloseArrived{1001}) == "HangUp\n");
}

TEST_CASE("O-17 W-40 who is kicked hears the condition as a stream error; without a stream the code alone") {
  Rig rig;
  rig.open();
  CHECK(rig.feed(Kicked{bosh::Condition::PolicyViolation}) ==
        error_end("", "policy-violation", "CloseStream lost\n", "kicked/policy-violation", 1008));
  CHECK(rig.feed(Kicked{bosh::Condition::PolicyViolation}).empty());
  Rig waiting;
  CHECK(waiting.feed(Kicked{bosh::Condition::SystemShutdown}) == "Ended kicked/system-shutdown\nClose 1001\n");
}

TEST_CASE("W-22 who is refused gets the code; nothing more is read of it, its answer is not waited for") {
  Rig rig;
  CHECK(rig.feed(Refused{CloseCode::TryAgainLater, "max_sessions"}) == "Close 1013\nEnded max_sessions/\nHangUp\n");
  CHECK(rig.says(kOpen).empty());
  CHECK_FALSE(rig.session.next_deadline());
  Rig policy;
  CHECK(policy.feed(Refused{CloseCode::PolicyViolation, "rate"}) ==
        "Close 1008\nEnded rate/policy-violation\nHangUp\n");
}

}  // namespace nxb::ws
