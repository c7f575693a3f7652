// tests/bench/bosh_session.cc - see bosh_session.h.
// SPDX-License-Identifier: MIT
#include "tests/bench/bosh_session.h"

#include "tests/bench/text.h"

namespace nxb::bench {
namespace {

constexpr std::string_view kXbosh = " xmlns:xmpp='urn:xmpp:xbosh'";

// Whether an answer is a <body/> and carries nothing.
bool is_empty(std::string_view body) {
  std::size_t end = body.find('>');
  return end != std::string_view::npos && (body[end - 1] == '/' || body.substr(end + 1) == "</body>");
}

bool ends_session(std::string_view body) {
  std::string_view tag = body.substr(0, body.find('>'));
  return tag.find("terminate") != std::string_view::npos || !body.starts_with("<body");
}

thread_local std::string request;        // being written; shared, for a connection copies it
thread_local std::vector<Micros> times;  // of the pushes of one answer

}  // namespace

void BoshSession::post(std::string_view attributes, std::string_view payload) {
  request = "<body rid='" + std::to_string(++rid_) + "'";
  if (!sid_.empty()) request += " sid='" + sid_ + "'";
  request += attributes;
  request += " xmlns='http://jabber.org/protocol/httpbind'>";
  request += payload;
  request += "</body>";
  pool_->post(request, *this);
}

void BoshSession::open() {
  std::string attributes = " to='" + domain_ + "' wait='" + std::to_string(options_.wait) +
                           "' hold='1' ver='1.6' xml:lang='en' xmpp:version='1.0' content='text/xml; charset=utf-8'";
  if (!options_.route.empty()) attributes += " route='" + options_.route + "'";
  post(attributes.append(kXbosh), "");
}

void BoshSession::echo() {
  doing_ = Doing::Echoing;
  post("", echo_->next());
}

void BoshSession::hold() {
  doing_ = Doing::Holding;
  post("", "");
}

void BoshSession::ask_for(std::string_view what) {
  doing_ = Doing::Holding;
  post("",
       "<message to='" + login_->jid() + "' xmlns='jabber:client'><body>" + std::string(what) + "</body></message>");
}

void BoshSession::close() {
  doing_ = Doing::Closing;
  post(" type='terminate'", "");
}

void BoshSession::answered(std::string_view body) {
  if (doing_ == Doing::Over) return;
  if (doing_ == Doing::Closing) {
    if (!ends_session(body)) return;  // that of the request that was held
    doing_ = Doing::Over;
    return user_.over(*this);
  }
  if (ends_session(body)) return failed("ended: " + std::string(body.substr(0, 300)));
  switch (doing_) {
    case Doing::LoggingIn:
      return logging_in(body);
    case Doing::Echoing:
      return echoing(body);
    case Doing::Holding:
      return holding(body);
    default:
      return failed("an answer to nothing");
  }
}

void BoshSession::logging_in(std::string_view body) {
  if (sid_.empty()) sid_ = attribute(body.substr(0, body.find('>')), "sid");
  if (sid_.empty()) return failed("no sid: " + std::string(body.substr(0, 300)));
  switch (login_->on(body)) {
    case Login::Next::Wait:
      return post("", "");
    case Login::Next::Say:
      return post("", login_->words());
    case Login::Next::Restart:
      return post(std::string(" to='") + domain_ + "' xmpp:restart='true'" + std::string(kXbosh), "");
    case Login::Next::Bound:
      doing_ = Doing::Nothing;
      echo_ = std::make_unique<Echo>(options_.forms);
      echo_->begin(login_->jid(), options_.size);
      return user_.usable(*this);
  }
}

void BoshSession::echoing(std::string_view body) {
  if (is_empty(body)) {
    user_.polled(*this);
    return post("", "");
  }
  std::string wrong = echo_->check(body);
  if (!wrong.empty()) return failed(wrong);
  doing_ = Doing::Nothing;
  user_.echoed(*this);
}

void BoshSession::holding(std::string_view body) {
  if (is_empty(body)) {
    user_.polled(*this);
  } else {
    if (!pushes_.take(body, times)) return failed("not what was to be pushed: " + std::string(body.substr(0, 400)));
    for (Micros sent : times) user_.pushed(*this, sent);
  }
  if (doing_ == Doing::Holding) post("", "");
}

void BoshSession::failed(std::string_view why) {
  if (doing_ == Doing::Over) return;
  doing_ = Doing::Over;
  if (own_) own_->close();
  user_.failed(*this, why);
}

}  // namespace nxb::bench
