// worker/edge/get.cc - BOSH by GET: the <body/> from `data`, the answer as XML or as JSONP (H-37 to H-40).
// SPDX-License-Identifier: MIT
#include <utility>

#include "worker/edge/http_connection.h"
#include "worker/http/jsonp.h"
#include "worker/http/query.h"

namespace nxb::edge {

using http::Method;

namespace {

constexpr std::string_view kAlive =
    "nxb is alive. This is a BOSH (XEP-0124) service: point an XMPP client's BOSH URL at this address.\n";

}  // namespace

void HttpConnection::dispatch_get(std::string_view rest) {
  auto query = http::read_query(parser_.request().query);
  const bool good_callback = query && (!query->callback || http::is_callback(*query->callback));
  if (good_callback && query->data && context().config.http.enable_get) {
    Form form{true, std::move(query->callback).value_or("")};
    if (query->data->size() <= context().config.bosh.max_data_held) return dispatch_bosh(*query->data, form, rest);
    stay();
    context().counters.add(stats::Counter::errors);
    owe(std::move(form));
    return answer_xml(413, bosh::write_terminate(bosh::Condition::BadRequest));  // H-25
  }
  stay();
  owe();
  if (!query) return answer_text(400, "400 Bad Request: a broken query\n");
  if (!query->data) return answer_alive(kAlive);
  if (!good_callback) return answer_text(400, "400 Bad Request: a callback is a JavaScript name\n");  // H-38: no echo
  answer_text(403, "403 Forbidden: BOSH by GET is off here\n");
}

// How the request in the parser wants its answer; for one that is answered without being dispatched.
Form HttpConnection::form_of_request() const {
  const http::Request& request = parser_.request();
  if ((request.method != Method::Get && request.method != Method::Head) || !is_bosh_path(request.path)) return {};
  auto query = http::read_query(request.query);
  if (!query || !query->data || (query->callback && !http::is_callback(*query->callback))) return {};
  return {true, std::move(query->callback).value_or("")};
}

// Whatever the session's `content` is, a browser that follows a link gets no page of it (H-22).
void HttpConnection::put_into_form(const Form* form, Finished& finished) {
  if (!form || finished.answer.purpose != http::Purpose::Bosh) return;
  finished.answer.content_type = http::kXml;
  if (form->callback.empty()) return;
  finished.answer.content_type = http::kScript;
  finished.answer.status = 200;  // H-40: a script tag cannot read a status
  finished.body = http::jsonp(form->callback, finished.body);
}

}  // namespace nxb::edge
