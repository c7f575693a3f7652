// common/uv/title.h - what ps shows of this process (O-04).
// Runs in: worker. The text takes the place of the arguments, and has as much room as they had.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace nxb::uv {

void keep_arguments(int argc, char** argv);  // once, first of all; without it there are no titles
void set_title(const std::string& title);

}  // namespace nxb::uv
