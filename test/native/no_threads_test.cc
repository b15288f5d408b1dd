// A system that gives no more threads: what can do without does, and the rest says so and can be
// begun again.
#include <gtest/gtest.h>

#include "base/crew.h"
#include "base/parallel.h"
#include "base/thread.h"
#include "commit/create.h"
#include "store/session_writer.h"
#include "support/outcome.h"
#include "support/pull_world.h"

namespace ashlar::test {
namespace {

class NoThreads : public testing::Test {
 protected:
  void SetUp() override { set_threads_left(0); }
  void TearDown() override { set_threads_left(-1); }
};

TEST_F(NoThreads, WorkIsDoneByWhoWantsIt) {
  std::vector<int> times(100);
  parallel_for(times.size(), [&](size_t i) { times[i]++; });
  Crew crew(4);
  crew.run(times.size(), [&](size_t i) { times[i]++; });
  EXPECT_EQ(times, std::vector<int>(100, 2));
}

TEST_F(NoThreads, APoolIsNotOpenedButCanBeLater) {
  const std::string path = testing::TempDir() + "no-threads-" + std::to_string(::getpid());
  PoolOptions options;
  options.capacity_bytes = 64 << 20;
  for (const int64_t threads : {0, 1}) {
    set_threads_left(threads);
    const auto opened = open_pool_at(path, options);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, Code::kQuotaExceeded);
  }
  set_threads_left(-1);
  auto opened = open_pool_at(path, options);
  ASSERT_OK(opened);
  ASSERT_OK((*opened)->close());
  ::unlink(path.c_str());
}

TEST_F(NoThreads, ASnapshotIsPulledWhenThereAreSomeAgain) {
  PullPool world(1);
  ASSERT_OK(world.open());
  const auto volume = world.create(1 << 20);
  ASSERT_OK(volume);
  const auto snapshot = world.cut(*volume);
  ASSERT_OK(snapshot);
  {
    MemoryFolder folder;
    auto store = open_store(folder.path() + "/store");
    ASSERT_OK(store);
    SessionWriter writer(**store);
    EXPECT_EQ(writer.finish().error().code, Code::kQuotaExceeded);
    set_threads_left(-1);
    SessionWriter later(**store);
    EXPECT_OK(later.finish());
    set_threads_left(0);
  }
  // The cut is read by whoever takes.
  const auto source = world.source(*snapshot, std::nullopt, 4);
  ASSERT_OK(source);
  const auto polled = (*source)->poll([] {});
  ASSERT_OK(polled);
}

TEST_F(NoThreads, HydrationFailsAndIsBegunAgain) {
  PullPool world(1);
  ASSERT_OK(world.open());
  Hash root;
  root.fill(7);
  const auto made = world.restore(make_manifest(1 << 20, {}, root), 1 << 20);
  ASSERT_OK(made);
  for (const int64_t threads : {0, 1}) {
    set_threads_left(threads);
    auto hydration = world.hydration(made->snapshot, Lane::kBackground);
    ASSERT_OK(hydration);
    const auto polled = (*hydration)->poll([] {});
    ASSERT_FALSE(polled);
    EXPECT_EQ(polled.error().code, Code::kQuotaExceeded);
  }
  set_threads_left(-1);
  auto hydration = world.hydration(made->snapshot, Lane::kBackground);
  ASSERT_OK(hydration);
  Result<Polled> polled = Polled::not_yet();
  while (polled && polled->kind == Polled::Kind::kNotYet) {
    polled = (*hydration)->poll([] {});
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ASSERT_OK(polled);
  EXPECT_EQ(polled->kind, Polled::Kind::kMessage);
}

}  // namespace
}  // namespace ashlar::test
