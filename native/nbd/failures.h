// Requests that failed through no fault of their host: it sees EIO or ENOSPC, and nobody else would
// see anything. Counted by attachment and cause, for the operator. Thread: any; mutex_ guards the
// rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"

namespace ashlar::nbd {

class Failures {
 public:
  struct Row {
    std::string export_name;
    Error last{Code::kInternal, ""};
    uint64_t count = 0;
  };

  void add(const std::string& export_name, const Error& reason) {
    std::lock_guard lock(mutex_);
    if (rows_.size() >= kRowsMax) rows_.clear();  // of attachments that are long gone, mostly
    Row& row = rows_[{export_name, reason.code}];
    row.export_name = export_name;
    row.last = reason;
    row.count++;
  }
  std::vector<Row> rows() const {
    std::lock_guard lock(mutex_);
    std::vector<Row> rows;
    for (const auto& [key, row] : rows_)
      rows.push_back(row);
    return rows;
  }

 private:
  static constexpr size_t kRowsMax = 1000;

  mutable std::mutex mutex_;
  std::map<std::pair<std::string, Code>, Row> rows_;
};

}  // namespace ashlar::nbd
