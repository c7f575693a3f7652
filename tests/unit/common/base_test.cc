// tests/unit/common/base_test.cc - checks, results, ids, clocks, secrets.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <array>
#include <set>
#include <string>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/base/result.h"
#include "common/base/secret.h"
#include "tests/support/death.h"

namespace nxb {
namespace {

using testing::last_words;

TEST_CASE("a failed check ends the process and says where and why") {
  std::string words = last_words([] { NXB_CHECK(1 + 1 == 3, "arithmetic"); });
  CHECK(words.find("base_test.cc:") != std::string::npos);
  CHECK(words.find("arithmetic") != std::string::npos);
  CHECK(last_words([] { NXB_CHECK(1 + 1 == 2, "arithmetic"); }) == "(survived)");
}

TEST_CASE("a broken expectation is counted and false; in tests it ends the process") {
  CHECK(last_words([] { (void)NXB_EXPECT(false, "fatal here"); }).find("fatal here") != std::string::npos);
  expectations_are_fatal(false);
  auto before = broken_expectations();
  CHECK(NXB_EXPECT(true, "holds"));
  CHECK(broken_expectations() == before);
  CHECK_FALSE(NXB_EXPECT(false, "a test breaks this on purpose"));
  CHECK_FALSE(NXB_EXPECT(false, "and this"));
  CHECK(broken_expectations() == before + 2);
  expectations_are_fatal(true);
}

Result<int> half(int value) {
  if (value % 2 != 0) return Error{Code::BadInput, "odd"};
  return value / 2;
}
Result<int> quarter(int value) {
  NXB_TRY(int once, half(value));
  NXB_TRY(int twice, half(once));
  return twice;
}

TEST_CASE("a Result carries a value or the error of the step that failed") {
  CHECK(*quarter(12) == 3);
  auto failed = quarter(6);
  REQUIRE_FALSE(static_cast<bool>(failed));
  CHECK(failed.error().code == Code::BadInput);
  CHECK(failed.error().text == "odd");
  CHECK(last_words([] { (void)*quarter(1); }).find("failed Result") != std::string::npos);
}

TEST_CASE("an id that was taken is never found again, even when its slot is used anew") {
  IdTable<ConnId, std::string> table;
  ConnId first = table.reserve();
  CHECK(table.find(first) == nullptr);
  table.put(first, std::make_unique<std::string>("first"));
  CHECK(*table.find(first) == "first");
  CHECK(*table.take(first) == "first");
  ConnId second = table.reserve();
  table.put(second, std::make_unique<std::string>("second"));
  CHECK((first.value & 0xffffffffU) == (second.value & 0xffffffffU));
  CHECK(first != second);
  CHECK(table.find(first) == nullptr);
  CHECK(table.take(first) == nullptr);
  CHECK(*table.find(second) == "second");
  CHECK(table.size() == 1);
  CHECK(table.find(ConnId{}) == nullptr);
}

TEST_CASE("the clocks move forward and the wall clock knows the century") {
  Instant before = monotonic_now();
  CHECK(monotonic_now() >= before);
  CHECK(before.time_since_epoch() > 0ms);
  CHECK(wall_clock_ms() > 1'700'000'000'000);
}

TEST_CASE("tokens are base64url without padding and do not repeat (B-29)") {
  CHECK(random_token(0).empty());
  CHECK(random_token(1).size() == 2);
  CHECK(random_token(2).size() == 3);
  CHECK(random_token(3).size() == 4);
  std::set<std::string> seen;
  std::set<char> letters;
  std::array<std::set<char>, 24> at_position;
  for (int i = 0; i < 2000; ++i) {
    std::string token = random_token(18);
    REQUIRE(token.size() == 24);
    letters.insert(token.begin(), token.end());
    for (std::size_t at = 0; at < token.size(); ++at) at_position[at].insert(token[at]);
    CHECK(seen.insert(token).second);
  }
  CHECK(letters.size() == 64);  // every letter of the alphabet comes up in 48000 draws
  for (const auto& seen_here : at_position) CHECK(seen_here.size() >= 60);  // six random bits each
  for (char letter : letters) {
    bool allowed = (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
                   (letter >= '0' && letter <= '9') || letter == '-' || letter == '_';
    CHECK(allowed);
  }
}

TEST_CASE("the keyed hash is SipHash-2-4: the reference vectors") {
  HashKey key{};
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::uint8_t>(i);
  std::string text;
  for (char i = 0; i < 33; ++i) text += i;
  auto of = [&](std::size_t size) { return keyed_hash(key, std::string_view(text).substr(0, size)); };
  CHECK(of(0) == 0x726fdb47dd0e0e31ULL);
  CHECK(of(1) == 0x74f839c593dc67fdULL);
  CHECK(of(7) == 0xab0200f58b01d137ULL);
  CHECK(of(8) == 0x93f5f5799a932462ULL);
  CHECK(of(9) == 0x9e0082df0ba9e4b0ULL);
  CHECK(of(15) == 0xa129ca6149be45e5ULL);
  CHECK(of(16) == 0x3f2acc7f57c29bdbULL);
  CHECK(of(33) == 0xa7f32346f95978e3ULL);
  CHECK(keyed_hash(key, std::string(9, '\xff')) == 0x30f4333b0ba8a712ULL);
  HashKey other = random_hash_key();
  CHECK(other != random_hash_key());
  CHECK(keyed_hash(other, text) != keyed_hash(key, text));
}

TEST_CASE("U-06 B-29 random numbers reach their bounds, and each about as often as the others") {
  CHECK(random_up_to(0) == 0);
  std::array<int, 6> seen{};
  for (int i = 0; i < 6000; ++i) ++seen.at(random_up_to(5));
  for (int count : seen) {
    CHECK(count > 800);
    CHECK(count < 1200);
  }
  bool high = false;
  for (int i = 0; i < 200; ++i) high = random_up_to(UINT32_MAX) > UINT32_MAX / 2 || high;
  CHECK(high);
}

TEST_CASE("a sid is named in logs by eight digits of its SHA-256") {
  CHECK(short_hash("abc") == "ba7816bf");
  CHECK(short_hash("") == "e3b0c442");
}

TEST_CASE("secrets compare equal only as a whole") {
  CHECK(equal_in_constant_time("secret", "secret"));
  CHECK(equal_in_constant_time("", ""));
  CHECK_FALSE(equal_in_constant_time("secret", "secreT"));
  CHECK_FALSE(equal_in_constant_time("secret", "secrets"));
  CHECK_FALSE(equal_in_constant_time("secret", ""));
}

TEST_CASE("a hash key survives its way through hexadecimal; nothing else is accepted") {
  HashKey key = random_hash_key();
  HashKey read{};
  REQUIRE(to_hex(key).size() == 32);
  REQUIRE(from_hex(to_hex(key), read));
  CHECK(read == key);
  std::string text = to_hex(key);
  CHECK_FALSE(from_hex(text.substr(1), read));
  CHECK_FALSE(from_hex(text + "00", read));
  text[31] = 'g';
  CHECK_FALSE(from_hex(text, read));
  CHECK(read == key);  // untouched by failures
}

}  // namespace
}  // namespace nxb
