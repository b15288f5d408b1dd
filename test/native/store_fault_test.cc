// Every write, sync, create and rename of a chunk store fails in turn, as on a full or a failing
// disk, or is the last before the process is killed: the caller gets that error, what was
// acknowledged stays, nothing of the rest is half there, and nothing is left lying around.
#include <cerrno>

#include "support/failing_calls.h"
#include "support/store_world.h"

namespace ashlar::test {
namespace {

Code code_of(int system_error) {
  return system_error == ENOSPC ? Code::kNoSpace : Code::kDeviceFailed;
}

struct Put {
  std::vector<Frame> chunks;
  std::vector<Frame> nodes;  // children before parents
  bool acknowledged = false;
};

Put make_put(uint64_t first, size_t large_bytes) {
  Put put;
  put.chunks.push_back(make_frame(FrameKind::kRaw, first, large_bytes));
  put.chunks.push_back(make_frame(FrameKind::kLz4, first + 1, 1000));
  put.nodes.push_back(make_frame(FrameKind::kNode, first, large_bytes));
  put.nodes.push_back(make_frame(FrameKind::kNode, first + 1, 2049));
  put.nodes.push_back(make_frame(FrameKind::kManifest, first, 80));
  return put;
}

Result<void> put_whole(ChunkStore& store, const Put& put) {
  std::vector<Frame> frames = put.chunks;
  frames.insert(frames.end(), put.nodes.begin(), put.nodes.end());
  return put_all(store, frames);
}

Put put_before() {
  Put put = make_put(100, 500);
  put.acknowledged = true;
  return put;
}

// One life of a copy of the store in `ready`, which holds put_before().
class FaultRun {
 public:
  FaultRun(const FailingCalls::Plan& plan, const std::string& ready) : plan_(plan) {
    copy_store(ready, folder());
  }

  // False when the plan names a call that the life does not make.
  bool live() {
    {
      auto opened = open_store(folder());
      EXPECT_TRUE(opened.ok());
      if (!opened) return false;
      std::optional<FailingCalls> faults(plan_);
      work(**opened);
      if (!faults->struck()) return false;
      EXPECT_TRUE(failed_) << "a call failed, and nobody was told";
      if (plan_.killed) {
        opened->reset();
        faults.reset();
        lose_tail_of_index();
      } else {
        faults.reset();
        expect_no_leftovers();
        examine(**opened);
      }
    }
    reopen_and_examine();
    drop_index(folder());
    reopen_and_examine();
    return true;
  }

  bool live_while_opening() {
    {
      std::optional<FailingCalls> faults(plan_);
      auto opened = open_store(folder());
      const bool struck = faults->struck();
      if (plan_.killed && opened) opened->reset();
      faults.reset();
      if (!struck) return false;
      if (plan_.killed) {
        lose_tail_of_index();
      } else if (opened) {
        examine(**opened);  // RocksDB can do without some of its files
      } else {
        EXPECT_TRUE(fails_with(opened, code_of(plan_.error), folder()));
      }
    }
    reopen_and_examine();
    return true;
  }

 private:
  std::string folder() const { return temp_.path() + "/store"; }

  // Without faults; the store goes on.
  void reopen_and_examine() {
    const auto opened = open_store(folder());
    ASSERT_OK(opened);
    expect_no_leftovers();
    examine(**opened);
    if (!after_.acknowledged) ASSERT_OK(put_whole(**opened, after_));
    after_.acknowledged = true;
    examine(**opened);
  }

  void expect_failure(const Result<void>& outcome) {
    if (outcome) return;
    failed_ = true;
    EXPECT_TRUE(fails_with(outcome, code_of(plan_.error), folder()));
  }

  void work(ChunkStore& store) {
    put_faulty(store, first_);
    expect_failure(store.append_record(7, 1, first_.nodes[2].stored));
    put_faulty(store, second_);
  }

  void put_faulty(ChunkStore& store, Put& what) {
    StoreSession session(store);
    std::optional<Error> first_error;
    const auto note = [&](const Result<void>& outcome) {
      expect_failure(outcome);
      if (first_error) {
        EXPECT_TRUE(fails_with(outcome, first_error->code, first_error->message));
      } else if (!outcome) {
        first_error = outcome.error();
      }
    };
    for (const Frame& frame : what.chunks)
      note(session.add_chunk(frame.view()));
    for (const Frame& frame : what.nodes)
      note(session.add_node(frame.view()));
    note(session.finish());
    what.acknowledged = !first_error;
    note(session.finish());  // a failed sync is not made good by a second one
  }

  // The index is not synced: a power cut may take its last writes.
  void lose_tail_of_index() {
    if (plan_.at % 3 == 0) return;
    std::string newest;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder() + "/index")) {
      if (entry.path().extension() == ".log") newest = std::max(newest, entry.path().string());
    }
    if (!newest.empty()) fs::resize_file(newest, fs::file_size(newest) * (plan_.at % 3 - 1) / 2);
  }

  void expect_no_leftovers() {
    for (const fs::directory_entry& entry : fs::directory_iterator(folder() + "/packs"))
      EXPECT_NE(entry.path().extension(), ".tmp") << entry.path();
  }

  void examine(ChunkStore& store) {
    for (const Put* put : {&before_, &first_, &second_, &after_}) {
      if (put->acknowledged) {
        for (const Frame& frame : put->chunks)
          EXPECT_TRUE(holds(store, frame));
        for (const Frame& frame : put->nodes)
          EXPECT_TRUE(holds(store, frame));
        continue;
      }
      // Closure: a node that is there has all that is below it.
      bool below = true;
      for (const Frame& frame : put->chunks)
        below &= is_whole_or_absent(store, frame);
      for (const Frame& frame : put->nodes) {
        const bool there = is_whole_or_absent(store, frame);
        EXPECT_TRUE(!there || below) << "a node without what is below it";
        below &= there;
      }
    }
  }

  static bool is_whole_or_absent(ChunkStore& store, const Frame& frame) {
    if (lacks(store, frame)) return false;
    EXPECT_TRUE(holds(store, frame));
    return true;
  }

  const FailingCalls::Plan plan_;
  bool failed_ = false;
  TempFolder temp_;
  Put before_ = put_before();
  Put first_ = make_put(200, 1'100'000);  // more than one write a pack: it fails in its middle too
  Put second_ = make_put(300, 500);
  Put after_ = make_put(400, 500);
};

const FailingCalls::Plan kDiskFull{.error = ENOSPC, .later_too = true, .half_before = true};
const FailingCalls::Plan kFailsOnce{.error = EIO, .half_before = true};
const FailingCalls::Plan kKilled{
    .error = EIO, .later_too = true, .half_before = true, .killed = true};

class StoreFault : public testing::TestWithParam<FailingCalls::Plan> {
 protected:
  void SetUp() override {
    const auto opened = open_store(ready());
    ASSERT_OK(opened);
    ASSERT_OK(put_whole(**opened, put_before()));
  }
  std::string ready() const { return temp_.path() + "/ready"; }

 private:
  TempFolder temp_;
};

TEST_P(StoreFault, AtEveryCallOfASession) {
  FailingCalls::Plan plan = GetParam();
  for (;; plan.at++) {
    SCOPED_TRACE("at call " + std::to_string(plan.at));
    if (!FaultRun(plan, ready()).live() || HasFailure()) break;
  }
  EXPECT_GT(plan.at, 20u);
}

TEST_P(StoreFault, AtEveryCallOfAnOpen) {
  FailingCalls::Plan plan = GetParam();
  for (;; plan.at++) {
    SCOPED_TRACE("at call " + std::to_string(plan.at));
    if (!FaultRun(plan, ready()).live_while_opening() || HasFailure()) break;
  }
  EXPECT_GT(plan.at, 15u);
}

std::string name_of(const testing::TestParamInfo<FailingCalls::Plan>& info) {
  const FailingCalls::Plan& plan = info.param;
  if (plan.killed) return "Killed";
  return plan.error == ENOSPC ? "DiskFull" : "FailsOnce";
}
INSTANTIATE_TEST_SUITE_P(StoreFaults, StoreFault, testing::Values(kDiskFull, kFailsOnce, kKilled),
                         name_of);

// A quota is a full disk too.
TEST(StoreQuota, OverItIsNoSpace) {
  const TempFolder folder;
  const auto store = open_store(folder.path());
  ASSERT_OK(store);
  for (const uint64_t at : {0, 1, 2}) {  // create, write, sync of the pack
    const FailingCalls faults({.at = at, .error = EDQUOT});
    EXPECT_TRUE(fails_with(put_all(**store, {make_frame(FrameKind::kRaw, 1, 100)}), Code::kNoSpace,
                           ".pack.tmp: "));
  }
}

}  // namespace
}  // namespace ashlar::test
