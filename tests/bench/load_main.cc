// tests/bench/load_main.cc - nxb-load: clients of a BOSH or WebSocket server under load, which check every byte that comes back.
//
//   nxb-load WORK NAME=VALUE...   (no argument: a list)
//
// It logs in, warms up and says "ready". A line on its standard input begins the counted part. Then it says one line of JSON; its
// input's end lets it say goodbye and leave: 0, or 1 if anything was not as it should be.
// SPDX-License-Identifier: MIT
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "tests/bench/crowd.h"
#include "tests/bench/echo_loop.h"
#include "tests/bench/load_options.h"
#include "tests/bench/orders.h"
#include "tests/bench/tally.h"

namespace nxb::bench {
namespace {

constexpr Micros kPatience = 60'000'000;  // without any progress; then what is missing is an error

class Load final : private SessionUser {
 public:
  explicit Load(const LoadOptions& options) : options_(options), crowd_(poller_, options), orders_(poller_) {}
  int run();

 private:
  enum class Phase { LoggingIn, Echoing, SettingUp, Holding, Closing };

  template <class Condition>
  bool run_until(Condition is_done);  // or until something went wrong
  bool prepare();
  bool work();
  bool echo(double seconds, double rate);
  bool set_up(double seconds);
  bool push();
  void goodbye();
  void renew();

  void usable(Session& session) override;
  void echoed(Session&) override;
  void pushed(Session&, Micros sent_at) override { progress(), tally_.operation(progress_ - sent_at); }
  void polled(Session&) override { progress(), tally_.polled(); }
  void over(Session& session) override;
  void failed(Session& session, std::string_view why) override;
  void progress() { progress_ = now_us(); }

  const LoadOptions& options_;
  Poller poller_;
  Crowd crowd_;
  Orders orders_;
  Tally tally_;
  std::optional<EchoLoop> loop_;
  Phase phase_ = Phase::LoggingIn;
  Micros progress_ = now_us();  // when something happened last
  std::size_t alive_ = 0;       // sessions that are logged in and not over
  // Setting up: one of a time in each slot, when it began; those whose session is over.
  std::vector<std::unique_ptr<Session>> slots_;
  std::vector<Micros> began_;
  std::vector<std::size_t> vacant_;
  std::size_t set_up_ = 0;  // how many were begun
  Micros end_ = 0;
};

template <class Condition>
bool Load::run_until(Condition is_done) {
  progress();
  while (!is_done()) {
    Micros due = loop_ ? loop_->until_due() : -1;
    poller_.turn(due < 0 ? 1'000'000 : std::min<Micros>(due, 1'000'000));
    if (loop_) loop_->send_due();
    renew();
    if (tally_.errors() > 0) return false;
    if (phase_ != Phase::Holding && now_us() - progress_ > kPatience) {
      tally_.error("no answer for a minute");
      return false;
    }
  }
  return true;
}

int Load::run() {
  bool is_good = prepare();
  if (is_good) {
    std::puts("ready");
    std::fflush(stdout);
    auto before = phase_;
    phase_ = Phase::Holding;  // however long it takes until the word is given
    is_good = run_until([&] { return orders_.count() > 0 || orders_.is_end(); });
    phase_ = before;
  }
  if (is_good) is_good = work();
  std::puts(tally_.json(alive_).c_str());
  std::fflush(stdout);
  if (is_good && options_.work != "hold") goodbye();
  return tally_.errors() == 0 ? 0 : 1;
}

// Logs in and warms up.
bool Load::prepare() {
  if (options_.work == "set-up") return options_.warm_up <= 0 || set_up(options_.warm_up);
  crowd_.open_all(*this);
  if (!run_until([&] { return alive_ == crowd_.size(); })) return false;
  if (options_.work == "hold") {
    for (std::size_t i = 0; i < crowd_.size(); ++i) crowd_.at(i).hold();
    phase_ = Phase::Holding;
    return true;
  }
  return options_.work != "echo" || options_.warm_up <= 0 || echo(options_.warm_up, 0);
}

// The counted part.
bool Load::work() {
  if (options_.work == "echo") return echo(options_.seconds, options_.rate);
  if (options_.work == "set-up") return set_up(options_.seconds);
  return options_.work != "push" || push();
}

bool Load::echo(double seconds, double rate) {
  phase_ = Phase::Echoing;
  if (!loop_) loop_.emplace(crowd_, tally_);
  loop_->start(seconds, rate);
  return run_until([&] { return loop_->is_done(); });
}

bool Load::push() {
  phase_ = Phase::Holding;
  tally_.begin();
  auto each = static_cast<std::uint64_t>(options_.seconds * 1e6) / static_cast<std::uint64_t>(options_.interval);
  std::string what = "push " + std::to_string(each) + " " + std::to_string(options_.interval);
  for (std::size_t i = 0; i < crowd_.size(); ++i) crowd_.at(i).ask_for(what);
  phase_ = Phase::Echoing;  // something has to come
  return run_until([&] { return tally_.operations() == each * crowd_.size(); });
}

bool Load::set_up(double seconds) {
  phase_ = Phase::SettingUp;
  tally_.begin();
  end_ = now_us() + static_cast<Micros>(seconds * 1e6);
  slots_.resize(options_.sessions);
  began_.resize(options_.sessions);
  vacant_.clear();
  for (std::size_t i = 0; i < slots_.size(); ++i) vacant_.push_back(i);
  renew();
  return run_until([&] { return vacant_.size() == slots_.size() && now_us() >= end_; });
}

// A new session for each that is over, while there is time.
void Load::renew() {
  if (phase_ != Phase::SettingUp || now_us() >= end_) return;
  std::vector<std::size_t> vacant;
  vacant.swap(vacant_);
  for (std::size_t slot : vacant) {
    slots_[slot] = crowd_.make(*this, set_up_++);
    slots_[slot]->index = slot;
    began_[slot] = now_us();
    slots_[slot]->open();
  }
}

void Load::goodbye() {
  run_until([&] { return orders_.is_end(); });
  phase_ = Phase::Closing;
  for (std::size_t i = 0; i < crowd_.size(); ++i) crowd_.at(i).close();
  run_until([&] { return alive_ == 0; });
}

void Load::usable(Session& session) {
  progress();
  ++alive_;
  if (phase_ == Phase::SettingUp) return session.close();
  crowd_.open_next();
}

void Load::echoed(Session& session) {
  progress();
  loop_->echoed(session);
}

void Load::over(Session& session) {
  progress();
  --alive_;
  if (phase_ != Phase::SettingUp) return;
  tally_.operation(progress_ - began_[session.index]);
  vacant_.push_back(session.index);
}

void Load::failed(Session&, std::string_view why) { tally_.error(why); }

}  // namespace
}  // namespace nxb::bench

int main(int argc, char** argv) {
  nxb::bench::LoadOptions options;
  std::string wrong = nxb::bench::parse(std::span(argv, static_cast<std::size_t>(argc)).subspan(1), options);
  if (!wrong.empty()) {
    std::fprintf(stderr, "nxb-load: %s\n%s", wrong.c_str(), nxb::bench::help().c_str());
    return 64;
  }
  nxb::bench::raise_descriptor_limit();
  return nxb::bench::Load(options).run();
}
