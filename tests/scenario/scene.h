// tests/scenario/scene.h - the actors of a scenario while it plays, and what they have heard.
// SPDX-License-Identifier: MIT
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "socket_wire.h"
#include "stage.h"
#include "transcript.h"
#include "wire.h"
#include "worker/xml/tree.h"

namespace nxb::scenario {

struct Request {
  std::string client, name;
  Instant sent;
  bool opens = false;    // asks for a session: the client takes the sid from its answer
  bool by_hand = false;  // `raw`: nxb may not have all of it
  bool closed = false;   // its connection went without an answer
  bool lost = false;     // its answer is to be thrown away, or was
  std::optional<HttpAnswer> answer;
  Instant answered;
  std::optional<xml::Node> tree;  // of the answer, once it was looked at
  std::size_t next_payload = 0;
};

struct Link {
  std::string domain;
  std::string unread;
  bool closed = false;
};

struct WebSocket {
  std::string client;
  bool open = false, closed = false;
  bool said_close = false;        // the client has sent its Close
  std::string bytes;              // of a frame that is not complete
  std::deque<std::string> texts;  // messages that nobody looked at yet
  std::deque<std::string> pongs;
  std::string code;    // of the Close that came; "": none
  std::string broken;  // what no server may send
};

struct Client {
  std::string sid;
  std::uint64_t last_rid = 0;  // of its newest request: rid=+1 is the next
  std::size_t chunk = 0;
  SocketNumber socket = 0;
  std::map<std::string, RequestNumber> requests;  // by the name in as=
};

struct Server {
  std::string domain;
  LinkNumber link = 0;
  std::size_t accepted_at = 0;  // the step that accepted it
  std::size_t chunk = 0;
  bool owes_header = false;
  int headers = 0;
};

struct Outcome {
  enum class Kind : std::uint8_t { Done, Waits, Failed } kind = Kind::Done;
  std::string why;
};
inline Outcome done() { return {}; }
inline Outcome waits(std::string for_what) { return {Outcome::Kind::Waits, std::move(for_what)}; }
inline Outcome failed(std::string why) { return {Outcome::Kind::Failed, std::move(why)}; }

// One step of an actor under way.
struct Attempt {
  Instant since;
  bool begun = false;
  RequestNumber request = 0;
  int stage = 0;
  int tries = 0;
  std::map<int, std::uint64_t> sessions;  // per worker, before the try
};

class Scene final : public Listener {
 public:
  Scene(Stage& where, Transcript& lines) : stage(where), transcript(lines) {}

  void on_answer(RequestNumber request, HttpAnswer answer) override;
  void on_unanswered(RequestNumber request) override;
  void on_socket_open(SocketNumber socket) override;
  void on_socket_bytes(SocketNumber socket, std::string_view bytes) override;
  void on_socket_closed(SocketNumber socket) override;
  void on_link(LinkNumber link, const std::string& domain) override;
  void on_link_bytes(LinkNumber link, std::string_view bytes) override;
  void on_link_closed(LinkNumber link) override;

  RequestNumber send(const std::string& client, const std::string& name, Sending sending, Request request);
  std::size_t unanswered() const;          // requests that wait for an answer
  std::size_t unanswered_by_post() const;  // without those made by hand: nxb may not have all of them
  bool settled() { return stage.settled(unanswered_by_post()); }

  Stage& stage;
  Transcript& transcript;
  xml::Pool pool;
  Values values;
  std::map<RequestNumber, Request> requests;
  std::map<SocketNumber, WebSocket> sockets;
  std::map<LinkNumber, Link> links;
  std::map<std::string, std::deque<LinkNumber>> arrived;  // links that nobody accepted yet, by domain
  std::map<std::string, Client> clients;
  std::map<std::string, Server> servers;
  std::set<std::string> rewind;  // domains whose servers go back to where they accepted

 private:
  void take(SocketNumber number, WebSocket& socket, Frame frame);
};

}  // namespace nxb::scenario
