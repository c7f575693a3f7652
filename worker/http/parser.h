// worker/http/parser.h - bytes in any chunking to HTTP requests. The only user of llhttp.
// Runs in: worker. I/O: none. Codec. llhttp stays strict (no lenient flag), and because its "loose" build lets a few
// things pass (obs-fold, a bare CR, any two bytes after a chunk), every byte of framing is checked here as well:
// lines end in CR LF, no control characters, no folding, field names are tokens (H-04, H-06).
//
// One request at a time: feed() stops behind a complete request and says how many bytes it took; next() forgets it.
// The bytes of the request being read are kept, because the connection may have to be handed to another worker.
// The first mistake, by position, decides the status; afterwards feed() takes nothing more (H-10).
//
// What reading takes (about 2 KB) is borrowed from a ParserPool while a request is incomplete or in use, never longer:
// a connection that idles, or whose request is held, owns none of it.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "worker/http/request.h"

namespace nxb::http {

class ParserPool;

class Parser {
 public:
  struct Impl;  // llhttp's callbacks must be able to name it
  enum class State : std::uint8_t { NeedMore, Complete, Failed };
  struct Step {
    std::size_t consumed = 0;
    State state = State::NeedMore;
  };

  explicit Parser(ParserPool& pool);  // which outlives it
  ~Parser();
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  Step feed(std::string_view bytes);
  void next();  // forget the request, whole or not, and own nothing; what is fed then begins the next one

  // After Complete: the request. After Failed: as far as it could be read (path and Origin shape the error answer).
  // Between requests: an empty one.
  const Request& request() const;
  std::string_view body() const;  // of a complete request; valid until next()
  bool has_body() const;          // it announced one, though an empty one in chunks
  std::string_view raw() const;   // the bytes of the request taken so far; valid until feed() or next()
  int error_status() const;       // after Failed: 400, 405, 413, 414, 415, 417, 431, 501 or 505

  bool between_requests() const;  // nothing of a next request was seen (an empty line does not count)
  bool in_body() const;           // the head is complete, the body is not
  bool body_begun() const;        // a byte of the body was seen: 100 Continue is needless

 private:
  struct GiveBack {
    ParserPool* pool;
    void operator()(Impl* impl) const;
  };
  std::unique_ptr<Impl, GiveBack> impl_;  // nothing: between requests
};

// What parsers borrow, by the limits that hold when a request begins. Keeps a few idle ones.
class ParserPool {
 public:
  explicit ParserPool(const Limits& limits);
  ~ParserPool();
  ParserPool(const ParserPool&) = delete;
  ParserPool& operator=(const ParserPool&) = delete;

  void change(const Limits& limits) { limits_ = limits; }  // of requests to come
  std::size_t idle() const { return idle_.size(); }
  std::size_t lent() const { return lent_; }

 private:
  friend class Parser;
  static constexpr std::size_t kMostIdle = 8;
  Parser::Impl* lend();
  void take_back(std::unique_ptr<Parser::Impl> impl);

  Limits limits_;
  std::vector<std::unique_ptr<Parser::Impl>> idle_;
  std::size_t lent_ = 0;
};

}  // namespace nxb::http
