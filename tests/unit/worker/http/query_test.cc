// tests/unit/worker/http/query_test.cc - the codecs of GET: query strings, JSONP, Basic authentication.
// SPDX-License-Identifier: MIT
#include "worker/http/query.h"

#include <doctest/doctest.h>

#include "worker/http/basic.h"
#include "worker/http/jsonp.h"

using namespace nxb;
using namespace nxb::http;

namespace {

std::string data_of(std::string_view text) {
  auto query = read_query(text);
  if (!query) return "refused";
  return query->data.value_or("none");
}

std::string callback_of(std::string_view text) {
  auto query = read_query(text);
  return query ? query->callback.value_or("none") : "refused";
}

std::string basic(std::string_view field) {
  auto given = read_basic(field);
  return given ? given->user + "|" + given->password : "refused";
}

}  // namespace

TEST_CASE("H-37 data is found among other parameters and decoded: + is a space, %XX a byte") {
  CHECK(data_of("data=a+b%2B%3cx%3E%26%C3%A4") == "a b+<x>&\xC3\xA4");
  CHECK(data_of("_=12&data=x=y&z") == "x=y");
  CHECK(data_of("%64ata=x") == "x");
  CHECK(data_of("data=") == "");
  CHECK(data_of("data") == "");
  CHECK(data_of("&&data=x&") == "x");
  CHECK(data_of("") == "none");
  CHECK(data_of("Data=x&dat=x&datax=x") == "none");
  CHECK(callback_of("data=x&callback=f%24") == "f$");
  CHECK(callback_of("data=x") == "none");
  CHECK(callback_of("callback=") == "");
}

TEST_CASE("H-37 a parameter given twice and a broken escape anywhere are refused") {
  for (const char* bad : {"data=a&data=a", "data&data", "data=a&%64ata=b", "data=x&callback=a&callback=b", "data=%",
                          "data=%4", "data=%zz", "data=%4g", "data=%%34", "data=a&other=%", "%=1", "%u0041=1"}) {
    CAPTURE(bad);
    CHECK(data_of(bad) == "refused");
  }
  CHECK(data_of("data=%00").size() == 1);  // a byte like any other; XML refuses it
}

TEST_CASE("D-03 names that every JavaScript object has are names like any other") {
  for (const char* name : {"hasOwnProperty", "__proto__", "constructor", "toString"}) {
    CHECK(data_of(std::string(name) + "=1&data=x") == "x");
    CHECK(data_of(std::string(name) + "=1") == "none");
  }
}

TEST_CASE("H-38 D-32 a callback is a JavaScript name with dots, as a whole, of at most 128 characters") {
  for (const char* good : {"f", "_", "$", "$.a1._", "Strophe.cb_0", "f..g", "f."}) CHECK(is_callback(good));
  for (const char* bad :
       {"", "1f", ".f", "f(", "f;alert(1)", "f g", "f\n", "f-", "<f>", "f\xC3\xA4", "f[0]", "f'", "f/*"}) {
    CAPTURE(bad);
    CHECK_FALSE(is_callback(bad));
  }
  CHECK_FALSE(is_callback(std::string_view("f\0", 2)));
  CHECK(is_callback(std::string(128, 'f')));
  CHECK_FALSE(is_callback(std::string(129, 'f')));
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || c == '$';
    const bool digit = (c >= '0' && c <= '9') || c == '.';
    CHECK(is_callback(std::string(1, c)) == letter);
    CHECK(is_callback("f" + std::string(1, c)) == (letter || digit));
  }
}

TEST_CASE("H-39 D-32 the reply is a JSON string that neither HTML nor JavaScript reads anything else into") {
  CHECK(jsonp("f.g", "<body a='1'/>") == "/**/f.g({\"reply\":\"\\u003cbody a='1'/\\u003e\"});");
  CHECK(jsonp("f", "") == "/**/f({\"reply\":\"\"});");
  CHECK(jsonp("f", "\"\\&\n\r\t\x01\x7f") ==
        "/**/f({\"reply\":\"\\\"\\\\\\u0026\\u000a\\u000d\\u0009\\u0001\\u007f\"});");
  CHECK(jsonp("f", "a\xE2\x80\xA8\xE2\x80\xA9z") == "/**/f({\"reply\":\"a\\u2028\\u2029z\"});");
  CHECK(jsonp("f", "\xE2\x80\xA7\xE2\x80\xAA\xC3\xA4\xF0\x9F\x98\x80") ==
        "/**/f({\"reply\":\"\xE2\x80\xA7\xE2\x80\xAA\xC3\xA4\xF0\x9F\x98\x80\"});");
  CHECK(jsonp("f", "\xE2\x80") == "/**/f({\"reply\":\"\xE2\x80\"});");
}

TEST_CASE("H-42 D-04 Basic credentials are read whole or not at all") {
  CHECK(basic("Basic YWRtaW46cGFzcw==") == "admin|pass");
  CHECK(basic("bAsIc   YWRtaW46cGFzcw==") == "admin|pass");
  CHECK(basic("Basic YWRtaW46") == "admin|");
  CHECK(basic("Basic OnA=") == "|p");
  CHECK(basic("Basic YTpiOmM=") == "a|b:c");
  CHECK(basic("Basic fz9/Pz4+Og==") == "\x7f?\x7f?>>|");
  for (const char* bad :
       {"", "x", "Basic", "Basic ",
        "BasicYWRtaW46cGFzcw==", "Bearer YWRtaW46cGFzcw==", "Basic YWRtaW4=", "Basic YWRtaW46cGFzcw",
        "Basic YWRtaW46cGFzcw=", "Basic YWRtaW46cGFzcw===", "Basic ====", "Basic YWRt-W46cGFzcw==",
        "Basic YWRt=W46cGFzcw==", "Basic YWRtaW46cGFzcw==, Basic YTpi", "Basic \xC3\xA4", "Basic Y"}) {
    CAPTURE(bad);
    CHECK(basic(bad) == "refused");
  }
}
