// tests/sim/worlds.cc - see worlds.h.
// SPDX-License-Identifier: MIT
#include "worlds.h"

#include <malloc.h>

#include "client.h"
#include "hostile.h"

namespace nxb::sim {

namespace {

constexpr std::size_t kMostMemory = std::size_t{64} << 20;  // of everything: a session's bounds, and the simulation
constexpr std::uint64_t kStepsBetweenLooks = 1 << 16;

// Nothing grows: what was allocated and not freed, by the machine or by what watches it.
void check_memory(World& world) {
  struct mallinfo2 now = mallinfo2();
  world.expect(now.uordblks + now.hblkhd < kMostMemory, "memory grows");
}

// Plays on while `goes_on`; the world fails when it stands still.
template <class GoesOn>
void play_on(World& world, GoesOn goes_on) {
  std::uint64_t operations = world.operations_done(), idle = 0, steps = 0;
  while (goes_on() && world.step()) {
    if (++steps % kStepsBetweenLooks == 0) check_memory(world);
    bool moved = std::exchange(operations, world.operations_done()) != world.operations_done();
    idle = moved ? 0 : idle + 1;
    world.expect(idle < 1'000'000, "the world stands still");
  }
}

void check_after_terminate(World& world, Stage& stage, Client& client) {
  world.expect(stage.witness().why() == "client terminated", "a terminate that ended otherwise");
  for (std::size_t i = 0; i < stage.servers(); ++i) {
    const Server& server = stage.any_server(i);
    if (!server.closed_by_session() || server.left_early() || server.number() > client.streams()) continue;
    bool all = server.received() == client.sent(server.number());
    world.expect(all, "stanzas of the client are lost (delivery)");
    bool open_to_the_end = server.number() == 1;
    world.expect(!open_to_the_end || server.broadcasts() == client.sent_to_all(), "stanzas for all are lost (B-94)");
  }
  world.expect(client.received(1) == stage.witness().said(1), "stanzas said are not read (delivery)");
}

// After the scene: one of the ways a session ends, and what must be true then.
void finish_correct(World& world, Stage& stage, Client& client) {
  std::uint64_t way = world.dice.below(4);
  world.note("ending", way);
  if (way == 0) client.terminate();
  if (way == 1) stage.end_servers();
  if (way == 2) client.vanish();
  if (way == 3) stage.deliver(bosh::ShutDown{});
  play_on(world, [] { return true; });
  if (world.failed()) return;
  const Witness& witness = stage.witness();
  world.expect(stage.forgotten(), "the session is never forgotten");
  world.expect(way == 2 || client.told(), "the client was not told that the session ended");
  for (std::size_t i = 0; i < stage.servers(); ++i) {
    const Server& server = stage.any_server(i);
    if (server.number() > client.streams()) continue;
    std::uint64_t read = client.received(server.number());
    world.expect(read <= server.sent(), "the client read what nobody said");
    bool all = way != 1 || server.closed_by_session() || read == server.sent();
    world.expect(all, "stanzas are lost at the server's end (B-83)");
  }
  if (way == 0) check_after_terminate(world, stage, client);
  bool given_up = witness.why() == "inactivity" || witness.why() == "aborted by client";
  if (way == 2) world.expect(given_up || witness.why() == "gap in the rids", "a wrong end");
}

bosh::SessionLimits limits_for(World& world, const Habits& habits) {
  bosh::SessionLimits limits;
  if (world.dice.percent(30)) limits.max_pending = 1'500;
  if (habits.heavy) limits.max_pending = 200'000;  // so that a repeat finds its answer: 1 MiB of them is kept (H-44)
  if (world.dice.percent(10)) limits.max_pause = 0ms;
  // No correct client is away for so long with nothing held, but for a pause (O-32).
  if (world.dice.percent(30)) limits.abort_grace = 20s + world.dice.upto(100s);
  limits.max_streams = world.dice.percent(30) ? 1 : static_cast<std::uint32_t>(2 + world.dice.below(4));
  return limits;
}

void play_session(World& world, bool bytes) {
  Habits habits;
  habits.bytes = bytes || world.dice.below(16) == 0;
  habits.heavy = world.dice.below(40) == 0;
  habits.streams_end = world.dice.percent(50);
  habits.stalls = world.dice.percent(30);
  Stage stage(world, limits_for(world, habits), habits);
  Client client(world, stage);
  stage.listen(&client);
  client.start();
  play_on(world, [&] { return world.busy() && !stage.ended(); });
  world.expect(!stage.ended(), "the session of a correct client ended");
  if (!world.failed()) finish_correct(world, stage, client);
}

}  // namespace

// One session for the whole of it, or one after the other, of very different lengths.
Outcome play_correct(const Setting& setting) {
  constexpr std::uint64_t kScenes[] = {20, 200, 2'000, 20'000};
  World world(setting.seed, setting.operations, setting.trace);
  bool single = world.dice.percent(25);
  std::uint64_t sessions = 0;
  while (!world.failed() && !world.used_up()) {
    world.scene(single ? setting.operations : 1 + world.dice.below(kScenes[world.dice.below(4)]));
    play_session(world, setting.bytes);
    ++sessions;
  }
  return {world.failure(), world.hash(), world.operations_done(), sessions};
}

Outcome play_hostile(const Setting& setting) {
  World world(setting.seed, setting.operations, setting.trace);
  Hostile hostile(world);
  hostile.start();
  play_on(world, [] { return true; });
  return {world.failure(), world.hash(), world.operations_done(), hostile.sessions()};
}

}  // namespace nxb::sim
