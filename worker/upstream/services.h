// worker/upstream/services.h - what all streams to XMPP servers share. Runs in: worker. I/O: none. Owned by: Streams.
// SPDX-License-Identifier: MIT
#pragma once

#include "common/config/config.h"
#include "common/stats/stats.h"
#include "common/uv/deadlines.h"
#include "common/uv/loop.h"
#include "worker/dns/resolver.h"
#include "worker/tls/contexts.h"
#include "worker/tls/sessions.h"
#include "worker/upstream/policy.h"
#include "worker/upstream/upstream.h"
#include "worker/xml/reader.h"

namespace nxb::upstream {

struct XmppServices {
  uv::Loop& loop;
  const config::Config& config;
  xml::Pool& pool;
  uv::Deadlines& deadlines;
  uv::Deadlines::Family family;
  stats::Counters& counters;
  Events& events;
  const Policy& policy;
  dns::Resolver& resolver;
  tls::Contexts& contexts;
  tls::SessionCache& sessions;
};

}  // namespace nxb::upstream
