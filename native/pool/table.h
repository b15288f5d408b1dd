// A table: fixed-size records in stable slots, packed into the payload pages of a page tree. Held
// in memory whole (one row per volume, cut, attachment …). A row is free when `is_free` says so; a
// free row is all zero on disk.
//
// Thread: rows are guarded by the journal's append lock, as every control change is; the tree
// belongs to the checkpoint.
#pragma once

#include <cstring>
#include <set>
#include <vector>

#include "pool/page_tree.h"

namespace ashlar {

inline bool is_free(const VolumeRow& row) {
  return row.used == 0;
}
inline bool is_free(const LineageRow& row) {
  return row.id == 0;
}
inline bool is_free(const CutRow& row) {
  return row.used == 0;
}
inline bool is_free(const OriginRow& row) {
  return row.used == 0;
}
inline bool is_free(const AttachmentRow& row) {
  return row.used == 0;
}
inline bool is_free(const CloneRow& row) {
  return row.used == 0;
}
inline bool is_free(const TombstoneRow& row) {
  return row.kind == 0;
}
inline bool is_free(const DeadTreeRow& row) {
  return row.id == 0;
}

template <typename Row>
class Table {
 public:
  static constexpr uint64_t kRowsPerPage = kBlockBytes / sizeof(Row);

  Result<void> open(Device& device, const TreeRoot& root, const char* name) {
    tree = TRY(PageTree::open(device, root, name));
    rows_.clear();
    grow(tree.pages());
    for (uint64_t page = 0; page < tree.pages(); page++) {
      if (!tree.present(page)) continue;
      const BlockImage image = TRY(tree.read(device, page));
      std::memcpy(static_cast<void*>(&rows_[page * kRowsPerPage]), image.data(),
                  kRowsPerPage * sizeof(Row));
    }
    return {};
  }

  const std::vector<Row>& rows() const { return rows_; }
  const Row& operator[](size_t slot) const { return rows_[slot]; }

  Row& edit(size_t slot) {
    changed_.insert(slot / kRowsPerPage);
    return rows_[slot];
  }

  // The lowest free slot, so that replay finds the same one.
  size_t add(const Row& row) {
    size_t slot = rows_.size();
    while (slot == rows_.size() && !room_.empty()) {
      slot = free_slot_in(*room_.begin());
      if (slot == rows_.size()) room_.erase(room_.begin());
    }
    put(slot, row);
    return slot;
  }

  void put(size_t slot, const Row& row) {
    if (slot >= rows_.size()) grow(slot / kRowsPerPage + 1);
    edit(slot) = row;
  }

  void remove(size_t slot) {
    edit(slot) = Row{};
    room_.insert(slot / kRowsPerPage);
  }

  template <typename Fn>
  Row* find(Fn wanted) {
    for (size_t slot = 0; slot < rows_.size(); slot++) {
      rows_visited_++;
      if (!is_free(rows_[slot]) && wanted(rows_[slot])) return &edit(slot);
    }
    return nullptr;
  }
  template <typename Fn>
  const Row* find(Fn wanted) const {
    for (const Row& row : rows_) {
      rows_visited_++;
      if (!is_free(row) && wanted(row)) return &row;
    }
    return nullptr;
  }
  size_t slot_of(const Row* row) const { return size_t(row - rows_.data()); }

  // What a checkpoint writes: the rows at the mark.
  struct Mark {
    std::vector<Row> rows;
    std::set<uint64_t> changed;
  };
  Mark mark() {
    Mark taken{rows_, std::move(changed_)};
    changed_.clear();
    return taken;
  }
  static PageTree::Payload payload(const Mark& mark, uint64_t page) {
    PageTree::Payload content{};
    std::memcpy(content.image.data(), static_cast<const void*>(&mark.rows[page * kRowsPerPage]),
                kRowsPerPage * sizeof(Row));
    for (uint64_t i = 0; i < kRowsPerPage; i++) {
      content.count += !is_free(mark.rows[page * kRowsPerPage + i]);
    }
    return content;
  }

  // Rows that add() and find() have looked at: what they cost.
  uint64_t rows_visited() const { return rows_visited_; }

  PageTree tree;

 private:
  void grow(uint64_t pages) {
    for (uint64_t page = rows_.size() / kRowsPerPage; page < pages; page++)
      room_.insert(page);
    rows_.resize(pages * kRowsPerPage);
  }
  // The end of the table when the page is full.
  size_t free_slot_in(uint64_t page) {
    for (size_t slot = page * kRowsPerPage; slot < (page + 1) * kRowsPerPage; slot++) {
      rows_visited_++;
      if (is_free(rows_[slot])) return slot;
    }
    return rows_.size();
  }

  std::vector<Row> rows_;
  std::set<uint64_t> room_;  // pages that may have a free slot: no other has
  mutable uint64_t rows_visited_ = 0;
  std::set<uint64_t> changed_;
};

}  // namespace ashlar
