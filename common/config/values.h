// common/config/values.h - one value of an option: from a Node, checked by its Rule, and back to a Node.
// Runs in: supervisor, worker. I/O: none, but for the checks of rule.h that look at files.
// An option of a new C++ type needs one overload of each function here. What a reader refuses is reported to the place
// and leaves `to` as it was. read_value(write_value(x)) is x.
// SPDX-License-Identifier: MIT
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/config/config.h"
#include "common/config/node.h"
#include "common/config/place.h"
#include "common/config/rule.h"

namespace nxb::config {

void read_value(const Place& at, const Node& node, const Rule& rule, bool& to);
void read_value(const Place& at, const Node& node, const Rule& rule, std::int64_t& to);
void read_value(const Place& at, const Node& node, const Rule& rule, std::uint32_t& to);
void read_value(const Place& at, const Node& node, const Rule& rule, std::uint64_t& to);
void read_value(const Place& at, const Node& node, const Rule& rule, Duration& to);
void read_value(const Place& at, const Node& node, const Rule& rule, std::string& to);
void read_value(const Place& at, const Node& node, const Rule& rule, std::vector<std::string>& to);
void read_value(const Place& at, const Node& node, const Rule& rule, std::map<std::string, std::string>& to);
void read_value(const Place& at, const Node& node, const Rule& rule, TlsMode& to);
void read_value(const Place& at, const Node& node, const Rule& rule, std::optional<TlsMode>& to);
void read_value(const Place& at, const Node& node, const Rule& rule, UpstreamKind& to);
void read_value(const Place& at, const Node& node, const Rule& rule, RouteMode& to);
void read_value(const Place& at, const Node& node, const Rule& rule, std::optional<RouteMode>& to);
void read_value(const Place& at, const Node& node, const Rule& rule, ProxyProtocol& to);
void read_value(const Place& at, const Node& node, const Rule& rule, std::optional<ProxyProtocol>& to);
void read_value(const Place& at, const Node& node, const Rule& rule, MonitorAccess& to);

Node write_value(bool value);
Node write_value(std::int64_t value);
Node write_value(std::uint32_t value);
Node write_value(std::uint64_t value);
Node write_value(Duration value);  // "55s", "500ms"
Node write_value(const std::string& value);
Node write_value(const std::vector<std::string>& value);
Node write_value(const std::map<std::string, std::string>& value);
Node write_value(TlsMode value);
Node write_value(const std::optional<TlsMode>& value);
Node write_value(UpstreamKind value);
Node write_value(RouteMode value);
Node write_value(const std::optional<RouteMode>& value);
Node write_value(ProxyProtocol value);
Node write_value(const std::optional<ProxyProtocol>& value);
Node write_value(MonitorAccess value);

// "is 0" or "is an array", then what is allowed.
void refuse(const Place& at, const Node& node, const Rule& rule);

}  // namespace nxb::config
