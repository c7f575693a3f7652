// worker/xmpp/stream_management.h - what a CM must know of XEP-0198: is the stream enabled, may it be resumed (U-57).
// Runs in: worker. I/O: none. The elements themselves pass unchanged and uncounted (U-56).
// SPDX-License-Identifier: MIT
#pragma once

#include "worker/xmpp/splitter.h"

namespace nxb::xmpp {

struct ManagementNews {
  bool enabled = false;    // <enabled/> or <resumed/>, alone or inside a SASL2 or bind2 success
  bool resumable = false;  // with resume='true' or '1', or <resumed/>
};
ManagementNews read_management(xml::Pool& pool, const StreamElement& element);

}  // namespace nxb::xmpp
