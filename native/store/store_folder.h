// The folder of a chunk store: its lock, its header, the names of its packs. Thread: any after
// open; const.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "store/pack.h"

namespace ashlar {

class StoreFolder {
 public:
  // Takes the lock, creates what is missing, and raises the writer epoch. Errors: as
  // ChunkStore::open.
  static Result<StoreFolder> open(const std::string& path, const std::string& catalog_uuid,
                                  bool adopt = false);
  // Takes the lock of a store that is there and changes nothing, whatever catalog it belongs to.
  // Errors: kNotFound, kInUse, kForeignFile, kNewerFormat, kCorrupt.
  static Result<StoreFolder> open_offline(const std::string& path);

  const std::string& path() const { return path_; }
  std::string packs() const { return path_ + "/packs"; }
  std::string index() const { return path_ + "/index"; }
  std::string pack(const PackName& name) const { return packs() + "/" + name.file_name(); }
  uint64_t writer_epoch() const { return writer_epoch_; }

  // Packs that have their final names and are not being removed, in the order of names.
  Result<std::vector<PackName>> list_packs() const;
  // Everything else in the packs' folder.
  Result<std::vector<std::string>> list_other_files() const;

  // Packs that go together, whatever happens meanwhile: when this returns, or a crash in it left
  // its list, none of them is a pack any more. Answers all whose removal is not finished, which is
  // these and those of a removal that failed. The list is lost or there as a whole.
  Result<std::vector<PackName>> begin_removal(std::span<const PackName> packs) const;
  // Their files too. Can be repeated.
  Result<void> finish_removal() const;

 private:
  explicit StoreFolder(std::string path) : path_(std::move(path)) {}
  Result<void> take_lock();
  Result<void> check_epoch(const StoreHeader& header) const;
  std::string removal() const { return path_ + "/REMOVAL"; }
  Result<std::vector<PackName>> read_removal() const;

  std::string path_;
  UniqueFd lock_;
  uint64_t writer_epoch_ = 0;
};

// Makes what was renamed or removed in the folder durable.
Result<void> sync_folder(const std::string& path);

}  // namespace ashlar
