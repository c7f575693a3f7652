// tests/scenario/wire.h - what clients and servers of a scenario write, and what they read: XML both ways.
// SPDX-License-Identifier: MIT
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "script.h"
#include "worker/xml/tree.h"

namespace nxb::scenario {

using Values = std::map<std::string, std::string>;  // saved as @name

// "@name" alone is the saved value; "@{name}" inside quotes likewise. Nothing when it was not saved.
std::optional<std::string> filled_in(std::string_view text, const Values& values);

// --- writing ---
// A client's <body/>; arguments that are not its attributes are left out.
std::string write_body(const Arguments& attributes, std::string_view payloads);
// `send message id=m1 body="one"`, `send features mechanisms=PLAIN`, `send error host-gone`, `send "as it stands"`.
std::string write_sent(const Step& step);
std::string write_stream_header(const Arguments& attributes, std::string_view domain, int number);

// --- reading ---
struct Piece {  // of a client's stream, as its server sees it
  enum class Kind { Header, Element, End } kind = Kind::Element;
  std::string text;
};
// Takes the next complete piece off the front of `bytes`, if there is one.
std::optional<Piece> take_piece(std::string& bytes);

// An element of a stream whose default namespace is jabber:client.
Result<xml::Node> read_element(xml::Pool& pool, std::string_view text);
// The attributes of a stream header.
Result<xml::Node> read_header(xml::Pool& pool, std::string_view text);

// "" when the element is what the words say (name, attributes, xmlns=, body=, text=, contains=, mechanisms=, absent=);
// else what differs. `raw` is the element's text. Names that are not saved yet are saved.
std::string difference(const xml::Node& node, std::string_view raw, std::string_view name, const Arguments& wanted,
                       Values& values);
// Saves, or compares: "" or what differs.
std::string compare(std::string_view what, std::string_view got, std::string_view wanted, Values& values);

}  // namespace nxb::scenario
