// worker/tls/contexts.h - the TLS contexts of a worker: one per trust store and verify mode, made once.
// Runs in: worker. I/O: reads a CA file the first time it is asked for; the owner asks at start for all it knows.
// SPDX-License-Identifier: MIT
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "worker/tls/engine.h"

namespace nxb::tls {

class Contexts {
 public:
  // The context lives as long as this table. A trust store that cannot be read stays an error: not tried again.
  // An engine outlives the context it was made with.
  Result<const Context*> get(const std::string& ca_file, Verify verify);

  void forget() { made_.clear(); }  // trust stores are read again when they are asked for next

 private:
  std::map<std::pair<std::string, Verify>, Result<std::unique_ptr<Context>>> made_;
};

}  // namespace nxb::tls
