// tests/unit/worker/xml/pool_test.cc - which readers are kept, and that nothing of a borrower reaches the next.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/unit/worker/xml/recorder.h"
#include "worker/xml/reader.h"

using namespace nxb;
using namespace nxb::xml;
using namespace nxb::testing;

TEST_CASE("the pool keeps a few readers, and none of them for ever") {
  Pool pool;
  for (int i = 0; i < 10'000; ++i) CHECK(read(pool, "<a><b/></a>", {}).finished);
  CHECK(pool.lent() == 0);
  CHECK(pool.idle() == 1);
  CHECK(pool.made() == 10);  // a thousand uses each
  std::vector<Pool::Lease> many;
  for (int i = 0; i < 20; ++i) many.push_back(pool.borrow());
  CHECK(pool.lent() == 20);
  many.clear();
  CHECK(pool.lent() == 0);
  CHECK(pool.idle() == 8);
}

TEST_CASE("a reader with a big dictionary is thrown away") {
  Pool pool;
  auto use = [&pool](const std::string& document) { CHECK(read(pool, document, {}).finished); };
  use("<a/>");
  use("<a/>");
  CHECK(pool.made() == 1);
  std::string hostile = "<a>";
  for (int i = 0; i < 40; ++i) hostile += "<n" + std::to_string(i) + std::string(900, 'x') + "/>";
  use(hostile + "</a>");
  use("<a/>");
  CHECK(pool.made() == 2);
}

TEST_CASE("each borrower of a scope is told of it as its root and counts from 0, whatever was left there before") {
  constexpr std::string_view kScope = "<s:s xmlns='urn:d' xmlns:s='urn:s'>";
  auto in_scope = [kScope](Pool& pool, std::string_view bytes) {
    Recorder recorder(bytes, kScope);
    auto reader = pool.borrow(kScope);
    reader->open(recorder);
    Fault fault = reader->feed(bytes);
    return Outcome{std::move(recorder.log), fault, reader->finished()};
  };
  Pool pool;
  Outcome first = in_scope(pool, "<a><s:b/>1</a>");
  CHECK(first.log == "(urn:s|s>(urn:d|a>(urn:s|b>)[<s:b/>]1)[<a><s:b/>1</a>]");
  for (std::string_view left :
       {"<a/>", "<a/> \n\r", "<a/><b", "<a/><b><c>", "<a/></s:s>", "</s:s>", "<a xmlns='urn:x'/>", "<a></b>", "&"}) {
    CAPTURE(left);
    in_scope(pool, left);
    CHECK(in_scope(pool, "<a><s:b/>1</a>") == first);
    CHECK(read(pool, "<a><s:b/></a>", {}).fault == Fault::NotWellFormed);
    CHECK(read(pool, "<a/>", {}).log == "(|a>)[<a/>]");
  }
  CHECK(pool.lent() == 0);
}

TEST_CASE(
    "a scope that is kept costs no reading: one reader serves it, others take their places when many are in use") {
  Pool pool;
  auto use = [&](const std::string& scope) {
    Recorder recorder("", scope);
    pool.borrow(scope)->open(recorder);
  };
  for (int i = 0; i < 100; ++i) use("<a xmlns='urn:a'>");
  CHECK(pool.made() == 1);
  use("<b xmlns='urn:b'>");
  CHECK(pool.made() == 2);
  for (int i = 0; i < 100; ++i) use("<c" + std::to_string(i) + ">");  // more scopes than readers are kept
  CHECK(pool.made() == 8);
  CHECK(pool.idle() == 8);
  CHECK(read(pool, "<a/>", {}).log == "(|a>)[<a/>]");
}

TEST_CASE("a reader that has read something big is not kept") {
  Pool pool;
  CHECK(read(pool, "<a><b>" + std::string(100'000, 'x') + "</b></a>", {}).finished);
  CHECK(pool.idle() == 1);
  CHECK(read(pool, "<a><b>" + std::string(200'000, 'x') + "</b></a>", {}).finished);
  CHECK(pool.idle() == 0);
}

TEST_CASE("a reader that has passed over a namespace that is no URI is not kept") {
  Pool pool;
  CHECK(read(pool, "<a xmlns='%'/>", {}).log == "(%|a>)[<a xmlns='%'/>]");
  CHECK(pool.idle() == 0);
}

TEST_CASE("nothing of a borrower reaches the next: namespaces, open elements, faults") {
  Pool pool;
  CHECK(read(pool, "<a xmlns:p='urn:p' xmlns='urn:d'><p:b/>", {}).fault == Fault::None);  // left open
  CHECK(read(pool, "<a><p:b/></a>", {}).fault == Fault::NotWellFormed);                   // p is not bound
  CHECK(read(pool, "<a/>", {}).log == "(|a>)[<a/>]");
  CHECK(read(pool, "<a xmlns:p='urn:p'><b><p:c>", {}).fault == Fault::None);
  CHECK(read(pool, "<a><p:b/></a>", {}).fault == Fault::NotWellFormed);
  CHECK(read(pool, "<a>&x;</a>", {}).fault == Fault::NotWellFormed);
  CHECK(read(pool, "<a><b/></a>", {}).finished);
}
