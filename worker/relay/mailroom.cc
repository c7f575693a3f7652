// worker/relay/mailroom.cc - see mailroom.h.
// SPDX-License-Identifier: MIT
#include "worker/relay/mailroom.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "common/base/check.h"
#include "common/log/log.h"

namespace nxb::relay {
namespace {

using stats::Counter;

constexpr std::size_t kMaxDescriptors = 8;  // room for more than may come: each that came must be closed
using Control = std::array<char, CMSG_SPACE(kMaxDescriptors * sizeof(int))>;

Error system_error(const char* what) { return Error{Code::Io, std::string(what) + ": " + std::strerror(errno)}; }

Result<Descriptor> memfd_of(std::string_view bytes) {
  Descriptor fd(memfd_create("nxb-handover", MFD_CLOEXEC));
  if (!fd) return system_error("memfd_create");
  while (!bytes.empty()) {
    ssize_t written = ::write(fd.get(), bytes.data(), bytes.size());
    if (written <= 0) return system_error("writing a memfd");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return fd;
}

Result<std::string> read_memfd(const Descriptor& fd, std::size_t size) {
  struct stat status {};
  if (fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode) || status.st_size != static_cast<off_t>(size)) {
    return Error{Code::BadInput, "the memfd does not hold what the header says"};
  }
  std::string bytes(size, '\0');
  std::size_t have = 0;
  while (have < size) {
    ssize_t got = pread(fd.get(), bytes.data() + have, size - have, static_cast<off_t>(have));
    if (got <= 0) return Error{Code::BadInput, "the memfd became shorter"};
    have += static_cast<std::size_t>(got);
  }
  return bytes;
}

// Makes a received descriptor what Handover::fd promises.
Status check_connection(const Descriptor& fd) {
  int type = 0;
  socklen_t size = sizeof(type);
  if (getsockopt(fd.get(), SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_STREAM) {
    return Error{Code::BadInput, "the descriptor is no connection"};
  }
  int flags = fcntl(fd.get(), F_GETFL);
  if (flags < 0 || fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) != 0) return system_error("fcntl");
  return Done{};
}

std::vector<Descriptor> descriptors_of(msghdr& message) {
  std::vector<Descriptor> found;
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof(fd));
      found.emplace_back(fd);
    }
  }
  return found;
}

}  // namespace

Result<std::unique_ptr<Mailroom>> Mailroom::make(uv::Loop& loop, stats::Counters& counters, Mailboxes boxes) {
  auto room = std::make_unique<Mailroom>(Private(), loop, counters, std::move(boxes));
  NXB_TRY(room->in_, uv::Poll::make(loop, room->boxes_.in, [raw = room.get()](bool, bool) { raw->on_readable(); }));
  room->in_->watch(true, false);
  return room;
}

Mailroom::Mailroom(Private, uv::Loop& loop, stats::Counters& counters, Mailboxes boxes)
    : loop_(loop),
      counters_(counters),
      boxes_(std::move(boxes)),
      buffer_(kMaxMessage + 1),
      patience_(loop, [this] { on_patience(); }),
      give_back_(loop, [this] { on_given_back(); }) {
  for (int fd : boxes_.out) targets_.emplace_back().fd = fd;
}

// --- out ---

void Mailroom::send(std::uint32_t worker, Handover handover) {
  NXB_CHECK(worker < targets_.size(), "a hand-over to a worker that does not exist");
  Target& target = targets_[worker];
  if (handover.bytes.size() > kMaxBytes) return give_back(std::move(handover));
  Sent sent = target.queue.empty() ? try_send(target.fd, handover) : Sent::Full;  // never overtakes one that waits
  if (sent == Sent::Full) return wait_for_room(worker, std::move(handover));
  if (sent == Sent::Failed) return give_back(std::move(handover));
  counters_.add(Counter::handovers_out);
}

Mailroom::Sent Mailroom::try_send(int fd, const Handover& handover) {
  bool bytes_inline = handover.bytes.size() <= kInline;
  std::string header = encode_header(handover, bytes_inline);
  Descriptor memory;
  if (!bytes_inline) {
    auto made = memfd_of(handover.bytes);
    if (!made) return Sent::Failed;
    memory = *std::move(made);
  }
  std::array<iovec, 2> parts{iovec{header.data(), header.size()},
                             iovec{const_cast<char*>(handover.bytes.data()), bytes_inline ? handover.bytes.size() : 0}};
  std::array<int, 2> descriptors{handover.fd.get(), memory.get()};
  std::size_t size = sizeof(int) * (bytes_inline ? 1 : 2);
  alignas(cmsghdr) Control control{};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  message.msg_control = control.data();
  message.msg_controllen = CMSG_SPACE(size);
  cmsghdr* rights = CMSG_FIRSTHDR(&message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(size);
  std::memcpy(CMSG_DATA(rights), descriptors.data(), size);
  if (sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return Sent::Yes;
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return Sent::Full;
  log::warn("relay.send_failed", {{"why", std::strerror(errno)}});
  return Sent::Failed;
}

void Mailroom::wait_for_room(std::size_t worker, Handover handover) {
  Target& target = targets_[worker];
  bool too_much = !target.queue.empty() && target.bytes + handover.bytes.size() > kMaxWaitingBytes;
  if (target.queue.size() >= kMaxWaiting || too_much) {
    return give_back(std::move(handover));
  }
  if (!target.poll) {
    auto made = uv::Poll::make(loop_, target.fd, [this, worker](bool, bool) { on_writable(worker); });
    if (!made) return give_back(std::move(handover));
    target.poll = *std::move(made);
  }
  if (target.queue.empty()) log::warn("relay.mailbox_full", {{"worker", worker}});
  target.bytes += handover.bytes.size();
  target.queue.push_back({std::move(handover), loop_.now()});
  target.poll->watch(false, true);
  arm_patience();
}

void Mailroom::on_writable(std::size_t worker) {
  Target& target = targets_[worker];
  while (!target.queue.empty()) {
    Sent sent = try_send(target.fd, target.queue.front().handover);
    if (sent == Sent::Full) break;
    Handover done = pop(target);
    if (sent == Sent::Yes) {
      counters_.add(Counter::handovers_out);
    } else {
      give_back(std::move(done));
    }
  }
  if (target.queue.empty()) target.poll->watch(false, false);
  arm_patience();
}

void Mailroom::on_patience() {
  for (Target& target : targets_) {
    while (!target.queue.empty() && loop_.now() - target.queue.front().since >= boxes_.patience) {
      give_back(pop(target));
    }
    if (target.queue.empty() && target.poll) target.poll->watch(false, false);
  }
  arm_patience();
}

Handover Mailroom::pop(Target& target) {
  Handover handover = std::move(target.queue.front().handover);
  target.queue.pop_front();
  target.bytes -= handover.bytes.size();
  return handover;
}

void Mailroom::arm_patience() {
  std::optional<Instant> oldest;
  for (const Target& target : targets_) {
    if (target.queue.empty()) continue;
    oldest = std::min(oldest.value_or(Instant::max()), target.queue.front().since);
  }
  if (!oldest) return patience_.stop();
  patience_.start(*oldest + boxes_.patience - loop_.now());
}

void Mailroom::give_back(Handover handover) {
  counters_.add(Counter::handovers_refused);
  refused_.push_back(std::move(handover));
  give_back_.start(Duration{0});
}

void Mailroom::on_given_back() {
  for (Handover& handover : std::exchange(refused_, {})) boxes_.on_refused(std::move(handover));
}

std::size_t Mailroom::waiting() const {
  std::size_t sum = refused_.size();
  for (const Target& target : targets_) sum += target.queue.size();
  return sum;
}

// --- in ---

void Mailroom::take_in(bool on) { in_->watch(on, false); }

void Mailroom::on_readable() {
  for (int i = 0; i < kMessagesPerTurn; ++i) {
    if (!receive_one()) return;
  }
}

bool Mailroom::receive_one() {
  alignas(cmsghdr) Control control{};
  iovec part{buffer_.data(), buffer_.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t size = recvmsg(boxes_.in, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (size < 0) {
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
      log::error("relay.receive_failed", {{"why", std::strerror(errno)}});
    }
    return false;
  }
  std::vector<Descriptor> descriptors = descriptors_of(message);
  if (size == 0 && nobody_can_send()) {
    log::error("relay.mailbox_closed");
    in_->watch(false, false);
    return false;
  }
  Status taken = (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0
                     ? Status(Error{Code::TooLarge, "a truncated hand-over"})
                     : take({buffer_.data(), static_cast<std::size_t>(size)}, std::move(descriptors));
  if (!taken) {
    counters_.add(Counter::errors);
    log::error("relay.bad_handover", {{"why", taken.error().text}});
  }
  return true;
}

// An empty message looks like the end of all senders; only then there is a hang-up.
bool Mailroom::nobody_can_send() const {
  pollfd state{boxes_.in, POLLIN, 0};
  return ::poll(&state, 1, 0) > 0 && (state.revents & (POLLHUP | POLLERR)) != 0;
}

Status Mailroom::take(std::string_view message, std::vector<Descriptor> descriptors) {
  NXB_TRY(Decoded decoded, decode(message));
  if (descriptors.size() != (decoded.bytes_inline ? 1U : 2U)) return Error{Code::BadInput, "descriptors are missing"};
  NXB_TRY([[maybe_unused]] auto sound, check_connection(descriptors[0]));
  if (!decoded.bytes_inline) {
    NXB_TRY(decoded.handover.bytes, read_memfd(descriptors[1], decoded.bytes_size));
  }
  decoded.handover.fd = std::move(descriptors[0]);
  counters_.add(Counter::handovers_in);
  boxes_.on_arrived(std::move(decoded.handover));
  return Done{};
}

}  // namespace nxb::relay
