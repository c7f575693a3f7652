// tests/unit/worker/edge/one_answer.h - a client that asks once, for tests of what a page answers.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "tests/unit/worker/edge/rig.h"

namespace nxb::testing {

inline const std::string kGoodPassword = "Authorization: Basic YWRtaW46c2VjcmV0\r\n";  // admin:secret

inline std::string answer_to(EdgeRig& rig, const std::string& request, const std::string& peer = "127.0.0.1:4000") {
  Client client = Client::from(rig, peer);
  client.send(request);
  REQUIRE(client.gets("\r\n\r\n"));
  rig.run_turns(2);
  client.read();
  return client.received;
}

inline std::string status_of(const std::string& answer) { return answer.substr(9, 3); }

}  // namespace nxb::testing
