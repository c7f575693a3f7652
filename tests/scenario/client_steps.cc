// tests/scenario/client_steps.cc - the verbs of a client; see steps.h.
// SPDX-License-Identifier: MIT
#include <csignal>
#include <cstdlib>
#include <utility>

#include "http_text.h"
#include "steps.h"

namespace nxb::scenario {

namespace {

constexpr int kTries = 64;  // for a session that lands on one worker

std::size_t number_of(std::string_view text) { return std::strtoul(std::string(text).c_str(), nullptr, 10); }

// "1001", or +N: that far above the newest of this client.
std::string rid_text(Client& client, const std::string& text) {
  std::uint64_t rid = std::strtoull(text.c_str(), nullptr, 10);
  if (text.starts_with('+')) rid += client.last_rid;
  bool digits = !text.empty() && text.find_first_not_of("+0123456789") == std::string::npos;
  if (!digits) return text;  // a malformed one, on purpose
  client.last_rid = text.starts_with('+') ? rid : std::max(rid, client.last_rid);
  return std::to_string(rid);
}

// A <body/> as the step says it, with what a client of today says without being asked.
std::optional<std::string> body_of(Scene& scene, Client& client, const Step& step) {
  Arguments attributes;
  std::string payloads;
  for (const auto& [key, value] : step.arguments) {
    auto filled = filled_in(value, scene.values);
    if (!filled) return std::nullopt;
    attributes.push_back({key, key == "rid" ? rid_text(client, *filled) : *filled});
  }
  auto unless_said = [&](std::string_view key, std::string value) {
    if (!step.find(key)) attributes.push_back({std::string(key), std::move(value)});
  };
  if (step.verb == "open") {
    unless_said("ver", "1.6");
    unless_said("version", "1.0");
  } else {
    unless_said("sid", client.sid);
  }
  for (const Word& word : step.words) {
    auto filled = filled_in(word.text, scene.values);
    if (!filled) return std::nullopt;
    payloads += *filled;
  }
  return write_body(attributes, payloads);
}

Outcome post(Scene& scene, const std::string& name, const Step& step, Attempt& attempt) {
  Client& client = scene.clients[name];
  if (!std::exchange(attempt.begun, true)) {
    Sending sending;
    auto body = body_of(scene, client, step);
    if (!body) return failed("a value that was not saved");
    sending.body = *std::move(body);
    sending.connection = step.get("conn");
    sending.chunk = client.chunk;
    Request request;
    request.opens = step.verb == "open";
    attempt.request = scene.send(name, step.get("as"), std::move(sending), std::move(request));
    if (attempt.request == 0) return failed("it cannot be sent");
  }
  // The next request must not overtake it on another connection.
  const Request& request = scene.requests[attempt.request];
  return request.answer || request.closed || scene.settled() ? done() : waits("nxb has not taken it");
}

Outcome by_hand(Scene& scene, const std::string& name, const Step& step) {
  Step filled = step;
  bool complete = true;
  auto fill = [&](std::string& text) {
    auto value = filled_in(text, scene.values);
    complete = complete && value;
    if (value) text = *std::move(value);
  };
  for (auto& one : filled.arguments) fill(one.value);
  for (auto& one : filled.words) fill(one.text);
  if (!complete) return failed("a value that was not saved");
  Sending sending;
  sending.http = step.verb == "http" ? write_http(filled) : filled.words[0].text;
  sending.connection = step.get("conn");
  sending.chunk = step.find("split") ? number_of(step.get("split")) : scene.clients[name].chunk;
  sending.answered = step.find("as") != nullptr;
  Request request;
  request.by_hand = true;
  bool sent = scene.send(name, step.get("as"), std::move(sending), std::move(request)) != 0;
  return sent || !step.find("as") ? done() : failed("it cannot be sent");
}

std::map<int, std::uint64_t> sessions_of(Scene& scene) {
  std::map<int, std::uint64_t> all;
  for (int i = 0; i < scene.stage.workers(); ++i) all[i] = scene.stage.counter("sessions", i).value_or(0);
  return all;
}

int number_at_end(std::string_view text) {
  auto digits = text.find_first_of("0123456789");
  return digits == std::string_view::npos ? -1 : static_cast<int>(number_of(text.substr(digits)));
}

// `open on=worker1`: which worker gets a session is chance, so it is tried until one lands there. Of the others the
// server knows nothing: it goes back to its `accept`.
Outcome open_on_worker(Scene& scene, const std::string& name, const Step& step, Attempt& attempt) {
  Client& client = scene.clients[name];
  if (attempt.stage == 0) {
    if (++attempt.tries > kTries) return failed("no session landed there");
    attempt.sessions = sessions_of(scene);
    attempt.begun = false;
    attempt.stage = 1;
    Outcome sent = post(scene, name, step, attempt);
    if (sent.kind == Outcome::Kind::Failed) return sent;
  }
  const Request& request = scene.requests[attempt.request];
  if (attempt.stage == 1) {
    if (!request.answer) return waits("no answer to an attempt");
    int worker = number_at_end(step.get("on"));
    auto now = sessions_of(scene);
    if (now[worker] == attempt.sessions[worker] + 1) return done();
    Sending sending;
    sending.body =
        write_body({{"rid", std::to_string(client.last_rid + 1)}, {"sid", client.sid}, {"type", "terminate"}}, {});
    attempt.request = scene.send(name, "(let go)", std::move(sending), {});
    scene.rewind.insert(step.get("to"));
    attempt.stage = 2;
  }
  if (!scene.requests[attempt.request].answer) return waits("no answer to a terminate");
  if (sessions_of(scene) != attempt.sessions) return waits("the session that landed elsewhere is still there");
  attempt.stage = 0;
  return waits("the next attempt");
}

Outcome lose(Request& request) {
  if (request.closed) return failed("its connection was closed without an answer");
  if (!request.answer) return waits("there is no answer to lose");
  request.lost = true;
  return done();
}

Outcome cut(Scene& scene, RequestNumber number, Attempt& attempt) {
  Request& request = scene.requests[number];
  if (!std::exchange(attempt.begun, true)) {
    if (request.answer) return failed("it is answered already");
    scene.transcript.add(scene.stage.now(), Role::Client, request.client, request.name + " -> (cut)");
    request.closed = true;
    scene.stage.cut(number);
  }
  auto held = scene.stage.counter("requests_held");
  return held && *held <= scene.unanswered() ? done() : waits("nxb has not noticed");
}

Outcome kill_worker(Scene& scene, const Step& step) {
  std::string signal = step.find("signal") ? step.get("signal") : "KILL";
  if (signal != "KILL" && signal != "TERM" && signal != "STOP") return failed("an unknown signal");
  int number = signal == "KILL" ? SIGKILL : signal == "TERM" ? SIGTERM : SIGSTOP;
  scene.transcript.add(scene.stage.now(), Role::Client, "", "kill worker " + step.get("worker"));
  auto killed = scene.stage.kill(number_at_end(step.get("worker")), number);
  return killed ? done() : failed(killed.error().text);
}

Outcome stop(Scene& scene) {
  scene.transcript.add(scene.stage.now(), Role::Client, "", "stop nxb");
  auto stopped = scene.stage.stop();
  return stopped ? done() : failed(stopped.error().text);
}

Outcome expect(Scene& scene, Client& client, const Step& step) {
  if (step.word(0) == "worker") {
    bool ready = step.word(2) == "ready" && scene.stage.worker_ready(number_at_end(step.word(1)));
    return ready ? done() : waits("the worker is not " + std::string(step.word(2)));
  }
  if (step.word(0) == "ws") return look_at_socket(scene, client, step);
  auto at = client.requests.find(std::string(step.word(0)));
  if (at == client.requests.end()) return failed("there is no request of that name");
  return look_at_answer(scene, scene.requests[at->second], step);
}

}  // namespace

Outcome play_client(Scene& scene, const std::string& name, const Step& step, Attempt& attempt) {
  Client& client = scene.clients[name];
  if (step.verb == "open" && step.find("on")) return open_on_worker(scene, name, step, attempt);
  if (step.verb == "open" || step.verb == "post") return post(scene, name, step, attempt);
  if (step.verb == "http" || step.verb == "raw") return by_hand(scene, name, step);
  if (step.verb == "ws") return play_socket(scene, name, step, attempt);
  if (step.verb == "kill") return kill_worker(scene, step);
  if (step.verb == "stop") return stop(scene);
  if (step.verb == "expect") return expect(scene, client, step);
  if (step.verb == "chunk") {
    client.chunk = number_of(step.word(0));
    return done();
  }
  auto at = client.requests.find(std::string(step.word(0)));
  if (at == client.requests.end()) return failed("there is no request of that name");
  if (step.verb == "lose") return lose(scene.requests[at->second]);
  if (step.verb == "cut") return cut(scene, at->second, attempt);
  return failed("a verb that nobody plays");
}

}  // namespace nxb::scenario
