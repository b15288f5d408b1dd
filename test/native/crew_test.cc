// The crew of the background: each item once, however many ask at a time.
#include "base/crew.h"

#include <gtest/gtest.h>

namespace ashlar::test {
namespace {

TEST(Crew, DoesEachItemOnceForAllWhoAskAtATime) {
  constexpr size_t kRuns = 200;
  constexpr size_t kItems = 37;
  Crew crew(3);
  std::vector<std::thread> callers;
  for (size_t caller = 0; caller < 4; caller++) {
    callers.emplace_back([&] {
      for (size_t run = 0; run < kRuns; run++) {
        std::vector<std::atomic<int>> times(kItems);
        crew.run(kItems, [&](size_t i) { times[i]++; });
        for (const auto& each : times)
          ASSERT_EQ(each, 1);
      }
    });
  }
  for (std::thread& caller : callers)
    caller.join();
  crew.run(0, [](size_t) { FAIL() << "there was nothing to do"; });
}

}  // namespace
}  // namespace ashlar::test
