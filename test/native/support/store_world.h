// A chunk store in a folder of its own, frames to put into it, and ways to damage its files.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "store/chunk_store.h"
#include "support/outcome.h"
#include "support/prng.h"

namespace ashlar::test {

namespace fs = std::filesystem;

// Removed with what is in it when it goes out of scope. In memory where that is possible: thousands
// of syncs on a busy disk take minutes. TEST_TMPDIR chooses another place.
class TempFolder {
 public:
  TempFolder() {
    const bool in_memory = !std::getenv("TEST_TMPDIR") && ::access("/dev/shm", W_OK) == 0;
    std::string name = (in_memory ? "/dev/shm/" : testing::TempDir()) + "ashlar-store-XXXXXX";
    CHECK(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline const std::string kCatalog = "6a2f41a3-c54c-4a4b-8d3e-0c0f4cd4e9d1";

// One frame and its bytes. The id is the hash of what is stored, so that no two differ under one
// id; the store itself takes ids as they are.
struct Frame {
  FrameKind kind{};
  Hash id{};
  uint32_t plain_bytes = 0;
  std::vector<uint8_t> stored;
  StoredFrame view() const { return {kind, id, plain_bytes, stored}; }
};

inline Frame make_frame(FrameKind kind, uint64_t number, size_t stored_bytes) {
  Frame frame;
  frame.kind = kind;
  frame.plain_bytes = kind == FrameKind::kLz4 ? uint32_t(kChunkBytes) : uint32_t(stored_bytes);
  frame.stored.resize(stored_bytes);
  Prng prng(number * 8 + uint64_t(kind));
  for (size_t at = 0; at < stored_bytes; at += sizeof(uint64_t)) {
    const uint64_t word = prng.next();
    std::memcpy(&frame.stored[at], &word, std::min(sizeof word, stored_bytes - at));
  }
  frame.id = keyed_hash(derive_keys({}).chunk, frame.stored);
  return frame;
}

inline testing::AssertionResult holds(ChunkStore& store, const Frame& frame) {
  const auto present = store.present(std::span(&frame.id, 1));
  if (!present) return testing::AssertionFailure() << present.error().message;
  if (!(*present)[0]) return testing::AssertionFailure() << to_hex(frame.id) << " is not present";
  const auto got = store.read(frame.id);
  if (!got) return testing::AssertionFailure() << got.error().message;
  if (got->kind != frame.kind || got->plain_bytes != frame.plain_bytes ||
      got->bytes != frame.stored) {
    return testing::AssertionFailure() << to_hex(frame.id) << " was read with other bytes";
  }
  return testing::AssertionSuccess();
}

inline testing::AssertionResult lacks(ChunkStore& store, const Frame& frame) {
  const auto present = store.present(std::span(&frame.id, 1));
  if (!present) return testing::AssertionFailure() << present.error().message;
  if ((*present)[0]) return testing::AssertionFailure() << to_hex(frame.id) << " is present";
  return fails_with(store.read(frame.id), Code::kNotFound, to_hex(frame.id));
}

// Chunks, then nodes, in one session.
inline Result<void> put_all(ChunkStore& store, const std::vector<Frame>& frames) {
  StoreSession session(store);
  for (const Frame& frame : frames) {
    const bool chunk = frame.kind == FrameKind::kRaw || frame.kind == FrameKind::kLz4;
    TRY(chunk ? session.add_chunk(frame.view()) : session.add_node(frame.view()));
  }
  return session.finish();
}

// ---- files

inline std::vector<uint8_t> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.is_open()) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}
inline void write_file(const std::string& path, Bytes bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(bytes.data()), std::streamsize(bytes.size()));
  EXPECT_TRUE(file.good()) << path;
}
inline void flip_bit(const std::string& path, uint64_t offset, int bit = 0) {
  std::vector<uint8_t> bytes = read_file(path);
  ASSERT_LT(offset, bytes.size()) << path;
  bytes[offset] ^= uint8_t(1 << bit);
  write_file(path, bytes);
}
template <typename T>
T struct_at(const std::string& path, uint64_t offset) {
  const std::vector<uint8_t> bytes = read_file(path);
  T value;
  CHECK(offset + sizeof value <= bytes.size());
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}
template <typename T>
void put_struct(const std::string& path, uint64_t offset, const T& value) {
  std::vector<uint8_t> bytes = read_file(path);
  CHECK(offset + sizeof value <= bytes.size());
  std::memcpy(bytes.data() + offset, &value, sizeof value);
  write_file(path, bytes);
}

// ---- a store's folder

// Names of the files in packs/, in order; `kind` is 'd' or 'n'.
inline std::vector<std::string> packs_of(const std::string& store, char kind = 0) {
  std::vector<std::string> paths;
  for (const fs::directory_entry& entry : fs::directory_iterator(store + "/packs")) {
    const std::string name = entry.path().filename();
    if (parse_pack_name(name) && (kind == 0 || name[0] == kind)) paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}
inline void drop_index(const std::string& store) {
  fs::remove_all(store + "/index");
}
// Of a closed store: RocksDB's threads remove files of an open one.
inline void copy_store(const std::string& from, const std::string& to) {
  fs::remove_all(to);
  fs::copy(from, to, fs::copy_options::recursive);
}

inline Result<std::unique_ptr<ChunkStore>> open_store(const std::string& folder) {
  return ChunkStore::open(folder, kCatalog);
}

}  // namespace ashlar::test
