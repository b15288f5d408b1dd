#include "pool/page_tree.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "codec/crc32c.h"

namespace ashlar {
namespace {

Result<BlockImage> read_block(Device& device, const IndexEntry& entry, const char* name) {
  BlockImage image;
  if ((entry.block + 1) * kBlockBytes > device.size_bytes()) {
    return error(Code::kCorrupt, std::string(name) + " tree: block " + std::to_string(entry.block) +
                                     " lies past the pool's end");
  }
  TRY(device.read(entry.block * kBlockBytes, image));
  if (crc32c(image) != entry.crc) {
    return error(Code::kCorrupt, std::string(name) + " tree: pool block " +
                                     std::to_string(entry.block) + " does not match its checksum");
  }
  return image;
}

}  // namespace

void PageTree::resize(uint64_t pages) {
  if (levels_.empty()) levels_.emplace_back();
  CHECK(pages >= levels_[0].size());
  levels_[0].resize(pages);
  for (size_t level = 0; levels_[level].size() > 1; level++) {
    const uint64_t above = (levels_[level].size() + kEntriesPerPage - 1) / kEntriesPerPage;
    if (level + 1 == levels_.size()) levels_.emplace_back();
    levels_[level + 1].resize(above);
  }
}

Result<PageTree> PageTree::open(Device& device, const TreeRoot& root, const char* name) {
  PageTree tree;
  tree.name_ = name;
  if (root.pages > kPoolBlocksMax / kBitmapBlocks) {
    return error(Code::kCorrupt, std::string(name) + " tree: impossible size");
  }
  tree.resize(root.pages);
  if (root.pages == 0) return tree;
  tree.levels_.back()[0] = root.root;
  for (size_t level = tree.levels_.size() - 1; level > 0; level--) {
    for (uint64_t i = 0; i < tree.levels_[level].size(); i++) {
      if (tree.levels_[level][i].block == 0) continue;
      const BlockImage image = TRY(read_block(device, tree.levels_[level][i], name));
      Level& below = tree.levels_[level - 1];
      const uint64_t first = i * kEntriesPerPage;
      const uint64_t count = std::min<uint64_t>(kEntriesPerPage, below.size() - first);
      std::memcpy(&below[first], image.data(), count * sizeof(IndexEntry));
    }
  }
  return tree;
}

Result<BlockImage> PageTree::read(Device& device, uint64_t page) const {
  CHECK(page < pages() && present(page));
  return read_block(device, levels_[0][page], name_);
}

std::vector<PoolBlock> PageTree::blocks() const {
  std::vector<PoolBlock> blocks;
  for (const Level& level : levels_) {
    for (const IndexEntry& entry : level) {
      if (entry.block != 0) blocks.push_back(entry.block);
    }
  }
  return blocks;
}

void PageTree::relocate(uint64_t page, const std::function<PoolBlock()>& allocate,
                        const std::function<void(PoolBlock)>& release) {
  CHECK(page < pages());
  for (size_t level = 0; level < levels_.size(); level++, page /= kEntriesPerPage) {
    if (!relocated_.emplace(level, page).second) return;  // and so is everything above
    IndexEntry& entry = levels_[level][page];
    const PoolBlock old = entry.block;
    entry.block = allocate();
    if (old != 0) release(old);
  }
}

std::set<uint64_t> PageTree::relocated_pages() const {
  std::set<uint64_t> pages;
  for (const auto& [level, page] : relocated_) {
    if (level == 0) pages.insert(page);
  }
  return pages;
}

BlockImage PageTree::index_image(size_t level, uint64_t page) const {
  BlockImage image{};
  const Level& below = levels_[level - 1];
  const uint64_t first = page * kEntriesPerPage;
  const uint64_t count = std::min<uint64_t>(kEntriesPerPage, below.size() - first);
  std::memcpy(image.data(), &below[first], count * sizeof(IndexEntry));
  return image;
}

std::vector<BlockWrite> PageTree::finish(const std::function<Payload(uint64_t)>& payload) {
  std::vector<BlockWrite> writes;
  for (const auto& [level, page] : relocated_) {  // ordered by level: leaves first
    IndexEntry& entry = levels_[level][page];
    BlockWrite write{entry.block, {}};
    if (level == 0) {
      Payload content = payload(page);
      write.image = content.image;
      entry.count = content.count;
    } else {
      write.image = index_image(level, page);
      uint64_t count = 0;
      const uint64_t first = page * kEntriesPerPage;
      for (uint64_t i = first; i < std::min(first + kEntriesPerPage, levels_[level - 1].size());
           i++) {
        count += levels_[level - 1][i].count;
      }
      entry.count = uint32_t(std::min<uint64_t>(count, UINT32_MAX));
    }
    entry.crc = crc32c(write.image);
    writes.push_back(std::move(write));
  }
  relocated_.clear();
  return writes;
}

TreeRoot PageTree::root() const {
  TreeRoot root;
  root.pages = pages();
  if (root.pages > 0) root.root = levels_.back()[0];
  return root;
}

}  // namespace ashlar
