// tests/unit/supervisor/events_test.cc - subscribers of the admin socket, slow ones among them.
// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "admin_rig.h"
#include "common/base/secret.h"
#include "common/base/text.h"
#include "supervisor/ctl/render.h"
#include "tests/support/contains.h"

using namespace nxb;
using namespace nxb::supervisor;
using nlohmann::json;

namespace {

struct Rig {
  Rig()
      : admin({[] { return admin::Snapshot(); }, [](int) { return std::nullopt; }},
              {[this](bool on) { published.push_back(on); }, [](const auto&, const auto&) {}}) {}
  Descriptor subscribe(const std::string& arguments = "") {
    Descriptor fd = admin.connect_to();
    admin.say(fd, "{\"command\":\"events\"" + arguments + "}\n");
    CHECK(admin.hear(fd) == "{\"ok\":true}\n");
    return fd;
  }
  void tell(const std::string& type, const std::string& sid = "0123abcd", const std::string& domain = "example.org") {
    admin.server->publish(
        1, {R"({"time":"T","type":")" + type + R"(","sid":")" + sid + R"(","domain":")" + domain + "\",\"count\":1}\n",
            0});
    admin.turn();
  }
  std::string refused(const std::string& request) {
    Descriptor fd = admin.connect_to();
    admin.say(fd, request + "\n");
    json answer = json::parse(admin.hear(fd));
    CHECK(answer["ok"] == false);
    return answer["error"];
  }
  std::vector<bool> published;
  AdminRig admin;
};

std::string types_in(const std::string& text) {
  std::string types;
  std::size_t start = 0;
  for (auto end = text.find('\n'); end != std::string::npos; end = text.find('\n', start)) {
    types += (types.empty() ? "" : " ") + json::parse(text.substr(start, end - start))["type"].get<std::string>();
    start = end + 1;
  }
  return types;
}

}  // namespace

TEST_CASE("O-19: a subscriber gets each event as one line with its worker, keys in a fixed order") {
  Rig rig;
  Descriptor fd = rig.subscribe();
  rig.tell("nodes");
  CHECK(rig.admin.hear(fd) ==
        R"({"time":"T","worker":1,"type":"nodes","sid":"0123abcd","domain":"example.org","count":1})"
        "\n");
}

TEST_CASE("O-19 C-44: no byte of an event steers a terminal, and it says what the client said") {
  Rig rig;
  Descriptor fd = rig.subscribe();
  ipc::Events events;
  events.lines = R"({"time":"T","type":"nodes","sid":"0123abcd","domain":"example.org","ua":"x\u009b31m\u007f\u00fc"})"
                 "\n";
  rig.admin.server->publish(1, events);
  const std::string heard = rig.admin.hear(fd);
  CHECK(heard.find(R"("ua":"x\u009b31m\u007f\u00fc")") != std::string::npos);
  CHECK(std::ranges::all_of(heard, [](char c) { return c == '\n' || (c >= ' ' && c < 0x7f); }));
}

TEST_CASE("O-19: filters by type, sid in both forms and domain leave out the rest") {
  Rig rig;
  const std::string sid = "0123456789abcdefghijklmn";
  Descriptor all = rig.subscribe();
  Descriptor by_type = rig.subscribe(R"(,"type":"session-end,error")");
  Descriptor by_name = rig.subscribe(R"(,"sid":")" + short_hash(sid) + "\"");
  Descriptor by_sid = rig.subscribe(R"(,"sid":")" + sid + "\"");
  Descriptor by_capitals = rig.subscribe(R"(,"sid":")" + uppered(short_hash(sid)) + "\"");
  Descriptor by_domain = rig.subscribe(R"(,"domain":"Example.COM","type":"nodes")");
  rig.tell("nodes");
  rig.tell("error");
  rig.tell("session-end", short_hash(sid));
  rig.tell("nodes", "0123abcd", "example.com");
  rig.tell("error", "0123abcd", "example.com");
  rig.admin.server->publish(admin::worker_start_event(0, 7, 1));
  rig.admin.turn();
  CHECK(types_in(rig.admin.hear(all)) == "nodes error session-end nodes error worker-start");
  CHECK(types_in(rig.admin.hear(by_type)) == "error session-end error");
  CHECK(types_in(rig.admin.hear(by_name)) == "session-end");
  CHECK(types_in(rig.admin.hear(by_sid)) == "session-end");
  CHECK(types_in(rig.admin.hear(by_capitals)) == "session-end");
  CHECK(types_in(rig.admin.hear(by_domain)) == "nodes");
}

TEST_CASE("O-19: a domain is asked for however it is written") {
  Rig rig;
  const char* spellings[] = {"xn--bcher-kva.example",
                             "B\xc3\x9c"
                             "cher.Example.",
                             "b\xc3\xbc"
                             "cher.example",
                             "XN--Bcher-KVA.example."};
  std::vector<Descriptor> subscribers;
  for (const char* spelling : spellings)
    subscribers.push_back(rig.subscribe(R"(,"domain":")" + std::string(spelling) + "\""));
  rig.tell("nodes", "0123abcd", "xn--bcher-kva.example");
  rig.tell("error", "0123abcd", "bcher.example");
  for (const Descriptor& subscriber : subscribers) CHECK(types_in(rig.admin.hear(subscriber)) == "nodes");
}

TEST_CASE("O-19: workers publish from the first subscriber to the last, no longer") {
  Rig rig;
  CHECK(rig.published.empty());
  Descriptor one = rig.subscribe();
  Descriptor two = rig.subscribe();
  CHECK(rig.published == std::vector{true});
  one = Descriptor();
  rig.admin.turn();
  CHECK(rig.published == std::vector{true});
  two = Descriptor();
  rig.admin.turn();
  CHECK(rig.published == std::vector{true, false});
}

TEST_CASE("O-19: a subscriber that ended its own side only goes on hearing, and what it says is ignored") {
  Rig rig;
  Descriptor fd = rig.subscribe();
  rig.admin.say(fd, "{\"command\":\"status\"}\n");
  shutdown(fd.get(), SHUT_WR);
  rig.admin.turn();
  rig.tell("nodes");
  CHECK(types_in(rig.admin.hear(fd)) == "nodes");
}

TEST_CASE(
    "O-19: a subscriber that ended its own side is known to have left soon after it has, even if it hears nothing") {
  Rig rig;
  Descriptor fd = rig.subscribe(R"(,"domain":"nobody.example")");
  shutdown(fd.get(), SHUT_WR);
  rig.admin.turn();
  CHECK(rig.published == std::vector{true});
  fd = Descriptor();
  bool passed = false;
  uv::Timer bound(rig.admin.loop, [&] { passed = true; });
  bound.start(30s);
  while (rig.published.size() < 2 && !passed) uv_run(rig.admin.loop.raw(), UV_RUN_ONCE);
  CHECK(rig.published == std::vector{true, false});
}

TEST_CASE("O-19: a slow subscriber loses events with a count, the others lose nothing") {
  Rig rig;
  Descriptor slow = rig.subscribe();
  Descriptor quick = rig.subscribe();
  constexpr int kMany = 10'000;
  int heard_by_quick = 0;
  for (int i = 0; i < kMany; ++i) {
    rig.admin.server->publish(1,
                              {"{\"time\":\"T\",\"type\":\"nodes\",\"names\":\"" + std::string(200, 'n') + "\"}\n", 0});
    if (i % 50 == 0) rig.admin.turn(2);
    for (std::string text = rig.admin.hear(quick); !text.empty(); text = rig.admin.hear(quick))
      heard_by_quick += static_cast<int>(std::ranges::count(text, '\n'));
  }
  CHECK(heard_by_quick == kMany);
  rig.admin.server->publish(3, {"", 17});
  rig.admin.turn();
  std::string heard;
  for (int idle = 0; idle < 20; ++idle) {
    std::string text = rig.admin.hear(slow);
    if (!text.empty()) idle = 0;
    heard += text;
    rig.admin.turn(2);
  }
  CHECK(heard.find("\"worker\":3") == std::string::npos);
  std::size_t last = heard.rfind('\n', heard.size() - 2);
  json dropped = json::parse(heard.substr(last + 1));
  CHECK(dropped["type"] == "dropped");
  CHECK_FALSE(dropped.contains("worker"));
  int kept = static_cast<int>(std::ranges::count(heard, '\n')) - 1;
  CHECK(kept > 100);
  CHECK(dropped["count"].get<int>() == kMany - kept + 17);
  rig.tell("error");
  CHECK(types_in(rig.admin.hear(slow)) == "error");
}

TEST_CASE("O-19: what a worker dropped is told to every subscriber, whatever it asked for") {
  Rig rig;
  Descriptor fd = rig.subscribe(R"(,"type":"error")");
  rig.admin.server->publish(3, {"", 17});
  rig.admin.turn();
  json dropped = json::parse(rig.admin.hear(fd));
  CHECK(dropped["type"] == "dropped");
  CHECK(dropped["worker"] == 3);
  CHECK(dropped["count"] == 17);
}

TEST_CASE("O-20 O-19: who waits whether there is something to watch hears the answer first, whatever workers drop") {
  Rig rig;
  Descriptor fd = rig.admin.connect_to();
  rig.admin.say(fd, R"({"command":"watch","sid":"0123abcd"})"
                    "\n");
  CHECK(rig.published == std::vector{true});
  rig.admin.server->publish(3, {"", 17});
  rig.admin.turn();
  CHECK(rig.admin.hear(fd).empty());
}

TEST_CASE("O-19: lines of a worker that are no events are left out") {
  Rig rig;
  Descriptor fd = rig.subscribe();
  rig.admin.server->publish(
      1, {"hello\n[]\n{}\n{\"type\":\"invented\"}\n{\"type\":7}\n\xff\n{\"type\":\"error\"}\nrest", 0});
  rig.admin.turn();
  CHECK(types_in(rig.admin.hear(fd)) == "error");
}

TEST_CASE("O-13: wrong arguments are refused with the names of those that there are") {
  Rig rig;
  CHECK(testing::contains(rig.refused(R"({"command":"events","type":"nodes,node"})"),
                          "unknown type \"node\"; there are: session-start, "));
  CHECK(testing::contains(rig.refused(R"({"command":"events","type":"nodes,"})"), "unknown type \"\""));
  CHECK(testing::contains(rig.refused(R"({"command":"events","tpye":"nodes"})"), "there are: type, sid, domain"));
  CHECK(testing::contains(rig.refused(R"({"command":"events","type":7})"), "not a string"));
  CHECK(testing::contains(rig.refused(R"({"command":"status","sid":"a"})"), "there are none"));
  CHECK(testing::contains(rig.refused(R"({"command":"explain"})"), "explain needs \"sid\""));
  CHECK(testing::contains(rig.refused(R"({"command":"explain","sid":""})"), "empty"));
  CHECK(testing::contains(rig.refused(R"({"command":"halt"})"), "there are: status, stats, workers, "));
  CHECK(rig.published.empty());
}

TEST_CASE("O-19: an event is one readable line, and nothing in it steers a terminal") {
  CHECK(
      ctl::render_event(R"({"time":"T","worker":1,"type":"nodes","sid":"0123abcd","ua":"","count":2,"names":"a b"})") ==
      "T worker 1 nodes 0123abcd count=2 names=\"a b\"");
  CHECK(ctl::render_event(R"({"type":"error","why":"\u001b[2J\n"})") == "error why=\"\\x1b[2J\\n\"");
  CHECK(ctl::render_event("\x1b") == "\"\\x1b\"");
}
