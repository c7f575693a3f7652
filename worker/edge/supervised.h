// worker/edge/supervised.h - what only the supervisor knows, for pages: asked for when somebody looks, and kept a second.
// Runs in: worker. I/O: none of its own; the question goes out through `ask`. Owned by: edge::Edge.
// One question is under way at a time, however many look. A supervisor that does not answer in kPatience is done
// without, for as long as an answer would have been kept; so is one that nobody can ask.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/base/ids.h"
#include "common/ipc/figures.h"
#include "common/ipc/message.h"
#include "common/uv/deadlines.h"
#include "common/uv/loop.h"

namespace nxb::edge {

class Supervised final : private uv::DeadlineSink {
 public:
  static constexpr Duration kKept{1'000};
  static constexpr Duration kPatience{500};
  static constexpr std::size_t kMostWaiting = 256;  // more are shown what there is

  using Ask = std::function<void(const ipc::Ask&)>;  // empty: there is no supervisor
  using Settled = std::function<void(RequestId)>;    // the request that waited can be answered
  Supervised(uv::Loop& loop, uv::Deadlines& deadlines, Ask ask, Settled settled);
  ~Supervised();

  bool wait(RequestId request);  // false: it need not, what there is now is all there will be
  void told(const ipc::Told& told);
  // What was told lately. Null, or "" as text: nothing was.
  const ipc::Figures* figures() const { return figures_ ? &*figures_ : nullptr; }
  const std::string& text() const { return text_; }

 private:
  void on_deadline(std::uint64_t id, Instant now) override;
  void settle(std::optional<ipc::Figures> figures, std::string text);

  uv::Loop& loop_;
  uv::Deadlines& deadlines_;
  uv::Deadlines::Family family_;
  Ask ask_;
  Settled settled_;
  std::uint32_t last_id_ = 0;
  bool asking_ = false;
  std::optional<Instant> settled_at_;
  std::optional<ipc::Figures> figures_;
  std::string text_;
  std::vector<RequestId> waiting_;
};

}  // namespace nxb::edge
