// Model test (DESIGN 12.1): random writes, trims, zeroes, unaligned edges, growth, cuts, drops,
// deletes, volumes from cuts, fast-restore clones, checkpoints and restarts against a plain byte
// model. After each step
// the touched bytes are equal; from time to time everything is, the births tell no lie (I3) and a
// full walk equals the allocator (I5). Replay: ASHLAR_TEST_SEED=<seed> build/check/ashlar_tests
// --gtest_filter=Model.*
#include <map>
#include <set>

#include "seal/merkle.h"
#include "support/pool_world.h"

namespace ashlar::test {
namespace {

struct ModelCut {
  ByteModel content;
  Id volume;
  LineageId lineage = 0;
  Epoch epoch = 0;
  bool claimed = true;  // by its snapshot; else only clones keep it
  std::set<Id> clones = {};
};

// A clone that is being made of a snapshot, in a hidden volume.
struct ModelBuild {
  ByteModel content;
  Id snapshot;
  bool filling = false;
};

class ModelRun {
 public:
  ModelRun(uint64_t seed, uint64_t capacity) : prng_(seed), world_(disk_, seed, capacity) {}

  void open() {
    ASSERT_OK(world_.open([](SimDevice& device) { device.write_through(); }));
  }

  void step() {
    const uint64_t dice = prng_.below(1000);
    if (live_.empty() || (dice < 4 && live_.size() < 6)) return create();
    if (dice < 400) return write();
    if (dice < 480) return erase();
    if (dice < 860) return read();
    if (dice < 880) return cut();
    if (dice < 892) return drop();
    if (dice < 896 && live_.size() < 6) return branch();
    if (dice < 899) return remove();
    if (dice < 902) return grow();
    if (dice < 915) return checkpoint();
    if (dice < 918) return create_clone();
    if (dice < 940) return build_clone();
    if (dice < 942) return remove_clone();
    if (dice < 985) return free_some();
    if (dice < 986) {
      if (prng_.chance(30)) restart();
      return;
    }
    if (dice < 987) {
      if (prng_.chance(20)) compare_all();
      return;
    }
    if (dice < 989) return births();
    flush();
  }

  void finish() {
    compare_all();
    restart();
    compare_all();
    std::printf("[ CLONES   ] %llu held, %llu hydrated, %llu filled\n", count_of(held_),
                count_of(hydrated_), count_of(filled_));
    // A run of some length meets every way of making one.
    if (held_ + hydrated_ + filled_ > 100) {
      EXPECT_GT(held_, 0u);
      EXPECT_GT(hydrated_, 0u);
      EXPECT_GT(filled_, 0u);
    }
  }

 private:
  static unsigned long long count_of(uint64_t count) { return count; }

  Id pick() {
    auto at = live_.begin();
    std::advance(at, int64_t(prng_.below(live_.size())));
    return at->first;
  }

  void create() {
    const Id id = test_id(next_id_++);
    CreateVolume order;
    order.id = id;
    // One level, two levels, three levels.
    const uint64_t sizes[] = {1ull << 20, 3ull << 20, 700ull << 20};
    order.bytes = sizes[prng_.below(3)] + kBlockBytes * prng_.below(20);
    ASSERT_OK(world_.volumes->create(order));
    live_[id].bytes = order.bytes;
  }

  // Places cluster, so that ranges meet again.
  uint64_t place(const ByteModel& model) {
    const uint64_t spots[] = {0, 1 << 20, 255ull << 20, 300ull << 20, 512ull << 20};
    const uint64_t base = spots[prng_.below(5)];
    uint64_t offset = (base < model.bytes ? base : 0) + prng_.below(2 << 20);
    if (prng_.chance(70)) offset = offset / kBlockBytes * kBlockBytes;
    return std::min(offset, model.bytes - 1);
  }
  uint64_t length(const ByteModel& model, uint64_t offset, uint64_t most) {
    uint64_t bytes = prng_.chance(70) ? kBlockBytes * prng_.between(1, 4) : prng_.between(1, most);
    return std::min(bytes, model.bytes - offset);
  }

  void write() {
    const Id id = pick();
    ByteModel& model = live_[id];
    const uint64_t offset = place(model);
    std::vector<uint8_t> data(length(model, offset, 100'000));
    std::memset(data.data(), int(prng_.below(256)), data.size());
    data[prng_.below(data.size())] = uint8_t(prng_.next());
    const auto written = world_.write(id, offset, data);
    if (!written && written.error().code == Code::kNoSpace) {
      take_partial(id, model, offset, data);
      return make_space();
    }
    ASSERT_OK(written);
    model.write(offset, data);
  }

  void erase() {
    const Id id = pick();
    ByteModel& model = live_[id];
    uint64_t offset = place(model);
    uint64_t bytes = length(model, offset, 3'000'000);
    if (prng_.chance(3)) {
      offset = 0;
      bytes = model.bytes;
    }
    auto io = world_.volume(id);
    ASSERT_OK(io);
    const auto erased =
        (*io)->erase({offset, bytes}, prng_.chance(30) ? Erase::kZeroKeep : Erase::kHole);
    if (!erased && erased.error().code == Code::kNoSpace) {
      take_partial(id, model, offset, std::vector<uint8_t>(bytes));
      return make_space();
    }
    ASSERT_OK(erased);
    model.zero(offset, bytes);
  }

  // A refused change may have happened in part: every byte is the old one or the new one.
  void take_partial(const Id& id, ByteModel& model, uint64_t offset,
                    const std::vector<uint8_t>& data) {
    const auto got = world_.read(id, offset, data.size());
    ASSERT_OK(got);
    std::vector<uint8_t> old(data.size());
    model.read(offset, old);
    for (size_t i = 0; i < data.size(); i++) {
      ASSERT_TRUE((*got)[i] == old[i] || (*got)[i] == data[i]) << "byte " << offset + i;
    }
    model.write(offset, *got);
  }

  void read() {
    const Id id = pick();
    const ByteModel& model = live_[id];
    const uint64_t offset = place(model);
    compare(id, model, offset, length(model, offset, 200'000));
  }

  void compare(const Id& id, const ByteModel& model, uint64_t offset, uint64_t bytes) {
    const auto got = world_.read(id, offset, bytes);
    ASSERT_OK(got);
    std::vector<uint8_t> expected(bytes);
    model.read(offset, expected);
    ASSERT_TRUE(*got == expected) << "volume " << to_string(id) << " differs in " << offset << "+"
                                  << bytes;
  }

  void cut() {
    CutOrder order;
    order.group = test_id(next_id_++);
    order.members.push_back({pick(), test_id(next_id_++)});
    const auto rows = world_.volumes->cut(order);
    if (!rows && rows.error().code == Code::kNoSpace) return make_space();
    ASSERT_OK(rows);
    cuts_[order.members[0].snapshot] = {live_[order.members[0].volume], order.members[0].volume,
                                        (*rows)[0].lineage, (*rows)[0].epoch};
  }

  void drop() {
    if (cuts_.empty()) return;
    auto at = cuts_.begin();
    std::advance(at, int64_t(prng_.below(cuts_.size())));
    ASSERT_OK(world_.volumes->drop_cut(at->first));
    at->second.claimed = false;
    if (at->second.clones.empty()) cuts_.erase(at);
  }

  // Of a snapshot whose cut is here, or of one that only a region has: what some cut holds, changed
  // a little, maybe built on that cut.
  void create_clone() {
    if (cuts_.empty() || builds_.size() > 2) return;
    auto at = cuts_.begin();
    std::advance(at, int64_t(prng_.below(cuts_.size())));
    CreateClone order;
    order.id = test_id(next_id_++);
    order.origin.pin = test_id(next_id_++);
    ModelBuild build{at->second.content, at->first};
    const bool held = prng_.chance(40);
    if (!held) {
      build.snapshot = test_id(next_id_++);
      if (prng_.chance(50)) order.base = at->first;
      const bool grown = prng_.chance(20);
      if (grown) build.content.bytes += 17 * kBlockBytes;
      for (uint64_t changes = prng_.below(4); changes > 0; changes--) {
        const std::vector<uint8_t> data(kBlockBytes * prng_.between(1, 20), uint8_t(prng_.next()));
        const uint64_t offset = prng_.below(build.content.bytes / kBlockBytes) * kBlockBytes;
        const uint64_t bytes = std::min(data.size(), build.content.bytes - offset);
        if (prng_.chance(30)) {
          build.content.zero(offset, bytes);
        } else {
          build.content.write(offset, Bytes(data).first(bytes));
        }
      }
    }
    order.origin.snapshot = build.snapshot;
    order.origin.manifest = make_manifest(build.content.bytes, {}, Hash{});
    const auto made = world_.volumes->create_clone(order);
    if (!made && made.error().code == Code::kNoSpace) return make_space();
    ASSERT_OK(made);
    ASSERT_OK(world_.volumes->create_clone(order));  // repeated: the same
    const CloneRow row = clone_row(order.id);
    build.filling = CloneState(row.state) == CloneState::kFilling;
    ASSERT_EQ(CloneState(row.state) == CloneState::kAvailable, held);
    if (held) {
      at->second.clones.insert(order.id);
      held_++;
    } else {
      builds_[order.id] = build;
    }
  }

  CloneRow clone_row(const Id& id) {
    const CloneRow* row = std::as_const(world_.pool->state()).clone(id);
    CHECK(row != nullptr);
    return *row;
  }

  // Some of what it lacks arrives; when that was all it is a cut.
  void build_clone() {
    if (builds_.empty()) return;
    auto at = builds_.begin();
    std::advance(at, int64_t(prng_.below(builds_.size())));
    const auto built = at->second.filling ? fill(at->first, at->second) : hydrate(at->second);
    if (!built && built.error().code == Code::kNoSpace) return make_space();
    ASSERT_OK(built);
    const auto settled = world_.volumes->settle();
    if (!settled && settled.error().code == Code::kNoSpace) return make_space();
    ASSERT_OK(settled);
    const CloneRow row = clone_row(at->first);
    ASSERT_EQ(CloneState(row.state) == CloneState::kAvailable, *built);
    if (!*built) return;
    (at->second.filling ? filled_ : hydrated_)++;
    cuts_[at->second.snapshot] = {at->second.content, Id{},  row.lineage,
                                  row.epoch,          false, {at->first}};
    builds_.erase(at);
  }

  // True when it has everything.
  Result<bool> hydrate(const ModelBuild& build) {
    const auto hydrator = TRY(world_.volumes->origin(build.snapshot)).hydrator;
    const Turn turn = hydrator->reopen(Lane::kBackground);
    for (uint64_t rounds = prng_.between(1, 200); rounds > 0; rounds--) {
      const auto wanted = hydrator->next_wanted(turn, 16);
      if (!wanted) return hydrator->hydrated();
      for (const uint64_t chunk : *wanted) {
        if (!build.content.any_block(chunk * kBlocksPerChunk, kBlocksPerChunk)) {
          TRY(hydrator->install_zeros(chunk, 1));
          continue;
        }
        std::vector<uint8_t> bytes(kChunkBytes);
        const uint64_t from = chunk * kChunkBytes;
        const uint64_t count = std::min(kChunkBytes, build.content.bytes - from);
        build.content.read(from, MutableBytes(bytes).first(count));
        if (std::all_of(bytes.begin(), bytes.end(), [](uint8_t byte) { return byte == 0; })) {
          TRY(hydrator->install_zeros(chunk, 1));
        } else {
          TRY(hydrator->install(Lane::kBackground, chunk, bytes));
        }
      }
    }
    hydrator->close(turn);
    return false;
  }

  Result<bool> fill(const Id& id, const ModelBuild& build) {
    const auto target = TRY(world_.volumes->clone_target(id));
    const uint64_t end = build.content.bytes;
    // What lies beyond is a hole on both sides, or the model would have blocks there.
    std::set<uint64_t> chunks;
    const auto add_chunks = [&](const ByteModel& model) {
      const auto& blocks = model.blocks();
      for (auto at = blocks.begin(); at != blocks.end();) {
        const uint64_t chunk = at->first / kBlocksPerChunk;
        chunks.insert(chunk);
        at = blocks.lower_bound((chunk + 1) * kBlocksPerChunk);
      }
    };
    add_chunks(build.content);
    for (uint64_t chunk = 0; chunk < std::min<uint64_t>(end / kChunkBytes + 1, 64); chunk++)
      chunks.insert(chunk);
    for (const auto& [snapshot, cut] : cuts_)
      add_chunks(cut.content);
    for (const uint64_t chunk : chunks) {
      if (chunk * kChunkBytes >= end) continue;
      if (prng_.chance(1)) return false;  // the pull breaks off
      std::vector<uint8_t> want(std::min(kChunkBytes, end - chunk * kChunkBytes));
      std::vector<uint8_t> have(want.size(), 0);
      build.content.read(chunk * kChunkBytes, want);
      ReadRequest read;
      read.offset = chunk * kChunkBytes;
      read.into = have;
      target->volume().read(std::span(&read, 1), Wait::kAllowed);
      if (read.outcome == ReadRequest::Outcome::kFailed) return read.error;
      for (const ByteRange& zeros : read.zeros)
        std::memset(have.data() + zeros.offset, 0, zeros.bytes);
      if (have == want) continue;
      WriteRequest write;
      write.offset = chunk * kChunkBytes;
      write.data = want;
      target->volume().write(std::span(&write, 1));
      if (write.failed) return write.error;
    }
    target->finish();
    return true;
  }

  void remove_clone() {
    std::vector<Id> all;
    for (const auto& [id, build] : builds_)
      all.push_back(id);
    for (const auto& [snapshot, cut] : cuts_)
      all.insert(all.end(), cut.clones.begin(), cut.clones.end());
    if (all.empty()) return;
    const Id id = all[prng_.below(all.size())];
    ASSERT_OK(world_.volumes->remove_clone(id));
    ASSERT_OK(world_.volumes->remove_clone(id));
    builds_.erase(id);
    for (auto& [snapshot, cut] : cuts_)
      cut.clones.erase(id);
    std::erase_if(cuts_,
                  [](const auto& at) { return at.second.clones.empty() && !at.second.claimed; });
    if (prng_.chance(30)) ASSERT_OK(world_.volumes->forget_tombstone(id));
  }

  void branch() {
    if (cuts_.empty()) return;
    auto at = cuts_.begin();
    std::advance(at, int64_t(prng_.below(cuts_.size())));
    CreateVolume order;
    order.id = test_id(next_id_++);
    order.cut = at->first;
    order.bytes = at->second.content.bytes + (prng_.chance(30) ? 5ull << 20 : 0);
    ASSERT_OK(world_.volumes->create(order));
    live_[order.id] = at->second.content;
    live_[order.id].bytes = order.bytes;
  }

  void remove() {
    const Id id = pick();
    ASSERT_OK(world_.remove(id));
    live_.erase(id);
  }

  void grow() {
    const Id id = pick();
    ByteModel& model = live_[id];
    if (model.bytes > 1ull << 30) return;
    const uint64_t bytes = model.bytes + (prng_.chance(20) ? 300ull << 20 : kBlockBytes * 100);
    ASSERT_OK(world_.volumes->grow(id, bytes));
    model.bytes = bytes;
  }

  void checkpoint() { ASSERT_OK(world_.pool->checkpoint()); }
  void flush() { ASSERT_OK(world_.pool->sync()); }

  void free_some() {
    for (uint64_t i = 0; i < 10 && world_.pool->free_step(); i++) {
    }
    ASSERT_TRUE(world_.pool->problems().empty()) << world_.pool->problems()[0];
  }

  void make_space() {
    while (cuts_.size() + builds_.size() > 1) {
      const size_t before = cuts_.size() + builds_.size();
      drop();
      if (cuts_.size() + builds_.size() == before) remove_clone();
      if (testing::Test::HasFailure()) return;
    }
    remove();
    checkpoint();
    for (int i = 0; i < 50; i++)
      free_some();
    checkpoint();
  }

  void restart() {
    if (prng_.chance(50)) ASSERT_OK(world_.pool->sync());
    if (prng_.chance(50)) {
      ASSERT_OK(world_.pool->close());
    } else {
      ASSERT_OK(world_.pool->sync());  // then as if killed: the journal is replayed
    }
    open();
    check();
  }

  void check() {
    const auto report = world_.pool->check(false);
    ASSERT_OK(report);
    for (const std::string& problem : report->problems)
      ADD_FAILURE() << problem;
  }

  void compare_all() {
    check();
    for (const auto& [id, model] : live_) {
      compare(id, model, 0, std::min<uint64_t>(model.bytes, 3 << 20));
      for (const auto& [block, data] : model.blocks()) {
        if (prng_.chance(10)) compare(id, model, block * kBlockBytes, kBlockBytes);
      }
    }
    for (const auto& [id, cut] : cuts_) {
      const uint64_t chunks =
          std::min<uint64_t>(48, (cut.content.bytes + kChunkBytes - 1) / kChunkBytes);
      const auto got = world_.read_cut(id, 0, chunks);
      ASSERT_OK(got);
      std::vector<uint8_t> expected(chunks * kChunkBytes);
      const uint64_t bytes = std::min(expected.size(), cut.content.bytes);
      cut.content.read(0, MutableBytes(expected).first(bytes));
      ASSERT_TRUE(*got == expected) << "cut " << to_string(id) << " differs";
    }
  }

  // I3: for two cuts of one lineage, what is born after the first covers every byte that differs.
  void births() {
    for (const auto& [a_id, a] : cuts_) {
      for (const auto& [b_id, b] : cuts_) {
        if (a.lineage != b.lineage || a.epoch >= b.epoch) continue;
        const CutRow* row = std::as_const(world_.pool->state()).cut(b_id);
        ASSERT_NE(row, nullptr);
        std::set<uint64_t> born;
        for (;;) {
          born.clear();
          const uint64_t blocks = std::min<uint64_t>(b.content.bytes / kBlockBytes, 600);
          const auto missing =
              ExtentMap::diff(world_.pool->pages(), row->root, height_for(row->bytes), 0, blocks,
                              a.epoch, [&](uint64_t at, uint64_t count, const MapEntry& entry) {
                                for (uint64_t i = 0; i < count && entry.birth() > a.epoch; i++)
                                  born.insert(at + i);
                                return true;
                              });
          if (!missing) break;
          ASSERT_OK(world_.pool->load(*missing));
        }
        for (uint64_t block = 0; block < std::min<uint64_t>(b.content.bytes / kBlockBytes, 600);
             block++) {
          if (a.content.same_block(b.content, block)) continue;
          ASSERT_TRUE(born.contains(block)) << "block " << block << " changed, but was not born";
        }
      }
    }
  }

  SimDisk disk_;
  Prng prng_;
  PoolWorld world_;
  std::map<Id, ByteModel> live_;
  std::map<Id, ModelCut> cuts_;
  std::map<Id, ModelBuild> builds_;
  uint64_t next_id_ = 1;
  uint64_t held_ = 0;  // clones that became available, by the way
  uint64_t hydrated_ = 0;
  uint64_t filled_ = 0;
};

void run_model(uint64_t seed, uint64_t steps, uint64_t capacity) {
  SCOPED_TRACE("seed " + std::to_string(seed) +
               "; replay: ASHLAR_TEST_SEED=" + std::to_string(seed));
  std::printf("[ SEED     ] %llu\n", static_cast<unsigned long long>(seed));
  ModelRun run(seed, capacity);
  run.open();
  for (uint64_t i = 0; i < steps && !testing::Test::HasFailure(); i++)
    run.step();
  if (!testing::Test::HasFailure()) run.finish();
}

// Eight runs, so that shards share them; together at least a million operations.
class Model : public testing::TestWithParam<uint64_t> {};
TEST_P(Model, MatchesBytes) {
  const bool tight = GetParam() % 4 == 3;
  run_model(test_seed(1000 + GetParam()), test_scale(65'000), tight ? 48ull << 20 : 256ull << 20);
}
INSTANTIATE_TEST_SUITE_P(Runs, Model, testing::Range<uint64_t>(0, 8));

}  // namespace
}  // namespace ashlar::test
