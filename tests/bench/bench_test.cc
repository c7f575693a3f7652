// tests/bench/bench_test.cc - the parts of the load generator that judge: a wrong answer must not pass, a quantile must be right.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/bench/echo.h"
#include "tests/bench/histogram.h"
#include "tests/bench/login.h"
#include "tests/bench/text.h"

namespace nxb::bench {
namespace {

std::string wrapped(std::string_view stanza) { return "<body>" + std::string(stanza) + "</body>"; }

TEST_CASE("a histogram's quantiles are right to a sixtieth, whatever the size of the values") {
  Histogram histogram;
  for (std::int64_t i = 1; i <= 100'000; ++i) histogram.add(i * 10);
  for (double share : {0.01, 0.5, 0.9, 0.99, 0.999}) {
    CAPTURE(share);
    CHECK(static_cast<double>(histogram.quantile(share)) == doctest::Approx(share * 1'000'000).epsilon(0.017));
    CHECK(static_cast<double>(histogram.quantile(share)) >= share * 1'000'000 - 10);
  }
  CHECK(histogram.max() == 1'000'000);
  CHECK(histogram.quantile(1) == 1'000'000);
  CHECK(histogram.total() == 100'000);
}

TEST_CASE("a histogram takes nothing, what is less than nothing, and what is more than its last bucket") {
  Histogram histogram;
  CHECK(histogram.quantile(0.5) == 0);
  histogram.add(-5);
  CHECK(histogram.quantile(1) == 0);
  histogram.add(std::int64_t{1} << 60);
  CHECK(histogram.max() == std::uint64_t{1} << 60);
}

TEST_CASE(
    "an echo passes when it is what was sent, however its server writes it, and then only when written so again") {
  Echo echo(1);
  echo.begin("a@b/c", 100);
  std::string first = wrapped(echo.next());
  CHECK(echo.check(first).empty());
  std::string second = wrapped(echo.next());
  CHECK(second != first);
  CHECK(echo.check(second).empty());
  std::string third = wrapped(echo.next());
  SUBCASE("that of before") { CHECK(!echo.check(second).empty()); }
  SUBCASE("one more attribute") { CHECK(!echo.check(third.replace(0, 6, "<body a='1'>")).empty()); }
  SUBCASE("twice") { CHECK(!echo.check(third + third).empty()); }
  SUBCASE("cut") { CHECK(!echo.check(third.substr(0, third.size() - 1)).empty()); }
  SUBCASE("nothing") { CHECK(!echo.check("").empty()); }
  SUBCASE("any byte changed") {
    for (std::size_t i = 0; i < third.size(); ++i) {
      std::string other = third;
      other[i] = static_cast<char>(other[i] ^ 1);
      CAPTURE(other);
      CHECK(!echo.check(other).empty());
    }
  }
}

TEST_CASE("the first echo is judged, too: an error, another text and two messages are none") {
  Echo echo(2);
  echo.begin("a@b/c", 40);
  std::string right = wrapped(echo.next());
  std::string error = right;
  error.replace(error.find("'chat'"), 6, "'error'");
  CHECK(!echo.check(error).empty());
  CHECK(!echo.check(right + right).empty());
  std::string other = right;
  other[other.find("</body>") - 1] = '!';
  CHECK(!echo.check(other).empty());
  CHECK(echo.check(right).empty());
}

TEST_CASE("pushes come in order, each once, and nothing else") {
  auto push = [](std::uint64_t number) {
    return "<message from='x'><body>push " + padded(number) + " at " + padded(700 + number) + "</body></message>";
  };
  Pushes pushes;
  std::vector<Micros> times;
  CHECK(pushes.take(wrapped(push(1)), times));
  CHECK(pushes.take(wrapped(push(2) + push(3)), times));
  CHECK(times == std::vector<Micros>{702, 703});
  SUBCASE("one is missing") { CHECK(!pushes.take(wrapped(push(5)), times)); }
  SUBCASE("one comes again") { CHECK(!pushes.take(wrapped(push(3)), times)); }
  SUBCASE("nothing") { CHECK(!pushes.take("<body/>", times)); }
  SUBCASE("another message") { CHECK(!pushes.take(wrapped(push(4) + "<message/>"), times)); }
}

TEST_CASE("a client waits for each step of its login") {
  Login login;
  CHECK(login.on("<open/>") == Login::Next::Wait);
  CHECK(login.on("<mechanism>ANONYMOUS</mechanism>") == Login::Next::Say);
  CHECK(login.words().starts_with("<auth"));
  CHECK(login.on("<success/>") == Login::Next::Restart);
  CHECK(login.on("<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>") == Login::Next::Say);
  CHECK(login.on("<iq><bind><jid>a@b/c</jid></bind></iq>") == Login::Next::Bound);
  CHECK(login.jid() == "a@b/c");
}

}  // namespace
}  // namespace nxb::bench
