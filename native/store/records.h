// The records of a store: which snapshots were committed and deleted, each under a generation of
// the catalog. They are frames of node packs that no index names, so that they are found by the
// packs' directories alone.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "store/store_folder.h"

namespace ashlar {

struct StoreRecord {
  uint64_t generation = 0;
  uint32_t kind = 0;  // kRecordCommit, kRecordDelete
  std::vector<uint8_t> row;
};

struct DamagedRecord {
  // As the directory has it. Of a pack whose frames are not known: none, and what it held may be
  // several records, or none.
  std::optional<uint64_t> generation;
  std::string message;
};

struct Records {
  std::vector<StoreRecord> records;    // by generation
  std::vector<DamagedRecord> damaged;  // by pack; another copy of one may be among the records
};

// What is stored for a record.
std::vector<uint8_t> pack_record(const StoreRecord& record);
// Of the open file of a pack. kCorrupt when the frame is damaged or no record, kDeviceFailed.
Result<StoreRecord> read_record(int file, const std::string& path, const DirectoryEntry& entry);
// All there are. Beside a collection too: it moves them. kDeviceFailed.
Result<Records> read_records(const StoreFolder& folder);
// The same, and keeps only the damaged in memory: there is a record for each snapshot there ever
// was.
Result<std::vector<DamagedRecord>> find_damaged_records(const StoreFolder& folder);

}  // namespace ashlar
