// tests/unit/worker/bosh/session_streams_test.cc - several XMPP streams in one session (XEP-0124 16).
// SPDX-License-Identifier: MIT
#include "session_rig.h"

namespace nxb::bosh {

namespace {

std::string name(StreamNumber number) { return stream_name("sid", number); }

std::string from_stream(StreamNumber number, std::string_view payloads) {
  std::string text = name(number);
  Heading heading;
  heading.stream = text;
  return write_answer(heading, payloads);
}

std::string over(StreamNumber number, Condition condition, std::string_view payloads = {}) {
  std::string text = name(number);
  Heading heading;
  heading.terminate = true;
  heading.condition = condition;
  heading.stream = text;
  return write_answer(heading, payloads);
}

Body add(std::uint64_t rid, std::string to = "b.example") {
  Body made = body(rid);
  made.to = std::move(to);
  made.xmpp_version = "1.0";
  return made;
}

Body in_stream(StreamNumber number, Body made) {
  made.stream = name(number);
  return made;
}

// A session with streams 1 and 2 and nothing to say; the next rid is 1003, the request 1002 is held.
void open_two(Rig& rig) {
  rig.open();
  rig.post(add(1001));
  rig.server(upstream::Opened{"U2", "1.0"}, 2);
  rig.post(body(1002));
}

}  // namespace

TEST_CASE("B-38 the creation answer names the first stream, if several are offered") {
  Rig rig;
  bool offered = true;
  SUBCASE("by default") {}
  SUBCASE("not if only one is allowed") { rig.limits.max_streams = 1, offered = false; }
  RequestId id = rig.create();
  rig.server(upstream::Opened{"U77", "1.0"});
  rig.server(upstream::Arrived{{kFeatures}});
  CHECK(holds(rig.text(id), " stream='" + name(1) + "'") == offered);
}

TEST_CASE("B-38 names are unlike those of other sessions and do not tell the sid") {
  CHECK(stream_name("a", 1) != stream_name("b", 1));
  CHECK(stream_name("a", 1) != stream_name("a", 2));
  CHECK_FALSE(holds(stream_name("sid", 1), "sid"));
}

TEST_CASE("B-90 C-46 an empty request with `to` adds a stream, and is answered with its name") {
  Rig rig;
  rig.open();
  Body made = add(1001);
  made.from = "u@b.example/x";
  made.lang = "de";
  RequestId id = rig.post(made);
  auto open = rig.only<OpenStream>();
  CHECK(open.stream == 2);
  CHECK(open.spec.domain == "b.example");
  CHECK(open.spec.lang == "de");
  CHECK(open.spec.xmpp_version == "1.0");
  CHECK(open.spec.from == "u@b.example/x");
  std::string text = name(2);
  Heading heading;
  heading.stream = text;
  heading.from = "b.example";
  heading.to = "u@b.example/x";
  CHECK(rig.text(id) == write_answer(heading, {}));

  RequestId next = rig.post(body(1002));
  rig.server(upstream::Opened{"U2", "1.0"}, 2);
  CHECK_FALSE(rig.answer(next));
  rig.server(upstream::Arrived{{kFeatures}}, 2);
  Heading news;
  news.stream = text;
  news.features = true;
  news.authid = "U2";
  news.xmpp_version = "1.0";
  CHECK(rig.text(next) == write_answer(news, kFeatures.bytes));
}

TEST_CASE("B-90 D-23 with a payload, a restart, a pause or a terminate it adds none") {
  Rig rig;
  rig.open();
  Body made = add(1001);
  SUBCASE("payload") { made.payloads = "<iq/>", made.payload_count = 1; }
  SUBCASE("restart") { made.restart = true; }
  SUBCASE("pause") { made.pause = std::uint16_t{60}; }
  SUBCASE("terminate") { made.terminate = true; }
  SUBCASE("no `to`") { made.to.clear(); }
  rig.post(made);
  CHECK(rig.all<OpenStream>().empty());
}

TEST_CASE("B-89 where several are not offered it is an ordinary request, and `stream` means nothing (C-15)") {
  Rig rig;
  rig.limits.max_streams = 1;
  rig.open();
  CHECK_FALSE(rig.answer(rig.post(add(1001))));
  CHECK(rig.actions.empty());
  Body made = body(1002, "<iq/>");
  made.stream = "unknown";
  rig.post(made);
  CHECK(rig.only<Forward>().stream == 1);
}

TEST_CASE("B-91 Pidgin's requests, all of them with `to`, add no stream once one had payloads") {
  Rig rig;
  rig.open();
  Body auth = body(1001, "<auth/>");
  auth.to = "a.example";
  rig.post(auth);
  Body poll = body(1002);
  poll.to = "a.example";
  rig.post(poll);
  CHECK(rig.all<OpenStream>().empty());
  SUBCASE("with xmpp:version they do") {
    rig.post(add(1003));
    CHECK(rig.only<OpenStream>().spec.domain == "b.example");
  }
  SUBCASE("a restart with `to` is no sign of it: all clients send that") {
    Rig strophe;
    strophe.open();
    Body restart = body(1001);
    restart.restart = true;
    restart.to = "a.example";
    strophe.post(restart);
    Body bare = body(1002);
    bare.to = "b.example";
    strophe.post(bare);
    CHECK(strophe.all<OpenStream>().size() == 1);
  }
}

TEST_CASE("B-93 with more than one stream an answer names its own and has payloads of no other, in turn") {
  Rig rig;
  open_two(rig);
  rig.says("one", 1);
  CHECK(rig.text({ConnId{3}, 1}) == from_stream(1, message("one").bytes));
  rig.says("two", 2);
  rig.says("three", 1);
  rig.says("four", 2);
  rig.says("five", 1);
  RequestId next = rig.post(body(1003));
  CHECK(holds(rig.text(next), name(2)));
  CHECK(holds(rig.text(next), message("two").bytes + message("four").bytes));
  next = rig.post(body(1004));
  CHECK(rig.text(next) == from_stream(1, message("three").bytes + message("five").bytes));
}

TEST_CASE("B-93 a stream that waits has its turn before those that are added meanwhile") {
  Rig rig;
  open_two(rig);
  rig.says("one", 1);
  rig.says("two", 1);
  std::string heard = rig.text(rig.post(add(1003, "c.example")));
  heard += rig.text(rig.post(add(1004, "d.example")));
  CHECK(holds(heard, message("two").bytes));
}

TEST_CASE("B-93 C-52 with one stream answers name none") {
  Rig rig;
  rig.open();
  RequestId id = rig.post(body(1001));
  rig.says("x");
  CHECK(rig.text(id) == write_answer(message("x").bytes));
}

TEST_CASE("B-94 payloads without a name go to all streams, with one to that stream only") {
  Rig rig;
  open_two(rig);
  SUBCASE("all") {
    rig.post(body(1003, "<presence/>"));
    auto forwards = rig.all<Forward>();
    REQUIRE(forwards.size() == 2);
    CHECK(forwards[0].stream == 1);
    CHECK(forwards[1].stream == 2);
    for (const auto& forward : forwards) CHECK((forward.elements == "<presence/>" && forward.count == 1));
  }
  SUBCASE("one") {
    rig.post(in_stream(1, body(1003, "<presence/>")));
    CHECK(rig.only<Forward>().stream == 1);
  }
}

TEST_CASE("B-94 a restart without a name needs a single open stream") {
  Rig rig;
  rig.open();
  Body restart = body(1001);
  restart.restart = true;
  restart.stream_attrs = "{}";
  SUBCASE("one stream") {
    rig.post(restart);
    CHECK(rig.only<RestartStream>().stream == 1);
    CHECK(rig.only<RestartStream>().attributes == "{}");
  }
  SUBCASE("two") {
    rig.post(add(1001));
    restart.rid = Rid{1002};
    CHECK(rig.text(rig.post(restart)) == write_terminate(Condition::ItemNotFound));
  }
  SUBCASE("two, and a name") {
    rig.post(add(1001));
    restart.rid = Rid{1002};
    rig.post(in_stream(2, restart));
    CHECK(rig.only<RestartStream>().stream == 2);
  }
}

TEST_CASE("B-92 D-13 a name that is not of this session ends it: item-not-found") {
  Rig rig;
  open_two(rig);
  Body made = body(1003, "<iq/>");
  SUBCASE("of another session") { made.stream = stream_name("other", 1); }
  SUBCASE("of a stream to come") { made.stream = name(3); }
  SUBCASE("a built-in word") { made.stream = "__proto__"; }
  CHECK(rig.text(rig.post(made)) == write_terminate(Condition::ItemNotFound));
  CHECK(rig.all<Forward>().empty());
}

TEST_CASE("B-92 what comes for a stream that ended less than 30 s ago is dropped") {
  Rig rig;
  open_two(rig);
  SUBCASE("not told yet: its client can know nothing") {
    rig.gone({ConnId{3}, 1});
    rig.server(upstream::Closed{Condition::None, "", ""}, 2);
    rig.pass(60s);
    rig.post(in_stream(2, body(1003, "<iq/>")));
    CHECK(rig.session->state() == State::Open);
    CHECK(rig.all<Forward>().empty());
    return;
  }
  rig.server(upstream::Closed{Condition::None, "", ""}, 2);
  rig.pass(29'999ms);
  SUBCASE("dropped") {
    rig.post(in_stream(2, body(1003, "<iq/>")));
    CHECK(rig.session->state() == State::Open);
    CHECK(rig.all<Forward>().empty());
  }
  SUBCASE("later it is unknown") {
    rig.pass(1ms);
    CHECK(rig.text(rig.post(in_stream(2, body(1003, "<iq/>")))) == write_terminate(Condition::ItemNotFound));
  }
}

TEST_CASE("B-95 an empty answer names no stream, and a name on an empty request is ignored") {
  Rig rig;
  open_two(rig);
  Body made = body(1003);
  made.stream = "unknown";
  rig.post(made);
  CHECK(rig.text({ConnId{3}, 1}) == kEmpty);
  CHECK(rig.session->state() == State::Open);
}

TEST_CASE("B-96 a terminate with a name ends that stream, the session goes on") {
  Rig rig;
  open_two(rig);
  rig.post(in_stream(2, terminate(1003, "<presence type='unavailable'/>")));
  CHECK(rig.only<Forward>().stream == 2);
  auto close = rig.only<CloseStream>();
  CHECK(close.stream == 2);
  CHECK(close.parting == upstream::Parting::ClientClosed);
  CHECK(rig.text({ConnId{3}, 1}) == over(2, Condition::None));
  CHECK(rig.session->state() == State::Open);
  rig.says("still here", 1);
  CHECK(rig.text({ConnId{4}, 1}) == from_stream(1, message("still here").bytes));
  SUBCASE("with the last one everything ends") {
    rig.post(in_stream(1, terminate(1004)));
    CHECK(rig.only<Ended>().why == "client terminated");
  }
}

TEST_CASE("B-96 a terminate without a name ends all, its payloads go to all") {
  Rig rig;
  open_two(rig);
  rig.post(terminate(1003, "<presence/>"));
  CHECK(rig.all<Forward>().size() == 2);
  CHECK(rig.all<CloseStream>().size() == 2);
  CHECK(rig.only<Ended>().why == "client terminated");
}

TEST_CASE("B-96 a stream that is terminated gives back what its client never got") {
  Rig rig;
  open_two(rig);
  rig.gone({ConnId{3}, 1});
  rig.says("one", 1);
  rig.says("two", 2);
  rig.post(in_stream(2, terminate(1003)));
  auto undelivered = rig.only<CloseStream>().undelivered;
  REQUIRE(undelivered.size() == 1);
  CHECK(holds(undelivered[0].bytes, "two"));
}

TEST_CASE(
    "B-97 one of several servers fails: a terminate with its name, what it said inside, and the session goes on") {
  Rig rig;
  open_two(rig);
  rig.gone({ConnId{3}, 1});
  rig.says("last words", 2);
  rig.server(upstream::Closed{Condition::RemoteStreamError, "<stream:error/>", ""}, 2);
  CHECK(rig.all<Ended>().empty());
  RequestId next = rig.post(body(1003));
  CHECK(holds(rig.text(next), " type='terminate' condition='remote-stream-error' stream='" + name(2) + "'"));
  CHECK(holds(rig.text(next), message("last words").bytes + "<stream:error/></body>"));
  CHECK(rig.session->state() == State::Open);
  SUBCASE("when the last one fails, everything ends, after that was told") {
    rig.server(upstream::Closed{Condition::RemoteConnectionFailed, "", ""}, 1);
    CHECK(rig.all<Ended>().empty());
    next = rig.post(body(1004));
    CHECK(rig.text(next) == over(1, Condition::RemoteConnectionFailed));
    CHECK(rig.only<Ended>().condition == Condition::RemoteConnectionFailed);
    CHECK(rig.text(rig.post(body(1005))) == write_terminate(Condition::RemoteConnectionFailed));
  }
}

TEST_CASE("B-97 a stream whose server cannot be reached is told of under its name") {
  Rig rig;
  rig.open();
  rig.post(add(1001));
  RequestId next = rig.post(body(1002));
  rig.server(upstream::Closed{Condition::HostUnknown, "", "no address"}, 2);
  CHECK(rig.text(next) == over(2, Condition::HostUnknown));
  CHECK(rig.session->state() == State::Open);
}

TEST_CASE("B-98 C-10 D-28 a stream too many is refused under its new name, and the others go on") {
  Rig rig;
  rig.limits.max_streams = 2;
  open_two(rig);
  RequestId third = rig.post(add(1003, "c.example"));
  CHECK(rig.all<OpenStream>().empty());
  std::string text = name(3);
  Heading heading;
  heading.terminate = true;
  heading.condition = Condition::PolicyViolation;
  heading.stream = text;
  heading.from = "c.example";
  CHECK(rig.text({ConnId{3}, 1}) == write_answer(heading, {}));
  CHECK_FALSE(rig.answer(third));
  CHECK(rig.session->state() == State::Open);
  SUBCASE("when one has ended there is room again") {
    rig.server(upstream::Closed{Condition::None, "", ""}, 2);
    rig.post(add(1004, "c.example"));
    CHECK(rig.only<OpenStream>().stream == 4);
  }
}

TEST_CASE("H-44 streams that nobody is told of do not pile up") {
  Rig rig;
  rig.limits.max_streams = 2;
  Body made = creation();
  made.hold = 2;
  rig.open(made);
  RequestId last;
  for (std::uint64_t rid = 1001; rid < 1030 && rig.session->state() == State::Open; rid += 3) {
    for (std::uint64_t early : {rid + 1, rid + 2}) rig.gone(rig.post(add(early)));  // dead before their turn
    last = rig.post(add(rid));
  }
  REQUIRE(rig.session->state() == State::Ended);
  CHECK(rig.only<Ended>().why == "too many streams");
  CHECK(rig.text(last) == write_terminate(Condition::PolicyViolation));
}

TEST_CASE("U-36 a stream that nobody collects is not read; the others are") {
  Rig rig;
  rig.limits.max_pending = 1'000;
  open_two(rig);
  rig.gone({ConnId{3}, 1});
  rig.says(std::string(2'000, 'x'), 2);
  CHECK(rig.only<ReadServer>().stream == 2);
  CHECK_FALSE(rig.only<ReadServer>().on);
  rig.says("x", 1);
  CHECK(rig.all<ReadServer>().empty());
}

TEST_CASE("B-103 at the end each stream gets its own undelivered stanzas back") {
  Rig rig;
  open_two(rig);
  rig.gone({ConnId{3}, 1});
  rig.says("one", 1);
  rig.says("two", 2);
  rig.pass(80s);
  auto closing = rig.all<CloseStream>();
  REQUIRE(closing.size() == 2);
  CHECK((closing[0].stream == 1 && holds(closing[0].undelivered.at(0).bytes, "one")));
  CHECK((closing[1].stream == 2 && holds(closing[1].undelivered.at(0).bytes, "two")));
  CHECK(rig.only<Ended>().undelivered == 2);
}

TEST_CASE("B-39 B-90 before the client knows its sid no request adds a stream") {
  Rig rig;
  rig.create();
  rig.post(add(1001));
  CHECK(rig.all<OpenStream>().empty());
}

TEST_CASE("what a server says after its stream ended is nobody's") {
  Rig rig;
  open_two(rig);
  rig.post(in_stream(2, terminate(1003)));
  rig.says("late", 2);
  CHECK(rig.actions.empty());
}

}  // namespace nxb::bosh
