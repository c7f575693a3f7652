// common/config/finish.h - what a section is made complete with, once its keys have been read from a file.
// Runs in: supervisor. I/O: host.h looks at the machine. Here is what two options must agree on, what must not be
// missing, and what a default depends on. `table` is what the file gave, for line numbers and for "was it given?".
// SPDX-License-Identifier: MIT
#pragma once

#include "common/config/config.h"
#include "common/config/node.h"
#include "common/config/place.h"

namespace nxb::config {

template <class Section>
void finish(const Place&, const Node::Table&, Section&) {}  // most sections are complete as they are

void finish(const Place& at, const Node::Table& table, Config::Server& server);
void finish(const Place& at, const Node::Table& table, Listen& listen);
void finish(const Place& at, const Node::Table& table, ListenTls& tls);
void finish(const Place& at, const Node::Table& table, Config::Http& http);
void finish(const Place& at, const Node::Table& table, Config::Bosh& bosh);
void finish(const Place& at, const Node::Table& table, Config::WebSocket& websocket);
void finish(const Place& at, const Node::Table& table, Domain& domain);
void finish(const Place& at, const Node::Table& table, Config::Upstream& upstream);
void finish(const Place& at, const Node::Table& table, Config::External& external);
void finish(const Place& at, const Node::Table& table, Config::Monitor& monitor);
void finish(const Place& at, const Node::Table& table, Config::Sticky& sticky);
void finish(const Place& at, const Node::Table& table, Config::Log& log);
void finish(const Place& at, const Node::Table& table, Config& config);

}  // namespace nxb::config
