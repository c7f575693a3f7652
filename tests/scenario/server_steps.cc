// tests/scenario/server_steps.cc - the verbs of a server, and what is looked at between actors; see steps.h.
// SPDX-License-Identifier: MIT
#include <cstdlib>
#include <utility>

#include "steps.h"

namespace nxb::scenario {

namespace {

Outcome accept(Scene& scene, Server& server) {
  auto& queue = scene.arrived[server.domain];
  if (queue.empty()) return waits("nobody has connected");
  server.link = queue.front();
  queue.pop_front();
  server.owes_header = false;
  return done();
}

void write(Scene& scene, Server& server, std::string_view bytes) {
  scene.transcript.add(scene.stage.now(), Role::Server, server.domain, "-> " + std::string(bytes));
  scene.stage.send_to_nxb(server.link, bytes, server.chunk);
}

Outcome send(Scene& scene, Server& server, const Step& step) {
  if (scene.links[server.link].closed) return failed("nxb has closed the connection");
  if (step.word(0) == "stream" && !step.words[0].quoted) {
    server.owes_header = false;
    write(scene, server, write_stream_header(step.arguments, server.domain, ++server.headers));
    return done();
  }
  Step filled = step;
  for (auto& [key, value] : filled.arguments) {
    auto known = filled_in(value, scene.values);
    if (!known) return failed("a value that was not saved");
    value = *std::move(known);
  }
  std::string bytes = write_sent(filled);
  if (bytes.find("<stream:stream") != std::string::npos) server.owes_header = false;
  if (!step.words[0].quoted && std::exchange(server.owes_header, false)) {
    bytes = write_stream_header({}, server.domain, ++server.headers) + bytes;
  }
  write(scene, server, bytes);
  return done();
}

Outcome expect_header(Scene& scene, Server& server, const Step& step, const std::string& text) {
  auto header = read_header(scene.pool, text);
  if (!header) return failed("the header is not XML: " + header.error().text);
  server.owes_header = true;
  std::string why = difference(*header, text, "stream", step.arguments, scene.values);
  return why.empty() ? done() : failed(why);
}

Outcome expect(Scene& scene, Server& server, const Step& step) {
  Link& link = scene.links[server.link];
  auto what = step.word(0);
  if (what == "nothing") {
    if (!scene.settled()) return waits("something is on its way");
    return link.unread.empty() ? done() : failed("there is something to read: " + link.unread);
  }
  if (what == "closed") return link.closed ? done() : waits("nxb has not closed the connection");
  auto piece = take_piece(link.unread);
  if (!piece) {
    if (!link.closed) return waits("nothing is there to read");
    return what == "close" ? done() : failed("nxb has closed the connection");
  }
  if (what == "close") {
    return piece->kind == Piece::Kind::End ? done() : failed("not the end of the stream: " + piece->text);
  }
  if ((what == "stream") != (piece->kind == Piece::Kind::Header)) return failed("something else: " + piece->text);
  if (what == "stream") return expect_header(scene, server, step, piece->text);
  if (piece->kind == Piece::Kind::End) return failed("the stream ends");
  auto node = read_element(scene.pool, piece->text);
  if (!node) return failed("it is not XML: " + node.error().text);
  std::string why = difference(*node, piece->text, what, step.arguments, scene.values);
  return why.empty() ? done() : failed(why);
}

Outcome end_link(Scene& scene, Server& server, Stage::Close how) {
  Link& link = scene.links[server.link];
  if (link.closed && how == Stage::Close::Gracefully) return done();
  if (how == Stage::Close::Gracefully) write(scene, server, "</stream:stream>");
  if (how == Stage::Close::Abruptly) {
    scene.transcript.add(scene.stage.now(), Role::Server, server.domain, "-> (cut)");
  }
  link.closed = true;
  scene.stage.close(server.link, how);
  return done();
}

bool holds(std::uint64_t got, std::string_view how, std::uint64_t wanted) {
  return how == "==" ? got == wanted : how == ">=" ? got >= wanted : got <= wanted;
}

Outcome look_at_log(Scene& scene, const Step& step) {
  std::string log = scene.stage.log();
  for (std::size_t at = 0; at < log.size();) {
    std::size_t end = std::min(log.find('\n', at), log.size());
    std::string line(" ");
    line.append(log, at, end - at).append(" ");
    bool all = std::ranges::all_of(step.arguments, [&](const Argument& one) {
      bool blanks = one.value.find(' ') != std::string::npos;
      std::string value = blanks ? '"' + one.value + '"' : one.value;
      return line.find(" " + one.key + "=" + value + " ") != std::string::npos;
    });
    if (all) return done();
    at = end + 1;
  }
  return waits("no line of the log says so");
}

}  // namespace

Outcome play_server(Scene& scene, Server& server, const Step& step) {
  if (step.verb == "accept") return accept(scene, server);
  if (step.verb == "refuse") {
    Outcome accepted = accept(scene, server);
    return accepted.kind == Outcome::Kind::Done ? end_link(scene, server, Stage::Close::Abruptly) : accepted;
  }
  if (step.verb == "chunk") {
    server.chunk = std::strtoul(std::string(step.word(0)).c_str(), nullptr, 10);
    return done();
  }
  if (server.link == 0) return failed("there is no connection: `accept` comes first");
  if (step.verb == "send") return send(scene, server, step);
  if (step.verb == "expect") return expect(scene, server, step);
  if (step.verb == "close") return end_link(scene, server, Stage::Close::Gracefully);
  if (step.verb == "cut") return end_link(scene, server, Stage::Close::Abruptly);
  return failed("a verb that nobody plays");
}

Outcome look_at_nxb(Scene& scene, const Step& step) {
  if (!scene.settled()) return waits("something is on its way");
  if (step.word(0) == "log") return look_at_log(scene, step);
  if (step.word(0) == "leaks") return done();  // looked at when nxb has ended: always
  auto value = scene.stage.counter(step.word(1));
  if (!value) return waits("the counter is not to be had");
  auto wanted = std::strtoull(std::string(step.word(3)).c_str(), nullptr, 10);
  if (holds(*value, step.word(2), wanted)) return done();
  return waits("it is " + std::to_string(*value));
}

}  // namespace nxb::scenario
