#include "store/mend.h"

#include <algorithm>
#include <set>
#include <unordered_set>

#include "store/hash_hasher.h"

namespace ashlar {
namespace {

// One pass over the whole index: it happens only when files were taken away behind our back, or an
// old copy of the index was put there.
Result<std::vector<DirectoryEntry>> entries_naming(Index& index, const PackName& pack) {
  std::vector<DirectoryEntry> entries;
  TRY(index.each([&](const Hash& id, const Location& at) -> Result<void> {
    if (at.pack != pack) return {};
    DirectoryEntry entry;
    entry.id = id;
    entry.offset = at.offset;
    entries.push_back(entry);
    return {};
  }));
  return entries;
}

// Removes what the index says of packs that are gone. The ids it knew there.
Result<std::unordered_set<Hash, HashHasher>> drop_missing(Index& index,
                                                          const std::vector<PackName>& missing) {
  std::unordered_set<Hash, HashHasher> lost;
  for (const PackName& pack : missing) {
    const std::vector<DirectoryEntry> entries = TRY(entries_naming(index, pack));
    TRY(index.drop(pack, entries));
    TRY(index.forget_pack(pack));
    for (const DirectoryEntry& entry : entries)
      lost.insert(entry.id);
  }
  return lost;
}

}  // namespace

Result<std::vector<Hash>> mend_index(const StoreFolder& folder, Index& index) {
  const std::vector<PackName> there = TRY(folder.list_packs());
  std::vector<PackName> known = TRY(index.packs());
  std::sort(known.begin(), known.end());
  std::vector<PackName> missing;
  std::set_difference(known.begin(), known.end(), there.begin(), there.end(),
                      std::back_inserter(missing));
  auto lost = TRY(drop_missing(index, missing));
  for (const PackName& pack : there) {
    const bool is_known = std::binary_search(known.begin(), known.end(), pack);
    if (is_known && lost.empty()) continue;
    std::vector<DirectoryEntry> directory = TRY(read_directory(folder.pack(pack), pack));
    // Of a pack that is known only what has no other copy: the rest of it may be dead.
    if (is_known) std::erase_if(directory, [&](const auto& at) { return !lost.contains(at.id); });
    TRY(index.add_pack(pack, directory));
  }
  std::vector<Hash> ids(lost.begin(), lost.end());
  const auto found = TRY(index.find_all(ids));
  std::vector<Hash> without;
  for (size_t i = 0; i < ids.size(); i++) {
    if (!found[i]) without.push_back(ids[i]);
  }
  return without;
}

}  // namespace ashlar
