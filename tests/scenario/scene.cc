// tests/scenario/scene.cc - see scene.h.
// SPDX-License-Identifier: MIT
#include "scene.h"

#include <algorithm>
#include <utility>

namespace nxb::scenario {

namespace {

std::string status_text(const HttpAnswer& answer) {
  return answer.status == 200 ? std::string() : std::to_string(answer.status) + " ";
}

bool waits_for_answer(const Request& request) { return !request.answer && !request.closed; }

}  // namespace

RequestNumber Scene::send(const std::string& client, const std::string& name, Sending sending, Request request) {
  request.client = client;
  request.name = name;
  request.sent = stage.now();
  sending.client = client;
  transcript.add(stage.now(), Role::Client, client,
                 name + " -> " + (sending.http.empty() ? sending.body : sending.http));
  RequestNumber number = stage.send(sending);
  if (number == 0) return 0;
  requests[number] = std::move(request);
  if (!name.empty()) clients[client].requests[name] = number;
  return number;
}

void Scene::on_answer(RequestNumber number, HttpAnswer answer) {
  Request& request = requests[number];
  transcript.add(stage.now(), Role::Client, request.client, request.name + " <- " + status_text(answer) + answer.body);
  if (request.opens) {
    auto tree = xml::read_tree(pool, answer.body, 1);
    if (tree && !tree->attribute("sid").empty()) clients[request.client].sid = tree->attribute("sid");
  }
  request.answer = std::move(answer);
  request.answered = stage.now();
}

void Scene::on_unanswered(RequestNumber number) {
  Request& request = requests[number];
  transcript.add(stage.now(), Role::Client, request.client, request.name + " <- (closed by nxb)");
  request.closed = true;
}

void Scene::on_socket_open(SocketNumber number) {
  WebSocket& socket = sockets[number];
  socket.open = true;
  transcript.add(stage.now(), Role::Client, socket.client, "ws <- (open)");
}

void Scene::on_socket_bytes(SocketNumber number, std::string_view bytes) {
  WebSocket& socket = sockets[number];
  socket.bytes += bytes;
  while (socket.broken.empty()) {
    auto frame = take_frame(socket.bytes);
    if (!frame) return;
    take(number, socket, *std::move(frame));
  }
}

// As a browser does: pings and Close are answered without the script's help.
void Scene::take(SocketNumber number, WebSocket& socket, Frame frame) {
  const std::string close = frame.opcode == kClose ? "(close " + code_of(frame) + ")" : frame.payload;
  transcript.add(stage.now(), Role::Client, socket.client, "ws <- " + close);
  if (frame.opcode < 0) socket.broken = "a frame that no server may send";
  if (!socket.code.empty()) socket.broken = "a frame behind a Close";
  if (frame.opcode == kText) socket.texts.push_back(std::move(frame.payload));
  if (frame.opcode == kPong) socket.pongs.push_back(std::move(frame.payload));
  if (frame.opcode == kPing) stage.send_to_socket(number, write_frame(kPong, frame.payload), 0);
  if (frame.opcode != kClose) return;
  socket.code = code_of(frame);
  if (!std::exchange(socket.said_close, true)) stage.send_to_socket(number, write_frame(kClose, frame.payload), 0);
}

void Scene::on_socket_closed(SocketNumber number) {
  WebSocket& socket = sockets[number];
  if (std::exchange(socket.closed, true)) return;
  transcript.add(stage.now(), Role::Client, socket.client, "ws <- (closed by nxb)");
}

void Scene::on_link(LinkNumber link, const std::string& domain) {
  links[link].domain = domain;
  arrived[domain].push_back(link);
  transcript.add(stage.now(), Role::Server, domain, "<- (connection " + std::to_string(link) + ")");
}

void Scene::on_link_bytes(LinkNumber number, std::string_view bytes) {
  Link& link = links[number];
  link.unread += bytes;
  transcript.add(stage.now(), Role::Server, link.domain, "<- " + std::string(bytes));
}

void Scene::on_link_closed(LinkNumber number) {
  Link& link = links[number];
  if (link.closed) return;
  link.closed = true;
  transcript.add(stage.now(), Role::Server, link.domain, "<- (closed by nxb)");
}

std::size_t Scene::unanswered() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(requests, [](const auto& one) { return waits_for_answer(one.second); }));
}

std::size_t Scene::unanswered_by_post() const {
  return static_cast<std::size_t>(std::ranges::count_if(
      requests, [](const auto& one) { return waits_for_answer(one.second) && !one.second.by_hand; }));
}

}  // namespace nxb::scenario
