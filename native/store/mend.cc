#include "store/mend.h"

#include <fcntl.h>
#include <stdio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <unordered_set>

#include "base/failpoint.h"
#include "format/tree_format.h"
#include "store/hash_hasher.h"

namespace ashlar {
namespace {

// Removes what the index says of packs that are gone, and quarantines it; those ids, and those that
// an earlier try came to. One pass over the whole index: it happens only when files were taken away
// behind our back, or an old copy of the index was put there.
Result<std::unordered_set<Hash, HashHasher>> lose_missing(Index& index,
                                                          const std::vector<PackName>& missing) {
  std::unordered_set<Hash, HashHasher> lost;
  if (missing.empty()) return lost;
  std::map<PackName, std::vector<DirectoryEntry>> entries;
  for (const PackName& pack : missing)
    entries[pack];
  TRY(index.each([&](const Hash& id, const Location& at) -> Result<void> {
    const auto found = entries.find(at.pack);
    if (found == entries.end()) return {};
    DirectoryEntry entry;
    entry.id = id;
    entry.offset = at.offset;
    found->second.push_back(entry);
    lost.insert(id);
    return {};
  }));
  std::vector<PackEntries> gone;
  for (const auto& [pack, of_pack] : entries)
    gone.push_back({pack, of_pack});
  TRY(index.lose(gone));
  const std::vector<Hash> before = index.quarantined();
  const auto found = TRY(index.find_all(before));
  for (size_t i = 0; i < before.size(); i++) {
    if (!found[i]) lost.insert(before[i]);
  }
  return lost;
}

Result<void> remove_all(const std::string& path) {
  std::error_code failure;
  // reversible: only beside an index that has its name
  std::filesystem::remove_all(path, failure);
  if (failure) return error(Code::kDeviceFailed, path + ": remove: " + failure.message());
  return {};
}

Result<void> rename_if_there(const std::string& from, const std::string& to) {
  FAILPOINT(kIndexReplace);
  if (::rename(from.c_str(), to.c_str()) == 0 || errno == ENOENT) return {};
  return error(Code::kDeviceFailed, from + ": rename: " + std::strerror(errno));
}

bool is_named(const std::optional<Location>& at, const PackName& pack, uint64_t offset) {
  return at && at->is(pack, offset);
}

// Children of one node that the index does not know.
Result<void> find_missing_children(Index& index, Bytes stored, std::vector<Lost>& lost) {
  NodeBytes node;
  if (stored.size() != node.size()) return {};
  std::copy(stored.begin(), stored.end(), node.begin());
  std::vector<Hash> children;
  for (uint64_t child = 0; child < kFanOut; child++) {
    const Hash id = node_child(node, child);
    if (!is_zero(id)) children.push_back(id);
  }
  const auto found = TRY(index.find_all(children));
  for (size_t i = 0; i < children.size(); i++) {
    if (!found[i]) lost.push_back({children[i], "a node names it, and no pack has it"});
  }
  return {};
}

Result<void> find_gaps_below(const StoreFolder& folder, Index& index, const PackName& pack,
                             std::vector<Lost>& lost) {
  const std::string path = folder.pack(pack);
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  const auto directory = find_directory(path, pack);
  if (!directory && directory.error().code == Code::kCorrupt) return {};  // said elsewhere
  if (!directory) return directory.error();
  for (const DirectoryEntry& entry : directory->entries) {
    const bool delta = entry.kind == FrameKind::kDelta;
    if (!delta && entry.kind != FrameKind::kNode) continue;
    if (!is_named(TRY(index.find(entry.id)), pack, entry.offset)) continue;
    if (delta) {
      const auto base = TRY(index.find(entry.base));
      if (!base || !is_full_chunk(base->kind)) lost.push_back({entry.id, "its base is nowhere"});
      continue;
    }
    const auto frame =
        read_frame(file.get(), path, entry.offset, entry.id, entry.kind, entry.stored_bytes);
    if (!frame) {
      lost.push_back({entry.id, frame.error().message});
    } else {
      TRY(find_missing_children(index, frame->stored, lost));
    }
  }
  return {};
}

}  // namespace

Result<std::vector<Lost>> mend_index(const StoreFolder& folder, Index& index) {
  const std::vector<PackName> there = TRY(folder.list_packs());
  std::vector<PackName> known = TRY(index.packs());
  std::sort(known.begin(), known.end());
  std::vector<PackName> missing;
  std::set_difference(known.begin(), known.end(), there.begin(), there.end(),
                      std::back_inserter(missing));
  const auto lost = TRY(lose_missing(index, missing));
  for (const PackName& pack : there) {
    const bool is_known = std::binary_search(known.begin(), known.end(), pack);
    if (is_known && lost.empty()) continue;
    auto directory = TRY(find_directory(folder.pack(pack), pack)).entries;
    // Of a pack that is known only what has no other copy: the rest of it may be dead.
    if (is_known) std::erase_if(directory, [&](const auto& at) { return !lost.contains(at.id); });
    TRY(index.add_pack(pack, directory));
  }
  // Last: a process that dies before begins all of it again.
  for (const PackName& pack : missing)
    TRY(index.forget_pack(pack));
  std::vector<Hash> ids(lost.begin(), lost.end());
  const auto found = TRY(index.find_all(ids));
  std::vector<Lost> without;
  for (size_t i = 0; i < ids.size(); i++) {
    if (!found[i]) without.push_back({ids[i], "the pack is missing that held it"});
  }
  if (TRY(index.may_have_gaps())) {
    for (Lost& gap : TRY(quarantine_gaps(folder, index)))
      without.push_back(std::move(gap));
  }
  return without;
}

Result<std::vector<Lost>> quarantine_gaps(const StoreFolder& folder, Index& index) {
  std::vector<Lost> fresh;
  for (Lost& gap : TRY(find_gaps(folder, index))) {
    if (TRY(index.quarantine(gap.id))) fresh.push_back(std::move(gap));
  }
  TRY(index.gaps_were_found());
  return fresh;
}

Result<std::vector<Lost>> find_gaps(const StoreFolder& folder, Index& index) {
  std::vector<Lost> lost;
  for (const PackName& pack : TRY(folder.list_packs()))
    TRY(find_gaps_below(folder, index, pack, lost));
  return lost;
}

Result<RebuildReport> rebuild_index(const std::string& store) {
  const StoreFolder folder = TRY(StoreFolder::open_offline(store));
  const std::string fresh = folder.index() + ".new";
  const std::string old = folder.index() + ".old";
  TRY(remove_all(fresh));
  TRY(remove_all(old));
  RebuildReport report;
  {
    const auto index = TRY(Index::open(fresh));
    for (const PackName& pack : TRY(folder.list_packs())) {
      auto found = find_directory(folder.pack(pack), pack);
      if (!found && found.error().code == Code::kDeviceFailed) return found.error();
      // What cannot be read is noted as known, so that the store opens without it.
      const auto [entries, damage] =
          found ? *std::move(found) : FoundDirectory{{}, found.error().message};
      if (!damage.empty()) report.problems.push_back(damage);
      TRY(index->add_pack(pack, entries));
      report.packs++;
      report.frames += entries.size();
    }
    report.quarantined = TRY(quarantine_gaps(folder, *index)).size();
  }
  // Between the two there is no index, and the next open makes one.
  TRY(rename_if_there(folder.index(), old));
  TRY(rename_if_there(fresh, folder.index()));
  TRY(sync_folder(folder.path()));
  TRY(remove_all(old));
  return report;
}

}  // namespace ashlar
