#include "store/check.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>

#include "base/parallel.h"
#include "format/tree_format.h"
#include "store/index.h"
#include "store/records.h"
#include "store/store_folder.h"
#include "store/verify.h"

namespace ashlar {
namespace {

// mutex_ guards the report: frames of a pack are checked on all cores.
class Check {
 public:
  Check(StoreFolder folder, const DomainKeys& keys) : folder_(std::move(folder)), keys_(keys) {}

  Result<StoreReport> run() {
    open_index();
    for (const std::string& file : TRY(folder_.list_other_files())) {
      if (file.ends_with(".tmp")) continue;  // of a writer that died; the next open removes it
      report_.unknown_files++;
      problem(folder_.packs() + "/" + file + ": is no pack");
    }
    TRY(count_names());
    for (const PackName& pack : TRY(folder_.list_packs()))
      TRY(check_pack(pack));
    find_dangling();
    if (report_.quarantined > 0) {
      problem(std::to_string(report_.quarantined) +
              " ids are quarantined: nothing leans on them until a fresh copy is stored");
    }
    if (problems_ > kProblemsMax) {
      report_.problems.push_back("and " + std::to_string(problems_ - kProblemsMax) + " more");
    }
    return std::move(report_);
  }

 private:
  struct Names {
    uint64_t in_index = 0;
    uint64_t found = 0;  // of them, in the pack's directory
  };

  void problem(const std::string& line) {
    std::lock_guard lock(mutex_);
    if (++problems_ <= kProblemsMax) report_.problems.push_back(line);
  }

  void open_index() {
    auto index = Index::open_read_only(folder_.index());
    if (!index) {
      problem(index.error().message + "; `ashlar store-rebuild-index` makes it anew");
      return;
    }
    index_ = *std::move(index);
    report_.quarantined = index_->quarantined().size();
  }

  Result<void> count_names() {
    if (!index_) return {};
    return index_->each([&](const Hash&, const Location& at) -> Result<void> {
      names_[at.pack].in_index++;
      return {};
    });
  }

  Result<std::optional<Location>> find(const Hash& id) {
    if (!index_) return std::optional<Location>();
    return index_->find(id);
  }

  Result<void> check_pack(const PackName& pack) {
    report_.packs++;
    const std::string path = folder_.pack(pack);
    const auto directory = find_directory(path, pack);
    if (!directory) {
      if (directory.error().code == Code::kDeviceFailed) return directory.error();
      names_[pack].found = names_[pack].in_index;  // cannot be told
      problem(directory.error().message);
      return {};
    }
    if (!directory->damage.empty()) problem(directory->damage);
    const std::vector<DirectoryEntry>& entries = directory->entries;
    report_.frames += entries.size();
    const bool known = index_ && TRY(index_->has_pack(pack));
    if (!known) report_.missing_from_index += entries.size();
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.valid()) {
      return error(Code::kDeviceFailed, path + ": open: " + std::strerror(errno));
    }
    Names& names = names_[pack];
    std::optional<Error> stopped;
    parallel_for(entries.size(), [&](size_t i) {
      auto checked = check_frame(pack, file.get(), entries[i], known);
      std::lock_guard lock(mutex_);
      if (checked) {
        names.found += *checked;
      } else {
        stopped = std::move(checked).error();
      }
    });
    if (stopped) return *stopped;
    return {};
  }

  // Whether the index names this frame.
  Result<bool> check_frame(const PackName& pack, int file, const DirectoryEntry& entry,
                           bool known) {
    const std::string path = folder_.pack(pack);
    const bool record = entry.kind == FrameKind::kRecord;
    const auto at = record ? std::nullopt : TRY(find(entry.id));
    const bool named = at && at->is(pack, entry.offset);
    auto frame = read_frame(file, path, entry.offset, entry.id, entry.kind, entry.stored_bytes);
    if (!frame && frame.error().code != Code::kCorrupt) return std::move(frame).error();
    if (frame && record) {
      const auto parsed = read_record(file, path, entry);
      if (!parsed) frame = parsed.error();
    }
    if (frame && !is_its_id(keys_, entry.id, entry.kind, frame->stored)) {
      frame = error(Code::kCorrupt, path + ": " + to_hex(entry.id) + " is not what its id says");
    }
    if (!frame) {
      damaged(frame.error(), named || record || !known);
    } else if (named && entry.kind == FrameKind::kDelta) {
      TRY(check_delta(path, *frame));
    } else if (named && entry.kind == FrameKind::kNode) {
      TRY(check_children(path, *frame));
    }
    return named;
  }

  void damaged(const Error& reason, bool needed) {
    {
      std::lock_guard lock(mutex_);
      (needed ? report_.damaged_frames : report_.dead_damaged_frames)++;
    }
    if (needed) problem(reason.message);
  }

  Result<void> check_delta(const std::string& path, const PackedFrame& delta) {
    const Hash& id = delta.header.base;
    const auto at = TRY(find(id));
    if (!at || !is_full_chunk(at->kind)) {
      {
        std::lock_guard lock(mutex_);
        report_.deltas_without_base++;
      }
      problem(path + ": the delta " + to_hex(delta.header.id) + " has no base " + to_hex(id));
      return {};
    }
    const std::string base_path = folder_.pack(at->pack);
    const UniqueFd file(::open(base_path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.valid()) return {};  // the pack is gone: told as a dangling entry
    const auto base = read_frame(file.get(), base_path, at->offset, id, at->kind, at->stored_bytes);
    if (!base) {
      if (base.error().code != Code::kCorrupt) return base.error();
      return {};  // told where the base lies
    }
    if (!is_its_id(keys_, delta, *base)) {
      damaged(error(Code::kCorrupt, path + ": " + to_hex(delta.header.id) +
                                        " is not what its id says over its base"),
              true);
    }
    return {};
  }

  Result<void> check_children(const std::string& path, const PackedFrame& frame) {
    NodeBytes node;
    if (frame.stored.size() != node.size()) return {};
    std::copy(frame.stored.begin(), frame.stored.end(), node.begin());
    std::vector<Hash> children;
    for (uint64_t child = 0; child < kFanOut; child++) {
      const Hash id = node_child(node, child);
      if (!is_zero(id)) children.push_back(id);
    }
    const auto found = TRY(index_->find_all(children));
    const size_t missing = size_t(std::count(found.begin(), found.end(), std::nullopt));
    if (missing == 0) return {};
    {
      std::lock_guard lock(mutex_);
      report_.nodes_without_children++;
    }
    problem(path + ": of the node " + to_hex(frame.header.id) + " " + std::to_string(missing) +
            " children are nowhere");
    return {};
  }

  void find_dangling() {
    for (const auto& [pack, names] : names_) {
      const uint64_t dangling = names.in_index - names.found;
      if (dangling == 0) continue;
      report_.dangling_index_entries += dangling;
      problem(folder_.pack(pack) + ": " + std::to_string(dangling) +
              " entries of the index name frames that are not there");
    }
  }

  const StoreFolder folder_;
  const DomainKeys keys_;
  std::unique_ptr<Index> index_;  // none when it cannot be opened
  std::map<PackName, Names> names_;
  std::mutex mutex_;
  StoreReport report_;
  size_t problems_ = 0;
};

}  // namespace

Result<StoreReport> check_store(const std::string& store, const DomainKeys& keys) {
  return Check(TRY(StoreFolder::open_offline(store)), keys).run();
}

}  // namespace ashlar
