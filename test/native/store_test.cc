// The chunk store (DESIGN 7) as its callers use it: what a session finished is there, also after a
// restart; what it did not finish is not; packs fill up and roll over; several sessions at once.
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <thread>

#include "support/failing_calls.h"
#include "support/store_world.h"

namespace ashlar::test {
namespace {

std::vector<Frame> frames_of_each_kind(uint64_t first) {
  return {
      make_frame(FrameKind::kRaw, first, kChunkBytes),
      make_frame(FrameKind::kLz4, first + 1, 777),
      make_frame(FrameKind::kLz4, first + 2, 1),
      make_frame(FrameKind::kNode, first + 3, 2049),
      make_frame(FrameKind::kManifest, first + 4, 80),
  };
}

StoreHeader header_of(const std::string& folder) {
  return struct_at<StoreHeader>(folder + "/STORE", 0);
}

TEST(Store, GivesBackChunksNodesAndManifests) {
  const TempFolder folder;
  const std::vector<Frame> frames = frames_of_each_kind(1);
  auto store = open_store(folder.path());
  ASSERT_OK(store);
  for (const Frame& frame : frames)
    EXPECT_TRUE(lacks(**store, frame));
  ASSERT_OK(put_all(**store, frames));
  for (const Frame& frame : frames)
    EXPECT_TRUE(holds(**store, frame));
  EXPECT_TRUE(lacks(**store, make_frame(FrameKind::kRaw, 99, 10)));

  store->reset();
  store = open_store(folder.path());
  ASSERT_OK(store);
  for (const Frame& frame : frames)
    EXPECT_TRUE(holds(**store, frame));
  // Data and nodes never share a pack.
  EXPECT_EQ(packs_of(folder.path(), 'd').size(), 1u);
  EXPECT_EQ(packs_of(folder.path(), 'n').size(), 1u);
}

TEST(Store, BelongsToItsCatalogUntilItIsAdopted) {
  const TempFolder folder;
  const std::vector<Frame> frames = frames_of_each_kind(1);
  auto store = ChunkStore::open(folder.path(), "one");
  ASSERT_OK(store);
  ASSERT_OK(put_all(**store, frames));
  store->reset();
  EXPECT_EQ(ChunkStore::open(folder.path(), "another").error().code, Code::kFailedPrecondition);
  store = ChunkStore::open(folder.path(), "another", true);
  ASSERT_OK(store);
  for (const Frame& frame : frames)
    EXPECT_TRUE(holds(**store, frame));
  store->reset();
  EXPECT_EQ(ChunkStore::open(folder.path(), "one").error().code, Code::kFailedPrecondition);
  ASSERT_OK(ChunkStore::open(folder.path(), "another"));
}

TEST(Store, AnswersManyIdsAtOnceInTheirOrder) {
  const TempFolder folder;
  auto store = open_store(folder.path());
  ASSERT_OK(store);
  std::vector<Frame> frames;
  for (uint64_t i = 0; i < 300; i++)
    frames.push_back(make_frame(FrameKind::kLz4, i, 40 + i));
  std::vector<Frame> put;
  for (size_t i = 0; i < frames.size(); i += 3)
    put.push_back(frames[i]);
  ASSERT_OK(put_all(**store, put));
  std::vector<Hash> ids;
  for (const Frame& frame : frames)
    ids.push_back(frame.id);
  const auto present = (*store)->present(ids);
  ASSERT_OK(present);
  ASSERT_EQ(present->size(), ids.size());
  for (size_t i = 0; i < ids.size(); i++)
    EXPECT_EQ((*present)[i], i % 3 == 0) << i;
  const auto none = (*store)->present({});
  ASSERT_OK(none);
  EXPECT_TRUE(none->empty());
}

TEST(Store, EveryOpenRaisesTheWriterEpochAndKeepsTheUuids) {
  const TempFolder folder;
  StoreHeader first;
  for (uint64_t epoch = 1; epoch <= 5; epoch++) {
    const auto store = open_store(folder.path());
    ASSERT_OK(store);
    EXPECT_EQ((*store)->writer_epoch(), epoch);
    const StoreHeader header = header_of(folder.path());
    EXPECT_EQ(header.writer_epoch, epoch);  // written down before anything is named by it
    if (epoch == 1) first = header;
    EXPECT_EQ(header.store_uuid, first.store_uuid);
    EXPECT_STREQ(header.catalog_uuid.data(), kCatalog.c_str());
    ASSERT_OK(put_all(**store, {make_frame(FrameKind::kRaw, epoch, 100)}));
  }
  const std::vector<std::string> packs = packs_of(folder.path());
  ASSERT_EQ(packs.size(), 5u);
  for (uint64_t epoch = 1; epoch <= 5; epoch++) {
    const PackName name = *parse_pack_name(fs::path(packs[epoch - 1]).filename());
    EXPECT_EQ(name.writer_epoch, epoch);
    EXPECT_EQ(name.counter, 1u);
  }
}

TEST(Store, TwoStoresHaveTwoUuids) {
  const TempFolder a;
  const TempFolder b;
  ASSERT_OK(open_store(a.path()));
  ASSERT_OK(open_store(b.path()));
  EXPECT_NE(header_of(a.path()).store_uuid, header_of(b.path()).store_uuid);
}

// Callers ask before they put (a pull does so for every chunk and node): then nothing is stored
// twice, in this life or the next.
TEST(Store, WhatIsPresentNeedNotBePutAgain) {
  const TempFolder folder;
  const std::vector<Frame> frames = frames_of_each_kind(1);
  uint64_t pack_bytes = 0;
  for (int life = 0; life < 3; life++) {
    const auto store = open_store(folder.path());
    ASSERT_OK(store);
    StoreSession session(**store);
    for (const Frame& frame : frames) {
      const auto present = (*store)->present(std::span(&frame.id, 1));
      ASSERT_OK(present);
      EXPECT_EQ((*present)[0], life > 0);
      if ((*present)[0]) continue;
      ASSERT_OK(frame.kind == FrameKind::kRaw || frame.kind == FrameKind::kLz4
                    ? session.add_chunk(frame.view())
                    : session.add_node(frame.view()));
    }
    EXPECT_EQ(session.added_bytes() > 0, life == 0);
    ASSERT_OK(session.finish());
    const auto stats = (*store)->stats();
    ASSERT_OK(stats);
    EXPECT_EQ(stats->packs, 2u);
    if (life == 0) pack_bytes = stats->pack_bytes;
    EXPECT_EQ(stats->pack_bytes, pack_bytes);
  }
}

// Two pulls may bring the same chunk at the same time, even in two forms: one of them is served.
TEST(Store, TheSameIdTwiceIsHarmless) {
  const TempFolder folder;
  const Frame raw = make_frame(FrameKind::kRaw, 1, kChunkBytes);
  Frame lz4 = make_frame(FrameKind::kLz4, 2, 500);
  lz4.id = raw.id;
  {
    const auto store = open_store(folder.path());
    ASSERT_OK(store);
    StoreSession a(**store);
    StoreSession b(**store);
    ASSERT_OK(a.add_chunk(raw.view()));
    ASSERT_OK(a.add_chunk(raw.view()));
    ASSERT_OK(b.add_chunk(lz4.view()));
    ASSERT_OK(b.finish());
    EXPECT_TRUE(holds(**store, lz4));
    ASSERT_OK(a.finish());
    EXPECT_TRUE(holds(**store, raw) || holds(**store, lz4));
  }
  for (const bool rebuild : {false, true}) {
    if (rebuild) drop_index(folder.path());
    const auto store = open_store(folder.path());
    ASSERT_OK(store);
    EXPECT_TRUE(holds(**store, raw) || holds(**store, lz4)) << rebuild;
  }
}

TEST(Store, NothingOfASessionIsVisibleBeforeItFinishes) {
  const TempFolder folder;
  const std::vector<Frame> frames = frames_of_each_kind(1);
  const auto store = open_store(folder.path());
  ASSERT_OK(store);
  StoreSession session(**store);
  for (size_t i = 0; i < 3; i++)
    ASSERT_OK(session.add_chunk(frames[i].view()));
  for (size_t i = 3; i < frames.size(); i++)
    ASSERT_OK(session.add_node(frames[i].view()));
  for (const Frame& frame : frames)
    EXPECT_TRUE(lacks(**store, frame));
  const auto stats = (*store)->stats();
  ASSERT_OK(stats);
  EXPECT_EQ(stats->packs, 0u);
  EXPECT_EQ(stats->pack_bytes, 0u);
  ASSERT_OK(session.finish());
  for (const Frame& frame : frames)
    EXPECT_TRUE(holds(**store, frame));
}

// Dropped by its pull, or with the process: then its packs lie there until the next open.
TEST(Store, ADroppedSessionLeavesNothing) {
  const std::vector<Frame> frames = frames_of_each_kind(1);
  const std::vector<Frame> before = frames_of_each_kind(50);
  const Frame large = make_frame(FrameKind::kRaw, 100, 3 << 20);  // written before the pack ends
  for (const bool killed : {false, true}) {
    SCOPED_TRACE(killed ? "killed" : "dropped");
    const TempFolder folder;
    const auto files = [&] {
      const fs::directory_iterator packs(folder.path() + "/packs");
      return std::distance(packs, fs::directory_iterator());
    };
    auto store = open_store(folder.path());
    ASSERT_OK(store);
    ASSERT_OK(put_all(**store, before));
    std::optional<StoreSession> session(**store);
    ASSERT_OK(session->add_chunk(frames[0].view()));
    ASSERT_OK(session->add_chunk(large.view()));
    ASSERT_OK(session->add_node(frames[3].view()));
    EXPECT_EQ(files(), 4);
    if (killed) {
      const FailingCalls dead({.error = EIO, .later_too = true, .killed = true});
      session.reset();
      store->reset();
    } else {
      session.reset();
      EXPECT_TRUE(lacks(**store, large));
    }
    EXPECT_EQ(files(), killed ? 4 : 2);
    store->reset();
    store = open_store(folder.path());
    ASSERT_OK(store);
    EXPECT_EQ(files(), 2);
    for (const Frame& frame : before)
      EXPECT_TRUE(holds(**store, frame));
    for (const Frame& frame : {frames[0], large, frames[3]})
      EXPECT_TRUE(lacks(**store, frame));
    ASSERT_OK(put_all(**store, frames));
  }
}

TEST(Store, AnEmptySessionLeavesNothing) {
  const TempFolder folder;
  const auto store = open_store(folder.path());
  ASSERT_OK(store);
  StoreSession session(**store);
  ASSERT_OK(session.finish());
  ASSERT_OK(session.finish());
  EXPECT_TRUE(fs::is_empty(folder.path() + "/packs"));
}

TEST(Store, ASessionMayGoOnAfterItFinished) {
  const TempFolder folder;
  const auto store = open_store(folder.path());
  ASSERT_OK(store);
  StoreSession session(**store);
  const std::vector<Frame> first = frames_of_each_kind(1);
  const std::vector<Frame> second = frames_of_each_kind(50);
  ASSERT_OK(session.add_chunk(first[0].view()));
  ASSERT_OK(session.finish());
  ASSERT_OK(session.add_chunk(second[0].view()));
  ASSERT_OK(session.add_node(second[3].view()));
  EXPECT_TRUE(lacks(**store, second[0]));
  ASSERT_OK(session.finish());
  EXPECT_TRUE(holds(**store, first[0]));
  EXPECT_TRUE(holds(**store, second[0]));
  EXPECT_TRUE(holds(**store, second[3]));
}

// A full data pack is sealed at once: its chunks are durable garbage, or dedup for the next pull. A
// full node pack waits for the chunks below it.
TEST(Store, FullPacksRollOver) {
  constexpr size_t kFrameBytes = 4 << 20;
  const size_t frames_per_pack = kPackBytesMax / kFrameBytes;
  const TempFolder folder;
  const auto store = open_store(folder.path());
  ASSERT_OK(store);
  const Frame chunk = make_frame(FrameKind::kRaw, 0, 1000);
  std::vector<Frame> nodes;
  StoreSession session(**store);
  ASSERT_OK(session.add_chunk(chunk.view()));
  for (uint64_t i = 0; i <= frames_per_pack; i++) {
    nodes.push_back(make_frame(FrameKind::kNode, i, kFrameBytes));
    ASSERT_OK(session.add_node(nodes.back().view()));
  }
  EXPECT_TRUE(packs_of(folder.path()).empty());
  EXPECT_TRUE(lacks(**store, nodes[0]));

  std::vector<Frame> chunks;
  for (uint64_t i = 0; i < frames_per_pack; i++) {
    chunks.push_back(make_frame(FrameKind::kRaw, i, kFrameBytes));
    ASSERT_OK(session.add_chunk(chunks.back().view()));
  }
  EXPECT_EQ(packs_of(folder.path(), 'd').size(), 1u);
  EXPECT_TRUE(packs_of(folder.path(), 'n').empty());
  EXPECT_TRUE(holds(**store, chunk));
  EXPECT_TRUE(holds(**store, chunks[0]));
  EXPECT_TRUE(lacks(**store, nodes[0]));

  ASSERT_OK(session.finish());
  EXPECT_EQ(packs_of(folder.path(), 'd').size(), 1u);
  EXPECT_EQ(packs_of(folder.path(), 'n').size(), 2u);
  for (const Frame& frame : nodes)
    EXPECT_TRUE(holds(**store, frame));
  for (const Frame& frame : chunks)
    EXPECT_TRUE(holds(**store, frame));
  for (const std::string& pack : packs_of(folder.path()))
    EXPECT_LE(fs::file_size(pack), kPackBytesMax + 2 * kFrameBytes);
}

// More packs than the store keeps open.
TEST(Store, ReadsFromMorePacksThanItKeepsOpen) {
  const TempFolder folder;
  const auto store = open_store(folder.path());
  ASSERT_OK(store);
  const auto open_files = [] {
    return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
  };
  const auto open_before = open_files();
  std::vector<Frame> frames;
  for (uint64_t i = 0; i < 140; i++) {
    frames.push_back(make_frame(FrameKind::kLz4, i, 20));
    ASSERT_OK(put_all(**store, {frames.back()}));
  }
  for (int round = 0; round < 2; round++) {
    for (const Frame& frame : frames)
      ASSERT_TRUE(holds(**store, frame));
  }
  EXPECT_LT(open_files(), open_before + 135);
}

TEST(Store, RecordsAreOnePackEachAndHaveNoId) {
  const TempFolder folder;
  const std::string row = "a row of the catalog";
  {
    const auto store = open_store(folder.path());
    ASSERT_OK(store);
    const Bytes bytes(reinterpret_cast<const uint8_t*>(row.data()), row.size());
    ASSERT_OK((*store)->append_record(7, 1, bytes));
    ASSERT_OK((*store)->append_record(8, 2, {}));
    const Hash none{};
    const auto present = (*store)->present(std::span(&none, 1));
    ASSERT_OK(present);
    EXPECT_FALSE((*present)[0]);
    EXPECT_TRUE(fails_with((*store)->read(none), Code::kNotFound, to_hex(none)));
    const std::vector<uint8_t> large((1 << 20) + 1);
    EXPECT_TRUE(fails_with((*store)->append_record(9, 1, large), Code::kTooLarge, "1 MiB"));
    ASSERT_OK((*store)->append_record(9, 1, Bytes(large).first(1 << 20)));
  }
  const std::vector<std::string> packs = packs_of(folder.path(), 'n');
  ASSERT_EQ(packs.size(), 3u);
  const auto directory = read_directory(packs[0], *parse_pack_name(fs::path(packs[0]).filename()));
  ASSERT_OK(directory);
  ASSERT_EQ(directory->size(), 1u);
  const DirectoryEntry& entry = directory->front();
  EXPECT_EQ(entry.kind, FrameKind::kRecord);
  const UniqueFd file(::open(packs[0].c_str(), O_RDONLY | O_CLOEXEC));
  const auto plain =
      read_frame(file.get(), packs[0], entry.offset, entry.id, entry.kind, entry.stored_bytes);
  ASSERT_OK(plain);
  RecordBody body;
  ASSERT_EQ(plain->stored.size(), sizeof body + row.size());
  std::memcpy(&body, plain->stored.data(), sizeof body);
  EXPECT_EQ(body.generation, 7u);
  EXPECT_EQ(body.kind, 1u);
  EXPECT_EQ(body.row_bytes, row.size());
  EXPECT_TRUE(std::equal(row.begin(), row.end(), plain->stored.begin() + sizeof body));
  drop_index(folder.path());
  ASSERT_OK(open_store(folder.path()));
}

TEST(Store, ManySessionsAndReadersAtOnce) {
  constexpr uint64_t kThreads = 6;
  constexpr uint64_t kSessions = 4;
  constexpr uint64_t kFrames = 8;
  const TempFolder folder;
  auto opened = open_store(folder.path());
  ASSERT_OK(opened);
  ChunkStore& store = **opened;
  std::vector<std::vector<Frame>> frames(kThreads);
  std::vector<std::string> problems(kThreads);
  const auto work = [&](uint64_t thread) {
    for (uint64_t session = 0; session < kSessions; session++) {
      std::vector<Frame> put;
      for (uint64_t i = 0; i < kFrames; i++) {
        const uint64_t number = (thread * kSessions + session) * kFrames + i;
        put.push_back(make_frame(i % 4 ? FrameKind::kLz4 : FrameKind::kNode, number, 3000));
      }
      const auto outcome = put_all(store, put);
      if (!outcome) problems[thread] = outcome.error().message;
      if (!store.append_record(thread * kSessions + session, 1, {})) problems[thread] = "record";
      frames[thread].insert(frames[thread].end(), put.begin(), put.end());
      for (const Frame& frame : frames[thread]) {
        if (!holds(store, frame)) problems[thread] = "lost " + to_hex(frame.id);
      }
    }
  };
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < kThreads; i++)
    threads.emplace_back(work, i);
  for (std::thread& thread : threads)
    thread.join();
  for (const std::string& problem : problems)
    EXPECT_EQ(problem, "");
  EXPECT_EQ(packs_of(folder.path()).size(), kThreads * kSessions * 3);
  opened->reset();
  drop_index(folder.path());
  const auto again = open_store(folder.path());
  ASSERT_OK(again);
  for (const auto& of_thread : frames) {
    for (const Frame& frame : of_thread)
      EXPECT_TRUE(holds(**again, frame));
  }
}

}  // namespace
}  // namespace ashlar::test
