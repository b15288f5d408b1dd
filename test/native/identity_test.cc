// Identity (DESIGN 6) against vectors computed by an independent implementation: keys, chunks,
// trees, manifests and roots; the file test/golden/identity.json is read as it is.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "seal/image.h"
#include "support/json.h"

namespace ashlar::test {
namespace {

std::vector<uint8_t> bytes_of(const std::string& hex) {
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(uint8_t(std::strtoul(hex.substr(i, 2).c_str(), nullptr, 16)));
  }
  return bytes;
}

void fill_lcg(MutableBytes bytes, uint32_t seed) {
  for (uint8_t& byte : bytes) {
    seed = seed * 1664525 + 1013904223;
    byte = uint8_t(seed >> 24);
  }
}

std::vector<uint8_t> image_of(const Json& image) {
  std::vector<uint8_t> bytes(image["volume_bytes"].number());
  for (const Json& part : image["parts"].items()) {
    fill_lcg(MutableBytes(bytes).subspan(part[0].number(), part[1].number()),
             uint32_t(part[2].number()));
  }
  return bytes;
}

TEST(Identity, EqualsTheVectors) {
  std::ifstream file(ASHLAR_SOURCE_DIR "/test/golden/identity.json");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const Json golden = Json::parse(text);
  ASSERT_EQ(golden["domains"].items().size(), 2u);
  for (const Json& domain : golden["domains"].items()) {
    const DomainKeys keys = derive_keys(bytes_of(domain["secret"].text()));
    EXPECT_EQ(to_hex(keys.chunk), domain["keys"]["chunk"].text());
    EXPECT_EQ(to_hex(keys.node), domain["keys"]["node"].text());
    EXPECT_EQ(to_hex(keys.manifest), domain["keys"]["manifest"].text());
    std::array<uint8_t, 16> domain_id{};
    const auto id_bytes = bytes_of(domain["domain_id"].text());
    std::copy(id_bytes.begin(), id_bytes.end(), domain_id.begin());
    for (const Json& image : domain["images"].items()) {
      SCOPED_TRACE(image["label"].text());
      std::vector<uint8_t> bytes = image_of(image);
      const uint64_t volume_bytes = bytes.size();
      bytes.resize((volume_bytes + kChunkBytes - 1) / kChunkBytes * kChunkBytes);
      EXPECT_EQ(tree_height(volume_bytes), image["height"].number());
      MerkleBuilder tree(keys, volume_bytes);
      std::vector<Hash> ids;
      for (uint64_t at = 0; at < bytes.size(); at += kChunkBytes) {
        ids.push_back(chunk_id(keys, Bytes(bytes).subspan(at, kChunkBytes)));
        tree.add(at / kChunkBytes, ids.back());
      }
      EXPECT_EQ(to_hex(ids.front()), image["chunk_0"].text());
      EXPECT_EQ(to_hex(ids.back()), image["last_chunk"].text());
      const Hash root = tree.finish();
      EXPECT_EQ(to_hex(root), image["tree_root"].text());
      const Manifest manifest = make_manifest(volume_bytes, domain_id, root);
      EXPECT_TRUE(
          std::equal(manifest.begin(), manifest.end(), bytes_of(image["manifest"].text()).begin()));
      EXPECT_EQ(to_hex(manifest_root(keys, manifest)), image["root"].text());
    }
  }
}

TEST(Identity, OfAFileEqualsTheVectorAndSkipsHoles) {
  std::ifstream file(ASHLAR_SOURCE_DIR "/test/golden/identity.json");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const Json golden = Json::parse(text);
  const std::string path = testing::TempDir() + "ashlar-identity.raw";
  for (const Json& image : golden["domains"][0]["images"].items()) {
    std::remove(path.c_str());
    std::ofstream out(path, std::ios::binary);
    for (const Json& part : image["parts"].items()) {
      std::vector<uint8_t> bytes(part[1].number());
      fill_lcg(bytes, uint32_t(part[2].number()));
      out.seekp(std::streamoff(part[0].number()));
      out.write(reinterpret_cast<const char*>(bytes.data()), std::streamsize(bytes.size()));
    }
    out.close();
    ASSERT_EQ(::truncate(path.c_str(), off_t(image["volume_bytes"].number())), 0);
    const auto root = verify_image(path);
    ASSERT_TRUE(root.ok()) << root.error().message;
    EXPECT_EQ(to_hex(root->root), image["root"].text()) << image["label"].text();
  }
  std::remove(path.c_str());
  EXPECT_EQ(verify_image(path).error().code, Code::kNotFound);
}

}  // namespace
}  // namespace ashlar::test
