// tests/bench/login.h - what a client says, and in which order, until it has a JID: the same for BOSH and WebSocket. A machine:
// texts from the server go in, what to do next comes out. Runs in nxb-load.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

#include "tests/bench/text.h"

namespace nxb::bench {

class Login {
 public:
  enum class Next { Wait, Say, Restart, Bound };

  Next on(std::string_view text) {
    switch (awaited_) {
      case Awaited::Mechanisms:
        return text.find("ANONYMOUS") == kNone ? Next::Wait : say(Awaited::Success, kAuth);
      case Awaited::Success:
        if (text.find("<success") == kNone) return Next::Wait;
        awaited_ = Awaited::Bind;
        return Next::Restart;
      case Awaited::Bind:
        return text.find("xmpp-bind") == kNone ? Next::Wait : say(Awaited::Jid, kBind);
      case Awaited::Jid:
        jid_ = between(text, "<jid>", "</jid>");
        return jid_.empty() ? Next::Wait : Next::Bound;
    }
    return Next::Wait;
  }
  std::string_view words() const { return words_; }  // to Say
  const std::string& jid() const { return jid_; }

 private:
  static constexpr std::size_t kNone = std::string_view::npos;
  static constexpr std::string_view kAuth = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>";
  static constexpr std::string_view kBind =
      "<iq type='set' id='b1' xmlns='jabber:client'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";
  enum class Awaited { Mechanisms, Success, Bind, Jid };

  Next say(Awaited awaited, std::string_view words) {
    awaited_ = awaited;
    words_ = words;
    return Next::Say;
  }

  Awaited awaited_ = Awaited::Mechanisms;
  std::string_view words_;
  std::string jid_;
};

}  // namespace nxb::bench
