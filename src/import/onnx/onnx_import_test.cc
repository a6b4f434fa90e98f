// Tensors, names, subgraphs, quantization, and what is wrong with a file.
#include "import/onnx/onnx_import.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>
#include <random>

#include "base/file.h"
#include "import/onnx/test_model.h"

namespace hone {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string error_of(const Result<Graph>& graph) { return graph ? "no error" : graph.error().message; }

const Constant& weight(const Graph& graph, const char* name) {
  return *graph.value(*graph.find(name)).constant;
}

// A folder that is gone after the test.
class Folder {
 public:
  Folder() : path_(std::filesystem::path(testing::TempDir()) / ("onnx_" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(path_);
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

TestModel relu_model() {
  TestModel model(18);
  model.input("x", {1, 2});
  model.node("Relu", {"x"}, {"y"});
  model.output("y");
  return model;
}

TEST(OnnxImport, InputsKeepTheNamesOfTheirOpenExtents) {
  TestModel model(18);
  model.input("images", {-1, 3, -1, -1}, DType::f16, {"batch", "", "height", "width"});
  model.node("Relu", {"images"}, {"y"});
  describe_value(*model.graph().add_output(), "y", {-1, 3, -1, -1}, DType::f16,
                 {"batch", "", "height", "width"});
  auto& entry = *model.proto().add_metadata_props();
  entry.set_key("task");
  entry.set_value("detect");
  const auto graph = model.import();
  ASSERT_TRUE(graph) << error_of(graph);
  const Value& input = graph->value(graph->inputs[0]);
  EXPECT_EQ(desc_text(input.desc), "f16[?x3x?x?]");
  EXPECT_THAT(input.dim_names, testing::ElementsAre("batch", "", "height", "width"));
  EXPECT_EQ(graph->value(graph->outputs[0]).dim_names, input.dim_names);
  EXPECT_EQ(graph->metadata.at("task"), "detect");
}

TEST(OnnxImport, TypedAndRawWeightsOfEveryTypeAreTheSame) {
  const auto check = [](DType type, auto fill_typed, const auto& raw_values) {
    TestModel model = relu_model();
    auto& typed = *model.graph().add_initializer();
    typed.set_name("typed");
    typed.set_data_type(onnx_of_dtype(type));
    typed.add_dims(static_cast<int64_t>(raw_values.size()));
    fill_typed(typed);
    model.weight("raw", type, {static_cast<int64_t>(raw_values.size())}, raw_values);
    const auto graph = model.import();
    ASSERT_TRUE(graph) << dtype_name(type) << ": " << error_of(graph);
    EXPECT_EQ(weight(*graph, "typed").key(), weight(*graph, "raw").key()) << dtype_name(type);
    EXPECT_EQ(weight(*graph, "raw").size_bytes(), raw_values.size() * sizeof(raw_values[0]));
  };
  const auto as_ints = [](auto... values) {
    return [=](onnx_proto::Tensor& t) { (t.add_int32_data(values), ...); };
  };
  check(
      DType::f32, [](auto& t) { t.add_float_data(1.5f), t.add_float_data(-2); },
      std::vector<float>{1.5f, -2});
  check(DType::f64, [](auto& t) { t.add_double_data(1.5); }, std::vector<double>{1.5});
  check(DType::i64, [](auto& t) { t.add_int64_data(-5); }, std::vector<int64_t>{-5});
  check(DType::u64, [](auto& t) { t.add_uint64_data(5); }, std::vector<uint64_t>{5});
  check(DType::u32, [](auto& t) { t.add_uint64_data(5); }, std::vector<uint32_t>{5});
  check(DType::i32, as_ints(-7, 8), std::vector<int32_t>{-7, 8});
  check(DType::i16, as_ints(-7, 8), std::vector<int16_t>{-7, 8});
  check(DType::u16, as_ints(65535), std::vector<uint16_t>{65535});
  check(DType::i8, as_ints(-7, 8), std::vector<int8_t>{-7, 8});
  check(DType::u8, as_ints(200), std::vector<uint8_t>{200});
  check(DType::boolean, as_ints(1, 0), std::vector<uint8_t>{1, 0});
  check(DType::f16, as_ints(0x3c00), std::vector<uint16_t>{0x3c00});
  check(DType::bf16, as_ints(0x3f80), std::vector<uint16_t>{0x3f80});
}

TEST(OnnxImport, BoolsOtherThanOneBecomeOne) {
  TestModel model = relu_model();
  model.weight("w", DType::boolean, {3}, std::vector<uint8_t>{0, 7, 255});
  const auto graph = model.import();
  ASSERT_TRUE(graph) << error_of(graph);
  EXPECT_EQ(weight(*graph, "w").bytes()->view()[2], std::byte{1});
}

TEST(OnnxImport, AlignedWeightsAreViewsOfTheFileAndOthersAreCopies) {
  int views = 0, copies = 0;
  for (size_t shift = 0; shift < 4; ++shift) {
    TestModel model = relu_model();
    model.floats("w" + std::string(shift, '_'), {2}, {3, 4});
    const auto held = std::make_shared<const std::string>(model.bytes());
    const auto graph = import_onnx(std::as_bytes(std::span(*held)), held, {});
    ASSERT_TRUE(graph) << error_of(graph);
    const auto bytes = weight(*graph, ("w" + std::string(shift, '_')).c_str()).bytes();
    ASSERT_TRUE(bytes);
    EXPECT_EQ(bytes->as<float>()[1], 4);
    const auto* at = reinterpret_cast<const char*>(bytes->view().data());
    const bool inside = at >= held->data() && at < held->data() + held->size();
    ++(inside ? views : copies);
  }
  EXPECT_EQ(views, 1);
  EXPECT_EQ(copies, 3);
}

TEST(OnnxImport, AConstantNodeOfEveryFormIsAConstant) {
  TestModel model(13);
  model.input("x", {1});
  fill_raw(model.node("Constant", {}, {"tensor"}).tensor("value"), DType::f32, {}, std::vector<float>{1});
  model.node("Constant", {}, {"float"}).set_float("value_float", 2);
  model.node("Constant", {}, {"floats"}).set_floats("value_floats", {3});
  model.node("Constant", {}, {"int"}).set("value_int", int64_t{4});
  model.node("Constant", {}, {"ints"}).set("value_ints", std::vector<int64_t>{5});
  model.node("Sum", {"x", "tensor", "float", "floats"}, {"y"});
  model.output("y");
  const auto graph = model.import();
  ASSERT_TRUE(graph) << error_of(graph);
  for (const char* name : {"tensor", "float", "floats", "int", "ints"})
    EXPECT_TRUE(graph->is_constant(*graph->find(name)));
  EXPECT_EQ(desc_text(graph->desc(*graph->find("ints"))), "i64[1]");
}

TEST(OnnxImport, NodesInAnyOrderAreSorted) {
  TestModel model(18);
  model.input("x", {1});
  model.node("Exp", {"b"}, {"y"});
  model.node("Abs", {"a"}, {"b"});
  model.node("Neg", {"x"}, {"a"});
  model.output("y");
  const auto graph = model.import();
  ASSERT_TRUE(graph) << error_of(graph);
  EXPECT_THAT(shown(*graph), testing::ContainsRegex("neg.*\n.*abs.*\n.*exp"));
}

// y = if c then x + w else helper(x)
TestModel if_model() {
  TestModel model(18);
  model.input("c", {}, DType::boolean);
  model.input("x", {2});
  model.floats("w", {2}, {1, 2});
  auto node = model.node("If", {"c"}, {"y"});
  auto& yes = node.graph("then_branch");
  add_node(yes, "Add", {"n", "w"}, {"yes"});
  yes.add_output()->set_name("yes");
  auto& no = node.graph("else_branch");
  add_node(no, "Identity", {"n"}, {"no"});
  no.add_output()->set_name("no");
  model.node("Neg", {"x"}, {"n"});  // stands behind the If in the file
  model.output("y");
  return model;
}

TEST(OnnxImport, BranchesCaptureOuterValuesByNameAndShareOuterConstants) {
  const auto graph = if_model().import();
  ASSERT_TRUE(graph) << error_of(graph);
  ASSERT_EQ(graph->nodes.size(), 2u);
  const auto* branch = std::get_if<If>(&graph->nodes[1].op);
  ASSERT_TRUE(branch);
  EXPECT_THAT(branch->then_branch->captures, testing::ElementsAre("n"));
  EXPECT_EQ(branch->then_branch->inputs.size(), 1u);
  EXPECT_EQ(shown(*branch->then_branch), "Binary: n [1.,2.] -> yes\n");
  EXPECT_EQ(shown(*branch->else_branch), "Unary: n -> no\n");
}

TEST(OnnxImport, LoopsAreKeptWithTheirBody) {
  TestModel model(18);
  model.input("x", {2});
  model.ints("count", {3});
  auto node = model.node("Loop", {"count", "", "x"}, {"y"});
  auto& body = node.graph("body");
  describe_value(*body.add_input(), "i", {}, DType::i64);
  describe_value(*body.add_input(), "go", {}, DType::boolean);
  describe_value(*body.add_input(), "state", {2}, DType::f32);
  add_node(body, "Add", {"state", "x"}, {"next"});
  add_node(body, "Identity", {"go"}, {"again"});
  body.add_output()->set_name("again");
  body.add_output()->set_name("next");
  model.output("y");
  const auto graph = model.import();
  ASSERT_TRUE(graph) << error_of(graph);
  const auto* loop = std::get_if<Loop>(&graph->nodes[0].op);
  ASSERT_TRUE(loop);
  EXPECT_EQ(loop->body->inputs.size(), 4u);
  EXPECT_THAT(loop->body->captures, testing::ElementsAre("x"));
}

TEST(OnnxImport, QuantizationIsKeptInOpsAndOnTheQuantizedValues) {
  TestModel model(13);
  model.input("x", {1, 2, 4, 4});
  model.floats("s", {}, {0.5f});
  model.weight("z", DType::u8, {}, std::vector<uint8_t>{128});
  model.weight("w", DType::i8, {3, 2, 1, 1}, std::vector<int8_t>{1, 2, 3, 4, 5, 6});
  model.floats("ws", {3}, {0.1f, 0.2f, 0.4f});
  model.node("QuantizeLinear", {"x", "s", "z"}, {"q"});
  model.node("DequantizeLinear", {"q", "s", "z"}, {"d"});
  model.node("DequantizeLinear", {"w", "ws"}, {"wd"}).set("axis", int64_t{0});
  model.node("Conv", {"d", "wd"}, {"y"});
  model.output("y");
  const auto graph = model.import();
  ASSERT_TRUE(graph) << error_of(graph);
  const auto& activation = graph->desc(*graph->find("q"));
  ASSERT_TRUE(activation.quantization);
  EXPECT_EQ(activation.type, DType::u8);
  EXPECT_EQ(*activation.quantization, (Quantization{{0.5f}, {128}, -1}));
  EXPECT_EQ(*graph->desc(*graph->find("w")).quantization, (Quantization{{0.1f, 0.2f, 0.4f}, {0, 0, 0}, 0}));
}

TEST(OnnxImport, AllUnsupportedOperatorsAreNamedInOneSentence) {
  TestModel model(18);
  model.input("x", {1, 1, 4, 4});
  model.node("Einsum", {"x"}, {"a"});
  model.node("Relu", {"a"}, {"b"});
  model.node("GridSample", {"b", "x"}, {"c"});
  model.floats("scales", {4}, {1, 1, 2, 2});
  model.node("Resize", {"c", "", "scales"}, {"d"}).set("antialias", int64_t{1});
  model.node("FancyOp", {"d"}, {"y"});
  model.graph().mutable_node(4)->set_domain("com.example");
  model.output("y");
  const auto graph = model.import();
  ASSERT_FALSE(graph);
  EXPECT_EQ(graph.error().code, StatusCode::unsupported);
  EXPECT_THAT(
      error_of(graph),
      AllOf(HasSubstr("Einsum (opset 18) at node '/Einsum'"), HasSubstr("GridSample (opset 18)"),
            HasSubstr("Resize with antialias (opset 18)"), HasSubstr("com.example.FancyOp (opset 1)")));
}

TEST(OnnxImport, MistakesAreNamed) {
  const auto with = [](auto change) {
    TestModel model = relu_model();
    change(model);
    return error_of(model.import());
  };
  EXPECT_THAT(with([](TestModel& m) { m.graph().mutable_node(0)->set_input(0, "nobody"); }),
              HasSubstr("node '/Relu' (Relu) reads 'nobody', which is no value"));
  EXPECT_THAT(with([](TestModel& m) { m.node("Neg", {"x"}, {"y"}); }),
              HasSubstr("two nodes make the value 'y'"));
  EXPECT_THAT(with([](TestModel& m) { m.node("Neg", {"b"}, {"a"}), m.node("Abs", {"a"}, {"b"}); }),
              HasSubstr("cycle"));
  EXPECT_THAT(with([](TestModel& m) { m.output("nobody"); }), HasSubstr("graph output 'nobody'"));
  EXPECT_THAT(with([](TestModel& m) { m.proto().mutable_opset_import(0)->set_version(99); }),
              HasSubstr("opset is 99"));
  EXPECT_THAT(with([](TestModel& m) { m.proto().clear_opset_import(); }),
              HasSubstr("does not say its opset"));
  EXPECT_THAT(with([](TestModel& m) { m.proto().clear_ir_version(); }), HasSubstr("ir_version"));
  EXPECT_THAT(with([](TestModel& m) { m.floats("w", {3}, {1, 2}); }),
              HasSubstr("weight 'w': its raw data has 8 bytes, its shape 3 of f32 asks for 12"));
  EXPECT_THAT(with([](TestModel& m) { m.floats("w", {-3}, {1, 2}); }), HasSubstr("extent -3"));
  EXPECT_THAT(with([](TestModel& m) { m.floats("w", {int64_t{1} << 40, int64_t{1} << 40}, {1}); }),
              HasSubstr("too large"));
  EXPECT_THAT(with([](TestModel& m) { m.floats("x", {1}, {1}), m.floats("x", {1}, {1}); }),
              HasSubstr("two values are called 'x'"));
  EXPECT_THAT(with([](TestModel& m) { m.node("Concat", {"x", "x"}, {"z"}).set("axis", "one"); }),
              HasSubstr("attribute 'axis' is of attribute type 3, but an integer is wanted"));
  EXPECT_THAT(with([](TestModel& m) { m.node("Constant", {}, {"z"}); }), HasSubstr("it has no value"));
  EXPECT_THAT(with([](TestModel& m) { m.graph().add_sparse_initializer(); }), HasSubstr("sparse"));
  EXPECT_THAT(with([](TestModel& m) { m.graph().mutable_input(0)->mutable_type()->set_sequence_type(""); }),
              HasSubstr("'x' is a sequence"));
  EXPECT_THAT(with([](TestModel& m) { m.graph().mutable_node(0)->clear_input(); }), HasSubstr("Unary"));
}

TEST(OnnxImport, DeepSubgraphsAreRefused) {
  TestModel model = relu_model();
  onnx_proto::Graph* graph = &model.graph();
  for (int i = 0; i < 40; ++i) {
    auto node = add_node(*graph, "If", {"x"}, {"d" + std::to_string(i)});
    add_node(node.graph("else_branch"), "Constant", {}, {"e" + std::to_string(i)});
    graph = &node.graph("then_branch");
  }
  EXPECT_FALSE(model.import());
}

TEST(OnnxImport, WhatIsNoOnnxFileIsRefused) {
  for (const std::string& text :
       {std::string(), std::string("hello world"), std::string(64, '\0'), std::string("\x08\x08")})
    EXPECT_FALSE(import_onnx(std::as_bytes(std::span(text)), nullptr, {})) << text;
  const auto missing = import_onnx("/nowhere/model.onnx");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, StatusCode::not_found);
}

class ExternalData : public testing::Test {
 protected:
  TestModel model_with(const std::string& location, const char* offset = nullptr,
                       const char* length = nullptr) {
    TestModel model = relu_model();
    auto& tensor = *model.graph().add_initializer();
    tensor.set_name("w");
    tensor.set_data_type(1);
    tensor.add_dims(2);
    tensor.set_data_location(1);
    const auto entry = [&](const char* key, const std::string& value) {
      auto& e = *tensor.add_external_data();
      e.set_key(key);
      e.set_value(value);
    };
    entry("location", location);
    if (offset) entry("offset", offset);
    if (length) entry("length", length);
    return model;
  }
  std::string outcome(const std::string& location, const char* offset = nullptr,
                      const char* length = nullptr) {
    const auto graph = model_with(location, offset, length).import(folder_ / "model");
    if (!graph) return graph.error().message;
    return std::to_string(weight(*graph, "w").bytes()->as<float>()[0]);
  }
  void SetUp() override {
    std::filesystem::create_directories(folder_ / "model/sub");
    const std::vector<float> values = {1, 2, 3, 4};
    ASSERT_TRUE(write_file(folder_ / "model/sub/weights.bin", std::as_bytes(std::span(values))));
    ASSERT_TRUE(write_file(folder_ / "outside.bin", std::as_bytes(std::span(values))));
    std::filesystem::create_symlink(folder_ / "outside.bin", folder_ / "model/link.bin");
  }
  Folder folder_;
};

TEST_F(ExternalData, IsReadFromTheModelsFolder) {
  EXPECT_EQ(outcome("sub/weights.bin", "8", "8"), "3.000000");
  EXPECT_EQ(outcome("sub/weights.bin"), "1.000000");
}

TEST_F(ExternalData, OutsideOfTheModelsFolderIsRefused) {
  EXPECT_THAT(outcome("../outside.bin"), HasSubstr("only files in the model's folder"));
  EXPECT_THAT(outcome("sub/../../outside.bin"), HasSubstr("only files in the model's folder"));
  EXPECT_THAT(outcome((folder_ / "outside.bin").string()), HasSubstr("only files in the model's folder"));
  EXPECT_THAT(outcome("link.bin"), HasSubstr("leaves the model's folder"));
  EXPECT_THAT(outcome(""), HasSubstr("no file name"));
  EXPECT_THAT(outcome("missing.bin"), HasSubstr("not in the model's folder"));
  EXPECT_THAT(outcome("sub"), HasSubstr("no regular file"));
}

TEST_F(ExternalData, BeyondTheFileIsRefused) {
  EXPECT_THAT(outcome("sub/weights.bin", "12"), HasSubstr("8 bytes from 12 on"));
  EXPECT_THAT(outcome("sub/weights.bin", "18446744073709551615"), HasSubstr("is not in"));
  EXPECT_THAT(outcome("sub/weights.bin", "-1"), HasSubstr("no number"));
  EXPECT_THAT(outcome("sub/weights.bin", "0", "4"), HasSubstr("has 4 bytes, its shape asks for 8"));
}

// Everything that the small model of the mutation test holds: weights of two kinds, attributes, a subgraph,
// Q/DQ.
TestModel rich_model() {
  TestModel model = if_model();
  model.floats("k", {3, 2, 3, 3}, std::vector<float>(54, 0.5f));
  model.input("picture", {-1, 2, 8, 8}, DType::f32, {"batch"});
  model.node("Conv", {"picture", "k"}, {"f"})
      .set("pads", std::vector<int64_t>{1, 1, 1, 1})
      .set("strides", std::vector<int64_t>{2, 2});
  model.floats("s", {}, {0.5f});
  model.node("QuantizeLinear", {"f", "s"}, {"q"});
  model.node("DequantizeLinear", {"q", "s"}, {"d"});
  model.node("Split", {"d"}, {"p0", "p1"}).set("axis", int64_t{2}).set("num_outputs", int64_t{2});
  model.node("Softmax", {"p0"}, {"m"}).set("axis", int64_t{1});
  model.ints("shape", {0, -1});
  model.node("Reshape", {"m", "shape"}, {"r"});
  model.output("r");
  model.output("p1");
  return model;
}

TEST(OnnxImport, EveryMutatedFileEndsInAnErrorOrAVerifiedGraph) {
  const std::string original = rich_model().bytes();
  ASSERT_TRUE(rich_model().import()) << error_of(rich_model().import());
  std::mt19937 random(20240607);
  size_t read = 0;
  for (int round = 0; round < 6000; ++round) {
    std::string bytes = original;
    const int changes = 1 + round % 4;
    for (int i = 0; i < changes; ++i) {
      const size_t at = random() % bytes.size();
      switch (random() % 4) {
        case 0:
          bytes[at] = static_cast<char>(random());
          break;
        case 1:
          bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
          break;
        case 2:
          bytes.erase(at, 1 + random() % 16);
          break;
        default:
          bytes.insert(at, bytes.substr(random() % bytes.size(), random() % 16));
      }
      if (bytes.empty()) bytes = original;
    }
    const auto graph = import_onnx(std::as_bytes(std::span(bytes)), nullptr, {});
    if (!graph) {
      EXPECT_FALSE(graph.error().message.empty());
      continue;
    }
    ++read;
    EXPECT_TRUE(verify(*graph));
  }
  EXPECT_GT(read, 100u);  // the mutations are not all refused at the door
}

TEST(OnnxImport, CutFilesAreRefusedOrVerified) {
  const std::string original = rich_model().bytes();
  for (size_t size = 0; size < original.size(); ++size) {
    const auto graph = import_onnx(std::as_bytes(std::span(original)).first(size), nullptr, {});
    if (graph) {
      EXPECT_TRUE(verify(*graph));
    }
  }
}

std::filesystem::path test_data() {
  const char* given = std::getenv("HONE_TEST_DATA");
  return given ? std::filesystem::path(given) : std::filesystem::path(HONE_SOURCE_DIR) / "../shared/data";
}

TEST(OnnxImport, RealModelsAreReadUnlessTheyUseWhatHoneLacks) {
  const auto zoo = test_data() / "zoo/onnx";
  if (!std::filesystem::is_directory(zoo)) GTEST_SKIP() << "skipped: no test data at " << test_data();
  size_t count = 0;
  for (const auto& folder : {zoo, test_data() / "models/detectors", test_data() / "models/yolov8n"})
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (entry.path().extension() != ".onnx") continue;
      const auto graph = import_onnx(entry.path());
      if (entry.path().filename() == "rtdetr-l-static.onnx") {
        ASSERT_FALSE(graph);
        EXPECT_THAT(graph.error().message, HasSubstr("GridSample (opset 18) at nodes"));
        continue;
      }
      EXPECT_TRUE(graph) << error_of(graph);
      ++count;
    }
  EXPECT_GE(count, 10u);
}

}  // namespace
}  // namespace hone
