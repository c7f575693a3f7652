// worker/bosh/request_window.h - the rids of a session: in order, early, repeated, refused; and the kept answers.
// Runs in: worker. I/O: none. Owned by: bosh::Session. XEP-0124 14.2 and 14.3.
//
//    ...  | kept answers |   held    | missing |  early ...      | refused
//         |<-requests-->|           ^ last              last + requests (+1 for terminate and pause)
//
// With acknowledgements (XEP-0124 9) every answer that the client did not acknowledge is kept, too.
// Invariants: held rids are consecutive and end with `last`; kept answers are those just below the lowest held one;
// early rids are ascending and above last + 1.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/ids.h"
#include "worker/bosh/body.h"
#include "worker/bosh/outbox.h"
#include "worker/bosh/streams.h"

namespace nxb::bosh {

// A request without answer.
struct OpenRequest {
  Rid rid;
  RequestId id;      // its newest connection
  Instant since;     // received in full
  bool live = true;  // that connection still waits
  std::uint8_t resends = 0;
};

struct EarlyRequest {
  OpenRequest open;
  Body body;  // has no effect before its turn (B-43)
};

// What was said in answer to a rid, if it was more than an empty body.
struct Answer {
  std::string body;             // the complete element
  std::size_t payloads_at = 0;  // where the pieces begin in it
  std::vector<Piece> pieces;    // stanzas the client has not confirmed yet
  StreamNumber stream = 1;      // whose they are
  int status = 200;
};

struct KeptAnswer {
  Rid rid;
  Instant since;                   // when it was composed
  std::unique_ptr<Answer> answer;  // nothing: the empty body, which most answers of an idle session are
  std::uint8_t resends = 0;
};

// Where a rid stands.
enum class Place : std::uint8_t {
  Next,      // last + 1
  Ahead,     // inside the window, a lower one is missing
  Queued,    // is early already
  Held,      // processed, not answered
  Answered,  // its answer is kept
  Outside,   // above the window, or its answer is no longer kept: not told apart (B-48)
};

inline constexpr std::uint8_t kMaxResends = 10;                     // of one rid (B-50)
inline constexpr std::size_t kMaxKeptAnswers = 16;                  // that were not acknowledged (H-44)
inline constexpr std::size_t kMaxKeptBytes = std::size_t{1} << 20;  // of a running session (H-44)

class RequestWindow final {
 public:
  // The creation request counts as processed and is held.
  RequestWindow(OpenRequest creation, std::uint32_t requests);

  // `one_more`: it carries pause or terminate (B-45).
  Place place_of(Rid rid, bool one_more) const;
  Rid last() const { return last_; }
  Rid answered() const { return Rid{last_.value - held_.size()}; }  // the highest rid with an answer
  Rid received() const;                                             // the highest with all lower ones received
  std::uint32_t requests() const { return requests_; }

  void hold(OpenRequest request);           // the Next one
  void queue(EarlyRequest request);         // one Ahead
  std::optional<EarlyRequest> take_next();  // the early one whose turn has come

  const std::vector<OpenRequest>& held() const { return held_; }  // ascending
  const std::vector<EarlyRequest>& early() const { return early_; }
  OpenRequest* find_open(Rid rid);
  OpenRequest* find_open(RequestId id);
  KeptAnswer* find_kept(Rid rid);
  std::size_t live() const;  // open requests whose connection waits

  // Takes the lowest held request out and keeps its answer; the oldest kept answers go, so that there are at most
  // `requests` (B-52) and, but for the newest, at most kMaxKeptBytes (H-44); with acknowledgements see is_overfull().
  OpenRequest answer_lowest(std::unique_ptr<Answer> answer, Instant now);
  // The same for a pause request. It may have been one more than `requests` (B-45), and so may the answers under way.
  OpenRequest answer_pause(std::unique_ptr<Answer> answer, Instant now);
  // A request arrived that was not seen before, sent while the client waited for at most `outstanding` - 1 answers:
  // it has the others.
  void confirm_answers(Rid arrived, std::uint32_t outstanding);
  // Acknowledgements instead of that (B-64). From now on answers are confirmed by acknowledge() alone.
  void expect_acknowledgements() { acknowledged_ = Rid{0}; }
  // Answers up to `rid` have arrived (B-66). Returns how many that is news of.
  std::uint32_t acknowledge(Rid rid);
  Rid acknowledged() const { return acknowledged_; }  // never goes back
  // The client should have acknowledged by now: kMaxKeptAnswers, or more than `requests` and kMaxKeptBytes (B-69).
  bool is_overfull() const;
  // The stanzas of a stream in kept answers that were not confirmed, appended to `out`.
  void unconfirmed(StreamNumber stream, std::vector<xmpp::Stanza>& out) const;

  // At the end of the session: every open request, ascending; afterwards only kept answers remain.
  // The gateway bounds what all ended sessions keep together (H-44).
  std::vector<OpenRequest> abandon();
  void keep_at_end(Rid rid, std::unique_ptr<Answer> answer, Instant now);
  void forget();  // the kept answers too
  std::size_t kept_bytes() const;
  std::size_t kept() const { return kept_.size(); }  // answers
  std::size_t unacknowledged() const;                // of these; always 0 without acknowledgements

  bool is_consistent() const;

 private:
  OpenRequest keep(std::unique_ptr<Answer> answer, Instant now, std::size_t others);
  void keep_at_most(std::size_t answers, std::size_t bytes);

  Rid last_;
  std::uint32_t requests_;
  Rid acknowledged_ = kRidMax;  // without acknowledgements nothing waits for one
  std::vector<OpenRequest> held_;
  std::vector<EarlyRequest> early_;
  std::vector<KeptAnswer> kept_;  // ascending
};

}  // namespace nxb::bosh
