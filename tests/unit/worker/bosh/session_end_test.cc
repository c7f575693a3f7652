// tests/unit/worker/bosh/session_end_test.cc - how a session ends and what it says afterwards (XEP-0124 10, 13, 17).
// SPDX-License-Identifier: MIT
#include "session_rig.h"

namespace nxb::bosh {

namespace {

std::vector<std::string> bytes_of(const std::vector<xmpp::Stanza>& stanzas) {
  std::vector<std::string> all;
  for (const auto& stanza : stanzas) all.push_back(stanza.bytes);
  return all;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("B-70 D-14 inactivity runs from the last answer, with grace, while no live request is open") {
  Rig rig;
  rig.open();
  rig.pass(79'999ms);
  CHECK(rig.session->state() == State::Open);
  SUBCASE("it runs out, silently (B-71)") {
    rig.pass(1ms);
    CHECK(rig.session->state() == State::Forgotten);
    CHECK(rig.all<Respond>().empty());
    CHECK(rig.only<Ended>().why == "inactivity");
    CHECK(rig.only<Ended>().condition == Condition::None);
    CHECK(rig.only<CloseStream>().parting == upstream::Parting::ClientLost);
    CHECK(rig.text(rig.post(body(1001))) == write_terminate(Condition::ItemNotFound));
  }
  SUBCASE("a new request stops it, and time spent holding does not count") {
    rig.post(body(1001));
    rig.pass(55s + 79'999ms);
    CHECK(rig.session->state() == State::Open);
    rig.pass(1ms);
    CHECK(rig.session->state() == State::Forgotten);
  }
  SUBCASE("a repeated request starts it anew") {
    rig.post(body(1000));
    rig.pass(79'999ms);
    CHECK(rig.session->state() == State::Open);
  }
}

TEST_CASE("B-70 B-55 a session whose time is over does not live on because its timer is late") {
  Rig rig;
  rig.open();
  SUBCASE("inactivity") { rig.now += 80s; }
  SUBCASE("gap") {
    rig.post(body(1002));
    rig.now += 30s;
  }
  SUBCASE("memory of the end") {
    rig.feed(ShutDown{});
    rig.now += 60s;
  }
  CHECK(rig.text(rig.post(body(1001))) == write_terminate(Condition::ItemNotFound));
}

TEST_CASE("B-70 the clock starts when the last held connection dies") {
  Rig rig;
  rig.open();
  RequestId held = rig.post(body(1001));
  rig.pass(30s);
  rig.gone(held);
  rig.pass(79'999ms);
  CHECK(rig.session->state() == State::Open);
  rig.pass(1ms);
  CHECK(rig.session->state() == State::Forgotten);
}

TEST_CASE("O-17 B-110 who is kicked hears the condition on each open request, and later ones hear it too") {
  Rig rig;
  rig.open();
  RequestId held = rig.post(body(1001));
  rig.feed(Kicked{Condition::PolicyViolation});
  CHECK(rig.only<Ended>().why == "kicked");
  CHECK(rig.only<Ended>().by == EndedBy::Operator);
  CHECK(rig.text(held).find("condition='policy-violation'") != std::string::npos);
  CHECK(rig.text(rig.post(body(1002))) == write_terminate(Condition::PolicyViolation));
  rig.feed(Kicked{Condition::HostGone});
  CHECK(rig.text(rig.post(body(1003))) == write_terminate(Condition::PolicyViolation));
}

TEST_CASE("B-71 B-103 what the client never got goes back with the stream") {
  Rig rig;
  rig.open();
  rig.post(body(1001));
  rig.says("in an answer nobody confirmed");
  rig.says("pending");
  SUBCASE("inactivity") { rig.pass(80s); }
  SUBCASE("fault") { rig.post(body(1009)); }
  SUBCASE("shutdown") { rig.feed(ShutDown{}); }
  CHECK(bytes_of(rig.only<CloseStream>().undelivered) ==
        Texts{message("in an answer nobody confirmed").bytes, message("pending").bytes});
  CHECK(rig.only<CloseStream>().undelivered[0].kind == xmpp::Kind::Message);
  CHECK(rig.only<Ended>().undelivered == 2);
}

TEST_CASE("B-103 a later request confirms the answers before it") {
  Rig rig;
  rig.open();
  rig.post(body(1001));
  rig.says("delivered");
  rig.gone(rig.post(body(1002)));
  rig.pass(80s);
  CHECK(rig.only<CloseStream>().undelivered.empty());
}

TEST_CASE(
    "B-80 B-81 C-51 the client terminates: payloads first, the oldest open request hears terminate, others empty") {
  Rig rig;
  rig.open();
  RequestId held = rig.post(body(1001));
  RequestId last = rig.post(terminate(1002, "<presence type='unavailable'/>"));
  REQUIRE(rig.actions.size() == 5);
  CHECK(std::get<Forward>(rig.actions[0]).elements == "<presence type='unavailable'/>");
  CHECK(rig.text(held) == write_terminate(Condition::None));
  CHECK(rig.text(last) == kEmpty);
  CHECK(std::get<CloseStream>(rig.actions[3]).parting == upstream::Parting::ClientClosed);
  CHECK(std::get<Ended>(rig.actions[4]).condition == Condition::None);
  CHECK(rig.session->state() == State::Ended);
}

TEST_CASE("B-81 a terminate alone is told itself; one that was early and died is told on its resend") {
  Rig rig;
  rig.open();
  SUBCASE("alone") { CHECK(rig.text(rig.post(terminate(1001))) == write_terminate(Condition::None)); }
  SUBCASE("early and dead") {
    rig.gone(rig.post(terminate(1003)));
    rig.gone(rig.post(body(1001)));
    rig.post(body(1002));
    CHECK(rig.session->state() == State::Ended);
    CHECK(rig.text(rig.post(body(1001))) == kEmpty);
  }
}

TEST_CASE("B-82 for wait+5 s a resend of a rid answered at the end gets that answer again; others item-not-found") {
  Rig rig;
  rig.open();
  rig.post(body(1001));
  rig.post(terminate(1002));
  rig.pass(59'999ms);
  CHECK(rig.text(rig.post(body(1001))) == write_terminate(Condition::None));
  CHECK(rig.text(rig.post(terminate(1002))) == kEmpty);
  CHECK(rig.all<Forward>().empty());
  CHECK(rig.text(rig.post(body(1003))) == write_terminate(Condition::ItemNotFound));
  rig.pass(1ms);
  CHECK(rig.session->state() == State::Forgotten);
  CHECK_FALSE(rig.session->next_deadline());
  CHECK(rig.text(rig.post(body(1001))) == write_terminate(Condition::ItemNotFound));
}

TEST_CASE("C-49 the condition of an ended session is remembered for whoever comes later") {
  Rig rig;
  rig.open();
  rig.feed(ShutDown{});
  CHECK(rig.text(rig.post(body(1001))) == write_terminate(Condition::SystemShutdown));
  CHECK(rig.text(rig.post(body(1777))) == write_terminate(Condition::SystemShutdown));
}

TEST_CASE("U-67 B-83 the server closes: the open request hears terminate, the second an empty body") {
  Rig rig;
  Body made = creation();
  made.hold = 2;
  rig.open(made);
  RequestId lower = rig.post(body(1001));
  RequestId upper = rig.post(body(1002));
  rig.server(upstream::Closed{});
  CHECK(rig.text(lower) == write_terminate(Condition::None));
  CHECK(rig.text(upper) == kEmpty);
  CHECK(rig.all<CloseStream>().empty());
  CHECK(rig.only<Ended>().why == "server closed");
}

TEST_CASE("B-83 D-12 with no open request the end is remembered, the queue before it, for the next request") {
  Rig rig;
  rig.open();
  rig.gone(rig.post(body(1001)));
  rig.says("last");
  rig.server(upstream::Closed{Condition::RemoteConnectionFailed, "", "lost"});
  CHECK(rig.only<Ended>().undelivered == 1);
  std::string word = write_terminate(Condition::RemoteConnectionFailed, message("last").bytes);
  CHECK(holds(rig.text(rig.post(body(1000))), "sid='sid'"));  // a late copy takes nothing of it
  SUBCASE("the held rid repeated") {
    CHECK(rig.text(rig.post(body(1001))) == word);
    CHECK(rig.text(rig.post(body(1001))) == word);
  }
  SUBCASE("the next rid") { CHECK(rig.text(rig.post(body(1002))) == word); }
  CHECK(rig.text(rig.post(body(1003))) == write_terminate(Condition::RemoteConnectionFailed));
}

TEST_CASE("B-82 B-83 whoever lost the answer with the last words has the inactivity to ask again, not only wait+5 s") {
  Rig rig;
  Body made = creation();
  made.wait = 1;
  rig.open(made);
  RequestId held = rig.post(body(1001));
  rig.server(upstream::Closed{Condition::RemoteStreamError, "<stream:error/>", "conflict"});
  std::string word = rig.text(held);  // lost on the way
  REQUIRE(holds(word, "<stream:error/>"));
  rig.pass(6s);
  CHECK(rig.text(rig.post(body(1001))) == word);
  rig.pass(73'999ms);  // 70 s of inactivity and the grace, from the moment it was told
  CHECK(rig.text(rig.post(body(1001))) == word);
  rig.pass(1ms);
  CHECK(rig.session->state() == State::Forgotten);
}

TEST_CASE("B-83 a malformed request or an old rid does not take the last words") {
  Rig rig;
  rig.open();
  rig.post(body(1001));
  rig.says("one");
  rig.says("last");
  rig.server(upstream::Closed{Condition::RemoteConnectionFailed, "", "lost"});
  Body bad = body(1002);
  SUBCASE("malformed") { bad.problem = Condition::BadRequest; }
  SUBCASE("no rid") { bad.rid.reset(); }
  SUBCASE("old") { bad.rid = Rid{900}; }
  CHECK(rig.text(rig.post(bad)) == write_terminate(Condition::RemoteConnectionFailed));
  CHECK(holds(rig.text(rig.post(body(1002))), "last"));
}

TEST_CASE("B-83 a request below the one that took the last words hears an empty body, not the end") {
  Rig rig;
  rig.open();
  rig.gone(rig.post(body(1001)));
  rig.says("last");
  SUBCASE("taken later") {
    rig.server(upstream::Closed{});
    CHECK(holds(rig.text(rig.post(body(1002))), "last"));
  }
  SUBCASE("taken at once by one that was early") {
    RequestId early = rig.post(body(1003));
    rig.server(upstream::Closed{});
    CHECK(holds(rig.text(early), "last"));
    CHECK(rig.text(rig.post(body(1002))) == kEmpty);
  }
  CHECK(rig.text(rig.post(body(1001))) == kEmpty);
}

TEST_CASE("B-102 C-53 a stream error is a remote-stream-error with the pending stanzas, then the element") {
  Rig rig;
  rig.open();
  rig.says("pending");
  std::string error = "<stream:error xmlns:stream='http://etherx.jabber.org/streams'><conflict/></stream:error>";
  rig.server(upstream::Closed{Condition::RemoteStreamError, error, "conflict"});
  CHECK(rig.only<Ended>().why == "stream error");
  CHECK(rig.text(rig.post(body(1001))) ==
        write_terminate(Condition::RemoteStreamError, message("pending").bytes + error));
}

TEST_CASE("B-107 B-110 an ending condition goes to one request, other-request to the rest, early ones included") {
  Rig rig;
  Body made = creation();
  made.hold = 2;
  rig.open(made);
  RequestId lower = rig.post(body(1001));
  RequestId upper = rig.post(body(1002));
  RequestId early = rig.post(body(1004));
  std::string first = write_terminate(Condition::OtherRequest);
  SUBCASE("the server") {
    rig.server(upstream::Closed{Condition::RemoteConnectionFailed, "", "lost"});
    first = write_terminate(Condition::RemoteConnectionFailed);
  }
  SUBCASE("a request at fault") {
    RequestId fault = rig.post(body(1010));
    CHECK(rig.text(fault) == write_terminate(Condition::ItemNotFound));
  }
  CHECK(rig.text(lower) == first);
  CHECK(rig.text(upper) == write_terminate(Condition::OtherRequest));
  CHECK(rig.text(early) == write_terminate(Condition::OtherRequest));
  CHECK(rig.all<Ended>().size() == 1);
}

TEST_CASE("B-108 shutdown: every open request hears system-shutdown, also the creation") {
  Rig rig;
  RequestId open = rig.create();
  SUBCASE("opening") {}
  SUBCASE("open") {
    rig.server(upstream::Opened{"U77", "1.0"});
    rig.server(upstream::Arrived{{kFeatures}});
    open = rig.post(body(1001));
  }
  rig.feed(ShutDown{});
  CHECK(rig.text(open) == write_terminate(Condition::SystemShutdown));
  CHECK(rig.only<CloseStream>().parting == upstream::Parting::ClientLost);
  CHECK(rig.only<Ended>().condition == Condition::SystemShutdown);
}

TEST_CASE("B-110 after the end nothing ends it again and the server is not heard") {
  Rig rig;
  rig.open();
  rig.post(terminate(1001));
  rig.says("late");
  CHECK(rig.actions.empty());
  rig.server(upstream::Closed{Condition::RemoteConnectionFailed, "", "lost"});
  CHECK(rig.actions.empty());
  rig.feed(ShutDown{});
  CHECK(rig.actions.empty());
  rig.pass(3600s);
  CHECK(rig.actions.empty());
}

TEST_CASE("B-103 whoever terminates has read the answers; only what is pending goes back to its senders") {
  Rig rig;
  rig.open();
  rig.post(body(1001));
  rig.says("read");
  rig.says("pending");
  rig.post(terminate(1002));
  auto undelivered = rig.only<CloseStream>().undelivered;
  REQUIRE(undelivered.size() == 1);
  CHECK(holds(undelivered[0].bytes, "pending"));
}

TEST_CASE("B-103 a request proves only answers that left before it came") {
  Rig rig;
  rig.open();
  rig.post(body(1002));  // early: says nothing of the answer to 1001
  rig.says("lost");
  rig.post(body(1001));
  rig.gone({ConnId{2}, 1});
  rig.pass(80s);
  auto undelivered = rig.only<CloseStream>().undelivered;
  REQUIRE(undelivered.size() == 1);
  CHECK(holds(undelivered[0].bytes, "lost"));
}

TEST_CASE("B-103 with hold=2 a poll may be sent while another is out: it does not prove that one's answer") {
  Rig rig;
  Body made = creation();
  made.hold = 2;
  rig.open(made);
  rig.post(body(1001));
  rig.says("lost");
  RequestId second = rig.post(body(1002));
  rig.gone(second);
  rig.pass(80s);
  auto undelivered = rig.only<CloseStream>().undelivered;
  REQUIRE(undelivered.size() == 1);
  CHECK(holds(undelivered[0].bytes, "lost"));
}

TEST_CASE("C-70 only stanzas count as undelivered: features and SASL are not missed by anybody") {
  Rig rig;
  rig.open();
  rig.says("x");
  rig.server(upstream::Arrived{{{xmpp::Kind::Other, "<success/>"}}});
  rig.pass(80s);
  CHECK(rig.only<Ended>().undelivered == 1);
}

TEST_CASE("B-50 B-82 after the end an answer is repeated ten times; then the request hears what any other does") {
  Rig rig;
  rig.open();
  rig.says("pending");
  rig.server(upstream::Closed{Condition::RemoteConnectionFailed, "", ""});
  CHECK(holds(rig.text(rig.post(body(1001))), "pending"));
  for (int i = 0; i < 10; ++i) CHECK(holds(rig.text(rig.post(body(1001))), "pending"));
  for (int i = 0; i < 300; ++i) {
    CHECK(rig.text(rig.post(body(1001))) == write_terminate(Condition::RemoteConnectionFailed));
  }
}

}  // namespace nxb::bosh
