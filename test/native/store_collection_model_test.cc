// Collection against a model: random pulls (looking, writing, finishing and committing in steps, or
// dropped), deletes, collections whose steps lie between theirs, restarts, kills at any call, lost
// indexes. After each commit, collection and restart every committed root is whole; at the end the
// store has shrunk to what is reachable. Replay:
// ASHLAR_TEST_SEED=<seed> build/check/ashlar_tests --gtest_filter='*StoreCollectionModel*'
#include <atomic>
#include <cerrno>
#include <thread>

#include "support/failing_calls.h"
#include "support/snapshot_world.h"

namespace ashlar::test {
namespace {

constexpr uint64_t kNumbers = 120;  // few enough that what was deleted comes back

Image changed(Image image, Prng& prng) {
  const uint64_t changes = prng.between(1, 25);
  for (uint64_t i = 0; i < changes; i++) {
    const uint64_t index = prng.below(kImageChunks);
    const auto at = image.find(index);
    if (prng.chance(10)) {
      image.erase(index);
    } else if (at != image.end() && prng.chance(60)) {
      at->second.variant = prng.between(0, 20);  // a delta, mostly
    } else {
      image[index] = {prng.below(kNumbers), 0};
    }
  }
  return image;
}

class CollectionRun {
 public:
  explicit CollectionRun(uint64_t seed) : prng_(seed) {}

  void open() {
    auto opened = open_store(folder());
    ASSERT_OK(opened);
    store_ = *std::move(opened);
  }

  void step() {
    const uint64_t dice = prng_.below(1000);
    if (pulls_.empty() || (dice < 120 && pulls_.size() < 4)) return begin_pull();
    if (dice < 300) return look_or_write();
    if (dice < 420) return finish_pull();
    if (dice < 450) return drop_pull();
    if (dice < 540) return remove_snapshot();
    if (dice < 560) return record();
    if (dice < 760) return collection_ ? end_collection() : begin_collection();
    if (dice < 775) collection_.reset();
    if (dice < 880) return check_one();
    if (dice < 905) return restart();
    if (dice < 930) return kill_while_collecting();
    if (dice < 940) return lose_index();
    check_all();
  }

  void finish_run() {
    pulls_.clear();
    collection_.reset();
    for (int i = 0; i < 2; i++)
      ASSERT_OK(collect(*store_, committed_));
    check_all();
    ASSERT_TRUE(store_->quarantined().empty());
    const auto stats = store_->stats();
    ASSERT_OK(stats);
    const uint64_t reachable = reachable_bytes(*store_, committed_, generation_);
    EXPECT_LE(stats->pack_bytes, reachable + reachable / 10 + (16 << 10))
        << "reachable: " << reachable;
    const auto records = store_->records();
    ASSERT_OK(records);
    EXPECT_EQ(records->records.size(), generation_);
    EXPECT_TRUE(records->damaged.empty());
    lose_index();
    check_all();
  }

 private:
  struct Open {
    std::unique_ptr<Pull> pull;
    Image image;
    std::optional<Snapshot> base;  // a root for as long as it runs
    bool looked = false;
    uint64_t begun = 0;  // which collection was last begun then
  };

  std::string folder() const { return temp_.path() + "/store"; }

  void begin_pull() {
    Open open;
    if (!committed_.empty() && prng_.chance(80)) {
      open.base = committed_[prng_.below(committed_.size())];
    }
    open.image = changed(open.base ? open.base->image : Image(), prng_);
    open.pull =
        std::make_unique<Pull>(*store_, open.image, open.base ? &open.base->image : nullptr);
    open.begun = collections_;
    pulls_.push_back(std::move(open));
  }
  Open& pick() { return pulls_[prng_.below(pulls_.size())]; }
  void erase(Open& open) { pulls_.erase(pulls_.begin() + (&open - &pulls_[0])); }

  void look_or_write() {
    Open& open = pick();
    if (open.looked) {
      ASSERT_OK(open.pull->write(prng_.between(1, 8)));
    } else {
      ASSERT_OK(open.pull->look());
      open.looked = true;
    }
  }
  // Committed at once, or, as when the daemon dies just then, never.
  void finish_pull() {
    Open& open = pick();
    if (!open.looked) ASSERT_OK(open.pull->look());
    const auto finished = open.pull->finish();
    ASSERT_OK(finished);
    if (prng_.chance(75)) {
      committed_.push_back(*finished);
      ASSERT_TRUE(is_whole(*store_, *finished));
    }
    erase(open);
  }
  void drop_pull() { erase(pick()); }
  void remove_snapshot() {
    if (!committed_.empty())
      committed_.erase(committed_.begin() + ptrdiff_t(prng_.below(committed_.size())));
  }
  void record() { ASSERT_OK(store_->append_record(++generation_, kRecordCommit, Bytes())); }

  std::vector<Manifest> roots() const {
    std::vector<Manifest> roots = roots_of(committed_);
    for (const Open& open : pulls_) {
      if (open.base) roots.push_back(open.base->manifest);
    }
    return roots;
  }
  void begin_collection() {
    collections_++;
    auto begun = Collection::begin(*store_, chunk_keys(), roots());
    ASSERT_OK(begun);
    collection_ = *std::move(begun);
  }
  // Every pull that began before has ended.
  void end_old_pulls() {
    for (size_t i = 0; i < pulls_.size();) {
      Open& open = pulls_[i];
      if (open.begun >= collections_) {
        i++;
        continue;
      }
      if (prng_.chance(60)) {
        if (!open.looked) ASSERT_OK(open.pull->look());
        const auto finished = open.pull->finish();
        ASSERT_OK(finished);
        if (prng_.chance(70)) committed_.push_back(*finished);
      }
      erase(open);
    }
  }
  void end_collection() {
    end_old_pulls();
    if (testing::Test::HasFailure()) return;
    ASSERT_OK(collection_->end(roots()));
    collection_.reset();
    check_all();
  }

  void check_one() {
    if (!committed_.empty()) {
      ASSERT_TRUE(is_whole(*store_, committed_[prng_.below(committed_.size())]));
    }
  }
  void check_all() {
    for (const Snapshot& snapshot : committed_)
      ASSERT_TRUE(is_whole(*store_, snapshot));
    for (const Open& open : pulls_) {
      if (!open.base) continue;
      ASSERT_TRUE(is_whole(*store_, *open.base));
    }
    ASSERT_TRUE(is_closed(*store_));
  }

  void close() {
    pulls_.clear();
    collection_.reset();
    store_.reset();
  }
  void restart() {
    close();
    open();
    check_all();
  }
  // Before each write, sync, rename and unlink of a collection in turn, the process dies.
  void kill_while_collecting() {
    pulls_.clear();
    collection_.reset();
    const std::vector<Manifest> all = roots();
    {
      const FailingCalls dead({.at = prng_.below(60),
                               .error = EIO,
                               .later_too = true,
                               .half_before = true,
                               .killed = true});
      if (auto begun = Collection::begin(*store_, chunk_keys(), all)) (void)(*begun)->end(all).ok();
      close();
    }
    if (prng_.chance(30)) drop_index(folder());
    open();
    check_all();
  }
  void lose_index() {
    close();
    drop_index(folder());
    open();
    check_all();
  }

  Prng prng_;
  TempFolder temp_;
  std::unique_ptr<ChunkStore> store_;
  std::vector<Open> pulls_;  // these two before store_ in death
  std::unique_ptr<Collection> collection_;
  std::vector<Snapshot> committed_;
  uint64_t collections_ = 0;
  uint64_t generation_ = 0;
};

class StoreCollectionModel : public testing::TestWithParam<uint64_t> {};
TEST_P(StoreCollectionModel, EveryCommittedRootIsWholeAtAllTimes) {
  const uint64_t seed = test_seed(7000 + GetParam());
  std::printf("[ SEED     ] %llu\n", static_cast<unsigned long long>(seed));
  SCOPED_TRACE("seed " + std::to_string(seed));
  CollectionRun run(seed);
  run.open();
  for (uint64_t i = 0; i < test_scale(250) && !HasFailure(); i++)
    run.step();
  if (!HasFailure()) run.finish_run();
}
INSTANTIATE_TEST_SUITE_P(StoreSeeds, StoreCollectionModel, testing::Range<uint64_t>(0, 4));

// Pulls, readers and collections on threads of their own. A gate plays the catalog: a collection's
// end waits for the pulls that began before it.
TEST(StoreCollectionThreads, PullsReadersAndCollectionsAtOnce) {
  const uint64_t seed = test_seed(7100);
  std::printf("[ SEED     ] %llu\n", static_cast<unsigned long long>(seed));
  id_of({0, 0});
  for (uint64_t number = 0; number < kNumbers; number++)
    for (uint64_t variant = 0; variant <= 20; variant++)
      id_of({number, variant});  // the table is read by all threads from here on
  const TempFolder temp;
  auto opened = open_store(temp.path());
  ASSERT_OK(opened);
  ChunkStore& store = **opened;

  std::mutex mutex;  // guards the catalog
  std::condition_variable ended;
  std::vector<Snapshot> committed;
  std::map<uint64_t, std::pair<uint64_t, std::optional<Snapshot>>> sessions;  // generation, base
  uint64_t generation = 0;
  uint64_t next_session = 0;
  std::atomic<bool> stop = false;
  std::atomic<uint64_t> commits = 0;

  const auto roots = [&] {
    std::vector<Manifest> all = roots_of(committed);
    for (const auto& [id, session] : sessions) {
      if (session.second) all.push_back(session.second->manifest);
    }
    return all;
  };
  const auto pulling = [&](uint64_t thread) {
    Prng prng(seed + thread);
    while (!stop && !testing::Test::HasFailure()) {
      uint64_t session;
      std::optional<Snapshot> base;
      {
        std::lock_guard lock(mutex);
        session = next_session++;
        if (!committed.empty()) base = committed[prng.below(committed.size())];
        sessions[session] = {generation, base};
      }
      const Image image = changed(base ? base->image : Image(), prng);
      auto pulled = pull(store, image, base ? &base->image : nullptr);
      EXPECT_OK(pulled);
      std::lock_guard lock(mutex);
      if (pulled && prng.chance(80)) committed.push_back(*std::move(pulled));
      if (committed.size() > 6) committed.erase(committed.begin() + ptrdiff_t(prng.below(3)));
      sessions.erase(session);
      commits++;
      ended.notify_all();
    }
  };
  const auto reading = [&] {
    Prng prng(seed + 50);
    while (!stop && !testing::Test::HasFailure()) {
      std::optional<Snapshot> snapshot;
      uint64_t pin;
      {
        std::lock_guard lock(mutex);
        if (committed.empty()) continue;
        snapshot = committed[prng.below(committed.size())];
        pin = next_session++;
        sessions[pin] = {~0ull, snapshot};  // a pin: nobody waits for it
      }
      EXPECT_TRUE(is_whole(store, *snapshot));
      std::lock_guard lock(mutex);
      sessions.erase(pin);
    }
  };
  std::vector<std::thread> threads;
  threads.emplace_back(pulling, 1);
  threads.emplace_back(pulling, 2);
  threads.emplace_back(reading);
  uint64_t dropped = 0;
  while (commits < test_scale(400) && !testing::Test::HasFailure()) {
    std::vector<Manifest> all;
    {
      std::lock_guard lock(mutex);
      all = roots();
    }
    auto collection = Collection::begin(store, chunk_keys(), all);
    EXPECT_OK(collection);
    if (!collection) break;
    {
      std::unique_lock lock(mutex);
      const uint64_t before = generation++;
      ended.wait(lock, [&] {
        return std::none_of(sessions.begin(), sessions.end(),
                            [&](const auto& at) { return at.second.first <= before; });
      });
      all = roots();
    }
    const auto outcome = (*collection)->end(all);
    EXPECT_OK(outcome);
    if (outcome) dropped += outcome->chunks_dropped;
  }
  stop = true;
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_TRUE(store.quarantined().empty());
  EXPECT_TRUE(is_closed(store));
  for (const Snapshot& snapshot : committed)
    EXPECT_TRUE(is_whole(store, snapshot));
  EXPECT_GT(dropped, 0u) << "nothing was put to the test";
  std::printf("%llu pulls, %llu frames dropped\n", static_cast<unsigned long long>(commits),
              static_cast<unsigned long long>(dropped));
}

}  // namespace
}  // namespace ashlar::test
