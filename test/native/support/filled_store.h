// The fixture of tests that damage a chunk store: a closed store of three sessions, what is in it,
// and what "opens with everything" and "refused" mean.
#pragma once

#include <functional>

#include "codec/crc32c.h"
#include "support/store_world.h"

namespace ashlar::test {

inline std::vector<Frame> some_frames(uint64_t first) {
  return {
      make_frame(FrameKind::kRaw, first, 5000),    make_frame(FrameKind::kLz4, first, 777),
      make_frame(FrameKind::kLz4, first + 1, 50),  make_frame(FrameKind::kNode, first, 2049),
      make_frame(FrameKind::kManifest, first, 80),
  };
}

// A closed store of three sessions, and what is in it.
class FilledStore : public testing::Test {
 protected:
  void SetUp() override {
    for (uint64_t session = 0; session < 3; session++) {
      const auto store = open_store(folder());
      ASSERT_OK(store);
      const std::vector<Frame> frames = some_frames(10 * session);
      ASSERT_OK(put_all(**store, frames));
      frames_.insert(frames_.end(), frames.begin(), frames.end());
    }
  }

  const std::string& folder() const { return temp_.path(); }
  std::string header_path() const { return folder() + "/STORE"; }

  void expect_opens_with_everything() {
    const auto store = open_store(folder());
    ASSERT_OK(store);
    for (const Frame& frame : frames_)
      EXPECT_TRUE(holds(**store, frame));
  }
  // Refused, and STORE and the packs are as they were.
  void expect_refused(Code code, std::string_view words) {
    const std::vector<uint8_t> header = read_file(header_path());
    const std::vector<std::string> packs = packs_of(folder());
    std::vector<std::vector<uint8_t>> contents;
    for (const std::string& pack : packs)
      contents.push_back(read_file(pack));
    const auto opened = open_store(folder());
    EXPECT_TRUE(fails_with(opened, code, words));
    if (!opened) {
      EXPECT_NE(opened.error().message.find(folder()), std::string::npos)
          << "which file? " << opened.error().message;
    }
    EXPECT_EQ(packs_of(folder()), packs);
    for (size_t i = 0; i < packs.size(); i++)
      EXPECT_TRUE(read_file(packs[i]) == contents[i]) << packs[i];
    if (words.find("pack") == std::string_view::npos) {
      EXPECT_TRUE(read_file(header_path()) == header) << "STORE was changed";
    }
  }
  // Changes the header and makes its CRC right again.
  void put_header(const std::function<void(StoreHeader&)>& change) {
    StoreHeader header = struct_at<StoreHeader>(header_path(), 0);
    change(header);
    header.crc =
        crc32c(Bytes(reinterpret_cast<const uint8_t*>(&header), offsetof(StoreHeader, crc)));
    put_struct(header_path(), 0, header);
  }
  void put_footer(const std::string& pack, const std::function<void(PackFooter&)>& change) {
    const uint64_t offset = fs::file_size(pack) - sizeof(PackFooter);
    PackFooter footer = struct_at<PackFooter>(pack, offset);
    change(footer);
    footer.crc =
        crc32c(Bytes(reinterpret_cast<const uint8_t*>(&footer), offsetof(PackFooter, crc)));
    put_struct(pack, offset, footer);
  }

  TempFolder temp_;
  std::vector<Frame> frames_;
};

}  // namespace ashlar::test
