// tests/sim/ws_witness.h - the rules for one WebSocket session, looked at after each event: what may be sent, what must be
// passed on, and until when. It has an account of its own and shares no code with the session.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "worker/ws/session.h"
#include "worker/xml/reader.h"
#include "world.h"

namespace nxb::sim {

class WsWitness {
 public:
  WsWitness(World& world, const ws::SessionLimits& limits)
      : world_(world), limits_(limits), life_at_(world.now), ping_at_(world.now), began_at_(world.now) {}

  void before(const ws::Event& event, const ws::Session& session);
  void after(const ws::Actions& actions, const ws::Session& session);
  void check_at_end();  // nothing will happen any more

  bool ended() const { return ended_at_.has_value(); }
  bool stream_open() const { return stream_open_; }
  const std::string& why() const { return why_; }

 private:
  void see(const ws::Send& send);
  void see(const ws::HangUp&);
  void see(const ws::Forward& forward);
  void see(const ws::OpenStream&);
  void see(const ws::RestartStream&);
  void see(const ws::CloseStream&);
  void see(const ws::ReadServer& read);
  void see(const ws::ReadClient& read);
  void see(const ws::Ended& ended);
  void see_text(std::string_view text);
  bool is_one_element(std::string_view text);
  void check_passed_on();
  void check_time(const ws::Session& session);

  World& world_;
  ws::SessionLimits limits_;
  xml::Pool pool_;

  // Of the event that is going on.
  std::optional<std::string> to_forward_, to_pong_;
  std::optional<std::uint64_t> unsent_;
  std::vector<std::string> to_say_;
  std::size_t said_ = 0;
  bool forwarded_ = false, ponged_ = false, broken_ = false;

  bool stream_open_ = false, stream_asked_ = false, reading_ = true, hears_ = true, congested_ = false, closed_ = false,
       hung_up_ = false, lost_ = false;
  std::optional<Instant> header_due_, ended_at_;
  Instant life_at_, ping_at_, began_at_;
  std::string why_;
};

}  // namespace nxb::sim
