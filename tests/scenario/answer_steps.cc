// tests/scenario/answer_steps.cc - `expect r1 ...`: what was answered to a request; see steps.h.
// SPDX-License-Identifier: MIT
#include <array>
#include <utility>

#include "parser.h"
#include "steps.h"

namespace nxb::scenario {

namespace {

constexpr Duration kRounding{20};  // two clocks and a socket

// What is looked at besides the element: taken out of the arguments.
struct Wishes {
  Arguments element;
  Arguments others;
  const std::string* find(std::string_view key) const { return scenario::find(others, key); }
};

Wishes sort_out(const Step& step) {
  static constexpr std::array<std::string_view, 5> kOthers{"status", "content_type", "header", "took", "save"};
  Wishes wishes;
  for (const auto& one : step.arguments) {
    bool other = std::ranges::find(kOthers, one.key) != kOthers.end();
    (other ? wishes.others : wishes.element).push_back(one);
  }
  return wishes;
}

std::string difference_in_http(Scene& scene, const Request& request, const Wishes& wishes) {
  const HttpAnswer& answer = *request.answer;
  for (const auto& [key, value] : wishes.others) {
    std::string why;
    if (key == "status") why = compare(key, std::to_string(answer.status), value, scene.values);
    if (key == "content_type") why = compare(key, answer.content_type, value, scene.values);
    if (key == "header" && answer.head.find("\r\n" + value + "\r\n") == std::string::npos) why = "no header " + value;
    if (key == "save") scene.values[value.substr(value.starts_with('@') ? 1 : 0)] = answer.body;
    if (!why.empty()) return why;
  }
  // A client that is not of 2004 gets 200 for everything (B-58, B-106), unless the scenario says otherwise.
  if (!wishes.find("status") && answer.status != 200) return "its status is " + std::to_string(answer.status);
  if (const std::string* took = wishes.find("took")) {
    Duration late = request.answered - request.sent - parse_duration(*took).value_or(Duration::zero());
    Duration slack = scene.stage.slack();
    if (late < -std::min(slack, kRounding) || late > slack)
      return "it came " + std::to_string(late.count()) + " ms off";
  }
  return {};
}

// Attributes that nobody asked for: an empty answer, a terminate and an error have none (B-62, B-95).
std::string surplus(const xml::Node& node, const Arguments& arguments) {
  for (const auto& attribute : node.attributes) {
    bool spoken = attribute.local == "type" || attribute.local == "condition";
    if (!spoken && !find(arguments, attribute.local)) return "it has " + attribute.local + "=" + attribute.value;
  }
  return {};
}

std::string difference_in_body(Scene& scene, Request& request, const Step& step, const Wishes& wishes) {
  const xml::Node& node = *request.tree;
  auto what = step.word(1);
  auto type = node.attribute("type"), condition = node.attribute("condition");
  auto expected = what == "terminate" || what == "error" ? what : std::string_view();
  if (type != expected && !find(wishes.element, "type")) return "its type is \"" + std::string(type) + "\"";
  std::string why = difference(node, request.answer->body, "body", wishes.element, scene.values);
  if (!why.empty()) return why;
  if (!find(wishes.element, "condition") && !condition.empty()) return "its condition is " + std::string(condition);
  if (what == "empty" && !node.children.empty()) return "it has payloads";
  return what == "body" ? std::string() : surplus(node, wishes.element);
}

std::string difference_in_payload(Scene& scene, Request& request, const Step& step, const Wishes& wishes) {
  const auto& payloads = request.tree->children;
  if (request.next_payload >= payloads.size()) return "it has no further payload";
  const xml::Node& node = payloads[request.next_payload++];
  auto raw = std::string_view(request.answer->body).substr(node.begin, node.end - node.begin);
  return difference(node, raw, step.word(2), wishes.element, scene.values);
}

Outcome without_answer(Scene& scene, const Request& request, std::string_view what) {
  if (what == "closed") return request.closed ? done() : waits("nxb has not closed the connection");
  if (request.closed) return failed("its connection was closed without an answer");
  if (what != "held") return waits("there is no answer");
  return scene.settled() ? done() : waits("nxb does not hold it");
}

}  // namespace

Outcome look_at_answer(Scene& scene, Request& request, const Step& step) {
  auto what = step.word(1);
  if (request.lost) return failed("its answer was lost");
  if (!request.answer) return without_answer(scene, request, what);
  if (what == "held") return failed("it was answered");
  if (what == "closed") return failed("it was answered, not closed");
  Wishes wishes = sort_out(step);
  std::string why = difference_in_http(scene, request, wishes);
  if (what == "same" && why.empty()) why = compare("the answer", request.answer->body, step.word(2), scene.values);
  if (what == "answer") {
    const std::string* part = find(wishes.element, "contains");
    if (part && request.answer->body.find(*part) == std::string::npos) why = "it does not contain " + *part;
  }
  if (!why.empty()) return failed(why);
  if (what == "same" || what == "answer") return done();

  if (!request.tree) {
    auto tree = xml::read_tree(scene.pool, request.answer->body, 5);
    if (!tree) return failed("it is not XML: " + tree.error().text);
    request.tree = *std::move(tree);
  }
  if (what == "payload") {
    why = difference_in_payload(scene, request, step, wishes);
  } else if (what == "end") {
    why = request.next_payload < request.tree->children.size() ? "it has a further payload" : "";
  } else {
    why = difference_in_body(scene, request, step, wishes);
  }
  return why.empty() ? done() : failed(why);
}

}  // namespace nxb::scenario
