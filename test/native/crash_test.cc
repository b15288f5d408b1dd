// Crash test (DESIGN 12.2): a workload on a disk that keeps an arbitrary subset of unsynced writes
// and tears at 512 bytes; the power goes before one operation after another; the pool recovers.
// Then
//   I1  what is there is a prefix of the acknowledged order that contains everything flushed,
//   I5  a full walk equals the allocator,
// the capacity is what it was before the last growth, or what that was to make it, and
// cuts that were answered are there with the bytes of their instant, and so are clones: on the way,
// or available with all they shall hold.
// Replay: ASHLAR_TEST_SEED=<seed> build/check/ashlar_tests --gtest_filter=Crash.*
#include <map>

#include "seal/merkle.h"
#include "support/pool_world.h"

namespace ashlar::test {
namespace {

using Content = ByteModel::Block;

// What one volume went through since its last flush: the model after each acknowledged (or last,
// unanswered) event.
struct History {
  std::vector<ByteModel> states;  // [0] = at the last flush
  void flushed() { states.erase(states.begin(), states.end() - 1); }
};

class CrashRun {
 public:
  explicit CrashRun(uint64_t seed) : seed_(seed), prng_(seed), world_(disk_, seed, 20ull << 20) {}

  // One life: open, work until the power goes (or `steps` are done), and cut it.
  void live(uint64_t crash_at, uint64_t steps) {
    const bool fresh = disk_.bytes.empty();
    const auto opened = world_.open([&](SimDevice& device) {
      if (!fresh) device.crash_at(crash_at);
    });
    if (opened) {
      if (fresh) world_.device->crash_at(crash_at);
      for (uint64_t i = 0; i < steps && !world_.device->crashed(); i++)
        step();
    }
    // The pool is dropped as a killed process drops it.
    if (opened) {
      SimDevice& device = *world_.device;
      device.crash_at(0);
      (void)device.sync();
      device.power_cycle();
    }
    forget_world();
  }

  void recover_and_compare() {
    ASSERT_OK(world_.open());
    const auto report = world_.pool->check(false);
    ASSERT_OK(report);
    for (const std::string& problem : report->problems)
      ADD_FAILURE() << problem;
    const uint64_t capacity = world_.pool->space().capacity_blocks();
    ASSERT_TRUE(capacity == capacity_ || capacity == wanted_capacity_) << capacity;
    capacity_ = wanted_capacity_ = capacity;
    for (auto& [id, history] : volumes_)
      compare(id, history);
    for (const auto& [id, model] : cuts_) {
      const auto got = world_.read_cut(id, 0, (model.bytes + kChunkBytes - 1) / kChunkBytes);
      ASSERT_OK(got);
      std::vector<uint8_t> expected(got->size());
      model.read(0, MutableBytes(expected).first(model.bytes));
      ASSERT_TRUE(*got == expected) << "cut " << to_string(id) << " differs";
    }
    for (const auto& [id, clone] : clones_)
      compare_clone(id, clone);
    forget_world();
  }

 private:
  static constexpr uint64_t kBytes = 2 << 20;

  void forget_world() {
    world_.volumes.reset();
    world_.pool.reset();
  }

  void step() {
    const uint64_t dice = prng_.below(100);
    if (volumes_.size() < 2) return create();
    auto at = volumes_.begin();
    std::advance(at, int64_t(prng_.below(volumes_.size())));
    auto& [id, history] = *at;
    if (dice < 55) return write(id, history);
    if (dice < 65) return erase(id, history);
    if (dice < 77) return flush();
    if (dice < 84) return cut(id);
    if (dice < 86) return drop();
    if (dice < 90) return clone();
    if (dice < 94) return (void)world_.pool->checkpoint();
    if (dice < 98) return (void)world_.pool->free_step();
    if (dice < 99) return (void)world_.pool->journal().hand_over();
    grow();
  }

  // Now and then so far that the bitmap's tree becomes higher.
  void grow() {
    wanted_capacity_ = capacity_ + prng_.between(1, 40) * (1 << 20) / kBlockBytes;
    if (world_.pool->grow_capacity(wanted_capacity_ * kBlockBytes)) capacity_ = wanted_capacity_;
  }

  void create() {
    CreateVolume order;
    order.id = test_id(next_id_++);
    order.bytes = kBytes;
    if (world_.volumes->create(order)) {
      volumes_[order.id].states.push_back(ByteModel{});
      volumes_[order.id].states.back().bytes = kBytes;
      all_flushed();
    }
  }

  void write(const Id& id, History& history) {
    auto io = world_.volume(id);
    if (!io) return;
    const bool aligned = prng_.chance(60);
    uint64_t offset = prng_.below(kBytes);
    if (aligned) offset = offset / kBlockBytes * kBlockBytes;
    const uint64_t most = aligned ? kBlockBytes * prng_.between(1, 5) : prng_.between(1, 9000);
    std::vector<uint8_t> data(std::min(kBytes - offset, most));
    for (uint8_t& byte : data)
      byte = uint8_t(prng_.next());
    // Parts reach the journal one by one: the edges first, then the middle.
    uint64_t at = 0;
    while (at < data.size()) {
      const uint64_t in_block = (offset + at) % kBlockBytes;
      const uint64_t left = data.size() - at;
      const uint64_t part = in_block || left < kBlockBytes ? std::min(left, kBlockBytes - in_block)
                                                           : left / kBlockBytes * kBlockBytes;
      ByteModel next = history.states.back();
      next.write(offset + at, Bytes(data).subspan(at, part));
      history.states.push_back(std::move(next));
      at += part;
    }
    const auto written = world_.write(id, offset, data);
    // Unanswered, but maybe there; nothing may follow it, so the extra states only allow more.
    if (!written && !world_.device->crashed() && written.error().code != Code::kNoSpace) {
      ADD_FAILURE() << written.error().message;
    }
  }

  void erase(const Id& id, History& history) {
    auto io = world_.volume(id);
    if (!io) return;
    const uint64_t offset = prng_.below(kBytes / kBlockBytes) * kBlockBytes;
    const uint64_t bytes = std::min(kBytes - offset, kBlockBytes * prng_.between(1, 400));
    ByteModel next = history.states.back();
    next.zero(offset, bytes);
    history.states.push_back(std::move(next));
    (void)(*io)->erase({offset, bytes}, Erase::kHole);
  }

  void all_flushed() {
    for (auto& [id, history] : volumes_)
      history.flushed();
  }
  void flush() {
    if (world_.pool->sync()) all_flushed();
  }

  void cut(const Id& id) {
    CutOrder order;
    order.group = test_id(next_id_++);
    order.members.push_back({id, test_id(next_id_++)});
    const ByteModel now = volumes_[id].states.back();
    if (!world_.volumes->cut(order)) return;
    cuts_[order.members[0].snapshot] = now;
    all_flushed();  // the answer waited for a sync
  }

  void drop() {
    if (cuts_.empty()) return;
    const Id id = cuts_.begin()->first;
    cuts_.erase(id);  // asked: it may be there or not from now on
    if (world_.volumes->drop_cut(id)) all_flushed();
  }

  struct Clone {
    Id snapshot;
    ByteModel content;
    bool held = false;  // by the cut of the snapshot, not built
  };

  // Begins one, of a cut or of what only a region holds; builds the one that is begun; removes it.
  void clone() {
    if (clones_.empty()) {
      if (cuts_.empty()) return;
      Clone made{cuts_.begin()->first, cuts_.begin()->second, prng_.chance(30)};
      if (!made.held) made.snapshot = test_id(next_id_++);
      CreateClone order;
      order.id = test_id(next_id_++);
      order.origin = {made.snapshot, make_manifest(kBytes, {}, Hash{}), test_id(next_id_++)};
      if (!made.held && prng_.chance(50)) order.base = cuts_.begin()->first;
      if (!world_.volumes->create_clone(order)) return;
      clones_[order.id] = made;
      all_flushed();
      return;
    }
    const auto& [id, made] = *clones_.begin();
    if (prng_.chance(70)) return (void)build(id, made);
    const Id gone = id;
    const bool removed = world_.volumes->remove_clone(gone).ok();
    clones_.erase(gone);
    if (removed) all_flushed();
  }

  Result<void> build(const Id& id, const Clone& clone) {
    const CloneRow row = *std::as_const(world_.pool->state()).clone(id);
    if (CloneState(row.state) == CloneState::kFilling) {
      const auto target = TRY(world_.volumes->clone_target(id));
      for (uint64_t chunk = 0; chunk < kBytes / kChunkBytes; chunk++) {
        const std::vector<uint8_t> bytes = chunk_of(clone.content, chunk);
        WriteRequest write;
        write.offset = chunk * kChunkBytes;
        write.data = bytes;
        target->volume().write(std::span(&write, 1));
        if (write.failed) return write.error;
      }
      target->finish();
    } else if (CloneState(row.state) == CloneState::kHydrating) {
      const auto hydrator = TRY(world_.volumes->origin(clone.snapshot)).hydrator;
      const Turn turn = hydrator->reopen(Lane::kBackground);
      while (const auto wanted = hydrator->next_wanted(turn, 8)) {
        for (const uint64_t chunk : *wanted)
          TRY(hydrator->install(Lane::kBackground, chunk, chunk_of(clone.content, chunk)));
      }
    }
    TRY(world_.volumes->settle());
    if (CloneState(row.state) != CloneState::kAvailable) all_flushed();
    return {};
  }

  static std::vector<uint8_t> chunk_of(const ByteModel& content, uint64_t chunk) {
    std::vector<uint8_t> bytes(kChunkBytes);
    content.read(chunk * kChunkBytes, bytes);
    return bytes;
  }

  void compare_clone(const Id& id, const Clone& clone) {
    const CloneRow* row = std::as_const(world_.pool->state()).clone(id);
    ASSERT_NE(row, nullptr) << "clone " << to_string(id) << " was answered and is gone";
    const bool available = CloneState(row->state) == CloneState::kAvailable;
    ASSERT_TRUE(available || !clone.held);
    if (!available) return;
    const auto got = world_.read_cut(clone.snapshot, 0, kBytes / kChunkBytes);
    ASSERT_OK(got);
    std::vector<uint8_t> expected(got->size());
    clone.content.read(0, expected);
    ASSERT_TRUE(*got == expected) << "clone " << to_string(id) << " differs";
  }

  // The states that fit, over all blocks: at least one must be left.
  void compare(const Id& id, History& history) {
    const auto got = world_.read(id, 0, kBytes);
    ASSERT_OK(got);
    std::vector<uint8_t> expected(kBytes);
    for (size_t i = 0; i < history.states.size(); i++) {
      history.states[i].read(0, expected);
      if (*got != expected) continue;
      ByteModel found = history.states[i];
      history.states.assign(1, std::move(found));
      return;
    }
    FAIL() << "volume " << to_string(id) << " equals none of the " << history.states.size()
           << " states since its last flush";
  }

  const uint64_t seed_;
  Prng prng_;
  SimDisk disk_;
  PoolWorld world_;
  std::map<Id, History> volumes_;
  std::map<Id, ByteModel> cuts_;
  std::map<Id, Clone> clones_;
  uint64_t next_id_ = 1;
  uint64_t capacity_ = (20ull << 20) / kBlockBytes;  // blocks; what was answered last
  uint64_t wanted_capacity_ = capacity_;
};

// The power goes at every operation of a short life in turn, for several seeds, and again while the
// pool recovers from that.
void crash_everywhere(uint64_t seed, uint64_t first, uint64_t last) {
  std::printf("[ SEED     ] %llu\n", static_cast<unsigned long long>(seed));
  SCOPED_TRACE("seed " + std::to_string(seed) +
               "; replay: ASHLAR_TEST_SEED=" + std::to_string(seed));
  for (uint64_t at = first; at < last && !testing::Test::HasFailure(); at++) {
    SCOPED_TRACE("power cut at operation " + std::to_string(at));
    CrashRun run(seed);
    run.live(at, 200);
    run.live(at % 7, 0);  // dies while recovering
    run.recover_and_compare();
    if (testing::Test::HasFailure()) return;
    run.live(at % 61 + 3, 60);
    run.recover_and_compare();
  }
}

class Crash : public testing::TestWithParam<uint64_t> {};
TEST_P(Crash, KeepsAPrefixWithEverythingFlushed) {
  crash_everywhere(test_seed(500 + GetParam()), 0, test_scale(150));
}
INSTANTIATE_TEST_SUITE_P(Seeds, Crash, testing::Range<uint64_t>(0, 8));

TEST(FailedSync, MakesThePoolReadOnly) {  // I6
  SimDisk disk;
  PoolWorld world(disk, 1, 20 << 20);
  ASSERT_OK(world.open());
  CreateVolume order;
  order.id = test_id(1);
  order.bytes = 1 << 20;
  ASSERT_OK(world.volumes->create(order));
  auto io = world.volume(order.id);
  ASSERT_OK(io);
  const std::vector<uint8_t> data(kBlockBytes, 7);
  ASSERT_OK(world.write(order.id, 0, data));
  world.device->fail_syncs(true);
  const auto flushed = (*io)->flush();
  ASSERT_FALSE(flushed);
  world.device->fail_syncs(false);
  const auto again = (*io)->flush();  // nothing retries a failed sync
  ASSERT_FALSE(again);
  const auto written = world.write(order.id, 0, data);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Code::kPoolReadOnly);
}

}  // namespace
}  // namespace ashlar::test
