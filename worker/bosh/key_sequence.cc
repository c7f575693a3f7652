// worker/bosh/key_sequence.cc - see key_sequence.h.
// SPDX-License-Identifier: MIT
#include "worker/bosh/key_sequence.h"

#include <algorithm>

#include "common/base/secret.h"
#include "common/base/text.h"

namespace nxb::bosh {

bool KeySequence::is_key(std::string_view text) {
  return text.size() == 40 && text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

bool KeySequence::equal(std::string_view a, std::string_view b) { return equals_ignoring_case(a, b); }

KeySequence::KeySequence(Rid rid, std::string_view key, std::string_view newkey) : last_(newkey) {
  used_.push_back({rid, std::string(key)});
}

bool KeySequence::take(Rid rid, std::string_view key, std::string_view newkey) {
  if (!is_key(key) || !(newkey.empty() || is_key(newkey)) || !equal(sha1_hex(key), last_)) return false;
  last_ = newkey.empty() ? key : newkey;  // B-87
  used_.push_back({rid, std::string(key)});
  return true;
}

bool KeySequence::took(Rid rid) const { return std::ranges::find(used_, rid, &Used::rid) != used_.end(); }

bool KeySequence::is_repeat(Rid rid, std::string_view key) const {
  auto at = std::ranges::find(used_, rid, &Used::rid);
  return at == used_.end() || equal(at->key, key);  // before the first newkey there was nothing to prove
}

void KeySequence::forget_below(Rid rid) {
  std::erase_if(used_, [rid](const Used& used) { return used.rid < rid; });
}

}  // namespace nxb::bosh
