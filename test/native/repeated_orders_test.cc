// Orders after a failed sync: nobody knows what the medium holds, so an order that was applied in
// memory is not done, however often it is repeated (DESIGN 2, I6). And what the region acts on as
// soon as it sees it, the end of an origin, is not shown before what it stands on is durable.
#include "support/model_image.h"
#include "support/pool_world.h"

namespace ashlar::test {
namespace {

class RepeatedOrders : public testing::Test {
 protected:
  const Id volume_ = test_id(1), attachment_ = test_id(2), snapshot_ = test_id(3),
           clone_ = test_id(4), remote_ = test_id(5);

  void SetUp() override {
    ASSERT_OK(world_.open());
    CreateVolume order;
    order.id = volume_;
    order.bytes = 1 << 20;
    ASSERT_OK(world_.volumes->create(order));
  }
  CreateVolume::Origin origin() const {
    ByteModel model;
    model.bytes = 1 << 20;
    return {test_id(20), image_of(model).manifest, test_id(21)};
  }
  CutOrder cut_order() const { return {test_id(30), {{volume_, snapshot_}}}; }

  // Refused the first time, because the sync fails, and every time after.
  void expect_refused(const std::function<Result<void>()>& order) {
    world_.device->fail_syncs(true);
    for (int times = 0; times < 3; times++) {
      const auto answer = order();
      EXPECT_FALSE(answer.ok()) << "answered as done, time " << times;
      world_.device->fail_syncs(false);
    }
  }

  SimDisk disk_;
  PoolWorld world_{disk_, 1, 16 << 20};
};

TEST_F(RepeatedOrders, Create) {
  CreateVolume order;
  order.id = test_id(9);
  order.bytes = 1 << 20;
  expect_refused([&] { return world_.volumes->create(order); });
}

TEST_F(RepeatedOrders, Grow) {
  expect_refused([&] { return world_.volumes->grow(volume_, 2 << 20); });
}

TEST_F(RepeatedOrders, Remove) {
  expect_refused([&] { return world_.volumes->remove(volume_); });
}

TEST_F(RepeatedOrders, Attach) {
  expect_refused([&] { return world_.volumes->attach(attachment_, volume_, "host", false); });
}

TEST_F(RepeatedOrders, Detach) {
  ASSERT_OK(world_.volumes->attach(attachment_, volume_, "host", false));
  expect_refused([&] { return world_.volumes->finish_detach(attachment_); });
}

TEST_F(RepeatedOrders, Cut) {
  expect_refused([&]() -> Result<void> {
    TRY(world_.volumes->cut(cut_order()));
    return {};
  });
}

TEST_F(RepeatedOrders, Sealed) {
  ASSERT_OK(world_.volumes->cut(cut_order()));
  expect_refused([&] { return world_.volumes->sealed(snapshot_, Hash{1}); });
}

TEST_F(RepeatedOrders, DropCut) {
  ASSERT_OK(world_.volumes->cut(cut_order()));
  expect_refused([&] { return world_.volumes->drop_cut(snapshot_); });
}

TEST_F(RepeatedOrders, CreateClone) {
  expect_refused([&] { return world_.volumes->create_clone({clone_, origin(), std::nullopt}); });
}

TEST_F(RepeatedOrders, RemoveClone) {
  ASSERT_OK(world_.volumes->create_clone({clone_, origin(), std::nullopt}));
  expect_refused([&] { return world_.volumes->remove_clone(clone_); });
}

TEST_F(RepeatedOrders, ForgetTombstone) {
  ASSERT_OK(world_.volumes->remove(volume_));
  expect_refused([&] { return world_.volumes->forget_tombstone(volume_); });
}

TEST_F(RepeatedOrders, AnOriginIsListedUntilItsFillsAreDurable) {
  CreateVolume order;
  order.id = remote_;
  order.bytes = 1 << 20;
  order.origin = origin();
  ASSERT_OK(world_.volumes->create(order));
  const auto hydrator = world_.volumes->origin(test_id(20))->hydrator;
  const Turn turn = hydrator->reopen(Lane::kBackground);
  while (const auto wanted = hydrator->next_wanted(turn, 16)) {
    for (const uint64_t chunk : *wanted)
      ASSERT_OK(hydrator->install(Lane::kBackground, chunk, std::vector<uint8_t>(kChunkBytes, 7)));
  }
  ASSERT_TRUE(hydrator->hydrated());
  world_.device->fail_syncs(true);
  EXPECT_FALSE(world_.volumes->settle().ok());
  EXPECT_EQ(world_.volumes->view().origins.size(), 1u) << "the region would release its pin";
}

}  // namespace
}  // namespace ashlar::test
