// common/base/ids.h - identifiers as distinct types, and the table that hands them out.
// Runs in: every process. I/O: none.
// Across layers nxb passes ids, not pointers: a late callback looks its id up and finds nothing.
// An id is a slot index and a generation; a slot is reused with the next generation.
// SPDX-License-Identifier: MIT
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "common/base/check.h"

namespace nxb {

template <class Tag>
struct Id {
  std::uint64_t value = 0;  // 0 names nothing
  explicit operator bool() const { return value != 0; }
  friend auto operator<=>(const Id&, const Id&) = default;
};

using ConnId = Id<struct ConnTag>;         // a client connection at this worker's edge
using StreamId = Id<struct StreamTag>;     // an upstream XMPP stream
using SessionKey = Id<struct SessionTag>;  // a session of this worker (its sid is a string known to the client)
using SocketId = Id<struct SocketTag>;     // a WebSocket connection at this worker's edge, and its session

// One HTTP request: the connection it came on and its number there (from 1).
struct RequestId {
  ConnId conn;
  std::uint32_t number = 0;
  friend auto operator<=>(const RequestId&, const RequestId&) = default;
};

// A BOSH request id (XEP-0124 14.1): 1 .. 2^53-1.
struct Rid {
  std::uint64_t value = 0;
  friend auto operator<=>(const Rid&, const Rid&) = default;
};
inline constexpr Rid kRidMax{9007199254740991ULL};

// id -> unique_ptr<T>. A pointer from find() is not kept across a call into anything else.
template <class IdType, class T>
class IdTable {
 public:
  // Reserves an id; put() fills it.
  IdType reserve() {
    if (free_.empty()) {
      slots_.push_back({});
      free_.push_back(static_cast<std::uint32_t>(slots_.size() - 1));
    }
    std::uint32_t index = free_.back();
    free_.pop_back();
    slots_[index].used = true;
    return make(index);
  }
  T& put(IdType id, std::unique_ptr<T> value) {
    Slot* slot = slot_of(id);
    NXB_CHECK(slot != nullptr && !slot->value, "put into a slot that is not reserved");
    slot->value = std::move(value);
    ++size_;
    return *slot->value;
  }
  T* find(IdType id) const {
    const Slot* slot = const_cast<IdTable*>(this)->slot_of(id);
    return slot ? slot->value.get() : nullptr;
  }
  // Removes and returns it (nothing when the id is stale); the id will never be found again.
  std::unique_ptr<T> take(IdType id) {
    Slot* slot = slot_of(id);
    if (!slot) return nullptr;
    auto value = std::move(slot->value);
    if (value) --size_;
    slot->used = false;
    ++slot->generation;
    free_.push_back(static_cast<std::uint32_t>(id.value & 0xffffffffU) - 1);
    return value;
  }
  std::size_t size() const { return size_; }
  template <class F>
  void for_each(F&& f) {  // f(IdType, T&); f may take() entries but not reserve()
    for (std::uint32_t i = 0; i < slots_.size(); ++i) {
      if (slots_[i].used && slots_[i].value) f(make(i), *slots_[i].value);
    }
  }

 private:
  struct Slot {
    std::unique_ptr<T> value;
    std::uint32_t generation = 1;
    bool used = false;
  };
  IdType make(std::uint32_t index) const {
    return IdType{(std::uint64_t{slots_[index].generation} << 32) | (index + 1U)};
  }
  Slot* slot_of(IdType id) {
    auto index = static_cast<std::uint32_t>(id.value & 0xffffffffU);
    if (index == 0 || index > slots_.size()) return nullptr;
    Slot& slot = slots_[index - 1];
    return slot.used && slot.generation == static_cast<std::uint32_t>(id.value >> 32) ? &slot : nullptr;
  }
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
  std::size_t size_ = 0;
};

}  // namespace nxb

template <class Tag>
struct std::hash<nxb::Id<Tag>> {
  std::size_t operator()(const nxb::Id<Tag>& id) const noexcept { return std::hash<std::uint64_t>{}(id.value); }
};
