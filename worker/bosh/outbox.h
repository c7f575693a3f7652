// worker/bosh/outbox.h - what the server sent and no answer has taken yet.
// Runs in: worker. I/O: none. Owned by: bosh::Session. Bounded by the session's back-pressure (U-36): the server is not
// read above max_pending, so it holds at most that and what one read of the server brought.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "worker/xmpp/stanza.h"

namespace nxb::bosh {

// One stanza inside a concatenation of them.
struct Piece {
  xmpp::Kind kind;
  std::uint32_t length;
};

struct Batch {
  std::string payloads;
  std::vector<Piece> pieces;
};

// Of what a server sent, that which somebody misses if it is lost: features and SASL are not stanzas.
std::size_t stanzas_among(const std::vector<xmpp::Stanza>& elements);

class Outbox final {
 public:
  void add(std::vector<xmpp::Stanza> stanzas);
  Batch take();                           // everything, in order; afterwards it is empty and owns no memory
  std::vector<xmpp::Stanza> surrender();  // the same, one by one

  bool empty() const { return stanzas_.empty(); }
  const std::vector<xmpp::Stanza>& stanzas() const { return stanzas_; }
  std::uint64_t bytes() const { return bytes_; }
  bool is_consistent() const;

 private:
  std::vector<xmpp::Stanza> stanzas_;
  std::uint64_t bytes_ = 0;  // the sum over stanzas_
};

}  // namespace nxb::bosh
