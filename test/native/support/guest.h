// A host at work: random writes, zeroes, trims and reads of one volume, done to the volume and to
// its model. What is read is compared. Places cluster around a few spots, so that ranges meet again
// and a large volume stays sparse.
#pragma once

#include "support/pool_world.h"

namespace ashlar::test {

// Some compress, some do not, some are zero.
inline std::vector<uint8_t> random_bytes(Prng& prng, size_t bytes) {
  std::vector<uint8_t> data(bytes);
  const uint64_t kind = prng.below(4);
  if (kind == 0) return data;
  for (size_t at = 0; at < bytes; at += sizeof(uint64_t)) {
    const uint64_t word = kind == 1 ? prng.next() : kind == 2 ? at / 512 : 0x2020202020202020;
    std::memcpy(&data[at], &word, std::min(sizeof word, bytes - at));
  }
  data[prng.below(bytes)] = uint8_t(prng.next());
  return data;
}

class Guest {
 public:
  Guest(PoolWorld& world, const Id& volume, ByteModel start, uint64_t seed)
      : world_(world), volume_(volume), model_(std::move(start)), prng_(seed) {
    for (uint64_t& spot : spots_)
      spot = prng_.below(model_.bytes);
    spots_[0] = 0;
    spots_[1] = model_.bytes - 1;
  }

  const Id& volume() const { return volume_; }
  const ByteModel& model() const { return model_; }

  void step() {
    const uint64_t dice = prng_.below(100);
    if (dice < 50) return write();
    if (dice < 70) return erase();
    const ByteRange range = place(200'000);
    compare(range.offset, range.bytes);
  }
  void steps(uint64_t count) {
    for (uint64_t i = 0; i < count && !testing::Test::HasFailure(); i++)
      step();
  }

  void write() {
    const ByteRange range = place(150'000);
    write_at(range.offset, random_bytes(prng_, range.bytes));
  }
  void write_at(uint64_t offset, Bytes data) {
    ASSERT_OK(world_.write(volume_, offset, data));
    model_.write(offset, data);
  }
  void erase() {
    const ByteRange range = prng_.chance(3) ? ByteRange{0, model_.bytes} : place(1'000'000);
    const auto io = world_.volume(volume_);
    ASSERT_OK(io);
    ASSERT_OK((*io)->erase(range, prng_.chance(50) ? Erase::kHole : Erase::kZeroKeep));
    model_.zero(range.offset, range.bytes);
  }
  void flush() {
    const auto io = world_.volume(volume_);
    ASSERT_OK(io);
    ASSERT_OK((*io)->flush());
  }

  void compare(uint64_t offset, uint64_t bytes) const {
    const auto got = world_.read(volume_, offset, bytes);
    ASSERT_OK(got);
    std::vector<uint8_t> expected(bytes);
    model_.read(offset, expected);
    ASSERT_TRUE(*got == expected) << "volume " << to_string(volume_) << " differs in " << offset
                                  << "+" << bytes;
  }
  // Everything that is not zero in the model, its surroundings, and the spots.
  void compare_all() const {
    if (model_.bytes <= 4ull << 20) return compare(0, model_.bytes);
    uint64_t done = 0;
    for (const auto& [block, data] : model_.blocks()) {
      if (block * kBlockBytes < done) continue;
      done = std::min<uint64_t>(block * kBlockBytes + (256 << 10), model_.bytes);
      const uint64_t from = block * kBlockBytes - std::min<uint64_t>(block * kBlockBytes, 65'536);
      compare(from, done - from);
      if (testing::Test::HasFatalFailure()) return;
    }
    for (const uint64_t spot : spots_)
      compare(spot, std::min<uint64_t>(1 << 20, model_.bytes - spot));
  }
  // What is local must be right. Returns the chunks with a part that is still remote. For volumes
  // whose map fits the page cache.
  std::vector<uint64_t> compare_local() const {
    std::vector<uint64_t> remote;
    const auto io = world_.volume(volume_);
    EXPECT_TRUE(io.ok());
    EXPECT_TRUE((*io)->status({0, model_.bytes}, SIZE_MAX).ok());  // brings the map in
    for (uint64_t at = 0; at < model_.bytes; at += kBlockBytes) {
      std::vector<uint8_t> data(kBlockBytes, 0xee);
      std::vector<uint8_t> expected(kBlockBytes);
      ReadRequest request;
      request.offset = at;
      request.into = data;
      (*io)->read(std::span(&request, 1), Wait::kForDisk);
      if (request.outcome == ReadRequest::Outcome::kRemote) {
        const uint64_t chunk = at / kChunkBytes;
        if (remote.empty() || remote.back() != chunk) remote.push_back(chunk);
        continue;
      }
      EXPECT_EQ(request.outcome, ReadRequest::Outcome::kDone) << request.error.message;
      if (!request.zeros.empty()) std::fill(data.begin(), data.end(), 0);
      model_.read(at, expected);
      if (data == expected) continue;
      ADD_FAILURE() << "a reader got wrong bytes at " << at;
      break;
    }
    return remote;
  }

 private:
  ByteRange place(uint64_t bytes_max) {
    uint64_t offset = (spots_[prng_.below(std::size(spots_))] + prng_.below(300'000));
    offset %= model_.bytes;
    if (prng_.chance(70)) offset = offset / kBlockBytes * kBlockBytes;
    const uint64_t bytes =
        prng_.chance(50) ? kBlockBytes * prng_.between(1, 4) : prng_.between(1, bytes_max);
    return {offset, std::min(bytes, model_.bytes - offset)};
  }

  PoolWorld& world_;
  const Id volume_;
  ByteModel model_;
  Prng prng_;
  uint64_t spots_[6]{};
};

}  // namespace ashlar::test
