// The index: id -> where its frame lies. RocksDB; rebuildable from the packs' directories at any
// time, so it is never the only copy of a fact. A pack's entries and the note that it is indexed
// are one write. Thread: any.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/pack.h"

namespace ashlar {

struct Location {
  PackName pack;
  uint64_t offset = 0;
  uint32_t stored_bytes = 0;
  uint32_t plain_bytes = 0;
  FrameKind kind{};
};

class Index {
 public:
  static Result<std::unique_ptr<Index>> open(const std::string& path);
  virtual ~Index() = default;

  virtual Result<std::optional<Location>> find(const Hash& id) = 0;
  virtual Result<std::vector<bool>> present(std::span<const Hash> ids) = 0;
  // Records, which have no id of their own, are left out. kNoSpace also while the disk has too
  // little space left to be safe.
  virtual Result<void> add_pack(const PackName& pack, std::span<const DirectoryEntry> entries) = 0;
  virtual Result<bool> has_pack(const PackName& pack) = 0;
};

}  // namespace ashlar
