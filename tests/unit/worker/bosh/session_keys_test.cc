// tests/unit/worker/bosh/session_keys_test.cc - key sequences (XEP-0124 15).
// SPDX-License-Identifier: MIT
#include "common/base/secret.h"
#include "common/base/text.h"
#include "session_rig.h"

namespace nxb::bosh {

namespace {

// K(1) ... K(n) of a seed.
std::vector<std::string> keys_of(const std::string& seed, std::size_t n) {
  std::vector<std::string> keys;
  std::string text = seed;
  for (std::size_t i = 0; i < n; ++i) keys.push_back(text = sha1_hex(text));
  return keys;
}

const std::vector<std::string> kFirst = keys_of("nxb-seed-one", 4);
const std::vector<std::string> kSecond = keys_of("nxb-seed-two", 3);

Body keyed(std::uint64_t rid, const std::string& key, const std::string& newkey = {}) {
  Body made = body(rid);
  made.key = key;
  made.newkey = newkey;
  return made;
}

Body keyed_creation() {
  Body made = creation();
  made.newkey = kFirst[3];
  return made;
}

bool refused(Rig& rig, RequestId request) {
  return rig.text(request) == write_terminate(Condition::ItemNotFound) && rig.session->state() != State::Open;
}

}  // namespace

TEST_CASE("B-84 the hash of a key runs over its hex text") {
  CHECK(kFirst[0] == "4c0576cd46a4ad787dd2b3237ae4191da0e7c388");
  CHECK(kFirst[3] == "74e5873e9f4dc7b1202e2b48618d590e2e99f3ff");
  CHECK(kSecond[2] == "7bd14b92de086a5545f14b7fa616c59059cfefea");
}

TEST_CASE("B-85 B-87 a client goes down its sequence and begins another with its last key") {
  Rig rig;
  rig.open(keyed_creation());
  rig.post(keyed(1001, kFirst[2]));
  rig.post(keyed(1002, kFirst[1]));
  rig.post(keyed(1003, kFirst[0], kSecond[2]));
  rig.post(keyed(1004, kSecond[1]));
  REQUIRE(rig.session->state() == State::Open);
  SUBCASE("to the end") {
    rig.post(keyed(1005, kSecond[0]));
    CHECK(rig.session->state() == State::Open);
  }
  SUBCASE("a key of the old sequence") { CHECK(refused(rig, rig.post(keyed(1005, kFirst[0])))); }
}

TEST_CASE("B-84 keys are compared without case; the next hash runs over the text as it was sent") {
  std::string upper = uppered(kFirst[2]);
  Rig rig;
  rig.open(keyed_creation());
  SUBCASE("the last value in capitals") {
    // K(4) was announced in small letters; a key may come in capitals only if its text hashes to that
    CHECK(refused(rig, rig.post(keyed(1001, upper))));
  }
  SUBCASE("the announced value in capitals") {
    Rig other;
    Body made = keyed_creation();
    made.newkey = uppered(kFirst[3]);
    other.open(made);
    other.post(keyed(1001, kFirst[2]));
    CHECK(other.session->state() == State::Open);
  }
}

TEST_CASE("B-86 B-88 a request without its key is not processed and ends the session: item-not-found") {
  Rig rig;
  rig.open(keyed_creation());
  RequestId held = rig.post(keyed(1001, kFirst[2]));
  Body made = body(1002, "<iq/>");
  SUBCASE("no key") {}
  SUBCASE("no key on a poll") { made = body(1002); }
  SUBCASE("the wrong key") { made.key = kFirst[2]; }
  SUBCASE("one that skips a value") { made.key = kFirst[0]; }
  SUBCASE("not hexadecimal") { made.key = std::string(40, 'g'); }
  SUBCASE("too short") { made.key = kFirst[1].substr(1); }
  SUBCASE("restart") { made = body(1002), made.restart = true; }
  SUBCASE("pause") { made = body(1002), made.pause = std::uint16_t{60}; }
  SUBCASE("terminate") { made = terminate(1002); }
  SUBCASE("add-stream") { made = body(1002), made.to = "b.example"; }
  SUBCASE("a newkey that is none") { made.key = kFirst[1], made.newkey = "new"; }
  RequestId fault = rig.post(made);
  CHECK(refused(rig, fault));
  CHECK(rig.text(held) == write_terminate(Condition::OtherRequest));
  CHECK(rig.all<Forward>().empty());
  CHECK(rig.all<RestartStream>().empty());
  CHECK(rig.only<CloseStream>().parting == upstream::Parting::ClientLost);
}

TEST_CASE("B-87 a key without any newkey before it is ignored") {
  Rig rig;
  rig.open();
  Body made = body(1001);
  made.key = "whatever";
  rig.post(made);
  CHECK(rig.session->state() == State::Open);
}

TEST_CASE("B-85 keys may begin with any request") {
  Rig rig;
  rig.open();
  rig.post(keyed(1001, "", kFirst[3]));
  rig.post(keyed(1002, kFirst[2]));
  CHECK(rig.session->state() == State::Open);
  CHECK(refused(rig, rig.post(body(1003))));
}

TEST_CASE("B-85 keys are checked by rid, not by arrival") {
  Rig rig;
  rig.open(keyed_creation());
  RequestId early = rig.post(keyed(1002, kFirst[1]));
  CHECK_FALSE(rig.answer(early));
  rig.post(keyed(1001, kFirst[2]));
  CHECK(rig.session->state() == State::Open);
}

TEST_CASE("B-86 an early request with a wrong key is found out when its turn comes") {
  Rig rig;
  rig.open(keyed_creation());
  RequestId early = rig.post(keyed(1002, kFirst[0]));
  RequestId good = rig.post(keyed(1001, kFirst[2]));
  CHECK(refused(rig, early));
  CHECK(rig.text(good) == write_terminate(Condition::OtherRequest));
}

TEST_CASE("B-51 a repeat must carry the key of the original") {
  Rig rig;
  rig.open(keyed_creation());
  RequestId answered = rig.post(keyed(1001, kFirst[2]));
  rig.says("secret");
  REQUIRE(rig.answer(answered));
  rig.post(keyed(1002, kFirst[1]));
  rig.post(keyed(1004, "of the future"));  // early: judged later
  SUBCASE("answered") { CHECK(rig.text(rig.post(keyed(1001, kFirst[2]))) == write_answer(message("secret").bytes)); }
  SUBCASE("held") {
    rig.post(keyed(1002, uppered(kFirst[1])));
    CHECK(rig.session->state() == State::Open);
  }
  SUBCASE("early") {
    rig.post(keyed(1004, "of the future"));
    CHECK(rig.session->state() == State::Open);
  }
  SUBCASE("answered, another key") { CHECK(refused(rig, rig.post(keyed(1001, kFirst[1])))); }
  SUBCASE("answered, no key") { CHECK(refused(rig, rig.post(body(1001)))); }
  SUBCASE("held, no key") { CHECK(refused(rig, rig.post(body(1002)))); }
  SUBCASE("early, another key") { CHECK(refused(rig, rig.post(keyed(1004, "another")))); }
}

TEST_CASE("B-51 B-82 after the end, too, only the client hears what was meant for it") {
  Rig rig;
  rig.open(keyed_creation());
  rig.post(keyed(1001, kFirst[2]));
  rig.says("answered");
  rig.says("pending");
  rig.server(upstream::Closed{Condition::None, "", ""});
  SUBCASE("a kept answer, without key") { CHECK_FALSE(holds(rig.text(rig.post(body(1001))), "answered")); }
  SUBCASE("a kept answer") { CHECK(holds(rig.text(rig.post(keyed(1001, kFirst[2]))), "answered")); }
  SUBCASE("the last words, without key") { CHECK_FALSE(holds(rig.text(rig.post(body(1002))), "pending")); }
  SUBCASE("the last words, and once more") {
    for (int i = 0; i < 2; ++i) CHECK(holds(rig.text(rig.post(keyed(1002, kFirst[1]))), "pending"));
  }
}

TEST_CASE("B-85 H-44 after the end a rid outside the window uses no key up, whatever key it brings") {
  Rig rig;
  rig.open(keyed_creation());
  rig.post(keyed(1001, kFirst[2]));
  rig.says("answered");
  rig.says("pending");
  rig.server(upstream::Closed{Condition::None, "", ""});
  CHECK_FALSE(holds(rig.text(rig.post(keyed(5000, kFirst[1]))), "pending"));
  CHECK(holds(rig.text(rig.post(keyed(1002, kFirst[1]))), "pending"));
}

TEST_CASE("a long session keeps only the keys that can be repeated") {
  const auto keys = keys_of("long", 3'000);
  Rig rig;
  Body made = creation();
  made.newkey = keys.back();
  rig.open(made);
  for (std::size_t i = 1; i < keys.size(); ++i) rig.post(keyed(1000 + i, keys[keys.size() - 1 - i]));
  CHECK(rig.session->state() == State::Open);
}

TEST_CASE("B-86 a creation with a malformed newkey is refused") {
  xml::Pool pool;
  auto made = parse_body(pool, "<body xmlns='http://jabber.org/protocol/httpbind' rid='1' to='a.example' newkey='x'/>");
  REQUIRE(static_cast<bool>(made));
  CHECK(made->problem == Condition::ItemNotFound);
}

}  // namespace nxb::bosh
