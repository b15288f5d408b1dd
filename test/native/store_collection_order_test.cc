// Whatever call of a collection fails or is the last before a kill, the index names no node that
// lacks something below it: a copy would lean on it and be `stable` with a hole. Trees of several
// heights share subtrees, parents and children lie in different packs, some of them rewritten, in
// every order; the index is kept, or made anew from the packs.
#include <cerrno>

#include "store/mend.h"
#include "support/failing_calls.h"
#include "support/snapshot_world.h"

namespace ashlar::test {
namespace {

// Of every node that the index names, all children are named too, and so on down.
testing::AssertionResult index_is_closed(ChunkStore& store) {
  uint64_t holes = 0;
  const auto each = store.index().each([&](const Hash& id, const Location& at) -> Result<void> {
    if (at.kind != FrameKind::kNode) return {};
    const NodeBytes node = TRY(store.read_node(chunk_keys(), id));
    std::vector<Hash> children;
    for (uint64_t child = 0; child < kFanOut; child++) {
      if (!is_zero(node_child(node, child))) children.push_back(node_child(node, child));
    }
    for (const auto& found : TRY(store.index().find_all(children)))
      holes += !found;
    return {};
  });
  if (!each) return testing::AssertionFailure() << each.error().message;
  if (holes == 0) return testing::AssertionSuccess();
  return testing::AssertionFailure() << holes << " children of nodes in the index are nowhere";
}

struct Tree {
  uint64_t volume_bytes = 0;
  Image image;
  Snapshot snapshot;
};

// A store with a past, and what is to be kept of it.
class Past {
 public:
  Past(const std::string& folder, uint64_t seed) : prng_(seed) {
    auto opened = open_store(folder);
    CHECK(opened.ok());
    store_ = *std::move(opened);
    for (int step = 0; step < 7; step++)
      take_step();
    // The last has its root, at least, in another pack than what it shares.
    add_changed(trees_[prng_.below(trees_.size())]);
    for (const Tree& tree : trees_) {
      if (kept_.size() < trees_.size() / 3 && prng_.chance(40)) {
        kept_.push_back(tree.snapshot);
      } else {
        dead_.push_back(tree);
      }
    }
    if (prng_.chance(50)) quarantine_some();
    store_.reset();
  }
  const std::vector<Snapshot>& kept() const { return kept_; }
  const std::vector<Tree>& dead() const { return dead_; }
  // Of those that are dead, changed by one chunk: it shares nearly all with it.
  static Tree changed(Tree tree, Prng& prng) {
    const auto at = std::next(tree.image.begin(), ptrdiff_t(prng.below(tree.image.size())));
    at->second = content(prng);
    return tree;
  }

 private:
  // Only what compresses: the chunks' bytes are not what is looked at here.
  static Content content(Prng& prng) { return {prng.below(1000) * 3 + 1, 0}; }

  void take_step() {
    const uint64_t what = trees_.size() < 2 ? 0 : prng_.below(10);
    if (what < 4) return add_new();
    if (what < 7) return add_changed(trees_[prng_.below(trees_.size())]);
    if (what < 9) return collect_some();
    store_again(trees_[prng_.below(trees_.size())]);
  }
  void add_new() {
    constexpr uint64_t kMiB = 1 << 20;
    const uint64_t bytes[] = {4 * kMiB, 256 * kMiB, 16'384 * kMiB, 1'048'576 * kMiB};
    Tree tree{bytes[prng_.below(4)], {}, {}};
    const uint64_t chunks = prng_.between(2, 6);
    while (tree.image.size() < chunks)
      tree.image[prng_.below(tree.volume_bytes / kChunkBytes)] = content(prng_);
    add(std::move(tree));
  }
  void add_changed(const Tree& tree) { add(changed(tree, prng_)); }
  void add(Tree tree) {
    const auto pulled = pull(*store_, tree.image, nullptr, tree.volume_bytes);
    CHECK(pulled.ok());
    tree.snapshot = *pulled;
    trees_.push_back(std::move(tree));
  }
  // What stays moves to packs that are younger than those of its parents, or older.
  void collect_some() {
    trees_.erase(trees_.begin() + ptrdiff_t(prng_.below(trees_.size())));
    std::vector<Snapshot> all;
    for (const Tree& tree : trees_)
      all.push_back(tree.snapshot);
    CHECK(collect(*store_, all).ok());
  }
  // While it is condemned, by a collection that is given up: there twice from then on.
  void store_again(const Tree& tree) {
    const auto begun = Collection::begin(*store_, chunk_keys(), {});
    CHECK(begun.ok());
    CHECK(pull(*store_, tree.image, nullptr, tree.volume_bytes).ok());
  }
  void quarantine_some() {
    for (const Tree& tree : dead_) {
      const Hash id = manifest_tree_root(tree.snapshot.manifest);
      bool shared = false;
      for (const Snapshot& snapshot : kept_)
        shared = shared || manifest_tree_root(snapshot.manifest) == id;
      if (!shared) return store_->quarantine(id, error(Code::kCorrupt, "for a test"));
    }
  }

  Prng prng_;
  std::unique_ptr<ChunkStore> store_;
  std::vector<Tree> trees_;
  std::vector<Snapshot> kept_;
  std::vector<Tree> dead_;
};

class StoreCollectionOrder : public testing::TestWithParam<uint64_t> {
 protected:
  std::string ready() const { return temp_.path() + "/ready"; }
  std::string folder() const { return temp_.path() + "/store"; }
  std::string without_index() const { return temp_.path() + "/without-index"; }

  // The second step of a collection, with the fault. A pull that had found what is dead by now,
  // and leans on it, ends between the two steps.
  bool collect_with(ChunkStore& store, const Past& past, const FailingCalls::Plan& plan) {
    const std::vector<Manifest> roots = roots_of(past.kept());
    Prng prng(GetParam());
    const Tree late = Past::changed(past.dead().front(), prng);
    Pull leaning(store, late.image, nullptr, late.volume_bytes);
    if (GetParam() % 2 == 0) EXPECT_OK(leaning.look());
    const auto collection = Collection::begin(store, chunk_keys(), roots);
    EXPECT_OK(collection);
    if (!collection) return false;
    if (GetParam() % 2 == 0) EXPECT_OK(leaning.finish());
    const FailingCalls fault(plan);
    (void)(*collection)->end(roots);
    return fault.struck();
  }

  void look_at(const std::string& store_folder, const char* how) {
    const auto opened = open_store(store_folder);
    ASSERT_OK(opened);
    if (index_is_closed(**opened) && is_closed(**opened)) return;
    holes_++;
    std::printf("%s, seed %llu, call %llu: %s\n", how, static_cast<unsigned long long>(GetParam()),
                static_cast<unsigned long long>(call_), index_is_closed(**opened).message());
  }

  // What was dead is stored again by somebody who leans on all that the store says it has.
  void lean(ChunkStore& store, const Past& past) {
    for (const Tree& tree : past.dead()) {
      const auto pulled = pull(store, tree.image, nullptr, tree.volume_bytes);
      ASSERT_OK(pulled);
      holes_ += !is_whole(store, *pulled);
    }
  }

  TempFolder temp_;
  uint64_t call_ = 0;
  uint64_t holes_ = 0;
};

TEST_P(StoreCollectionOrder, KilledAtEveryCall) {
  const Past past(ready(), GetParam());
  for (bool struck = true; struck && !HasFailure(); call_++) {
    copy_store(ready(), folder());
    {
      const auto opened = open_store(folder());
      ASSERT_OK(opened);
      struck = collect_with(
          **opened, past,
          {.at = call_, .error = EIO, .later_too = true, .half_before = false, .killed = true});
    }
    copy_store(folder(), without_index());
    look_at(folder(), "index kept");
    if (call_ % 2 == 0) {
      drop_index(without_index());
    } else {
      ASSERT_OK(rebuild_index(without_index()));
    }
    look_at(without_index(), "index lost");
    const auto opened = open_store(folder());
    ASSERT_OK(opened);
    EXPECT_OK(collect(**opened, past.kept()));
    for (const Snapshot& snapshot : past.kept())
      EXPECT_TRUE(is_whole(**opened, snapshot));
  }
  std::printf("%llu calls, %llu with holes\n", static_cast<unsigned long long>(call_),
              static_cast<unsigned long long>(holes_));
  EXPECT_EQ(holes_, 0u) << "ASHLAR_TEST_SEED=" << GetParam();
}

// The daemon lives on; the next call is as good as ever, unless it was the index that failed.
TEST_P(StoreCollectionOrder, EveryCallFailsOnce) {
  const Past past(ready(), GetParam());
  for (bool struck = true; struck && !HasFailure(); call_++) {
    copy_store(ready(), folder());
    {
      const auto opened = open_store(folder());
      ASSERT_OK(opened);
      ChunkStore& store = **opened;
      struck = collect_with(
          store, past,
          {.at = call_, .error = EIO, .later_too = false, .half_before = false, .killed = true});
      holes_ += !index_is_closed(store);
      if (store.append_record(1, kRecordCommit, Bytes())) lean(store, past);
    }
    look_at(folder(), "opened again");
    const auto opened = open_store(folder());
    ASSERT_OK(opened);
    EXPECT_OK(collect(**opened, past.kept()));
  }
  std::printf("%llu calls, %llu with holes\n", static_cast<unsigned long long>(call_),
              static_cast<unsigned long long>(holes_));
  EXPECT_EQ(holes_, 0u) << "ASHLAR_TEST_SEED=" << GetParam();
}

std::vector<uint64_t> seeds() {
  const uint64_t first = test_seed(6);
  std::vector<uint64_t> all;
  for (uint64_t i = 0; i < std::max<uint64_t>(1, test_scale(2)); i++)
    all.push_back(first + i);
  return all;
}
INSTANTIATE_TEST_SUITE_P(Seeds, StoreCollectionOrder, testing::ValuesIn(seeds()));

}  // namespace
}  // namespace ashlar::test
