// worker/bosh/outbox.cc - see outbox.h.
// SPDX-License-Identifier: MIT
#include "worker/bosh/outbox.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace nxb::bosh {

std::size_t stanzas_among(const std::vector<xmpp::Stanza>& elements) {
  using xmpp::Kind;
  return static_cast<std::size_t>(std::ranges::count_if(elements, [](const xmpp::Stanza& element) {
    return element.kind == Kind::Message || element.kind == Kind::Presence || element.kind == Kind::Iq;
  }));
}

void Outbox::add(std::vector<xmpp::Stanza> stanzas) {
  for (const auto& stanza : stanzas) bytes_ += stanza.bytes.size();
  if (stanzas_.empty()) {
    stanzas_ = std::move(stanzas);
    return;
  }
  stanzas_.insert(stanzas_.end(), std::make_move_iterator(stanzas.begin()), std::make_move_iterator(stanzas.end()));
}

Batch Outbox::take() {
  Batch batch;
  batch.payloads.reserve(bytes_);
  batch.pieces.reserve(stanzas_.size());
  for (const auto& stanza : surrender()) {
    batch.payloads += stanza.bytes;
    batch.pieces.push_back({stanza.kind, static_cast<std::uint32_t>(stanza.bytes.size())});
  }
  return batch;
}

std::vector<xmpp::Stanza> Outbox::surrender() {
  bytes_ = 0;
  return std::exchange(stanzas_, {});
}

bool Outbox::is_consistent() const {
  std::uint64_t sum = 0;
  for (const auto& stanza : stanzas_) sum += stanza.bytes.size();
  return sum == bytes_;
}

}  // namespace nxb::bosh
