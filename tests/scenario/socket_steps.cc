// tests/scenario/socket_steps.cc - `ws ...` and `expect ws ...`: a client's WebSocket; see steps.h.
// SPDX-License-Identifier: MIT
#include <cstdlib>
#include <utility>

#include "socket_wire.h"
#include "steps.h"

namespace nxb::scenario {

namespace {

constexpr std::string_view kFraming = "urn:ietf:params:xml:ns:xmpp-framing";

void write(Scene& scene, Client& client, const std::string& name, int opcode, const std::string& payload,
           const std::string& said) {
  scene.transcript.add(scene.stage.now(), Role::Client, name, "ws -> " + said);
  scene.stage.send_to_socket(client.socket, write_frame(opcode, payload), client.chunk);
}

Outcome connect(Scene& scene, const std::string& name, const Step& step, Attempt& attempt) {
  Client& client = scene.clients[name];
  if (!std::exchange(attempt.begun, true)) {
    std::string path = step.find("path") ? step.get("path") : "/xmpp-websocket";
    std::string protocol = step.find("protocol") ? step.get("protocol") : "xmpp";
    scene.transcript.add(scene.stage.now(), Role::Client, name, "ws -> (handshake)");
    client.socket = scene.stage.connect_socket(path, protocol);
    if (client.socket == 0) return failed("it cannot connect");
    scene.sockets[client.socket].client = name;
  }
  const WebSocket& socket = scene.sockets[client.socket];
  if (socket.open) return done();
  return socket.closed ? failed("the handshake was refused") : waits("the handshake is not answered");
}

// <open/> as a client of today says it, or </stream>'s like as the scenario spells it.
std::string framing_element(const Step& step) {
  std::string out = "<" + std::string(step.word(0)) + " xmlns=\"" + std::string(kFraming) + "\"";
  bool opens = step.word(0) == "open";
  for (const auto& [key, value] : step.arguments) {
    if (!value.empty()) xml::append_attribute(out, key == "lang" ? "xml:lang" : std::string_view(key), value);
  }
  if (opens && !step.find("version")) xml::append_attribute(out, "version", "1.0");
  return out + "/>";
}

// `ws say message id=m1`, `ws say "as it stands"`.
Outcome say(Scene& scene, Client& client, const std::string& name, const Step& step) {
  Step element = step;
  element.words.erase(element.words.begin());
  bool complete = true;
  auto fill = [&](std::string& text) {
    auto value = filled_in(text, scene.values);
    complete = complete && value;
    if (value) text = *std::move(value);
  };
  for (auto& one : element.arguments) fill(one.value);
  for (auto& one : element.words) fill(one.text);
  if (!complete) return failed("a value that was not saved");
  std::string text = write_sent(element);
  write(scene, client, name, kText, text, text);
  return done();
}

Outcome frame(Scene& scene, Client& client, const std::string& name, const Step& step) {
  const auto kind = step.word(1);
  std::string payload(step.word(2));
  if (kind == "close" && step.find("code")) payload = write_code(std::atoi(step.get("code").c_str())) + payload;
  const int opcode = kind == "close" ? kClose : kind == "ping" ? kPing : kind == "binary" ? kBinary : -1;
  if (opcode < 0) return failed("an unknown kind of frame");
  if (opcode == kClose) scene.sockets[client.socket].said_close = true;
  write(scene, client, name, opcode, payload, "(" + std::string(kind) + " " + step.get("code") + ")");
  return done();
}

Outcome cut(Scene& scene, Client& client, const std::string& name) {
  scene.transcript.add(scene.stage.now(), Role::Client, name, "ws -> (cut)");
  scene.sockets[client.socket].closed = true;
  scene.stage.cut_socket(client.socket);
  return done();
}

Outcome expect_closed(Scene& scene, const WebSocket& socket, const Step& step) {
  if (!socket.closed) return waits("nxb has not closed the connection");
  const std::string* code = step.find("code");
  std::string why = code ? compare("code", socket.code, *code, scene.values) : std::string();
  return why.empty() ? done() : failed(why);
}

std::string difference_in_text(Scene& scene, const std::string& text, const Step& step) {
  const auto what = step.word(1);
  if (what == "text") {
    const std::string* part = step.find("contains");
    return part && text.find(*part) == std::string::npos ? "it is " + text : std::string();
  }
  if (what == "end") return text == "</stream:stream>" ? std::string() : "it is " + text;
  bool header = what == "stream";
  auto node = header ? read_header(scene.pool, text) : xml::read_tree(scene.pool, text, 5);
  if (!node) return "it is not XML: " + text;
  Arguments wanted = step.arguments;
  if ((what == "open" || what == "close") && !step.find("xmlns")) wanted.push_back({"xmlns", std::string(kFraming)});
  return difference(*node, text, what, wanted, scene.values);
}

}  // namespace

Outcome play_socket(Scene& scene, const std::string& name, const Step& step, Attempt& attempt) {
  Client& client = scene.clients[name];
  const auto what = step.word(0);
  if (what == "connect") return connect(scene, name, step, attempt);
  if (client.socket == 0) return failed("there is no WebSocket: `ws connect` comes first");
  if (what == "cut") return cut(scene, client, name);
  if (scene.sockets[client.socket].closed) return failed("its connection is closed");
  if (what == "say") return say(scene, client, name, step);
  if (what == "frame") return frame(scene, client, name, step);
  std::string element = framing_element(step);
  write(scene, client, name, kText, element, element);
  return done();
}

Outcome look_at_socket(Scene& scene, Client& client, const Step& step) {
  if (client.socket == 0) return failed("there is no WebSocket: `ws connect` comes first");
  WebSocket& socket = scene.sockets[client.socket];
  if (!socket.broken.empty()) return failed(socket.broken);
  const auto what = step.word(1);
  if (what == "pong") {
    if (socket.pongs.empty()) return waits("no pong came");
    std::string pong = std::move(socket.pongs.front());
    socket.pongs.pop_front();
    return pong == step.word(2) ? done() : failed("it is the pong of " + pong);
  }
  if (socket.texts.empty()) {
    if (what == "nothing") return scene.settled() ? done() : waits("something is on its way");
    if (what == "closed") return expect_closed(scene, socket, step);
    return socket.closed ? failed("nxb has closed the connection") : waits("no message came");
  }
  std::string text = std::move(socket.texts.front());
  socket.texts.pop_front();
  if (what == "closed" || what == "nothing") return failed("there is a message to read: " + text);
  std::string why = difference_in_text(scene, text, step);
  return why.empty() ? done() : failed(why);
}

}  // namespace nxb::scenario
