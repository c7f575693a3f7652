// tests/fuzz/session_script.cc - bytes -> a sequence of what can happen to a BOSH session, judged by the simulation's
// oracles (tests/sim/witness.h), which keep an account of their own of rids, answers, keys, pauses and streams.
// The first bytes choose the creation and how far the session has come (fresh, open, polling, with an early request,
// with an answer to repeat, ended); then each byte is an operation and what it takes.
// Properties: the oracles; consistency after each event; bounded work; the end comes once no one does anything.
// SPDX-License-Identifier: MIT
#include "worker/bosh/session.h"

#include <algorithm>
#include <array>

#include "bytes.h"
#include "common/base/check.h"
#include "common/base/secret.h"
#include "tests/sim/marks.h"
#include "tests/sim/witness.h"

using namespace nxb;
using namespace nxb::bosh;

namespace {

constexpr std::size_t kMostOperations = 400;
constexpr std::size_t kKeys = 64;

// K(0) ... K(63), each the hash of the one before; they are used from the end, again and again.
const std::string& key(std::size_t index) {
  static const std::array<std::string, kKeys> keys = [] {
    std::array<std::string, kKeys> made;
    made[0] = sha1_hex("seed");
    for (std::size_t i = 1; i < kKeys; ++i) made[i] = sha1_hex(made[i - 1]);
    return made;
  }();
  return keys[index];
}

// What an input's first two bytes choose.
struct Choice {
  SessionLimits limits;
  Body creation;
  bool acks, keys;
};

Choice choose(std::uint8_t flags, std::uint8_t uses) {
  Choice made{{}, {}, (uses & 1) != 0, (uses & 2) != 0};
  if ((flags & 1) != 0) made.limits.max_pending = 1'000;
  made.limits.max_streams = std::array<std::uint32_t, 4>{1, 2, 3, 8}[(uses >> 2) & 3];
  if ((uses & 16) != 0) made.limits.max_pause = Duration::zero();
  Body& creation = made.creation;
  creation.rid = Rid{(flags & 2) != 0 ? kRidMax.value - 12 : 1'000};
  creation.to = "a.example";
  creation.wait = std::array<std::uint16_t, 4>{60, 5, 1, 0}[(flags >> 2) & 3];
  creation.hold = std::array<std::uint8_t, 4>{1, 2, 0, 5}[(flags >> 4) & 3];
  if ((flags & 64) != 0) creation.ver = Version{1, 10};
  if ((uses & 32) != 0) creation.inactivity = 120;
  if (made.acks) creation.ack = 1;
  if (made.keys) creation.newkey = key(kKeys - 1);
  creation.payload_count = (flags & 128) != 0 ? 1 : 0;
  if (creation.payload_count == 1) creation.payloads = "<x/>";
  return made;
}

struct Server {
  bool open = false, reading = false;
  bool greeted = false;  // its header was sent
  std::uint64_t sent = 0;
};

class Play {
 public:
  Play(const Choice& choice, unsigned where)
      : world_(0, 0, false), limits_(choice.limits), acks_(choice.acks), keys_(choice.keys) {
    first_ = high_ = answered_ = choice.creation.rid->value;
    RequestId id = next_id(high_);
    witness_.emplace(world_, limits_, choice.creation, id);
    Actions actions;
    session_.emplace(limits_, "sid", id, choice.creation, world_.now, actions);
    judge(actions);
    start_in(where);
  }

  void run(fuzz::Bytes& in) {
    for (std::size_t i = 0; i < kMostOperations && !in.empty(); ++i) act(in);
    for (int i = 0; i < 2'000 && session_->next_deadline(); ++i) pass_to_deadline(false);  // nobody does anything
    NXB_CHECK(session_->state() == State::Forgotten, "a session that is left alone does not end");
  }

 private:
  RequestId next_id(std::uint64_t rid) {
    rids_.push_back(rid);
    return {ConnId{rids_.size()}, 1};
  }

  void start_in(unsigned where) {
    if (where == 0) return;
    server(1, upstream::Opened{"id", "1.0"});
    server(1, upstream::Arrived{{{xmpp::Kind::Features, "<stream:features xmlns:stream='s'/>"}}});
    if (where == 1) return;
    post(request(1, 0));
    if (where == 2) return;
    if (where == 3) post(request(2, 1));  // early, a rid is missing
    if (where == 4) {
      talk(1, 2, false);  // an answer to repeat
      post(request(1, 1));
    }
    if (where == 5) server(1, upstream::Closed{Condition::None, {}, "over"});
  }

  // `ahead` of the highest rid so far that was no leap.
  Body request(int ahead, std::uint32_t elements) {
    Body made;
    made.sid = "sid";
    std::uint64_t rid = high_ + static_cast<std::uint64_t>(std::int64_t{ahead});
    made.rid = Rid{rid};
    if (ahead > 0 && ahead <= 3) high_ = rid;
    made.payload_count = elements;
    for (std::uint32_t i = 0; i < elements; ++i) made.payloads += "<x/>";
    if (acks_) made.ack = answered_;
    if (keys_ && rid > first_) sign(made, (rid - first_) % (kKeys - 1));
    return made;
  }
  static void sign(Body& made, std::uint64_t position) {
    made.key = key(position == 0 ? 0 : kKeys - 1 - position);
    if (position == 0) made.newkey = key(kKeys - 1);
  }

  void act(fuzz::Bytes& in) {
    std::uint8_t what = in.next();
    int high = what >> 4;
    switch (what % 16) {
      case 0:
      case 1:
      case 2:
        return post(request(1, what >> 6));
      case 3:
        return post(request(2 + high % 3, what >> 7));
      case 4:
      case 5:
        return post(request(-(high % 5), what >> 7));
      case 6:
      case 7:
        return post(special(in.next()));
      case 8:
        return gone(static_cast<std::size_t>(high));
      case 9:
      case 10:
        return talk(1 + (what >> 5) % servers_.size(), 1 + (what & 1), (what & 16) != 0);
      case 11:
        return weird_server(in.next());
      case 12:
        return pass(Duration(in.next() * 20));
      case 13:
        return pass(Duration(in.next() * 600));
      case 14:
        return pass_to_deadline((what & 64) != 0);
      case 15:
        if (what == 255) return deliver(ShutDown{});
        return deliver(TimePassed{});
    }
  }

  Body special(std::uint8_t what) {
    std::uint32_t p = what >> 4;
    Body made = request(1, what >> 7);
    std::string name = stream_name("sid", 1 + p % static_cast<std::uint32_t>(servers_.size()));
    switch (what % 16) {
      case 0:
        made.terminate = true;
        break;
      case 1:
        made.restart = true;
        break;
      case 2:
        made.pause = static_cast<std::uint16_t>(1 + p * 20);
        break;
      case 3:
        made.problem = Condition::BadRequest;
        break;
      case 4:
        made.rid.reset();
        made.problem = Condition::BadRequest;
        break;
      case 5:
        made.rid = Rid{p == 15 ? kRidMax.value : std::uint64_t{1} << (3 * p)};
        break;
      case 6:
        made.to = "a.example";
        break;
      case 7:
        made.terminate = made.restart = true;
        break;
      case 8:
        made = request(1, 0);
        made.to = "b.example";
        if (p % 2 == 0) made.xmpp_version = "1.0";
        break;
      case 9:
      case 10:
        made = request(1, 1);
        made.stream = name;
        made.terminate = what % 16 == 10;
        break;
      case 11:
        made.stream = name;
        made.restart = true;
        break;
      case 12:
        made.stream = "s-0000000000000000";
        break;
      case 13:
        made.ack = answered_ - std::min<std::uint64_t>(p, answered_ - 1);
        break;
      case 14:
        made.ack = answered_ + 1 + p;
        break;
      case 15:
        spoil(made, p);
        break;
    }
    return made;
  }

  static void spoil(Body& made, std::uint32_t how) {
    if (how % 4 == 0) made.key.clear();
    if (how % 4 == 1) made.key = sha1_hex("guessed");
    if (how % 4 == 2) made.newkey = "nonsense";
    if (how % 4 == 3) made.newkey = key(kKeys - 1);  // in the middle of a sequence
  }

  void gone(std::size_t ago) {
    std::size_t which = rids_.size() - ago % rids_.size();
    RequestId id{ConnId{which}, 1};
    if (witness_->waits(id)) deliver(RequestGone{id});
  }

  void talk(std::size_t number, unsigned count, bool large) {
    Server& from = servers_[number - 1];
    if (!from.open || !from.reading) return;
    upstream::Arrived burst;
    for (unsigned i = 0; i < count; ++i) {
      burst.stanzas.push_back({xmpp::Kind::Message, {}});
      sim::Mark mark{static_cast<std::uint32_t>(number), ++from.sent};
      sim::append_marked(burst.stanzas.back().bytes, mark, large ? 700 : 3);
    }
    server(number, std::move(burst));
  }

  void weird_server(std::uint8_t what) {
    std::size_t number = 1 + (what >> 3) % servers_.size();
    switch (what % 8) {
      case 0:
        return server(number, upstream::Closed{Condition::None, {}, "over"});
      case 1:
        return server(number, upstream::Closed{Condition::RemoteConnectionFailed, {}, "lost"});
      case 2:
        return server(number, upstream::Closed{Condition::RemoteStreamError, "<stream:error/>", "error"});
      case 3:
        if ((what & 0x80) != 0) return server(number, upstream::Arrived{});
        return server(number, upstream::Congested{(what & 0x40) != 0});
      case 4:  // the oracles know no server that is older than features
        return server(number, upstream::Opened{"again", servers_[number - 1].greeted ? "" : "1.0"});
      case 5:
        return server(number, upstream::Opened{"again", "1.0"});
      case 6:
        return deliver(ServerSpoke{9'999, upstream::Closed{}});
      default:
        return server(number, upstream::Arrived{{{xmpp::Kind::Features, "<stream:features xmlns:stream='s'/>"}}});
    }
  }

  void server(std::size_t number, upstream::Event event) {
    Server& from = servers_[number - 1];
    if (!from.open) return;
    if (std::holds_alternative<upstream::Closed>(event)) from.open = false;
    if (std::holds_alternative<upstream::Opened>(event)) from.greeted = true;
    deliver(ServerSpoke{static_cast<StreamNumber>(number), std::move(event)});
  }

  void post(Body body) {
    RequestId id = next_id(body.rid ? body.rid->value : 0);
    deliver(RequestArrived{id, std::move(body)});
  }

  void pass(Duration by) {
    Instant until = world_.now + by;
    while (session_->next_deadline() && *session_->next_deadline() <= until) pass_to_deadline(false);
    world_.now = until;
  }

  // To the deadline, or to just before it.
  void pass_to_deadline(bool early) {
    auto due = session_->next_deadline();
    if (!due) return;
    NXB_CHECK(*due > world_.now, "a deadline that is not in the future");
    world_.now = *due - Duration(early ? 1 : 0);
    deliver(TimePassed{});
  }

  // The time that passed is told first, as the gateway's timer would.
  void deliver(Event event) {
    auto due = session_->next_deadline();
    if (due && *due <= world_.now && !std::holds_alternative<TimePassed>(event)) deliver(TimePassed{});
    Actions actions;
    witness_->before(event);
    session_->on(std::move(event), world_.now, actions);
    judge(actions);
  }

  void judge(const Actions& actions) {
    witness_->after(*session_, actions);
    NXB_CHECK(world_.failure().empty(), world_.failure().c_str());
    NXB_CHECK(session_->is_consistent(), "after an event");
    NXB_CHECK(actions.size() <= 64, "one event, bounded work");
    for (const auto& action : actions) {
      if (const auto* open = std::get_if<OpenStream>(&action)) {
        servers_.resize(open->stream);  // the numbers of refused ones are used up, too
        servers_.back().open = servers_.back().reading = true;
      }
      if (const auto* close = std::get_if<CloseStream>(&action)) servers_[close->stream - 1].open = false;
      if (const auto* read = std::get_if<ReadServer>(&action)) servers_[read->stream - 1].reading = read->on;
      const auto* respond = std::get_if<Respond>(&action);
      if (respond && !respond->replay && !sim::is_recoverable(respond->body)) {
        answered_ = std::max(answered_, rids_[respond->to.conn.value - 1]);
      }
    }
  }

  sim::World world_;
  SessionLimits limits_;
  bool acks_, keys_;
  std::optional<Session> session_;
  std::optional<sim::Witness> witness_;
  std::vector<std::uint64_t> rids_;  // by the number of the connection, from 1
  std::vector<Server> servers_;      // by the number of the stream, from 1
  std::uint64_t first_ = 0, high_ = 0, answered_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  expectations_are_fatal(true);
  fuzz::Bytes in(fuzz::text_of(data, size));
  std::uint8_t flags = in.next();
  Choice choice = choose(flags, in.next());
  Play play(choice, in.next() % 6U);
  play.run(in);
  return 0;
}
