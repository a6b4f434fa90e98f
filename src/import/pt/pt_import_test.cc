#include "import/pt/pt_import.h"

#include <gmock/gmock.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "import/pt/checkpoint_files.h"

namespace hone {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;

Graph asset(const std::string& name) {
  Result<Graph> graph = import_pt(std::filesystem::path(testing::asset_path(name)));
  EXPECT_TRUE(graph) << graph.error().message;
  return graph ? *std::move(graph) : Graph();
}

const Node* node_named(const Graph& graph, std::string_view name) {
  for (const Node& node : graph.nodes)
    if (node.name == name) return &node;
  return nullptr;
}

size_t count(const Graph& graph, std::string_view op) {
  size_t n = 0;
  for (const Node& node : graph.nodes) n += op_name(node.op) == op;
  return n;
}

std::optional<std::filesystem::path> test_data(const std::string& file) {
  const char* set = std::getenv("HONE_TEST_DATA");
  const std::filesystem::path root = set ? set : HONE_SOURCE_DIR "/../shared/data";
  return std::filesystem::exists(root / file) ? std::optional(root / file) : std::nullopt;
}

class EveryCheckpoint : public ::testing::TestWithParam<const char*> {};

TEST_P(EveryCheckpoint, BecomesAGraphThatServesEveryShape) {
  const Graph graph = asset(GetParam());
  const Result<> verified = verify(graph);
  EXPECT_TRUE(verified) << verified.error().message;
  ASSERT_EQ(graph.inputs.size(), 1u);
  ASSERT_EQ(graph.outputs.size(), 1u);
  const Value& images = graph.value(graph.inputs[0]);
  EXPECT_EQ(images.name, "images");
  EXPECT_EQ(images.desc.shape.size(), 4u);
  EXPECT_THAT(images.dim_names, ElementsAre("batch", "", "height", "width"));
  const Value& output = graph.value(graph.outputs[0]);
  EXPECT_EQ(output.name, "output0");
  EXPECT_THAT(output.dim_names, ElementsAre("batch", "", "anchors"));
  EXPECT_EQ(count(graph, "DecodeBoxes"), 1u);
}

INSTANTIATE_TEST_SUITE_P(Assets, EveryCheckpoint,
                         ::testing::Values("final.pt", "running.pt", "both.pt", "bare_f32.pt", "fused.pt",
                                           "gray.pt"));

TEST(PtImport, NodesAndWeightsAreNamedAsInUltralyticsExports) {
  const Graph graph = asset("final.pt");
  EXPECT_TRUE(node_named(graph, "/model.0/conv/Conv"));
  EXPECT_TRUE(node_named(graph, "/model.0/act/Silu"));
  std::set<std::string> names;
  for (const Node& node : graph.nodes) names.insert(node.name);
  EXPECT_THAT(names, ::testing::Contains(::testing::ContainsRegex("^/model.[0-9]+/m.0/cv1/conv/Conv$")));
  EXPECT_THAT(names,
              ::testing::Contains(::testing::ContainsRegex("^/model.[0-9]+/cv2.0/cv2.0.0/conv/Conv$")));
  EXPECT_THAT(names, ::testing::Contains(::testing::ContainsRegex("^/model.[0-9]+/cv3.1/cv3.1.2/Conv$")));
  ASSERT_TRUE(graph.find("model.0.conv.weight"));
  EXPECT_EQ(graph.value(*graph.find("model.0.conv.weight")).desc.type, DType::f16);
}

TEST(PtImport, HalfWeightsAreWidenedByACastAndFloatOnesAreNot) {
  EXPECT_GT(count(asset("final.pt"), "Cast"), 0u);
  EXPECT_EQ(count(asset("bare_f32.pt"), "Cast"), 0u);
}

TEST(PtImport, BatchNormsStayUnlessTheFileIsFused) {
  const Graph unfused = asset("final.pt"), fused = asset("fused.pt");
  EXPECT_GT(count(unfused, "BatchNorm"), 0u);
  EXPECT_EQ(count(fused, "BatchNorm"), 0u);
  const Node* conv = node_named(fused, "/model.0/conv/Conv");
  ASSERT_TRUE(conv);
  EXPECT_TRUE(std::get<Conv>(conv->op).has_bias);
}

TEST(PtImport, TheHeadKeepsStridesRegMaxAndClassCount) {
  const Graph graph = asset("final.pt");
  const auto& decode = std::get<DecodeBoxes>(graph.nodes.back().op);
  EXPECT_THAT(decode.strides, ElementsAre(8.0f, 16.0f));
  EXPECT_EQ(decode.reg_max, 4);
  EXPECT_FALSE(decode.xyxy);
  EXPECT_THAT(graph.value(graph.outputs[0]).desc.shape, ElementsAre(-1, 7, -1));
}

TEST(PtImport, InputChannelsComeFromTheFirstConvolution) {
  const Graph graph = asset("gray.pt");
  EXPECT_EQ(graph.value(graph.inputs[0]).desc.shape[1], 1);
  EXPECT_EQ(graph.metadata.at("channels"), "1");
}

TEST(PtImport, TheEmaCountsWhereThereAreTwo) {
  const Graph graph = asset("both.pt");
  std::vector<testing::WrittenEntry> entries =
      testing::entries_of(read_text_file(testing::asset_path("both.pt")).value());
  testing::WrittenEntry& pickle = testing::entry_named(entries, "data.pkl");
  std::string content = pickle.packed;
  const std::string key(
      "X\x03\x00\x00\x00"
      "ema",
      8);
  content[content.find(key) + 5] = 'x';
  testing::set_content(pickle, content);
  const Result<Graph> other = testing::import_bytes(testing::zip_of(entries));
  ASSERT_TRUE(other) << other.error().message;
  const auto key_of = [](const Graph& g) { return g.value(*g.find("model.0.conv.weight")).constant->key(); };
  EXPECT_NE(key_of(graph), key_of(*other));
}

TEST(PtImport, StoredWeightsAreViewsOfTheFileAndOutliveIt) {
  Graph graph;
  {
    std::shared_ptr<const MappedFile> file = MappedFile::open(testing::asset_path("final.pt")).value();
    graph = import_pt(file).value();
    const Bytes bytes = graph.value(*graph.find("model.0.conv.weight")).constant->bytes().value();
    EXPECT_GE(bytes.view().data(), file->bytes().data());
    EXPECT_LT(bytes.view().data(), file->bytes().data() + file->bytes().size());
  }
  EXPECT_TRUE(graph.value(*graph.find("model.0.conv.weight")).constant->to_floats());
}

TEST(PtImport, MetadataIsWhatUltralyticsWrites) {
  const std::map<std::string, std::string> m = asset("running.pt").metadata;
  for (const char* key : {"description", "author", "date", "version", "license", "docs", "stride", "task",
                          "head", "batch", "imgsz", "names", "args", "channels", "end2end"})
    EXPECT_TRUE(m.contains(key)) << key;
  EXPECT_EQ(m.at("names"), "{0: '猫', 1: 'собака'}");
  EXPECT_EQ(m.at("task"), "detect");
  EXPECT_EQ(m.at("head"), "Detect");
  EXPECT_EQ(m.at("batch"), "1");
  EXPECT_EQ(m.at("stride"), "8");
  EXPECT_EQ(m.at("end2end"), "False");
  EXPECT_THAT(m.at("description"), HasSubstr(" model "));
}

TEST(PtImport, AnUnknownModuleIsNamedWithItsPath) {
  std::vector<testing::WrittenEntry> entries =
      testing::entries_of(read_text_file(testing::asset_path("final.pt")).value());
  testing::WrittenEntry& pickle = testing::entry_named(entries, "data.pkl");
  std::string content = pickle.packed;
  const std::string from = "cultralytics.nn.modules.block\nBottleneck\n";
  ASSERT_NE(content.find(from), std::string::npos);
  content.replace(content.find(from), from.size(), "cultralytics.nn.modules.block\nBottleneckX\n");
  testing::set_content(pickle, content);
  const Result<Graph> graph = testing::import_bytes(testing::zip_of(entries));
  ASSERT_FALSE(graph);
  EXPECT_THAT(graph.error().message,
              AllOf(HasSubstr(".m.0: unknown module"), EndsWith("ultralytics.nn.modules.block.BottleneckX")));
  EXPECT_EQ(graph.error().code, StatusCode::unsupported);
}

TEST(PtImport, ReadsTheRealAndTheSyntheticZoo) {
  if (!test_data("zoo/v8.pt")) GTEST_SKIP() << "skipped: the test data is not here";
  for (const char* file :
       {"zoo/v8.pt", "zoo/v8-trained.pt", "zoo/v8-epoch.pt", "zoo/v8-fused.pt", "zoo/v8-gray.pt",
        "zoo/era-8.0.35.pt", "zoo/v3-tiny.pt", "zoo/v5.pt", "zoo/v6.pt", "zoo/v8-ghost.pt", "zoo/11.pt",
        "zoo/26.pt", "models/pt/yolov8n.pt", "models/pt/yolo11n.pt"}) {
    const Result<Graph> graph = import_pt(*test_data(file));
    ASSERT_TRUE(graph) << graph.error().message;
    EXPECT_TRUE(verify(*graph)) << file;
  }
  EXPECT_EQ(import_pt(*test_data("zoo/v8-epoch.pt"))->metadata.at("description"),
            "Ultralytics YOLOv8n model trained on zoo.yaml");
}

TEST(PtImport, FamiliesThatAreNotReadYetSayWhichModuleIsUnknown) {
  if (!test_data("zoo/v9t.pt")) GTEST_SKIP() << "skipped: the test data is not here";
  for (const char* file :
       {"zoo/v9t.pt", "zoo/v8-seg.pt", "zoo/v8-pose.pt", "zoo/v8-obb.pt", "zoo/v8-cls.pt", "zoo/rtdetr-l.pt",
        "zoo/yoloe-11.pt", "zoo/26-depth.pt", "models/pt/yolov5n.pt", "models/pt/LeYOLONano.pt"}) {
    const Result<Graph> graph = import_pt(*test_data(file));
    ASSERT_FALSE(graph) << file;
    EXPECT_THAT(graph.error().message, HasSubstr("unknown")) << file;
    EXPECT_EQ(graph.error().code, StatusCode::unsupported) << graph.error().message;
  }
}

}  // namespace
}  // namespace hone
