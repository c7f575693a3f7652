// supervisor/ctl/screen.cc - see screen.h. A few sequences that every terminal since the VT100 and xterm knows.
// SPDX-License-Identifier: MIT
#include "supervisor/ctl/screen.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <string>

namespace nxb::ctl {
namespace {

constexpr std::string_view kEnter = "\x1b[?1049h\x1b[?25l";  // alternate screen, no cursor
constexpr std::string_view kLeave = "\x1b[?25h\x1b[?1049l";
constexpr std::string_view kHome = "\x1b[H";
constexpr std::string_view kEndOfLine = "\x1b[K\r\n";
constexpr std::string_view kRest = "\x1b[J";

volatile std::sig_atomic_t ended = 0;
volatile std::sig_atomic_t resized = 0;

// Without SA_RESTART: poll() is to notice.
void on(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  sigaction(signal, &action, nullptr);
}

void put(std::string_view text) {
  while (!text.empty()) {
    ssize_t written = write(STDOUT_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      ended = 1;
      return;
    }
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

bool Screen::possible() { return isatty(STDOUT_FILENO) == 1; }

Screen::Screen() {
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) on(signal, [](int) { ended = 1; });
  on(SIGWINCH, [](int) { resized = 1; });
  has_input_ = tcgetattr(STDIN_FILENO, &before_) == 0;
  if (has_input_) {
    termios raw = before_;
    raw.c_lflag &= ~static_cast<tcflag_t>(ECHO | ICANON);
    tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
  }
  put(kEnter);
}

Screen::~Screen() {
  put(kLeave);
  if (has_input_) tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
}

Screen::Size Screen::size() const {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {};
  return {size.ws_col, size.ws_row};
}

void Screen::show(std::string_view text) {
  Size room = size();
  std::string out(kHome);
  for (unsigned row = 1; row < room.rows && !text.empty(); ++row) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    out += std::string(line.substr(0, room.columns)) + std::string(kEndOfLine);
  }
  put(out + std::string(kRest));
}

Screen::Wake Screen::wait(Duration time) {
  pollfd keys{has_input_ ? STDIN_FILENO : -1, POLLIN, 0};
  int ready = ended != 0 || resized != 0 ? 0 : poll(&keys, 1, static_cast<int>(time.count()));
  if (ready > 0) {
    char key = 'q';
    if (read(STDIN_FILENO, &key, 1) <= 0 || key == 'q' || key == 'Q') return Wake::End;
  }
  if (ended != 0) return Wake::End;
  if (resized != 0) {
    resized = 0;
    return Wake::Resized;
  }
  return Wake::Time;
}

}  // namespace nxb::ctl
