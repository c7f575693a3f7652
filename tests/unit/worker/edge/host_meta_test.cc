// tests/unit/worker/edge/host_meta_test.cc - where clients find nxb (XEP-0156).
// SPDX-License-Identifier: MIT
#include "tests/support/contains.h"
#include "tests/unit/worker/edge/one_answer.h"

using namespace nxb;
using namespace nxb::testing;

TEST_CASE("W-11 host-meta has the configured URLs as XRD and as JSON, for scripts of every origin") {
  EdgeRig rig;
  rig.config.http.allowed_origins = {"https://chat.example"};
  rig.config.discovery = {"https://c.example/http-bind?a&b", "wss://c.example/ws"};
  rig.open();
  const std::string xml = answer_to(rig, get("/.well-known/host-meta", "Origin: https://other.example\r\n"));
  CHECK(contains(xml, "HTTP/1.1 200 OK\r\n"));
  CHECK(contains(xml, "Content-Type: application/xrd+xml\r\n"));
  CHECK(contains(xml, "Access-Control-Allow-Origin: *\r\n"));
  CHECK(contains(xml, "<XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'>"));
  CHECK(contains(xml, "<Link rel='urn:xmpp:alt-connections:xbosh' href='https://c.example/http-bind?a&amp;b'/>"));
  CHECK(contains(xml, "<Link rel='urn:xmpp:alt-connections:websocket' href='wss://c.example/ws'/>"));
  const std::string json = answer_to(rig, get("/.well-known/host-meta.json"));
  CHECK(contains(json, "Content-Type: application/json\r\n"));
  CHECK(contains(json, "Access-Control-Allow-Origin: *\r\n"));
  CHECK(contains(json,
                 "{\"links\": [{\"rel\": \"urn:xmpp:alt-connections:xbosh\", \"href\": "
                 "\"https://c.example/http-bind?a&b\"}, {\"rel\": \"urn:xmpp:alt-connections:websocket\", \"href\": "
                 "\"wss://c.example/ws\"}]}\n"));
}

TEST_CASE("W-11 a browser that asks before it fetches host-meta is told that every origin may") {
  EdgeRig rig;
  rig.config.discovery.websocket_url = "wss://c.example/ws";
  rig.open();
  for (const char* path : {"/.well-known/host-meta", "/.well-known/host-meta.json"}) {
    const std::string answer = answer_to(rig, "OPTIONS " + std::string(path) + " HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(contains(answer, "HTTP/1.1 200 OK\r\n"));
    CHECK(contains(answer, "Access-Control-Allow-Origin: *\r\n"));
  }
  CHECK_FALSE(contains(answer_to(rig, "OPTIONS /healthz HTTP/1.1\r\nHost: x\r\n\r\n"), "Access-Control"));
}

TEST_CASE("W-11 only what is configured is told, and without a URL there is no host-meta") {
  EdgeRig off;
  off.open();
  CHECK(contains(answer_to(off, get("/.well-known/host-meta")), "404 Not Found"));
  CHECK(contains(answer_to(off, get("/.well-known/host-meta.json")), "404 Not Found"));
  EdgeRig one;
  one.config.discovery.websocket_url = "wss://c.example/\"\\";
  one.open();
  const std::string json = answer_to(one, get("/.well-known/host-meta.json"));
  CHECK_FALSE(contains(json, "xbosh"));
  CHECK(contains(json, "\"wss://c.example/\\\"\\\\\""));
  CHECK(contains(answer_to(one, get("/.well-known/host-meta.xml")), "404 Not Found"));
}
