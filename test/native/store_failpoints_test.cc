// The matrix over base/failpoints.def, for the store and for files: a process of its own is killed
// by SIGKILL at the failpoint, at its first passage and at a later one that is drawn, while its
// other threads go on. Then the store is opened by the next life: what is promised is whole, and
// what was being removed goes in the end. A child is this program again, started anew instead of
// forked: RocksDB's threads would not survive a fork.
// Replay: ASHLAR_TEST_SEED=<seed> build/check/ashlar_tests --gtest_filter=<test>
#include <fcntl.h>
#include <rocksdb/db.h>
#include <spawn.h>
#include <sys/wait.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "commit/create.h"
#include "store/check.h"
#include "store/mend.h"
#include "support/failpoint_plan.h"
#include "support/pool_world.h"
#include "support/store_life.h"

extern char** environ;

namespace ashlar::test {
namespace {

enum class Doing : uint8_t { kLife, kDamaged, kRebuild, kMakePool, kRepairPool };

struct Row {
  Failpoint failpoint;
  Doing doing;
  uint64_t passages = 3;  // as often as a process surely comes there, or more
};
constexpr Row kRows[] = {
    {Failpoint::kStoreEpoch, Doing::kLife, 1},
    {Failpoint::kPackAppears, Doing::kLife},
    {Failpoint::kIndexDrop, Doing::kLife},
    {Failpoint::kIndexMove, Doing::kLife},
    {Failpoint::kIndexForget, Doing::kLife},
    {Failpoint::kRemovalBegin, Doing::kLife},
    {Failpoint::kPackDelete, Doing::kLife},
    {Failpoint::kRemovalEnd, Doing::kLife},
    {Failpoint::kGapsFound, Doing::kLife, 1},
    {Failpoint::kIndexDestroy, Doing::kLife, 1},
    {Failpoint::kIndexLose, Doing::kDamaged, 1},
    {Failpoint::kQuarantine, Doing::kDamaged},
    {Failpoint::kQuarantineLift, Doing::kDamaged},
    {Failpoint::kIndexReplace, Doing::kRebuild, 2},
    {Failpoint::kPoolOverwrite, Doing::kMakePool, 2},
    {Failpoint::kPoolAppears, Doing::kMakePool, 2},
    {Failpoint::kRepairFree, Doing::kRepairPool},
};

PoolOptions options_of_pool() {
  PoolOptions options;
  options.capacity_bytes = 16 << 20;
  options.background = false;
  return options;
}

// ---- the child

// Until it is killed: when there is something to collect depends on how far the sessions come
// beside the collections. The bound is for a failpoint that nobody passes any more.
constexpr uint64_t kCollections = 2000;
constexpr uint64_t kPoolBlocks = 64;
constexpr size_t kDamaged = 12;

Result<void> make_pools(const std::string& folder) {
  const std::string path = folder + "/pool";
  // Somebody else opens it meanwhile, and makes it when there is none; one of the two is refused.
  std::thread other([&] { (void)open_pool_at(path, options_of_pool()); });
  const auto made = make_pool_at(path, options_of_pool(), Over::kAnything);
  other.join();
  if (!made && made.error().code != Code::kInUse) return made.error();
  TRY(make_pool_at(path, options_of_pool(), Over::kAnything));
  TRY(make_pool_at(path, options_of_pool(), Over::kAnything));
  return {};
}

Result<void> write_pool(Volumes& volumes) {
  CreateVolume order;
  order.id = test_id(1);
  order.bytes = kPoolBlocks * kBlockBytes;
  TRY(volumes.create(order));
  TRY(volumes.attach(test_id(2), test_id(1), "host", false));
  const auto io = TRY(volumes.find_export(to_string(test_id(2)))).volume;
  const std::vector<uint8_t> data(order.bytes, 0x5a);
  WriteRequest request;
  request.data = data;
  io->write(std::span(&request, 1));
  if (request.failed) return request.error;
  return io->flush();
}

// What an earlier version leaked: marked as used, and in no map.
Result<void> leak_and_repair(const std::string& folder) {
  const auto pool = TRY(open_pool_at(folder + "/pool", options_of_pool()));
  Volumes volumes(*pool);
  TRY(write_pool(volumes));
  for (const PoolRun& run : TRY(pool->allocate(100)))
    pool->space().note_mapped(run, pool->journal().generation());
  TRY(pool->checkpoint());
  TRY(pool->check(true));
  return {};
}

Result<void> do_it(Doing doing, const std::string& folder, uint64_t seed) {
  if (doing == Doing::kMakePool) return make_pools(folder);
  if (doing == Doing::kRepairPool) return leak_and_repair(folder);
  if (doing == Doing::kRebuild) {
    TRY(rebuild_index(folder + "/store"));
    return {};
  }
  const auto store = TRY(open_store(folder + "/store"));
  const StoreCatalog catalog(folder + "/catalog");
  return StoreLife(*store, catalog, seed).run(kCollections);
}

// Only with what the test below puts into its environment.
TEST(FailpointChild, DISABLED_Dies) {
  const char* orders = std::getenv("ASHLAR_FAILPOINT_CHILD");
  if (!orders) GTEST_SKIP() << "is a part of StoreFailpoint";
  std::istringstream words(orders);
  unsigned row = 0;
  uint64_t passage = 0;
  uint64_t seed = 0;
  std::string folder;
  words >> row >> passage >> seed >> folder;
  FailpointPlan plan;
  // Half of the time the others go on for a while: what was done too early, they make use of.
  const std::chrono::milliseconds pause(seed % 2 == 0 ? seed % 30 : 0);
  plan.strike_at(kRows[row].failpoint, passage, [pause] {
    std::this_thread::sleep_for(pause);
    ::kill(::getpid(), SIGKILL);
  });
  const auto done = do_it(kRows[row].doing, folder, seed);
  ASSERT_OK(done);
}

// ---- its parent

class StoreFailpoint : public testing::TestWithParam<Row> {
 protected:
  std::string store() const { return temp_.path() + "/store"; }
  std::string pool() const { return temp_.path() + "/pool"; }

  // Whether it was killed; else it came to its end.
  bool run_child(uint64_t passage, uint64_t seed) {
    const size_t row =
        size_t(std::find_if(std::begin(kRows), std::end(kRows),
                            [&](const Row& at) { return at.failpoint == GetParam().failpoint; }) -
               std::begin(kRows));
    std::vector<std::string> environment = {"ASHLAR_FAILPOINT_CHILD=" + std::to_string(row) + " " +
                                            std::to_string(passage) + " " + std::to_string(seed) +
                                            " " + temp_.path()};
    for (char** at = environ; *at; at++) {
      // Shards and reports are the parent's.
      if (std::string(*at).rfind("GTEST_", 0) != 0) environment.push_back(*at);
    }
    std::vector<std::string> words = {"ashlar_tests", "--gtest_filter=FailpointChild.*",
                                      "--gtest_also_run_disabled_tests"};
    const auto pointers = [](std::vector<std::string>& texts) {
      std::vector<char*> list;
      for (std::string& text : texts)
        list.push_back(text.data());
      list.push_back(nullptr);
      return list;
    };
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    const std::string said = temp_.path() + "/said";
    posix_spawn_file_actions_addopen(&actions, 1, said.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    pid_t child = 0;
    const int failed = ::posix_spawn(&child, "/proc/self/exe", &actions, nullptr,
                                     pointers(words).data(), pointers(environment).data());
    posix_spawn_file_actions_destroy(&actions);
    int status = 0;
    EXPECT_EQ(failed, 0);
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) return true;
    const std::vector<uint8_t> text = read_file(said);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0)
        << "the child's status is " << status << "\n"
        << std::string(text.begin(), text.end());
    return false;
  }

  // So that the child comes to the failpoint.
  void prepare() {
    switch (GetParam().failpoint) {
      case Failpoint::kGapsFound:
        return drop_index(store());
      case Failpoint::kIndexDestroy:
        return make_old_index();
      case Failpoint::kIndexLose:
        return lose_pack();
      case Failpoint::kQuarantine:
      case Failpoint::kQuarantineLift:
        return damage_chunks();
      default:
        return;
    }
  }

  void make_old_index() {
    rocksdb::DB* raw = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open({}, store() + "/index", &raw).ok());
    const std::unique_ptr<rocksdb::DB> db(raw);
    ASSERT_TRUE(db->Put({}, "format", "1").ok());
  }

  // Where chunks are that snapshots need.
  std::vector<Location> needed_chunks() {
    const auto opened = open_store(store());
    EXPECT_OK(opened);
    std::set<Hash> ids;
    for (const Snapshot& snapshot : catalog_.snapshots()) {
      for (const auto& [index, content] : snapshot.image)
        ids.insert(id_of(content));
    }
    std::vector<Location> chunks;
    for (const Hash& id : ids) {
      const auto at = (*opened)->index().find(id);
      EXPECT_OK(at);
      if (*at && chunks.size() < kDamaged) chunks.push_back(**at);
    }
    EXPECT_EQ(chunks.size(), kDamaged);
    return chunks;
  }
  std::string path_of(const PackName& pack) const { return store() + "/packs/" + pack.file_name(); }
  void lose_pack() { fs::remove(path_of(needed_chunks().at(0).pack)); }
  void damage_chunks() {
    for (const Location& at : needed_chunks())
      flip_bit(path_of(at.pack), at.offset + sizeof(FrameHeader) + 5);
  }

  // The next life: everything that is promised, and in the end nothing else.
  void expect_sound() {
    if (GetParam().doing == Doing::kMakePool) return expect_pool();
    if (GetParam().doing == Doing::kRepairPool) return expect_repaired_pool();
    const std::vector<Snapshot> promised = catalog_.snapshots();
    {
      const auto opened = open_store(store());
      ASSERT_OK(opened);
      ChunkStore& store = **opened;
      if (GetParam().doing == Doing::kDamaged) mend(store, promised);
      expect_whole(store, promised);
      ASSERT_OK(collect(store, promised));
      expect_whole(store, promised);
      EXPECT_TRUE(store.quarantined().empty());
      const auto stats = store.stats();
      ASSERT_OK(stats);
      const uint64_t reachable = reachable_bytes(store, promised, 0);
      EXPECT_LE(stats->pack_bytes,
                reachable + reachable / 10 + 2 * (sizeof(PackHeader) + sizeof(PackFooter)));
    }
    EXPECT_FALSE(fs::exists(store() + "/REMOVAL"));
    const auto report = check_store(store(), chunk_keys());
    ASSERT_OK(report);
    EXPECT_TRUE(report->problems.empty()) << report->problems.front();
  }
  // As repairs.ts does it: what reads find damaged comes again, until they find nothing.
  static void mend(ChunkStore& store, const std::vector<Snapshot>& promised) {
    for (size_t round = 0; round <= kDamaged; round++) {
      bool whole = true;
      for (const Snapshot& snapshot : promised)
        whole = bool(is_whole(store, snapshot)) && whole;
      if (whole) return;
      for (const Snapshot& snapshot : promised)
        ASSERT_OK(pull(store, snapshot.image));
    }
  }
  static void expect_whole(ChunkStore& store, const std::vector<Snapshot>& promised) {
    for (const Snapshot& snapshot : promised)
      EXPECT_TRUE(is_whole(store, snapshot));
    EXPECT_TRUE(is_closed(store));
  }

  // Whole or not at all, and in nobody's way.
  void expect_pool() {
    const auto opened = open_pool_at(pool(), options_of_pool());
    ASSERT_OK(opened);
    const auto report = (*opened)->check(false);
    ASSERT_OK(report);
    EXPECT_TRUE(report->problems.empty()) << report->problems.front();
    ASSERT_OK((*opened)->close());
  }
  void expect_repaired_pool() {
    const auto opened = open_pool_at(pool(), options_of_pool());
    ASSERT_OK(opened);
    ASSERT_OK((*opened)->check(true));
    const auto report = (*opened)->check(false);
    ASSERT_OK(report);
    EXPECT_EQ(report->leaked_blocks, 0u);
    EXPECT_TRUE(report->problems.empty()) << report->problems.front();
    Volumes volumes(**opened);
    const auto found = volumes.find_export(to_string(test_id(2)));
    ASSERT_OK(found);
    std::vector<uint8_t> data(kPoolBlocks * kBlockBytes);
    ReadRequest request;
    request.into = data;
    found->volume->read(std::span(&request, 1), Wait::kAllowed);
    ASSERT_EQ(request.outcome, ReadRequest::Outcome::kDone);
    EXPECT_TRUE(std::all_of(data.begin(), data.end(), [](uint8_t byte) { return byte == 0x5a; }));
  }

  TempFolder temp_;
  const StoreCatalog catalog_{temp_.path() + "/catalog"};
};

TEST_P(StoreFailpoint, LosesNothing) {
  const uint64_t seed = test_seed(uint64_t(GetParam().failpoint) * 1000 + 1);
  std::printf("[ SEED     ] %llu\n", static_cast<unsigned long long>(seed));
  SCOPED_TRACE("seed " + std::to_string(seed));
  Prng prng(seed);
  const bool of_store =
      GetParam().doing != Doing::kMakePool && GetParam().doing != Doing::kRepairPool;
  if (of_store) {
    // Something to begin with.
    const auto opened = open_store(store());
    ASSERT_OK(opened);
    for (uint64_t i = 0; i < 4; i++) {
      const uint64_t number = prng.below(100'000);
      ASSERT_OK(pull(**opened, image_of_number(number)));
      catalog_.note('+', number);
    }
  }
  const uint64_t kills = std::max<uint64_t>(2, test_scale(2));
  for (uint64_t i = 0; i < kills && !HasFailure(); i++) {
    const uint64_t most = GetParam().passages;
    const uint64_t passage = i == 0 || most == 1 ? 1 : prng.between(2, most);
    SCOPED_TRACE("killed at passage " + std::to_string(passage));
    if (of_store) prepare();
    if (HasFatalFailure()) return;
    EXPECT_TRUE(run_child(passage, prng.next() % 1'000'000))
        << failpoint_name(GetParam().failpoint) << " was not reached so often";
    expect_sound();
  }
}

std::string name_of(const testing::TestParamInfo<Row>& info) {
  return std::string(failpoint_name(info.param.failpoint)).substr(1);
}
INSTANTIATE_TEST_SUITE_P(Files, StoreFailpoint, testing::ValuesIn(kRows), name_of);

// Whoever adds one to the list adds it to a matrix.
TEST(Failpoints, AreAllInAMatrix) {
  std::set<Failpoint> covered(std::begin(kPoolFailpoints), std::end(kPoolFailpoints));
  for (const Row& row : kRows)
    EXPECT_TRUE(covered.insert(row.failpoint).second) << failpoint_name(row.failpoint);
#define ASHLAR_CXX_FAILPOINT(name, follows) \
  EXPECT_TRUE(covered.contains(Failpoint::name)) << #name " is in no matrix";
#define ASHLAR_TS_FAILPOINT(name, follows)
#include "base/failpoints.def"
#undef ASHLAR_CXX_FAILPOINT
#undef ASHLAR_TS_FAILPOINT
}

}  // namespace
}  // namespace ashlar::test
