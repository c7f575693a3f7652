// worker/bosh/key_sequence.h - key sequencing: each request proves that it comes from whoever sent the last one.
// Runs in: worker. I/O: none. Owned by: bosh::Session, from the first `newkey` on. XEP-0124 15.
//
// K(i+1) is the hex SHA-1 of the text of K(i); the client sends them downwards: K(n) as `newkey`, then K(n-1), K(n-2), ...
// as `key`. So the hash of a key is the value before it, and the last of a sequence comes with the next `newkey`.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/ids.h"

namespace nxb::bosh {

class KeySequence final {
 public:
  static bool is_key(std::string_view text);  // 40 hexadecimal digits

  // `newkey` of the request `rid`, which itself was judged, or is the first with one.
  KeySequence(Rid rid, std::string_view key, std::string_view newkey);

  // The request whose turn it is. False: its key is not the one before the last value, and nothing has changed (B-85).
  bool take(Rid rid, std::string_view key, std::string_view newkey);
  bool took(Rid rid) const;
  // A repeat of a request that was taken: does it carry the key of the original (B-51)?
  bool is_repeat(Rid rid, std::string_view key) const;
  static bool equal(std::string_view a, std::string_view b);  // ignoring case

  void forget_below(Rid rid);  // repeats of those are not answered any more

 private:
  struct Used {
    Rid rid;
    std::string key;  // as received; "" in the first request of all
  };
  std::string last_;        // the hash of the next key must be this, ignoring case
  std::vector<Used> used_;  // ascending
};

}  // namespace nxb::bosh
