// worker/dns/query.h - one question to the DNS until it has a final answer (U-12, U-13).
// Runs in: worker. I/O: none of its own; it puts questions into a udns context, whose owner works it.
// CNAMEs are followed within an answer, in whatever order it lists them, and by asking again where an answer ends with
// one; at most 8 in all, which is 16 more questions for the two families of a name, and no more than 162 questions for
// all of a stream (upstream::Race::kMaxTargets).
// A truncated answer is a failure, not a partial list: udns treats it as it treats SERVFAIL. A failure names the servers
// that were asked and what each of them said: udns itself tells SERVFAIL, REFUSED and silence with one word.
// udns may call back while it works: what it says is noted, and the next question waits for ask().
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "common/base/address.h"
#include "worker/dns/records.h"

struct dns_ctx;
struct dns_query;
struct sockaddr;

namespace nxb::dns {

class Query {
 public:
  static constexpr int kMaxAliases = 8;

  explicit Query(Question question) : question_(std::move(question)) {}
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  void ask(dns_ctx* context);         // only while it wants_to_ask()
  void finish(RecordSet answer);      // with an answer from elsewhere
  void fail(const std::string& why);  // if it is not over
  void give_up();                     // the same: nobody has answered in time, or well
  bool wants_to_ask() const { return wants_to_ask_; }
  bool was_asked() const { return !name_.empty(); }
  bool is_over() const { return over_; }
  bool has_records() const { return over_ && answer_.outcome == Outcome::Records; }
  const Question& question() const { return question_; }
  const RecordSet& answer() const { return answer_; }  // once it is over

 private:
  struct Asked {
    Address server;
    std::string said;  // nothing yet
  };

  // What udns calls for each packet, so that a failure can be told.
  static void on_packet(int code, const sockaddr* server, unsigned size, const unsigned char* packet, int length,
                        const dns_query* query, void* data) noexcept;
  std::string servers() const;
  std::string what_they_said() const;
  static void on_reply(dns_ctx* context, void* result, void* data) noexcept;

  Question question_;
  std::string name_;  // what is asked for next, as the protocol writes names; it changes with each CNAME
  int aliases_ = 0;
  Duration shortest_ = Duration::max();  // TTL of the CNAMEs so far
  bool wants_to_ask_ = true;
  bool over_ = false;
  std::vector<Asked> asked_;  // for name_
  RecordSet answer_;
};

}  // namespace nxb::dns
