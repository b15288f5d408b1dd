// A region that is away stalls nobody but those who want something of it: what waits for chunks
// holds no thread, no checkpoint and no other request, waits once for all of its chunks, and is
// woken by whatever ends the wait.
#include <filesystem>
#include <future>

#include "support/model_image.h"
#include "support/nbd_world.h"

namespace ashlar::test {
namespace {

using namespace nbd;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr uint64_t kRestored = 128 << 20;
constexpr uint64_t kMiB = 1 << 20;

uint8_t value_of(uint64_t chunk) {
  return uint8_t(chunk % 250 + 1);
}

// Brings what readers ask for.
class Region {
 public:
  explicit Region(std::shared_ptr<Hydrator> hydrator, std::chrono::milliseconds each = 0ms)
      : hydrator_(std::move(hydrator)), turn_(hydrator_->reopen(Lane::kDemand)) {
    thread_ = std::thread([this, each] {
      while (const auto wanted = hydrator_->next_wanted(turn_, 256)) {
        for (const uint64_t chunk : *wanted) {
          std::this_thread::sleep_for(each);
          bring(*hydrator_, chunk);
        }
      }
    });
  }
  ~Region() {
    hydrator_->close(turn_);
    thread_.join();
  }
  static void bring(Hydrator& hydrator, uint64_t chunk) {
    ASSERT_OK(
        hydrator.install(Lane::kDemand, chunk, std::vector<uint8_t>(kChunkBytes, value_of(chunk))));
  }

 private:
  const std::shared_ptr<Hydrator> hydrator_;
  const Turn turn_;
  std::thread thread_;
};

class NbdRemote : public NbdWorld {
 protected:
  void SetUp() override {
    NbdWorld::SetUp();
    ByteModel model;
    model.bytes = kRestored;
    CreateVolume order;
    order.id = test_id(50);
    order.bytes = kRestored;
    order.origin = CreateVolume::Origin{test_id(51), image_of(model).manifest, test_id(52)};
    ASSERT_OK(world_.volumes->create(order));
    ASSERT_OK(world_.volumes->attach(test_id(53), order.id, "host", false));
  }
  std::string restored() const { return to_string(test_id(53)); }
  std::shared_ptr<Hydrator> hydrator() { return world_.volumes->origin(test_id(51))->hydrator; }

  // As its row says when the pool is opened.
  void set_stall(std::chrono::milliseconds stall) {
    server_.reset();
    {
      std::lock_guard append(world_.pool->journal().append_lock());
      auto& rows = world_.pool->state().volumes;
      rows.find([](const VolumeRow& row) { return row.id == test_id(50); })->stall_ms =
          uint32_t(stall.count());
    }
    ASSERT_OK(world_.pool->checkpoint());
    ASSERT_OK(world_.open([](SimDevice& device) { device.write_through(); }));
    start({});
  }

  // Connections with a read each that waits for the region.
  std::vector<NbdClient> stalled_readers(size_t count) {
    std::vector<NbdClient> readers;
    for (size_t i = 0; i < count; i++) {
      readers.push_back(attached(false, restored()));
      readers.back().send(request_bytes(kCmdRead, i * kMiB, 4096));
    }
    for (NbdClient& reader : readers)
      taken(reader);
    return readers;
  }
  static bool any_answer(const std::vector<NbdClient>& readers) {
    return std::any_of(readers.begin(), readers.end(),
                       [](const NbdClient& reader) { return reader.has_answer(); });
  }
  void expect_served(std::vector<NbdClient>& readers) {
    Region region(hydrator());
    for (size_t i = 0; i < readers.size(); i++) {
      const auto reply = readers[i].reply(i * kMiB, 4096);
      EXPECT_EQ(reply.number, 0u);
      EXPECT_EQ(reply.data[0], value_of(i * kMiB / kChunkBytes));
    }
  }
  static Wire small_write(uint64_t offset, uint32_t bytes, uint8_t value) {
    Wire wire = request_bytes(kCmdWrite, offset, bytes);
    wire.resize(wire.size() + bytes, value);
    return wire;
  }
  // Until the server has parked what the client sent: of two requests that are refused the second
  // is read when that is done.
  static void taken(NbdClient& client) {
    for (int i = 0; i < 2; i++)
      EXPECT_EQ(client.call(kCmdRead, kRestored, 4096).number, uint32_t(NBD_EINVAL));
  }
};

// ---- everybody else -----------------------------------------------------------------------------

TEST_F(NbdRemote, ColdReadsOfOtherVolumesGoOn) {
  NbdClient other = attached(false);
  for (uint64_t at = 0; at < 8; at++)
    ASSERT_EQ(write_reply(other, at * 4096, 7).number, 0u);
  auto readers = stalled_readers(8);
  world_.device->forget_cache();
  for (uint64_t at = 0; at < 8; at++)
    EXPECT_EQ(value_at(other, at * 4096), 7);
  EXPECT_FALSE(any_answer(readers));
  expect_served(readers);
}

TEST_F(NbdRemote, FlushesGoOn) {
  NbdClient other = attached(false);
  auto readers = stalled_readers(8);
  Wire wire = write_bytes_of(0, 7);
  const Wire flush = request_bytes(kCmdFlush, 0, 0);
  wire.insert(wire.end(), flush.begin(), flush.end());
  for (int i = 0; i < 2; i++) {  // of another volume, and of the reader's own connection
    NbdClient& host = i == 0 ? other : readers[0];
    host.send(wire);
    EXPECT_EQ(host.reply().number, 0u);
    EXPECT_EQ(host.reply().number, 0u);
    EXPECT_FALSE(any_answer(readers));
    wire = write_bytes_of(64 * kMiB, 7);
    wire.insert(wire.end(), flush.begin(), flush.end());
  }
  expect_served(readers);
}

TEST_F(NbdRemote, CheckpointsGoOn) {
  auto readers = stalled_readers(4);
  ASSERT_OK(world_.pool->checkpoint());
  EXPECT_FALSE(any_answer(readers));
  expect_served(readers);
}

TEST_F(NbdRemote, AThousandReadsWaitWithoutThreads) {
  const auto threads = [] {
    size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task"))
      count += entry.exists();
    return count;
  };
  std::vector<NbdClient> hosts;
  for (int i = 0; i < 4; i++) {
    hosts.push_back(attached(false, restored()));
    taken(hosts.back());
  }
  const size_t before = threads();
  for (uint64_t i = 0; i < 1000; i++)
    hosts[i % 4].send(request_bytes(kCmdRead, i * 2 * kChunkBytes + 4096, 4096, 0, i));
  for (NbdClient& host : hosts)
    taken(host);
  EXPECT_EQ(threads(), before);
  Region region(hydrator());
  for (uint64_t i = 0; i < 1000; i++) {
    const auto reply = hosts[i % 4].reply(0, 4096);
    ASSERT_EQ(reply.number, 0u);
  }
}

// ---- one request --------------------------------------------------------------------------------

TEST_F(NbdRemote, AllChunksOfARequestAreAskedForAtOnce) {
  NbdClient reader = attached(true, restored());
  const Turn turn = hydrator()->reopen(Lane::kDemand);
  reader.send(request_bytes(kCmdRead, kChunkBytes / 2, 1 << 20));
  const auto wanted = hydrator()->next_wanted(turn, 256);
  ASSERT_TRUE(wanted);
  EXPECT_EQ(wanted->size(), 17u);
  for (uint64_t chunk = 0; chunk < 17; chunk++)
    Region::bring(*hydrator(), chunk);
  const auto reply = reader.reply(kChunkBytes / 2, 1 << 20);
  ASSERT_EQ(reply.number, 0u);
  for (uint64_t at = 0; at < kMiB; at += 4096)
    ASSERT_EQ(reply.data[at], value_of((at + kChunkBytes / 2) / kChunkBytes)) << at;
  hydrator()->close(turn);
}

TEST_F(NbdRemote, TheStallIsTheVolumesOwn) {
  set_stall(200ms);
  NbdClient reader = attached(true, restored());
  const auto begun = Clock::now();
  const auto reply = reader.call(kCmdRead, 0, 1 << 20);
  EXPECT_EQ(reply.number, uint32_t(NBD_EIO)) << reply.text;
  EXPECT_GE(Clock::now() - begun, 200ms);
  EXPECT_LT(Clock::now() - begun, 10s) << "half of what others wait";
  reader.send(small_write(kMiB + 100, 512, 1));
  EXPECT_EQ(reader.reply().number, uint32_t(NBD_EIO));
  EXPECT_EQ(write_reply(reader, kMiB, 2).number, 0u) << "a whole block needs nothing";
  EXPECT_EQ(value_at(reader, kMiB), 2);
}

TEST_F(NbdRemote, TheStallCountsForTheWholeRequest) {
  set_stall(200ms);
  NbdClient reader = attached(true, restored());
  Region region(hydrator(), 50ms);
  EXPECT_EQ(reader.call(kCmdRead, 0, 1 << 20).number, uint32_t(NBD_EIO));
  // What it asked for goes on coming.
  while (reader.call(kCmdRead, 0, 1 << 20).number != 0) {
  }
}

TEST_F(NbdRemote, AReadAboveTheLimitHoldsUpNothing) {
  NbdClient reader = attached(true, restored());
  constexpr uint32_t kBytes = 40 << 20;
  reader.send(request_bytes(kCmdRead, 0, kBytes));
  taken(reader);
  Region region(hydrator());
  const auto reply = reader.reply(0, kBytes);
  ASSERT_EQ(reply.number, 0u);
  for (uint64_t chunk = 0; chunk < kBytes / kChunkBytes; chunk++)
    ASSERT_EQ(reply.data[chunk * kChunkBytes], value_of(chunk)) << chunk;
}

TEST_F(NbdRemote, AHostThatOnlyStopsSendingGetsItsAnswer) {
  auto readers = stalled_readers(1);
  readers[0].half_close();
  expect_served(readers);
  EXPECT_TRUE(readers[0].closed());
}

// ---- changes of a part of a block ---------------------------------------------------------------

TEST_F(NbdRemote, ChangesOfAPartOfABlockKeepTheirOrder) {
  NbdClient host = attached(false, restored());
  Wire wire = small_write(512, 512, 1);
  for (const Wire& more :
       {write_bytes_of(0, 2), small_write(1024, 6000, 3), request_bytes(kCmdTrim, 100, 200),
        small_write(4096, 4096, 4), request_bytes(kCmdWriteZeroes, 8100, 4096)}) {
    wire.insert(wire.end(), more.begin(), more.end());
  }
  host.send(wire);
  taken(host);
  EXPECT_EQ(write_reply(host, kMiB, 9).number, 0u) << "what does not overlap goes on";
  EXPECT_FALSE(host.has_answer());
  {
    Region region(hydrator());
    for (int i = 0; i < 6; i++)
      EXPECT_EQ(host.reply().number, 0u);
  }
  const auto reply = host.call(kCmdRead, 0, 16384);
  ASSERT_EQ(reply.number, 0u);
  for (uint64_t at = 0; at < 16384; at++) {
    const bool trimmed = at >= 100 && at < 300;
    const bool zeroed = at >= 8100 && at < 8100 + 4096;
    const int first = at < 1024 ? 2 : at < 4096 ? 3 : 4;
    const int expected = trimmed || zeroed ? 0 : at < 8192 ? first : value_of(0);
    ASSERT_EQ(reply.data[at], expected) << at;
  }
}

TEST_F(NbdRemote, ANewerConnectionSeesWhatIsParkedAsBegun) {
  NbdClient older = attached(false, restored());
  older.send(small_write(512, 512, 1));
  taken(older);
  NbdClient newer = attached(false, restored());
  newer.send(write_bytes_of(0, 2));
  taken(newer);
  EXPECT_FALSE(newer.has_answer());
  EXPECT_EQ(write_reply(newer, 4096, 3).number, 0u) << "what does not overlap goes on";
  Region region(hydrator());
  EXPECT_EQ(older.reply().number, 0u);
  EXPECT_EQ(newer.reply().number, 0u);
  const auto reply = newer.call(kCmdRead, 0, 4096);
  EXPECT_EQ(reply.data[512], 2);
}

TEST_F(NbdRemote, WhatAClosedConnectionHadParkedIsDroppedAtOnce) {
  {
    NbdClient older = attached(false, restored());
    older.send(small_write(512, 512, 1));
    taken(older);
  }
  NbdClient newer = attached(false, restored());
  const auto begun = Clock::now();
  EXPECT_EQ(write_reply(newer, 0, 2).number, 0u);
  EXPECT_LT(Clock::now() - begun, 10s) << "half of the stall";
  Region region(hydrator());
  EXPECT_EQ(newer.call(kCmdRead, 4096, 4096).number, 0u);
  const auto reply = newer.call(kCmdRead, 0, 4096);
  EXPECT_EQ(reply.data[512], 2);
}

TEST_F(NbdRemote, AHostThatSaysGoodbyeLosesNothing) {
  {
    NbdClient host = attached(false, restored());
    host.send(small_write(512, 512, 1));
    host.send(request_bytes(kCmdDisc, 0, 0));
  }
  Region region(hydrator());
  NbdClient newer = attached(false, restored());
  until([&] { return server_->connections(restored()) == 1; });
  const auto reply = newer.call(kCmdRead, 0, 4096);
  EXPECT_EQ(reply.data[512], 1);
  EXPECT_EQ(reply.data[0], value_of(0));
}

// ---- how much may wait --------------------------------------------------------------------------

TEST_F(NbdRemote, WhatIsParkedIsBoundedForItsVolumeAlone) {
  NbdClient other = attached(false);
  NbdClient beside = attached(false, restored());
  ASSERT_EQ(write_reply(beside, kRestored - 4096, 5).number, 0u);
  NbdClient reader = attached(false, restored());
  for (uint64_t i = 0; i < 64; i++)
    reader.send(request_bytes(kCmdRead, i * kMiB, 1 << 20, 0, i));
  const Turn turn = hydrator()->reopen(Lane::kDemand);
  std::vector<uint64_t> asked;
  const auto next = [&] {
    const auto wanted = hydrator()->next_wanted(turn, 1024);
    ASSERT_TRUE(wanted);
    asked.insert(asked.end(), wanted->begin(), wanted->end());
  };
  while (asked.size() < 32 * 16)
    next();
  // It is not read from any more, and nobody else is held up.
  for (int i = 0; i < 20; i++) {
    EXPECT_EQ(write_reply(other, 0, 7).number, 0u);
    EXPECT_EQ(value_at(other, 0), 7);
    EXPECT_EQ(value_at(beside, kRestored - 4096), 5);
    taken(beside);
  }
  EXPECT_EQ(asked.size(), 32u * 16);
  std::thread region([&] {
    for (size_t done = 0; done < 64 * 16; done++) {
      if (done == asked.size()) next();
      Region::bring(*hydrator(), asked[done]);
    }
  });
  for (int i = 0; i < 64; i++)
    EXPECT_EQ(reader.reply(0, 1 << 20).number, 0u);
  region.join();
  hydrator()->close(turn);
}

TEST_F(NbdRemote, WhoeverHasParkedSomethingGoesOnWhenAnotherIsServed) {
  const Turn turn = hydrator()->reopen(Lane::kDemand);
  size_t asked = 0;
  const auto until_asked = [&](size_t count) {
    while (asked < count)
      asked += hydrator()->next_wanted(turn, 1024)->size();
  };
  NbdClient small = attached(false, restored());
  small.send(request_bytes(kCmdRead, 100 * kMiB, 4096));
  until_asked(1);
  NbdClient reader = attached(false, restored());
  reader.send(request_bytes(kCmdRead, 0, 32 << 20));
  until_asked(1 + 512);
  small.send(request_bytes(kCmdFlush, 0, 0));
  std::this_thread::sleep_for(20ms);
  EXPECT_FALSE(small.has_answer()) << "the volume may park no more";
  for (uint64_t chunk = 0; chunk < 512; chunk++)
    Region::bring(*hydrator(), chunk);
  EXPECT_EQ(reader.reply(0, 32 << 20).number, 0u);
  EXPECT_EQ(small.reply().number, 0u) << "the flush";
  Region region(hydrator());
  EXPECT_EQ(small.reply(0, 4096).number, 0u);
}

// ---- what ends a wait ---------------------------------------------------------------------------

// What came between the look at the map and the question is never told; the end of hydration is.
TEST_F(NbdRemote, TheEndOfHydrationWakesThoseWhoWait) {
  Region::bring(*hydrator(), 0);
  std::promise<void> woken;
  const auto wait = hydrator()->ask({0}, [&] { woken.set_value(); });
  EXPECT_FALSE(wait->over());
  const Turn turn = hydrator()->reopen(Lane::kBackground);
  while (const auto wanted = hydrator()->next_wanted(turn, 256)) {
    for (const uint64_t chunk : *wanted) {
      ASSERT_FALSE(wait->over());
      Region::bring(*hydrator(), chunk);
    }
  }
  EXPECT_TRUE(wait->over());
  EXPECT_FALSE(wait->failure());
  woken.get_future().get();
}

TEST_F(NbdRemote, WhatTheSourceCannotGiveIsToldAtOnce) {
  auto readers = stalled_readers(2);
  hydrator()->fail(0, error(Code::kRemoteUnavailable, "it is broken there"));
  EXPECT_EQ(readers[0].reply().number, uint32_t(NBD_EIO));
  EXPECT_FALSE(readers[1].has_answer());
}

TEST_F(NbdRemote, ADetachAnswersWhatIsParked) {
  auto readers = stalled_readers(2);
  readers[1].send(small_write(512, 512, 1));
  taken(readers[1]);
  ASSERT_OK(world_.volumes->begin_detach(test_id(53)));
  std::thread detach([&] { server_->close_export(restored(), 5s); });
  EXPECT_EQ(readers[0].reply(0, 4096).number, uint32_t(NBD_ESHUTDOWN));
  EXPECT_EQ(readers[1].reply().number, uint32_t(NBD_ESHUTDOWN));
  EXPECT_EQ(readers[1].reply().number, uint32_t(NBD_ESHUTDOWN));
  readers.clear();
  detach.join();
}

TEST_F(NbdRemote, ADeletedVolumeWakesThoseWhoWait) {
  const auto found = world_.volumes->find_export(restored());
  ASSERT_OK(found);
  std::vector<uint8_t> bytes(4096);
  ReadRequest request;
  request.into = bytes;
  std::thread reading([&] { found->volume->read(std::span(&request, 1), Wait::kAllowed); });
  const Turn turn = hydrator()->reopen(Lane::kDemand);
  ASSERT_TRUE(hydrator()->next_wanted(turn, 1));
  ASSERT_OK(world_.volumes->begin_detach(test_id(53)));
  ASSERT_OK(world_.volumes->finish_detach(test_id(53)));
  ASSERT_OK(world_.volumes->remove(test_id(50)));
  reading.join();
  EXPECT_EQ(request.outcome, ReadRequest::Outcome::kFailed);
  EXPECT_EQ(request.error.code, Code::kVolumeNotFound) << request.error.message;
}

TEST_F(NbdRemote, AStopWaitsForNoRegion) {
  auto readers = stalled_readers(4);
  readers[1].send(small_write(512, 512, 1));
  taken(readers[1]);
  readers[2].send(request_bytes(kCmdRead, 0, 32 << 20));  // above the bound
  const auto begun = Clock::now();
  server_->stop(5s);
  EXPECT_LT(Clock::now() - begun, 2s) << "well inside the grace";
  for (NbdClient& reader : readers)
    EXPECT_TRUE(reader.closed()) << "what was not done is not answered";
}

}  // namespace
}  // namespace ashlar::test
