// The background's rest beside guests: what they ask for buys it, and it is never more than so many
// times the work.
#include "support/pull_world.h"
#include "volume/rest.h"

namespace ashlar::test {
namespace {

TEST(Rest, IsWhatRequestsBuyUpToAMultipleOfTheWork) {
  EXPECT_EQ(rest_ns(0, 1'000'000'000), 0u);
  EXPECT_EQ(rest_ns(1, 1'000'000), kRestNsPerRequest);
  EXPECT_EQ(rest_ns(7, 1'000'000), 7 * kRestNsPerRequest);
  EXPECT_EQ(rest_ns(1'000, 1'000'000), kRestPerWork * 1'000'000);
  EXPECT_EQ(rest_ns(1'000'000, 1'000'000'000), kRestMaxNs);
  EXPECT_EQ(rest_ns(UINT64_MAX, UINT64_MAX), kRestMaxNs);
  EXPECT_EQ(rest_ns(UINT64_MAX, 0), 0u);
}

TEST(Rest, AHydratorRestsWhileItsGuestReads) {
  constexpr uint64_t kBytes = 64 * kChunkBytes;
  PullPool world(1, 64ull << 20);
  ASSERT_OK(world.open());
  ByteModel model;
  model.bytes = kBytes;
  const auto restored = world.restore(image_of(model).manifest, kBytes);
  ASSERT_OK(restored);
  const auto hydrator = world->volumes->origin(restored->snapshot)->hydrator;
  const Turn turn = hydrator->reopen(Lane::kBackground);
  const std::vector<uint8_t> chunk(kChunkBytes, 1);
  ASSERT_OK(hydrator->install(turn.lane, 0, chunk));

  // Two milliseconds of work and two thousand reads: the work decides. Only a lower bound: what
  // else it takes is this machine's business.
  constexpr auto kWorked = std::chrono::milliseconds(2);
  const auto volume = world->volume(restored->volume);
  ASSERT_OK(volume);
  std::vector<uint8_t> block(kBlockBytes);
  for (int i = 0; i < 2'000; i++) {
    ReadRequest request;
    request.into = block;
    (*volume)->read(std::span(&request, 1), Wait::kAllowed);
    ASSERT_EQ(request.outcome, ReadRequest::Outcome::kDone);
  }
  std::this_thread::sleep_for(kWorked);
  const auto begun = std::chrono::steady_clock::now();
  ASSERT_OK(hydrator->install(turn.lane, 1, chunk));
  EXPECT_GE(std::chrono::steady_clock::now() - begun, kRestPerWork * kWorked);
  hydrator->close(turn);
}

}  // namespace
}  // namespace ashlar::test
