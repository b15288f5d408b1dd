// Sources that list an id of another kind: a node where a chunk must be, a chunk or a node of
// another level where a node must be. Every hash holds and the store has the id, and yet nobody
// could read a snapshot that was committed so. Nothing of it is ever complete.
#include "stream/ingest.h"
#include "support/copy_world.h"

namespace ashlar::test {
namespace {

constexpr uint64_t kBytes = 70 * kChunkBytes;  // two levels

class StreamKinds : public testing::Test {
 protected:
  void SetUp() override {
    auto store = open_store(folder_.path());
    ASSERT_OK(store);
    store_ = *std::move(store);
    ByteModel model;
    model.bytes = kBytes;
    model.write(0, std::vector<uint8_t>(kBlockBytes, 1));
    model.write(65 * kChunkBytes, std::vector<uint8_t>(kBlockBytes, 2));
    const auto image = put_model(*store_, model);
    ASSERT_OK(image);
    image_ = *image;
    chunk_ = image_.chunks.at(0);
    const auto root = store_->read_node(default_keys(), image_.tree_root);
    ASSERT_OK(root);
    ASSERT_EQ(node_level(*root), 2);
    leaf_ = node_child(*root, 0);
  }

  static NodeBytes node_of(uint8_t level, const std::vector<Hash>& children) {
    NodeBytes node{};
    node[0] = level;
    for (size_t i = 0; i < children.size(); i++)
      std::memcpy(&node[1 + i * sizeof(Hash)], children[i].data(), sizeof(Hash));
    return node;
  }
  static Hash id_of(const NodeBytes& node) { return keyed_hash(default_keys().node, node); }

  std::unique_ptr<TreeIngest> copy_of(uint64_t volume_bytes, const Hash& tree_root) {
    const Manifest manifest = make_manifest(volume_bytes, {}, tree_root);
    auto ingest = TreeIngest::open(*store_, default_keys(), manifest, std::nullopt);
    EXPECT_TRUE(ingest.ok());
    return ingest.ok() ? *std::move(ingest) : nullptr;
  }
  // What is asked for next, all in one message.
  static std::vector<TreePlace> asked(TreeIngest& ingest) {
    const auto message = ingest.take();
    std::vector<TreePlace> places;
    if (!message.ok() || !*message) return places;
    const auto frames = parse_frames(**message);
    EXPECT_TRUE(frames.ok());
    if (!frames.ok()) return places;
    for (const WireFrame& frame : *frames) {
      for (const uint64_t number : wire_numbers(frame))
        places.push_back(place_of(number));
    }
    return places;
  }
  static Result<void> give_node(TreeIngest& ingest, const TreePlace& place, const NodeBytes& node) {
    std::vector<uint8_t> message;
    append_frame(message, Wire::kNode, number_of(place), id_of(node), node);
    return ingest.give(message);
  }
  // What is good is not to blame for who asks for it as something else.
  void expect_sound() {
    EXPECT_TRUE(store_->quarantined().empty());
    const auto stored = stored_snapshot(*store_, image_.root);
    ASSERT_OK(stored);
    EXPECT_EQ(*stored, image_.chunks);
  }

  MemoryFolder folder_;
  std::unique_ptr<ChunkStore> store_;
  ModelImage image_;
  Hash chunk_{};
  Hash leaf_{};
};

TEST_F(StreamKinds, ANodeInAListIsNotAChunk) {
  for (const Hash& id : {image_.tree_root, leaf_, image_.root}) {
    IngestOptions options;
    options.volume_bytes = kChunkBytes;
    Ingest ingest(*store_, default_keys(), options);
    const ListEntry entry{0, id};
    std::vector<uint8_t> message;
    append_frame(message, Wire::kList, 0, Hash{},
                 Bytes(reinterpret_cast<const uint8_t*>(&entry), sizeof entry));
    append_frame(message, Wire::kListEnd, 1, Hash{}, {});
    ASSERT_OK(ingest.give(message));
    EXPECT_FALSE(ingest.finish().ok());
    const auto wanted = ingest.take();
    ASSERT_OK(wanted);
    EXPECT_TRUE(wanted->has_value());
  }
  expect_sound();
}

TEST_F(StreamKinds, ATreesRootIsANodeOfItsHeight) {
  for (const auto& [bytes, id] : {std::pair(kChunkBytes, chunk_),
                                  {kChunkBytes, image_.tree_root},
                                  {kBytes, leaf_},
                                  {kBytes, image_.root}}) {
    const auto ingest = copy_of(bytes, id);
    ASSERT_TRUE(ingest);
    EXPECT_FALSE(ingest->finish().ok());
  }
  EXPECT_OK(copy_of(kBytes, image_.tree_root)->finish());
  expect_sound();
}

TEST_F(StreamKinds, AChildIsOfTheLevelBelow) {
  const NodeBytes nodes_as_chunks = node_of(1, {leaf_});
  const auto one = copy_of(kChunkBytes, id_of(nodes_as_chunks));
  ASSERT_EQ(asked(*one), std::vector({TreePlace{1, 0}}));
  ASSERT_OK(give_node(*one, {1, 0}, nodes_as_chunks));
  EXPECT_FALSE(one->finish().ok());
  EXPECT_EQ(asked(*one), std::vector({TreePlace{0, 0}}));
  for (const Hash& child : {chunk_, image_.tree_root, image_.root}) {
    const NodeBytes wrong = node_of(2, {child});
    const auto two = copy_of(kBytes, id_of(wrong));
    ASSERT_EQ(asked(*two), std::vector({TreePlace{2, 0}}));
    ASSERT_OK(give_node(*two, {2, 0}, wrong));
    EXPECT_FALSE(two->finish().ok());
    EXPECT_EQ(asked(*two), std::vector({TreePlace{1, 0}}));
  }
  expect_sound();
}

// The first is in the session, and not in the store yet, when the second names it.
TEST_F(StreamKinds, AlsoOfWhatCameWithTheSamePull) {
  const NodeBytes first = node_of(1, {chunk_, chunk_});
  const NodeBytes second = node_of(1, {id_of(first)});
  const NodeBytes top = node_of(2, {id_of(first), id_of(second)});
  const auto ingest = copy_of(kBytes, id_of(top));
  ASSERT_EQ(asked(*ingest).size(), 1u);
  ASSERT_OK(give_node(*ingest, {2, 0}, top));
  ASSERT_EQ(asked(*ingest).size(), 2u);
  ASSERT_OK(give_node(*ingest, {1, 0}, first));
  const auto given = give_node(*ingest, {1, 1}, second);
  ASSERT_FALSE(given.ok());
  EXPECT_EQ(given.error().code, Code::kProtocol);
  EXPECT_FALSE(ingest->finish().ok());
  expect_sound();
}

// A reader that is led astray by a tree of before.
TEST_F(StreamKinds, ReadingAsAnotherKindQuarantinesNothing) {
  std::vector<uint8_t> bytes(kChunkBytes);
  const auto chunk = store_->read_chunk(default_keys(), leaf_, bytes);
  ASSERT_FALSE(chunk.ok());
  EXPECT_EQ(chunk.error().code, Code::kCorrupt);
  const auto node = store_->read_node(default_keys(), chunk_);
  ASSERT_FALSE(node.ok());
  EXPECT_EQ(node.error().code, Code::kCorrupt);
  expect_sound();
}

}  // namespace
}  // namespace ashlar::test
