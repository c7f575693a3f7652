// tests/support/folder.h - a temporary folder, short enough for socket paths, removed with what is in it.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include "common/base/check.h"

namespace nxb::testing {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    char name[] = "/tmp/nxb-XXXXXX";
    NXB_CHECK(mkdtemp(name) != nullptr, "no temporary folder");
    path_ = name;
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace nxb::testing
