// The head of YOLO as exporters write it, in primitives.
#include "passes/pass_test.h"

namespace hone {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Form {
  bool joined_levels =
      false;  // Ultralytics 8.3: each level's maps are one Concat; 8.4: boxes and classes apart
  bool xyxy = false;
  bool by_split = false;  // left/top and right/bottom from a Split, not two Slices
  int64_t bins = 4;
  int64_t batch = 2;
  bool extra_rows = false;  // coefficients after the scores, as of segmentation
  float anchor_offset = 0.5f;
  float last_stride = 32;
};

constexpr int64_t kClasses = 3;
constexpr int64_t kSides[][2] = {{8, 4}, {4, 2}, {2, 1}};

ConstantPtr ints(std::vector<int64_t> values) { return Constant::ints(values); }

Graph head(const Form& form) {
  Graph g;
  int64_t count = 0;
  std::vector<ValueId> box_flat, class_flat, joined_flat;
  std::vector<float> x, y, strides;
  for (int level = 0; level < 3; ++level) {
    const int64_t h = kSides[level][0], w = kSides[level][1], n = form.batch;
    const std::string tail = std::to_string(level);
    const ValueId box = g.add_input("box" + tail, {DType::f32, {n, 4 * form.bins, h, w}});
    const ValueId cls = g.add_input("class" + tail, {DType::f32, {n, kClasses, h, w}});
    const auto flatten = [&](ValueId map) {
      return g.add("flatten", Reshape{}, {map, g.add_constant("shape", ints({n, 0, -1}))});
    };
    if (form.joined_levels) {
      joined_flat.push_back(flatten(g.add("level", Concat{1}, {box, cls})));
    } else {
      box_flat.push_back(flatten(box));
      class_flat.push_back(flatten(cls));
    }
    for (int64_t i = 0; i < h * w; ++i) {
      x.push_back(static_cast<float>(i % w) + form.anchor_offset);
      y.push_back(static_cast<float>(i / w) + 0.5f);
      strides.push_back(static_cast<float>(8 << level));
    }
    count += h * w;
  }
  strides.back() = form.last_stride;
  x.insert(x.end(), y.begin(), y.end());

  ValueId boxes = kNoValue, classes = kNoValue;
  if (form.joined_levels) {
    const ValueId all = g.add("all", Concat{2}, joined_flat);
    const size_t split =
        g.add_node("split", Split{1}, {all, g.add_constant("sizes", ints({4 * form.bins, kClasses}))}, 2);
    boxes = g.nodes[split].outputs[0];
    classes = g.nodes[split].outputs[1];
  } else {
    boxes = g.add("boxes", Concat{-1}, box_flat);
    classes = g.add("classes", Concat{-1}, class_flat);
  }
  ValueId distances = boxes;
  if (form.bins > 1) {
    std::vector<float> weight;
    for (int64_t i = 0; i < form.bins; ++i) weight.push_back(static_cast<float>(i));
    ValueId v =
        g.add("unfold", Reshape{}, {boxes, g.add_constant("s", ints({form.batch, 4, form.bins, count}))});
    v = g.add("transpose", Transpose{{0, 2, 1, 3}}, {v});
    v = g.add("softmax", Softmax{1}, {v});
    v = g.add("dfl", Conv{.strides = {1, 1}},
              {v, g.add_constant("w", Constant::floats({1, form.bins, 1, 1}, weight))});
    distances = g.add("fold", Reshape{}, {v, g.add_constant("s", ints({form.batch, 4, count}))});
  }
  ValueId lt = kNoValue, rb = kNoValue;
  if (form.by_split) {
    const size_t split = g.add_node("corners", Split{1}, {distances}, 2);
    lt = g.nodes[split].outputs[0], rb = g.nodes[split].outputs[1];
  } else {
    const ValueId zero = g.add_constant("i", ints({0})), two = g.add_constant("i", ints({2})),
                  four = g.add_constant("i", ints({4}));
    const ValueId axis = g.add_constant("i", ints({1}));
    lt = g.add("lt", Slice{}, {distances, zero, two, axis});
    rb = g.add("rb", Slice{}, {distances, two, four, axis});
  }
  const ValueId anchors = g.add_constant("anchors", Constant::floats({1, 2, count}, x));
  const ValueId p = g.add("p", Binary{BinaryKind::sub}, {anchors, lt}),
                q = g.add("q", Binary{BinaryKind::add}, {anchors, rb});
  ValueId grid = kNoValue;
  if (form.xyxy) {
    grid = g.add("grid", Concat{1}, {p, q});
  } else {
    const ValueId half = g.add(
        "half", Binary{BinaryKind::div},
        {g.add("sum", Binary{}, {p, q}), g.add_constant("two", Constant::floats({}, std::vector<float>{2}))});
    grid = g.add("grid", Concat{1}, {half, g.add("size", Binary{BinaryKind::sub}, {q, p})});
  }
  const ValueId scaled = g.add("scaled", Binary{BinaryKind::mul},
                               {grid, g.add_constant("strides", Constant::floats({1, count}, strides))});
  std::vector<ValueId> parts = {scaled, g.add("scores", unary(UnaryKind::sigmoid), {classes})};
  if (form.extra_rows) parts.push_back(g.add_input("masks", {DType::f32, {form.batch, 5, count}}));
  g.outputs = {g.add("output0", Concat{1}, parts)};
  bind(g);
  return g;
}

std::string decoded(int64_t bins, bool xyxy) {
  std::string text = "DecodeBoxes(";
  if (bins != 16) text += "reg_max=" + std::to_string(bins) + ", ";
  return text + "strides=[8,16,32]" + (xyxy ? ", xyxy=true)" : ")");
}

TEST(RecogniseDecodeBoxes, EveryFormOfTheHeadBecomesOneNode) {
  for (bool joined : {false, true})
    for (bool xyxy : {false, true})
      for (bool by_split : {false, true})
        for (int64_t bins : {1, 4, 16}) {
          Graph g = head({.joined_levels = joined, .xyxy = xyxy, .by_split = by_split, .bins = bins});
          const std::string output = desc_text(g.desc(g.outputs[0])), name = g.value(g.outputs[0]).name;
          PassRun run(recognise_decode_boxes, g);
          ASSERT_THAT(run.ops, ElementsAre(decoded(bins, xyxy))) << run.text();
          EXPECT_EQ(desc_text(g.desc(g.outputs[0])), output);
          EXPECT_EQ(g.value(g.outputs[0]).name, name);
          std::vector<std::string> inputs;
          for (ValueId id : g.nodes[0].inputs) inputs.push_back(g.value(id).name);
          EXPECT_THAT(inputs, ElementsAre("box0", "box1", "box2", "class0", "class1", "class2"));
        }
}

TEST(RecogniseDecodeBoxes, RowsThatFollowStay) {
  Graph g = head({.extra_rows = true});
  PassRun run(recognise_decode_boxes, g);
  EXPECT_THAT(run.ops, ElementsAre(decoded(4, false), "Concat(axis=1)")) << run.text();
  EXPECT_EQ(desc_text(g.desc(g.nodes[1].inputs[0])), "f32[2x7x42]");
}

TEST(RecogniseDecodeBoxes, OtherConstantsAreLeftAlone) {
  for (const Form& form : {Form{.anchor_offset = 0.25f}, Form{.last_stride = 31}}) {
    Graph g = head(form);
    EXPECT_FALSE(PassRun(recognise_decode_boxes, g).changed);
  }
}

TEST(RecogniseDecodeBoxes, AnotherChainIsLeftAlone) {
  const auto changed = [](auto change) {
    Graph g = head({});
    for (Node& node : g.nodes) change(g, node);
    return PassRun(recognise_decode_boxes, g).changed;
  };
  EXPECT_TRUE(changed([](Graph&, Node&) {}));
  EXPECT_FALSE(changed([](Graph&, Node& n) {
    if (n.name == "scores") n.op = unary(UnaryKind::tanh);
  }));
  EXPECT_FALSE(changed([](Graph&, Node& n) {
    if (n.name == "softmax") n.op = Softmax{2};
  }));
  EXPECT_FALSE(changed([](Graph&, Node& n) {
    if (n.name == "sum") n.inputs[1] = n.inputs[0];
  }));
  EXPECT_FALSE(changed([](Graph&, Node& n) {
    if (n.name == "size") std::swap(n.inputs[0], n.inputs[1]);
  }));
  EXPECT_FALSE(changed([](Graph&, Node& n) {
    if (n.name == "p") n.op = Binary{BinaryKind::add};
  }));
  EXPECT_FALSE(changed([](Graph&, Node& n) {
    if (n.name == "boxes") std::swap(n.inputs[0], n.inputs[2]);
  }));
  EXPECT_FALSE(changed([](Graph& g, Node& n) {
    if (n.name == "dfl")
      g.value(n.inputs[1]).constant = Constant::floats({1, 4, 1, 1}, std::vector<float>{0, 1, 2, 4});
  }));
}

}  // namespace
}  // namespace hone
