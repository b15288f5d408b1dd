// Packs: append-only files of frames with a directory at the end. A pack exists once it has its
// final name; before that it is a temporary that its writer removes, or the next open if the
// process died. Thread: one at a time each.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "format/pack_format.h"

namespace ashlar {

struct PackName {
  PackKind kind = PackKind::kData;
  uint64_t writer_epoch = 0;
  uint64_t counter = 0;
  std::string file_name() const;  // "d-….pack"
  // Data before nodes; of one kind, a copy that a later pack holds is the newer one.
  auto operator<=>(const PackName&) const = default;
};
// Nothing when it is not the name of a pack.
std::optional<PackName> parse_pack_name(const std::string& file_name);

// A frame as it is stored.
struct StoredFrame {
  FrameKind kind{};
  Hash id{};
  uint32_t plain_bytes = 0;
  Bytes stored;  // borrowed
  // Of a delta: a full chunk of the same domain, and which of the 16 blocks are not its.
  Hash base{};
  uint16_t block_map = 0;
};

class PackWriter {
 public:
  static Result<PackWriter> create(const std::string& folder, const PackName& name);
  PackWriter(PackWriter&&) = default;
  PackWriter& operator=(PackWriter&&) = delete;
  ~PackWriter();  // removes what was not sealed

  // Offset of the frame. After a failure the pack is of no use. kNoSpace when the disk is full.
  Result<uint64_t> append(const StoredFrame& frame);
  uint64_t bytes() const { return end_ + pending_.size(); }
  // Directory, footer, sync, final name, folder synced: from here on the pack exists. Once.
  Result<std::vector<DirectoryEntry>> seal();

 private:
  PackWriter(std::string folder, const PackName& name, UniqueFd file)
      : folder_(std::move(folder)), name_(name), file_(std::move(file)) {}
  Result<void> write_pending();
  std::string temporary() const { return folder_ + "/" + name_.file_name() + ".tmp"; }

  std::string folder_;
  PackName name_;
  UniqueFd file_;
  uint64_t end_ = 0;  // written
  std::vector<uint8_t> pending_;
  std::vector<DirectoryEntry> directory_;
};

// The directory of the pack that has this name; it, header and footer are checked. kForeignFile,
// kNewerFormat, kCorrupt.
Result<std::vector<DirectoryEntry>> read_directory(const std::string& path, const PackName& name);
struct FoundDirectory {
  std::vector<DirectoryEntry> entries;
  std::string damage;  // what is damaged beside the frames, a line; empty = nothing
};
// The same; where only directory or footer is damaged, what the frames say: all of them are whole,
// and just these two parts are left of the file. Where only the header is damaged, footer and
// directory are whole and agree with the name. kCorrupt, and the header's error, where neither
// holds.
Result<FoundDirectory> find_directory(const std::string& path, const PackName& name);
struct PackedFrame {
  FrameHeader header;
  std::vector<uint8_t> stored;
};
// One frame, header and CRC checked against what is expected. kCorrupt.
Result<PackedFrame> read_frame(int file, const std::string& path, uint64_t offset, const Hash& id,
                               FrameKind kind, uint32_t stored_bytes);

}  // namespace ashlar
