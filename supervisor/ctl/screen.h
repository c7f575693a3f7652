// supervisor/ctl/screen.h - the whole terminal for a table that is drawn again and again.
// Runs in: nxbctl. I/O: standard output and input, signals. At most one at a time.
// It has the alternate screen, without cursor and echo, until it is destroyed; Ctrl-C, SIGTERM, SIGHUP and the key q only
// say that it is to end, so that the terminal is always given back as it was.
// SPDX-License-Identifier: MIT
#pragma once

#include <termios.h>

#include <string_view>

#include "common/base/clock.h"

namespace nxb::ctl {

class Screen {
 public:
  struct Size {
    unsigned columns = 80, rows = 24;
  };
  enum class Wake : unsigned char { Time, Resized, End };

  static bool possible();  // standard output is a terminal
  Screen();
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  Size size() const;
  void show(std::string_view text);  // lines of printable ASCII; what does not fit is cut
  Wake wait(Duration time);

 private:
  termios before_{};
  bool has_input_ = false;
};

}  // namespace nxb::ctl
