// What is written is what was read; the box decode is lowered without a change of its numbers; keys and
// forms.
#include "export/onnx/onnx_export.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <fstream>

#include "base/file.h"
#include "base/float16.h"
#include "export/onnx/decode_lowering.h"
#include "export/onnx/onnx_metadata.h"
#include "import/onnx/test_model.h"
#include "kernels/kernel.h"

namespace hone {
namespace {

using testing::HasSubstr;
using testing::Not;

Evaluator evaluator() {
  return [](const Node& node, std::span<const ConstantPtr> inputs,
            std::span<const TensorDesc> outputs) -> Result<std::vector<ConstantPtr>> {
    std::vector<TensorDesc> descs;
    std::vector<Bytes> data;
    for (const ConstantPtr& input : inputs) {
      descs.push_back(input ? input->desc() : TensorDesc());
      data.emplace_back();
      if (input) {
        HONE_ASSIGN(data.back(), input->bytes());
      }
    }
    HONE_ASSIGN(const std::vector<Bytes> made, run_reference(node.op, descs, data, outputs));
    std::vector<ConstantPtr> constants;
    for (size_t i = 0; i < made.size(); ++i) constants.push_back(Constant::of(outputs[i], made[i]));
    return constants;
  };
}

class OnnxExport : public testing::Test {
 protected:
  std::filesystem::path path_ =
      std::filesystem::path(testing::TempDir()) / ("export_" + std::to_string(::getpid()) + ".onnx");
  void TearDown() override {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  OnnxExportOptions options(int opset = 18) const {
    OnnxExportOptions o;
    o.batch = 1, o.height = 64, o.width = 32;
    o.opset = opset;
    o.evaluate = evaluator();
    return o;
  }
  Result<size_t> write(const Graph& graph, const OnnxExportOptions& o) {
    return export_onnx(graph, path_, o);
  }
  Graph read() {
    auto graph = import_onnx(path_);
    EXPECT_TRUE(graph) << graph.error().message;
    return graph ? *graph : Graph();
  }
  onnx_proto::Model proto() {
    onnx_proto::Model model;
    std::ifstream file(path_, std::ios::binary);
    EXPECT_TRUE(model.ParseFromIstream(&file));
    return model;
  }
};

// A graph that ends in a DecodeBoxes of two levels: maps are convolutions of the picture.
Graph detector(int64_t reg_max, bool fixed) {
  Graph graph;
  graph.metadata = {{"task", "detect"}, {"stride", "8"}, {"names", "{0: 'a', 1: 'b'}"}, {"batch", "1"}};
  const Shape shape = fixed ? Shape{1, 1, 64, 32} : Shape{-1, 1, -1, -1};
  const ValueId x = graph.add_input(
      "images", TensorDesc(DType::f32, shape),
      fixed ? std::vector<std::string>{} : std::vector<std::string>{"batch", "", "height", "width"});
  std::vector<ValueId> maps;
  for (const int64_t channels : {4 * reg_max, int64_t{2}})
    for (const int64_t stride : {8, 16}) {
      std::vector<float> weights(static_cast<size_t>(channels * stride * stride));
      for (size_t i = 0; i < weights.size(); ++i)
        weights[i] = std::sin(static_cast<float>(i * 7 + static_cast<size_t>(stride))) * 0.2f;
      const std::string name =
          "model.1." + std::to_string(channels) + "." + std::to_string(stride) + ".weight";
      const ValueId w = graph.add_constant(name, Constant::floats({channels, 1, stride, stride}, weights));
      maps.push_back(graph.add("/model.1/conv" + std::to_string(maps.size()) + "/Conv",
                               Conv{{stride, stride}, {0, 0, 0, 0}, {1, 1}}, {x, w}));
    }
  const ValueId y = graph.add("/model.2/DecodeBoxes", DecodeBoxes{2, reg_max, {8, 16}, false}, maps);
  graph.rename(y, "output0");
  graph.outputs = {y};
  return graph;
}

// The graph's outputs for a picture: its input becomes a constant, and everything folds.
std::vector<float> run(Graph graph, const Shape& shape) {
  std::vector<float> picture(static_cast<size_t>(*element_count(shape)));
  for (size_t i = 0; i < picture.size(); ++i) picture[i] = 0.5f + 0.5f * std::sin(static_cast<float>(i));
  ConstantPtr constant = Constant::floats(shape, picture);
  Value& input = graph.value(graph.inputs[0]);
  if (input.desc.type == DType::f16) {
    std::vector<uint16_t> half(picture.size());
    f32_to_f16(picture, half.data());
    const auto raw = std::as_bytes(std::span(half));
    constant = Constant::of(TensorDesc(DType::f16, shape),
                            Bytes::of(std::vector<std::byte>(raw.begin(), raw.end())));
  }
  input.desc = constant->desc();
  input.constant = constant;
  graph.inputs.clear();
  const auto bound = bind_shapes(graph, {}, evaluator());
  EXPECT_TRUE(bound) << bound.error().message;
  if (!bound || !graph.is_constant(graph.outputs[0])) return {};
  return graph.value(graph.outputs[0]).constant->to_floats().value_or(std::vector<float>());
}

void expect_near(const std::vector<float>& got, const std::vector<float>& wanted, float tolerance) {
  ASSERT_EQ(got.size(), wanted.size());
  ASSERT_FALSE(got.empty());
  float worst = 0;
  for (size_t i = 0; i < got.size(); ++i) worst = std::max(worst, std::abs(got[i] - wanted[i]));
  EXPECT_LE(worst, tolerance);
}

class DecodeForms : public OnnxExport, public testing::WithParamInterface<std::tuple<int, int64_t, bool>> {};

TEST_P(DecodeForms, StandardOperatorsComputeWhatDecodeBoxesDoes) {
  const auto [opset, reg_max, dynamic] = GetParam();
  const Graph graph = detector(reg_max, false);
  OnnxExportOptions o = options(opset);
  o.dynamic = dynamic;
  const auto written = write(graph, o);
  ASSERT_TRUE(written) << written.error().message;
  const Graph again = read();
  const Shape& declared = again.desc(again.inputs[0]).shape;
  EXPECT_EQ(declared, dynamic ? (Shape{-1, 1, -1, -1}) : (Shape{1, 1, 64, 32}));
  expect_near(run(again, {1, 1, 64, 32}), run(graph, {1, 1, 64, 32}), 1e-4f);
  if (dynamic) expect_near(run(again, {2, 1, 32, 96}), run(graph, {2, 1, 32, 96}), 1e-4f);
}
INSTANTIATE_TEST_SUITE_P(OpsetsAndBins, DecodeForms,
                         testing::Combine(testing::Values(9, 10, 11, 12, 13, 18, 22), testing::Values(1, 16),
                                          testing::Bool()));

TEST_F(OnnxExport, ADynamicFileNamesItsExtentsAsUltralyticsDoes) {
  OnnxExportOptions o = options();
  o.dynamic = true;
  ASSERT_TRUE(write(detector(16, false), o));
  const Graph again = read();
  EXPECT_THAT(again.value(again.inputs[0]).dim_names, testing::ElementsAre("batch", "", "height", "width"));
  const auto model = proto();
  EXPECT_EQ(model.ir_version(), 8);
  EXPECT_EQ(model.graph().output(0).name(), "output0");
}

TEST_F(OnnxExport, OptionsDecideDateBatchSizeAndArgs) {
  OnnxExportOptions o = options(12);
  o.batch = 4, o.dynamic = true, o.simplify = false, o.half = OnnxExportOptions::Half::cpu_form;
  std::map<std::string, std::string> metadata = {{"stride", "32"}, {"names", "{}"}, {"zz", "kept"}};
  set_export_metadata(metadata, o, 1700000000);
  EXPECT_EQ(metadata["batch"], "4");
  EXPECT_EQ(metadata["imgsz"], "[64, 32]");
  EXPECT_EQ(metadata["args"],
            "{'data': None, 'batch': 4, 'fraction': 1.0, 'quantize': 16, 'nms': None, 'dynamic': True, "
            "'simplify': False, "
            "'opset': 12}");
  EXPECT_THAT(metadata["date"],
              testing::MatchesRegex("2023-11-1[45]T[0-9]{2}:[0-9]{2}:20[+-][0-9]{2}:[0-9]{2}"));
  const auto ordered = ordered_metadata(metadata);
  EXPECT_EQ(ordered.front().first, "date");
  EXPECT_EQ(ordered.back().first, "zz");
}

TEST_F(OnnxExport, IrVersionFollowsTheOpset) {
  for (const auto& [opset, ir] :
       std::map<int, int>{{9, 4}, {10, 5}, {11, 6}, {12, 7}, {17, 8}, {18, 8}, {20, 9}, {22, 10}}) {
    ASSERT_TRUE(write(detector(1, true), options(opset)));
    EXPECT_EQ(proto().ir_version(), ir) << opset;
    EXPECT_EQ(proto().opset_import(0).version(), opset);
  }
}

TEST_F(OnnxExport, OpsetsThatCannotBeWrittenAreRefusedAndTheOldFileStays) {
  ASSERT_TRUE(write_file(path_, std::string("old")));
  for (int opset : {8, 23, 99}) {
    const auto written = write(detector(1, true), options(opset));
    ASSERT_FALSE(written);
    EXPECT_THAT(written.error().message, HasSubstr("opset " + std::to_string(opset)));
  }
  EXPECT_EQ(read_text_file(path_).value(), "old");
}

TEST_F(OnnxExport, FoldedBatchNormAndSiluLookLikePytorchsExport) {
  Graph graph;
  const ValueId x = graph.add_input("images", TensorDesc(DType::f32, {1, 2, 8, 8}));
  const ValueId w = graph.add_constant("model.0.conv.weight",
                                       Constant::floats({3, 2, 1, 1}, std::vector<float>{1, 2, 3, 4, 5, 6}));
  ValueId y = graph.add("/model.0/conv/Conv", Conv{{1, 1}, {0, 0, 0, 0}, {1, 1}}, {x, w});
  std::vector<ValueId> bn = {y};
  for (const char* name : {"weight", "bias", "running_mean", "running_var"})
    bn.push_back(graph.add_constant(std::string("model.0.bn.") + name,
                                    Constant::floats({3}, std::vector<float>{1, 2, 3})));
  y = graph.add("/model.0/bn/BatchNorm", BatchNorm{1e-3f}, bn);
  y = graph.add("/model.0/act/Silu", Unary{{UnaryKind::silu}}, {y});
  graph.outputs = {y};
  ASSERT_TRUE(write(graph, options()));
  const auto model = proto();
  std::string nodes;
  for (const auto& node : model.graph().node()) nodes += node.op_type() + " " + node.name() + "\n";
  EXPECT_EQ(nodes, "Conv /model.0/conv/Conv\nSigmoid /model.0/act/Sigmoid\nMul /model.0/act/Mul\n");
  ASSERT_EQ(model.graph().initializer_size(), 2);
  EXPECT_EQ(model.graph().initializer(0).name(), "model.0.conv.weight");
  expect_near(run(read(), {1, 2, 8, 8}), run(graph, {1, 2, 8, 8}), 1e-4f);
}

class HalfForms : public OnnxExport, public testing::WithParamInterface<std::tuple<bool, bool>> {};

TEST_P(HalfForms, KeepTheDecodeInF32) {
  const auto [gpu, dynamic] = GetParam();
  OnnxExportOptions o = options();
  o.half = gpu ? OnnxExportOptions::Half::gpu_form : OnnxExportOptions::Half::cpu_form;
  o.dynamic = dynamic;
  const Graph graph = detector(16, false);
  const auto written = write(graph, o);
  ASSERT_TRUE(written) << written.error().message;
  const Graph again = read();
  const DType border = gpu ? DType::f16 : DType::f32;
  EXPECT_EQ(again.desc(again.inputs[0]).type, border);
  EXPECT_EQ(again.desc(again.outputs[0]).type, border);
  size_t f16_convs = 0, f32_convs = 0;
  for (const Node& node : again.nodes)
    if (std::holds_alternative<Conv>(node.op))
      ++(again.desc(node.inputs[1]).type == DType::f16 ? f16_convs : f32_convs);
  EXPECT_EQ(f16_convs, 4u);
  EXPECT_EQ(f32_convs, 1u);  // DFL's
  expect_near(run(again, {1, 1, 64, 32}), run(graph, {1, 1, 64, 32}), 0.1f);
}
INSTANTIATE_TEST_SUITE_P(BordersAndShapes, HalfForms, testing::Combine(testing::Bool(), testing::Bool()));

TEST_F(OnnxExport, OpsThatOnnxLacksAreNamed) {
  Graph graph;
  const ValueId x = graph.add_input("x", TensorDesc(DType::f32, {1, 6, 10}));
  graph.outputs = graph.nodes[graph.add_node("/nms", DetectionNms{}, {x}, 2)].outputs;
  const auto written = write(graph, options());
  ASSERT_FALSE(written);
  EXPECT_THAT(written.error().message, HasSubstr("node '/nms' (DetectionNms)"));
}

// Many operators, each in a form that old opsets write otherwise.
TestModel many_operators() {
  TestModel model(18);
  model.input("x", {1, 4, 6, 6});
  model.floats("scales", {4}, {1, 1, 2, 2});
  model.node("Resize", {"x", "", "scales"}, {"up"})
      .set("mode", "nearest")
      .set("nearest_mode", "floor")
      .set("coordinate_transformation_mode", "asymmetric");
  model.ints("axes", {2, 3});
  model.node("ReduceMean", {"up", "axes"}, {"mean"});
  model.node("Sub", {"up", "mean"}, {"centred"});
  model.floats("low", {}, {-0.5f}), model.floats("high", {}, {0.5f});
  model.node("Clip", {"centred", "low", "high"}, {"clipped"});
  model.ints("starts", {1}), model.ints("ends", {11}), model.ints("axis3", {3});
  model.node("Slice", {"clipped", "starts", "ends", "axis3"}, {"sliced"});
  model.ints("halves", {2, 2});
  model.node("Split", {"sliced", "halves"}, {"s0", "s1"}).set("axis", int64_t{1});
  model.node("HardSwish", {"s0"}, {"h"});
  model.node("Mish", {"s1"}, {"m"});
  model.node("Concat", {"h", "m"}, {"joined"}).set("axis", int64_t{1});
  model.node("Softmax", {"joined"}, {"soft"}).set("axis", int64_t{1});
  model.ints("first", {0});
  model.node("Squeeze", {"soft", "first"}, {"squeezed"});
  model.node("Unsqueeze", {"squeezed", "first"}, {"unsqueezed"});
  model.ints("pads", {0, 0, 1, 1, 0, 0, 1, 1});
  model.node("Pad", {"unsqueezed", "pads"}, {"padded"});
  model.node("MaxPool", {"padded"}, {"pooled"})
      .set("kernel_shape", std::vector<int64_t>{2, 2})
      .set("strides", std::vector<int64_t>{2, 2});
  model.node("Shape", {"pooled"}, {"extent"}).set("start", int64_t{1}).set("end", int64_t{2});
  model.ints("rest", {-1});
  model.node("Concat", {"extent", "rest"}, {"target"}).set("axis", int64_t{0});
  model.node("Reshape", {"pooled", "target"}, {"y"});
  model.output("y");
  return model;
}

class RoundTrip : public OnnxExport, public testing::WithParamInterface<int> {};

TEST_P(RoundTrip, KeepsTheNumbersInEveryOpset) {
  const auto graph = many_operators().import();
  ASSERT_TRUE(graph) << graph.error().message;
  const auto written = write(*graph, options(GetParam()));
  ASSERT_TRUE(written) << written.error().message;
  expect_near(run(read(), {1, 4, 6, 6}), run(*graph, {1, 4, 6, 6}), 1e-5f);
}
INSTANTIATE_TEST_SUITE_P(Opsets, RoundTrip, testing::Values(9, 10, 11, 12, 13, 15, 17, 18, 20, 22));

TEST_F(OnnxExport, ASecondRoundChangesNothing) {
  const auto graph = many_operators().import();
  ASSERT_TRUE(graph);
  ASSERT_TRUE(write(*graph, options()));
  const Graph once = read();
  ASSERT_TRUE(write(once, options()));
  EXPECT_EQ(shown(read()), shown(once));
}

TEST_F(OnnxExport, BranchesAreWrittenWithWhatTheyCapture) {
  TestModel model(18);
  model.input("c", {}, DType::boolean);
  model.input("x", {2});
  model.floats("w", {2}, {1, 2});
  model.node("Neg", {"x"}, {"n"});
  auto node = model.node("If", {"c"}, {"y"});
  for (const auto& [branch, op] :
       std::map<const char*, const char*>{{"then_branch", "Add"}, {"else_branch", "Mul"}}) {
    auto& graph = node.graph(branch);
    add_node(graph, op, {"n", "w"}, {std::string(op) + "_y"});
    graph.add_output()->set_name(std::string(op) + "_y");
  }
  model.output("y");
  const auto graph = model.import();
  ASSERT_TRUE(graph) << graph.error().message;
  OnnxExportOptions o = options();
  o.dynamic = true;
  const auto written = write(*graph, o);
  ASSERT_TRUE(written) << written.error().message;
  const Graph again = read();
  ASSERT_EQ(again.nodes.size(), 2u);
  const auto* branch = std::get_if<If>(&again.nodes[1].op);
  ASSERT_TRUE(branch);
  EXPECT_EQ(shown(*branch->then_branch), "Binary: n [1.,2.] -> Add_y\n");
  EXPECT_EQ(branch->else_branch->captures, std::vector<std::string>{"n"});
}

}  // namespace
}  // namespace hone
