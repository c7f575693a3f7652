// supervisor/monitor.cc - see monitor.h.
// SPDX-License-Identifier: MIT
#include "supervisor/monitor.h"

#include <utility>

namespace nxb::supervisor {

Monitor::Monitor(uv::Loop& loop, const Fleet& fleet, Source source)
    : loop_(loop),
      fleet_(fleet),
      source_(std::move(source)),
      history_(loop.now()),
      sampled_at_(loop.now()),
      timer_(loop, [this] { sample(); }) {
  timer_.start(History::kEvery);
}

void Monitor::look(const Fleet::WorkerInfo& worker) {
  if (used_.size() <= worker.index) used_.resize(worker.index + std::size_t{1});
  Used& used = used_[worker.index];
  if (used.pid != worker.pid) {
    used.earlier += std::exchange(used.now, 0);
    used.pid = worker.pid;
  }
  auto usage = worker.pid == 0 ? std::nullopt : source_.usage(worker.pid);
  if (usage) used.now = usage->cpu_seconds;
  used.memory = usage ? usage->pss_bytes.value_or(usage->rss_bytes) : 0;
}

void Monitor::sample() {
  const Instant now = loop_.now();
  const double seconds = static_cast<double>((now - sampled_at_).count()) / 1000;
  for (const Fleet::WorkerInfo& worker : fleet_.workers()) {
    look(worker);
    Used& used = used_[worker.index];
    const double all = used.earlier + used.now;
    if (seconds > 0) used.share = (all - std::exchange(used.sampled, all)) / seconds;
  }
  history_.add(fleet_.stats().cells(), now);
  sampled_at_ = now;
  timer_.start(History::kEvery);
}

std::string Monitor::answer(std::string_view what) {
  if (what != ipc::kFigures) return {};
  ipc::Figures figures;
  figures.state = source_.state();
  figures.reload_success = source_.reloaded();
  figures.every_ms = History::kEvery.count();
  figures.history = history_.series();
  for (const Fleet::WorkerInfo& worker : fleet_.workers()) {
    look(worker);
    const Used& used = used_[worker.index];
    figures.workers.push_back({worker.index, worker.pid, std::string(worker.word()), worker.uptime.count(),
                               worker.restarts, worker.last_exit, used.earlier + used.now, used.share, used.memory});
  }
  return ipc::encode(figures);
}

}  // namespace nxb::supervisor
