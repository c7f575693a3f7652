// tests/fuzz/http_request.cc - bytes of a client's connection: to requests, and from each BOSH request to its answer.
// Properties: any chunking gives the same requests and the same refusal (H-01 to H-10); what is kept is bounded; a
// request is answered once, with one header block without a stray line end and with exactly the announced bytes, and a
// BOSH answer is one <body/>; in the end no session is left. The servers behind it check what reaches them.
// SPDX-License-Identifier: MIT
#include "worker/http/parser.h"

#include "bosh_world.h"
#include "bytes.h"
#include "common/base/check.h"
#include "common/log/log.h"
#include "tests/unit/worker/http/parsed.h"
#include "worker/bosh/body.h"
#include "worker/http/jsonp.h"
#include "worker/http/query.h"
#include "worker/http/reply.h"
#include "worker/xml/tree.h"

using namespace nxb;

namespace {

constexpr http::Limits kSmall{.request_line = 256, .head = 1024, .fields = 16, .body = 3000};
constexpr std::int64_t kSomeDay = 1'790'000'000'000;
constexpr std::string_view kBosh = "http://jabber.org/protocol/httpbind";

std::string requests_of(std::string_view bytes, std::size_t longest) {
  testing::Reading reading(kSmall);
  fuzz::in_pieces(bytes, longest, [&](std::string_view piece) { reading.feed(piece); });
  return reading.text();
}

// What the edge puts in front of an answer, and how it would look to a client that reads bytes.
void check_answer(http::Replies& replies, const http::Request& request, int status, std::string_view body,
                  std::string_view type) {
  http::Answer answer;
  answer.status = status;
  answer.purpose = http::Purpose::Bosh;
  answer.content_type = type;
  answer.content_length = body.size();
  answer.cors = replies.cors().judge(request.origin);
  std::string head = replies.head(answer, kSomeDay);
  NXB_CHECK(head.starts_with("HTTP/1.1 " + std::to_string(status) + " "), "another status");
  NXB_CHECK(head.find("\r\n\r\n") == head.size() - 4, "a header block ends once");
  NXB_CHECK(head.find("Content-Length: " + std::to_string(body.size()) + "\r\n") != head.npos, "its length");
  for (std::size_t i = 0; i < head.size(); ++i) {
    bool control = static_cast<unsigned char>(head[i]) < 0x20;
    bool end = (head[i] == '\r' && head[i + 1] == '\n') || (head[i] == '\n' && head[i - 1] == '\r');
    NXB_CHECK(!control || end, "a control character in a header");
  }
}

class Client {
 public:
  explicit Client(xml::Pool& pool) : world_(pool), replies_(world_.config().http) {}

  void connection(std::string_view bytes) {
    static http::ParserPool pool(kSmall);  // what one connection leaves behind, the next one gets
    http::Parser parser(pool);
    while (!bytes.empty()) {
      http::Parser::Step step = parser.feed(bytes);
      bytes.remove_prefix(step.consumed);
      NXB_CHECK(parser.raw().size() <= kSmall.request_line + 2 * kSmall.head + kSmall.body + 64, "what is kept");
      if (step.state == http::Parser::State::Failed) {
        return NXB_CHECK(parser.error_status() >= 400 && parser.error_status() < 600, "a refusal without status");
      }
      if (step.state == http::Parser::State::NeedMore) return NXB_CHECK(bytes.empty(), "bytes are left over");
      NXB_CHECK(step.consumed > 0, "a request of no bytes");
      dispatch(parser);
      parser.next();
    }
  }
  void finish() {
    world_.pass(10min);
    NXB_CHECK(world_.waiting() == 0, "a request without answer");
    NXB_CHECK(world_.sessions() == 0, "a session without end");
    for (const auto& [id, asked] : asked_) {
      auto answered = world_.answers().find(id);
      if (answered == world_.answers().end()) continue;  // hung up (B-111)
      const gateway::Reply& reply = answered->second;
      check_answer(replies_, asked.request, reply.status, reply.body, reply.content_type);
      if (http::is_callback(asked.callback)) {
        check_answer(replies_, asked.request, 200, http::jsonp(asked.callback, reply.body), http::kScript);
      }
      auto body = xml::read_tree(world_.pool(), reply.body, 3);
      NXB_CHECK(body && body->local == "body" && body->ns == kBosh, "an answer that is no <body/>");
    }
  }

 private:
  struct Asked {
    http::Request request;
    std::string callback;  // of a JSONP client
  };

  void dispatch(const http::Parser& parser) {
    NXB_CHECK(parser.body().size() <= kSmall.body, "a body beyond the limit");
    const http::Request& request = parser.request();
    std::string callback;
    std::string xml(parser.body());
    if (request.method == http::Method::Get) {  // H-37
      auto query = http::read_query(request.query);
      if (!query || !query->data) return;
      xml = *query->data;
      callback = query->callback.value_or("");
    } else if (request.method != http::Method::Post) {
      return;
    }
    auto body = bosh::parse_body(world_.pool(), xml);
    const bool secure = request.x_forwarded_proto == "https";
    if (body) asked_[world_.request(*std::move(body), secure)] = {request, callback};
    if (asked_.size() % 4 == 3) world_.pass(7s);
  }

  fuzz::BoshWorld world_;
  http::Replies replies_;
  std::map<RequestId, Asked> asked_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  expectations_are_fatal(true);
  log::configure(log::Level::Off, log::Format::Text, "fuzz");
  std::string_view bytes = fuzz::text_of(data, size);
  std::string whole = requests_of(bytes, 0);
  NXB_CHECK(requests_of(bytes, 1) == whole && requests_of(bytes, 50) == whole, "chunking changes the requests");
  static xml::Pool pool;  // making a parser costs more than using it
  Client client(pool);
  client.connection(bytes);
  client.finish();
  NXB_CHECK(pool.lent() == 0, "a parser is kept");
  return 0;
}
