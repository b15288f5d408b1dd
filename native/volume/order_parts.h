// What orders of volumes and of clones share: small pieces of records and answers.
#pragma once

#include "volume/volumes.h"

namespace ashlar {

template <typename Record>
Bytes bytes_of(const Record& record) {
  return Bytes(reinterpret_cast<const uint8_t*>(&record), sizeof record);
}

// Calls visit(slot, row) for each that is not free.
template <typename Row, typename Visit>
void each_row(const Table<Row>& table, Visit visit) {
  for (size_t slot = 0; slot < table.rows().size(); slot++) {
    if (!is_free(table[slot])) visit(slot, table[slot]);
  }
}

inline Error id_reused(const char* what, const Id& id) {
  return error(Code::kIdReused,
               std::string(what) + " " + to_string(id) + " was made before with other arguments");
}

// Size of the snapshot, as its manifest says; kInvalidArgument when it is none.
Result<uint64_t> bytes_of_origin(const CreateVolume::Origin& origin);

}  // namespace ashlar
