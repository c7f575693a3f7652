// worker/upstream/external_link.cc
// SPDX-License-Identifier: MIT
#include "worker/upstream/external_link.h"

#include <utility>
#include <variant>

#include "common/log/log.h"

namespace nxb::upstream::external {

using stats::Counter;

Link::Link(uv::Loop& loop, const config::Config::External& config, std::uint32_t worker, stats::Counters& counters,
           LinkSink& sink)
    : loop_(loop),
      config_(config),
      worker_(worker),
      counters_(counters),
      sink_(sink),
      backoff_(config.reconnect_min, config.reconnect_max),
      timer_(loop, [this] { on_timer(); }),
      lines_(config.max_message) {
  connect();
}

void Link::connect() {
  auto address = Address::parse(target());
  auto stream =
      address ? uv::Stream::connect(loop_, *address, *this) : Result<std::unique_ptr<uv::Stream>>(address.error());
  if (!stream) return lose(stream.error().text);
  stream_ = *std::move(stream);
  state_ = State::Greeting;
  sent_ = seen_ = 0;
  send(hello(worker_));
  timer_.start(config_.timeout);
}

void Link::send(std::string_view line) {
  if (state_ == State::Down || too_much_) return;
  stream_->write(line);
  sent_ += line.size();
  counters_.add(Counter::bytes_to_servers, line.size());
  too_much_ = queued() > 2 * config_.max_pending;
  if (too_much_) return timer_.start(Duration{0});
  watch();
}

void Link::watch() {
  if (state_ != State::Up || watching_ || queued() == 0) return;
  watching_ = true;
  seen_ = read();
  timer_.start(config_.timeout);
}

void Link::on_timer() {
  watching_ = false;
  if (state_ == State::Down) return connect();
  if (state_ == State::Greeting && !too_much_) return lose("no hello in time");
  if (too_much_ || (queued() > 0 && read() == seen_)) return lose("it does not read what is sent to it");
  watch();
}

// --- what the socket says; the sink may drop streams, never the link ---

void Link::on_bytes(std::string_view bytes) {
  counters_.add(Counter::bytes_from_servers, bytes.size());
  if (auto fed = lines_.feed(bytes); !fed) return nonsense(fed.error().text + ", see max_message");
  std::string line;
  while (state_ != State::Down && lines_.next(line)) take(line);
}

void Link::on_end() { lose("it closed the connection"); }

void Link::on_broken(const Error& error) { lose(error.text); }

void Link::take(const std::string& line) {
  auto message = decode(line);
  if (!message) return nonsense(message.error().text);
  const auto* greeting = std::get_if<Hello>(&*message);
  if (state_ == State::Greeting) {
    if (!greeting) return nonsense("its first line is not hello");
    return greet(*greeting);
  }
  if (greeting) return nonsense("hello twice");
  sink_.on_message(*std::move(message));
}

void Link::greet(const Hello& hello) {
  if (hello.version != kVersion) {
    return nonsense("it speaks version " + std::to_string(hello.version) + ", this is version " +
                    std::to_string(kVersion));
  }
  state_ = State::Up;
  up_since_ = loop_.now();
  timer_.stop();
  loss_is_told_ = false;
  log::info("external.up", {{"socket", config_.socket}, {"program", hello.name}});
  watch();
}

void Link::nonsense(const std::string& why) {
  counters_.add(Counter::errors);
  log::error("external.nonsense", {{"socket", config_.socket}, {"why", why}});
  loss_is_told_ = true;  // by this line
  lose("nonsense: " + why);
}

void Link::lose(const std::string& why) {
  // One that goes as soon as it came must not be asked for at full speed.
  if (state_ == State::Up && loop_.now() - up_since_ >= config_.reconnect_max) backoff_.reset();
  if (state_ == State::Up) counters_.add(Counter::external_losses);
  if (!std::exchange(loss_is_told_, true)) log::warn("external.lost", {{"socket", config_.socket}, {"why", why}});
  state_ = State::Down;
  watching_ = too_much_ = false;
  stream_.reset();
  lines_ = ipc::LineReader(config_.max_message);
  timer_.start(backoff_.next(keyed_hash(chance_, std::to_string(++tries_))));
  sink_.on_lost(why);
}

}  // namespace nxb::upstream::external
