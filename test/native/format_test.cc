// Golden bytes of every structure of a pool (native/format/README.md), and the checksums in them.
#include <gtest/gtest.h>

#include "codec/crc32c.h"
#include "format/pool_format.h"
#include "support/golden.h"

namespace ashlar::test {
namespace {

Id id_of(uint8_t first) {
  Id id;
  id.region = 1;
  for (uint8_t i = 0; i < 16; i++)
    id.uuid[i] = uint8_t(first + i);
  return id;
}

Golden examples() {
  Golden all;
  all["map_entry"] = hex_of(make_entry(State::kMapped, 0x123456789a, 5, 7, 0xcafef00d));
  all["map_entry_zero_keep"] = hex_of(make_entry(State::kHole, 0, 3, 3, 0, kFlagZeroKeep));
  all["map_entry_remote"] = hex_of(make_entry(State::kRemote, 2, 1, 1));
  all["index_entry"] = hex_of(IndexEntry{0x42, 0xcafef00d, 17});
  Superblock superblock;
  superblock.pool_id.fill(0xab);
  superblock.checkpoint_generation = 9;
  superblock.capacity_blocks = 1 << 20;
  superblock.size_blocks = 1 << 16;
  superblock.ring_first = 2;
  superblock.ring_blocks = 4096;
  superblock.trees[kTreeVolumes] = {{0x77, 0x11223344, 3}, 1, 0};
  superblock.crc =
      crc32c(Bytes(reinterpret_cast<const uint8_t*>(&superblock), offsetof(Superblock, crc)));
  all["superblock_start"] = hex_of(superblock).substr(0, 2 * 456);
  all["superblock_crc"] = hex_of(superblock.crc);
  BatchHeader batch;
  batch.pool_id.fill(0xab);
  batch.journal_generation = 2;
  batch.sequence = 3;
  batch.checkpoint_generation = 4;
  batch.unsynced = 1;
  batch.previous_crc = 0xcafef00d;
  batch.length = 56;
  all["batch_header"] = hex_of(batch);
  WriteRecord write;
  write.header = {RecordType::kWrite, 0, 0, 56};
  write.lineage = 1;
  write.first = 2;
  write.physical = 3;
  write.count = 1;
  write.birth = 4;
  write.owner = 5;
  all["write_record"] = hex_of(write);
  EraseRecord erase;
  erase.header = {RecordType::kErase, kEraseZeroKeep, 0, sizeof erase};
  erase.lineage = 1;
  erase.first = 2;
  erase.count = 3;
  erase.epoch = 4;
  all["erase_record"] = hex_of(erase);
  VolumeRecord volume;
  volume.header = {RecordType::kVolume, 0, 0, sizeof volume};
  volume.id = id_of(16);
  volume.source = uint32_t(VolumeSource::kCut);
  volume.lineage = 6;
  volume.bytes = 1 << 20;
  volume.cut = id_of(32);
  all["volume_record"] = hex_of(volume);
  CutRecord cut;
  cut.header = {RecordType::kCut, 0, 0, 72};
  cut.captured_ns = 0x1122334455667788;
  cut.group = id_of(48);
  cut.members = 1;
  all["cut_record"] = hex_of(cut);
  all["cut_member"] = hex_of(CutMember{6, id_of(64), 9});
  FreeStepRecord step;
  step.header = {RecordType::kFreeStep, 0, 0, 48};
  step.tree = 5;
  step.cursor = 256;
  step.runs = 1;
  all["free_step_record"] = hex_of(step);
  VolumeRow volume_row;
  volume_row.id = id_of(16);
  volume_row.used = 1;
  volume_row.lineage = 6;
  volume_row.root = make_entry(State::kMapped, 0x99, 2, 2, 0x01020304);
  volume_row.bytes = 1 << 20;
  volume_row.stall_ms = 20'000;
  all["volume_row"] = hex_of(volume_row);
  all["lineage_row"] = hex_of(LineageRow{6, 2, 3, 4});
  CutRow cut_row;
  cut_row.snapshot = id_of(64);
  cut_row.used = 1;
  cut_row.lineage = 6;
  cut_row.epoch = 9;
  cut_row.flags = kCutSealed;
  cut_row.merkle_root.fill(0xee);
  all["cut_row"] = hex_of(cut_row);
  OriginRow origin;
  origin.snapshot = id_of(64);
  origin.used = 1;
  origin.pin = id_of(80);
  origin.manifest.fill(0x11);
  all["origin_row"] = hex_of(origin);
  AttachmentRow attachment;
  attachment.id = id_of(96);
  attachment.volume = id_of(16);
  attachment.host = {'h', 'o', 's', 't'};
  attachment.used = 1;
  all["attachment_row"] = hex_of(attachment);
  CloneRow clone_row;
  clone_row.id = id_of(112);
  clone_row.used = 1;
  clone_row.snapshot = id_of(64);
  clone_row.state = uint32_t(CloneState::kAvailable);
  clone_row.lineage = 6;
  clone_row.epoch = 9;
  all["clone_row"] = hex_of(clone_row);
  CloneRecord clone;
  clone.header = {RecordType::kClone, 0, 0, sizeof clone};
  clone.bytes = 1 << 20;
  clone.base = id_of(32);
  clone.row = clone_row;
  clone.row.state = uint32_t(CloneState::kFilling);
  clone.row.epoch = 0;
  clone.row.origin = 3;
  all["clone_record"] = hex_of(clone);
  all["tombstone_row"] = hex_of(TombstoneRow{id_of(16), 1});
  DeadTreeRow dead;
  dead.id = 4;
  dead.first_block = 256;
  dead.level = 1;
  dead.owner_floor = 2;
  dead.cursor = 512;
  all["dead_tree_row"] = hex_of(dead);
  return all;
}

TEST(Format, GoldenBytes) {
  expect_golden("pool.txt", examples());
}

TEST(Crc32c, EqualsTheStandard) {
  // RFC 3720 B.4, and "123456789".
  const std::string digits = "123456789";
  EXPECT_EQ(crc32c(Bytes(reinterpret_cast<const uint8_t*>(digits.data()), digits.size())),
            0xe3069283u);
  std::vector<uint8_t> bytes(32);
  EXPECT_EQ(crc32c(bytes), 0x8a9136aau);
  std::fill(bytes.begin(), bytes.end(), uint8_t(0xff));
  EXPECT_EQ(crc32c(bytes), 0x62a8ab43u);
}

TEST(Crc32c, AnyLengthInAnyPartsEqualsTheSumByBits) {
  std::vector<uint8_t> bytes(10'000);
  for (size_t i = 0; i < bytes.size(); i++)
    bytes[i] = uint8_t(i * 31 + i / 251);
  uint32_t state = ~0u;
  for (size_t length = 0; length < bytes.size(); length++) {
    if (length % 7 == 0 || length % 4080 < 2) {
      ASSERT_EQ(crc32c(Bytes(bytes).first(length)), ~state) << length;
      const uint32_t half = crc32c(Bytes(bytes).first(length / 2));
      ASSERT_EQ(crc32c(Bytes(bytes).subspan(length / 2, length - length / 2), half), ~state);
    }
    state ^= bytes[length];
    for (int bit = 0; bit < 8; bit++)
      state = state >> 1 ^ (state & 1 ? 0x82f63b78u : 0);
  }
}

TEST(Crc32c, BlocksInLanesEqualTheStraightSum) {
  std::vector<uint8_t> blocks(3 * kBlockBytes);
  for (size_t i = 0; i < blocks.size(); i++)
    blocks[i] = uint8_t(i * 31 + i / 251);
  uint32_t lanes[3];
  crc32c_blocks(blocks.data(), 3, lanes);
  for (size_t i = 0; i < 3; i++) {
    std::vector<uint8_t> block(blocks.begin() + ptrdiff_t(i * kBlockBytes),
                               blocks.begin() + ptrdiff_t((i + 1) * kBlockBytes));
    uint32_t state = ~0u;
    for (const uint8_t byte : block) {
      state ^= byte;
      for (int bit = 0; bit < 8; bit++)
        state = state >> 1 ^ (state & 1 ? 0x82f63b78 : 0);
    }
    EXPECT_EQ(lanes[i], ~state);
  }
}

}  // namespace
}  // namespace ashlar::test
