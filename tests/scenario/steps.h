// tests/scenario/steps.h - what the verbs of the language do. A step is tried until it is done or has failed; nothing
// in here waits.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "scene.h"
#include "script.h"

namespace nxb::scenario {

Outcome play_client(Scene& scene, const std::string& name, const Step& step, Attempt& attempt);
Outcome play_server(Scene& scene, Server& server, const Step& step);
// `ws ...` and `expect ws ...`
Outcome play_socket(Scene& scene, const std::string& name, const Step& step, Attempt& attempt);
Outcome look_at_socket(Scene& scene, Client& client, const Step& step);
// `expect r1 ...`
Outcome look_at_answer(Scene& scene, Request& request, const Step& step);
// Between actors: `expect counter ...`, `expect log ...`.
Outcome look_at_nxb(Scene& scene, const Step& step);

}  // namespace nxb::scenario
