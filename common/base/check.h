// common/base/check.h - the three checks of nxb. Peers' mistakes are values; only our own are checks.
// Runs in: every process. I/O: writes to stderr before it ends the process.
//
//   NXB_CHECK(cond, why)           always on, ends the process: state that could mix up clients
//   NXB_EXPECT(cond, why)          false when broken; counted and reported once a second; the caller
//                                  ends the session concerned. In tests (expectations_are_fatal) it ends the process
//   NXB_PARANOID_CHECK(cond, why)  expensive; compiled in when NXB_PARANOID is defined (tests, sim, fuzz)
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace nxb {

[[noreturn]] void die(const char* file, int line, const char* why) noexcept;

// Counts the broken expectation and returns false.
bool expectation_broken(const char* file, int line, const char* why) noexcept;
std::uint64_t broken_expectations() noexcept;
void expectations_are_fatal(bool fatal) noexcept;

}  // namespace nxb

#define NXB_CHECK(cond, why) ((cond) ? void(0) : ::nxb::die(__FILE__, __LINE__, why))
#define NXB_EXPECT(cond, why) ((cond) ? true : ::nxb::expectation_broken(__FILE__, __LINE__, why))
#ifdef NXB_PARANOID
#define NXB_PARANOID_CHECK(cond, why) NXB_CHECK(cond, why)
#else
#define NXB_PARANOID_CHECK(cond, why) void(0)
#endif
