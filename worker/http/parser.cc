// worker/http/parser.cc - see parser.h.
// The head goes through HeadScanner and, byte for byte behind it, through llhttp. A body with Content-Length is only
// counted. A chunked body goes through llhttp first, and what was no data then through ChunkScanner, in byte order.
// SPDX-License-Identifier: MIT
#include "worker/http/parser.h"

#include <llhttp.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "common/base/check.h"
#include "common/base/text.h"
#include "worker/http/framing.h"
#include "worker/http/head.h"

namespace nxb::http {
namespace {

// Kept for the next borrower only while small.
constexpr std::size_t kKeptCapacity = 4 * 1024;

enum class Phase : std::uint8_t { Between, Head, Body, Chunks, Complete, Failed };

struct Span {
  const char* at;
  std::size_t size;
};

}  // namespace

struct Parser::Impl {
  Impl() { begin(); }

  void begin();
  void feed_between(std::string_view rest, std::size_t& taken);
  void feed_head(std::string_view rest, std::size_t& taken);
  void feed_body(std::string_view rest, std::size_t& taken);
  void feed_chunks(std::string_view rest, std::size_t& taken);
  void walk_chunks(std::string_view consumed);
  int status_of(llhttp_errno_t error) const;
  void fail(int code) {
    phase = Phase::Failed;
    status = code;
  }
  // A callback's verdict: -1 makes llhttp stop there.
  int verdict(int code) {
    status = code;
    return code == 0 ? 0 : -1;
  }

  int on_url_complete();
  int on_version_complete();
  int on_field_complete();
  int on_value_complete();
  int on_headers_complete();

  Limits limits;
  llhttp_t llhttp{};
  Phase phase = Phase::Between;
  int status = 0;
  bool after_cr = false;  // between requests
  Request request;
  std::string raw;
  std::string target, name, value;
  bool version_seen = false;
  HeadScanner scanner;
  Head head;
  std::size_t body_left = 0;  // with Content-Length
  std::size_t head_size = 0;  // where the body begins in `raw`
  ChunkScanner chunk_scanner;
  std::vector<Span> spans;  // data seen by the current llhttp_execute
  std::string chunked_body;
  bool chunked = false;
};

namespace {

using Impl = Parser::Impl;

// llhttp's C callbacks; noexcept: an exception ends the process here instead of unwinding through C.
template <int (Impl::*Method)()>
int call(llhttp_t* parser) noexcept {
  return (static_cast<Impl*>(parser->data)->*Method)();
}

template <std::string Impl::*Member>
int append(llhttp_t* parser, const char* at, std::size_t size) noexcept {
  auto* impl = static_cast<Impl*>(parser->data);
  if (impl->phase == Phase::Head) (impl->*Member).append(at, size);  // trailers are ignored
  return 0;
}

int note_data(llhttp_t* parser, const char* at, std::size_t size) noexcept {
  static_cast<Impl*>(parser->data)->spans.push_back({at, size});
  return 0;
}

int pause_there(llhttp_t*) noexcept { return HPE_PAUSED; }

const llhttp_settings_t& settings() {
  static const llhttp_settings_t shared = [] {
    llhttp_settings_t s;
    llhttp_settings_init(&s);
    s.on_url = &append<&Impl::target>;
    s.on_header_field = &append<&Impl::name>;
    s.on_header_value = &append<&Impl::value>;
    s.on_body = &note_data;
    s.on_url_complete = &call<&Impl::on_url_complete>;
    s.on_version_complete = &call<&Impl::on_version_complete>;
    s.on_header_field_complete = &call<&Impl::on_field_complete>;
    s.on_header_value_complete = &call<&Impl::on_value_complete>;
    s.on_headers_complete = &call<&Impl::on_headers_complete>;
    s.on_message_complete = &pause_there;
    return s;
  }();
  return shared;
}

Method method_of(const llhttp_t& parser) {
  if (parser.method == HTTP_GET) return Method::Get;
  if (parser.method == HTTP_HEAD) return Method::Head;
  if (parser.method == HTTP_POST) return Method::Post;
  if (parser.method == HTTP_OPTIONS) return Method::Options;
  return Method::Other;
}

}  // namespace

// A fresh llhttp for each request: nothing of one request reaches the next.
void Parser::Impl::begin() {
  llhttp_init(&llhttp, HTTP_REQUEST, &settings());
  llhttp.data = this;
  phase = Phase::Between;
  status = 0;
  after_cr = version_seen = chunked = false;
  std::destroy_at(&request);  // assigned to, its strings would keep their memory
  std::construct_at(&request);
  scanner = {};
  head = {};
  chunk_scanner = {};
  body_left = head_size = 0;
  for (std::string* text : {&raw, &target, &name, &value, &chunked_body}) {
    text->clear();
    if (text->capacity() > kKeptCapacity) text->shrink_to_fit();
  }
  spans.clear();
  if (spans.capacity() * sizeof(Span) > kKeptCapacity) spans.shrink_to_fit();
}

// Empty lines before a request line are skipped (RFC 9112 2.2).
void Parser::Impl::feed_between(std::string_view rest, std::size_t& taken) {
  char c = rest.front();
  if (after_cr ? c != '\n' : c == '\n') return fail(400);
  if (c == '\r' || c == '\n') {
    after_cr = c == '\r';
    ++taken;
    return;
  }
  phase = Phase::Head;
}

void Parser::Impl::feed_head(std::string_view rest, std::size_t& taken) {
  HeadScanner::Result scanned = scanner.scan(rest, limits);
  std::string_view good = rest.substr(0, scanned.good);
  taken += good.size();
  std::size_t before = raw.size();
  raw += good;
  llhttp_errno_t error = good.empty() ? HPE_OK : llhttp_execute(&llhttp, raw.data() + before, good.size());
  if (error != HPE_OK && error != HPE_PAUSED) return fail(status != 0 ? status : status_of(error));
  if (scanned.status != 0) return fail(scanned.status);
  if (!scanned.ended) return;
  head_size = raw.size();
  chunked = head.chunked();
  // llhttp takes a CONNECT as complete here, whatever body its fields announce: what follows is not the next request.
  if (error == HPE_PAUSED && (chunked || llhttp.content_length > 0)) return fail(405);
  body_left = chunked ? 0 : static_cast<std::size_t>(llhttp.content_length);
  phase = chunked ? Phase::Chunks : body_left > 0 ? Phase::Body : Phase::Complete;
}

void Parser::Impl::feed_body(std::string_view rest, std::size_t& taken) {
  std::string_view part = rest.substr(0, std::min(rest.size(), body_left));
  raw += part;
  taken += part.size();
  body_left -= part.size();
  if (body_left == 0) phase = Phase::Complete;
}

void Parser::Impl::feed_chunks(std::string_view rest, std::size_t& taken) {
  spans.clear();
  llhttp_errno_t error = llhttp_execute(&llhttp, rest.data(), rest.size());
  std::size_t consumed = rest.size();
  if (error != HPE_OK) {
    const char* where = llhttp_get_error_pos(&llhttp);
    bool inside = std::less_equal<>()(rest.data(), where) && std::less_equal<>()(where, rest.data() + rest.size());
    if (!NXB_EXPECT(inside, "llhttp stops in the bytes it was given")) return fail(400);
    consumed = static_cast<std::size_t>(where - rest.data());
  }
  walk_chunks(rest.substr(0, consumed));
  raw += rest.substr(0, consumed);
  taken += consumed;
  if (phase == Phase::Failed || error == HPE_OK) return;
  if (error != HPE_PAUSED) return fail(400);
  phase = Phase::Complete;
}

void Parser::Impl::walk_chunks(std::string_view consumed) {
  const char* at = consumed.data();
  const char* const end = at + consumed.size();
  auto framing_to = [&](const char* stop) {
    for (; at != stop && phase != Phase::Failed; ++at) {
      if (int code = chunk_scanner.framing(*at, limits); code != 0) fail(code);
    }
  };
  for (const Span& span : spans) {
    framing_to(span.at);
    if (phase == Phase::Failed) return;
    chunk_scanner.data();
    chunked_body.append(span.at, span.size);
    if (chunked_body.size() > limits.body) return fail(413);
    at = span.at + span.size;
  }
  framing_to(end);
}

// H-14: a method that llhttp does not know is one of the "others"; what does not even begin like one is no HTTP.
int Parser::Impl::status_of(llhttp_errno_t error) const {
  if (error == HPE_INVALID_METHOD) {
    const char* where = llhttp_get_error_pos(&llhttp);
    return where && *where >= 'A' && *where <= 'Z' ? 405 : 400;
  }
  if (error == HPE_INVALID_VERSION && !version_seen) return 505;
  return 400;
}

// HTTP/0.9 has no version: llhttp would go on to look for fields.
int Parser::Impl::on_url_complete() { return verdict(llhttp.http_major == 0 && llhttp.http_minor == 9 ? 400 : 0); }

int Parser::Impl::on_version_complete() {
  version_seen = true;
  return verdict(llhttp.http_major == 1 ? 0 : 505);
}

int Parser::Impl::on_field_complete() {
  return verdict(phase != Phase::Head || is_token(name) ? 0 : 400);  // loose llhttp lets spaces pass
}

int Parser::Impl::on_value_complete() {
  if (phase != Phase::Head) return 0;
  head.add(name, value, request);
  name.clear();
  value.clear();
  return 0;
}

int Parser::Impl::on_headers_complete() {
  request.method = method_of(llhttp);
  request.minor = llhttp.http_minor;
  return verdict(head.judge(target, llhttp.content_length, limits, request));
}

Parser::Parser(ParserPool& pool) : impl_(nullptr, GiveBack{&pool}) {}
Parser::~Parser() = default;

void Parser::GiveBack::operator()(Impl* impl) const { pool->take_back(std::unique_ptr<Impl>(impl)); }

Parser::Step Parser::feed(std::string_view bytes) {
  if (bytes.empty() && !impl_) return {};
  if (!impl_) impl_.reset(impl_.get_deleter().pool->lend());
  std::size_t taken = 0;
  while (taken < bytes.size() && impl_->phase < Phase::Complete) {
    std::string_view rest = bytes.substr(taken);
    switch (impl_->phase) {
      case Phase::Between:
        impl_->feed_between(rest, taken);
        break;
      case Phase::Head:
        impl_->feed_head(rest, taken);
        break;
      case Phase::Body:
        impl_->feed_body(rest, taken);
        break;
      case Phase::Chunks:
        impl_->feed_chunks(rest, taken);
        break;
      case Phase::Complete:
      case Phase::Failed:
        break;
    }
  }
  if (impl_->phase == Phase::Complete) return {taken, State::Complete};
  if (impl_->phase == Phase::Failed) return {taken, State::Failed};
  if (between_requests() && !impl_->after_cr) next();  // nothing but empty lines
  return {taken, State::NeedMore};
}

void Parser::next() { impl_.reset(); }

const Request& Parser::request() const {
  static const Request kNone;
  return impl_ ? impl_->request : kNone;
}

std::string_view Parser::body() const {
  NXB_CHECK(impl_ && impl_->phase == Phase::Complete, "the body of an incomplete request");
  return impl_->chunked ? std::string_view(impl_->chunked_body) : std::string_view(impl_->raw).substr(impl_->head_size);
}

bool Parser::has_body() const { return !body().empty() || impl_->chunked; }

std::string_view Parser::raw() const { return impl_ ? std::string_view(impl_->raw) : std::string_view(); }

int Parser::error_status() const { return impl_ ? impl_->status : 0; }

bool Parser::between_requests() const { return !impl_ || impl_->phase == Phase::Between; }

bool Parser::in_body() const { return impl_ && (impl_->phase == Phase::Body || impl_->phase == Phase::Chunks); }

bool Parser::body_begun() const { return impl_ && impl_->raw.size() > impl_->head_size; }

ParserPool::ParserPool(const Limits& limits) : limits_(limits) {}
ParserPool::~ParserPool() { NXB_EXPECT(lent_ == 0, "every parser is done before its pool goes"); }

Parser::Impl* ParserPool::lend() {
  ++lent_;
  auto impl = idle_.empty() ? std::make_unique<Parser::Impl>() : std::move(idle_.back());
  if (!idle_.empty()) idle_.pop_back();
  impl->limits = limits_;
  return impl.release();
}

// Nothing of one request reaches the next, nor waits for it.
void ParserPool::take_back(std::unique_ptr<Parser::Impl> impl) {
  --lent_;
  if (idle_.size() >= kMostIdle) return;
  impl->begin();
  idle_.push_back(std::move(impl));
}

}  // namespace nxb::http
