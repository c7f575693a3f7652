// common/uv/title.cc - see title.h.
// SPDX-License-Identifier: MIT
#include "common/uv/title.h"

#include <uv.h>

namespace nxb::uv {

void keep_arguments(int argc, char** argv) { uv_setup_args(argc, argv); }

void set_title(const std::string& title) { uv_set_process_title(title.c_str()); }

}  // namespace nxb::uv
