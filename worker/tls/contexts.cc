// worker/tls/contexts.cc
// SPDX-License-Identifier: MIT
#include "worker/tls/contexts.h"

namespace nxb::tls {

Result<const Context*> Contexts::get(const std::string& ca_file, Verify verify) {
  auto key = std::make_pair(verify == Verify::None ? std::string() : ca_file, verify);
  auto at = made_.find(key);
  if (at == made_.end()) at = made_.emplace(key, Context::make(key.first, verify)).first;
  if (!at->second) return at->second.error();
  return static_cast<const Context*>(at->second->get());
}

}  // namespace nxb::tls
