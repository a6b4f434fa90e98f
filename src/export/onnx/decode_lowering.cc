#include "export/onnx/decode_lowering.h"

#include <fmt/format.h>

#include <numeric>

namespace hone {
namespace {

// Builds behind the nodes that the graph has; the caller puts the new nodes where the old one stood.
class Lowering {
 public:
  Lowering(Graph& graph, const Node& node, const DecodeBoxes& op, int opset)
      : graph_(graph), node_(node), op_(op), opset_(opset), levels_(static_cast<size_t>(op.levels)) {
    const auto slash = node.name.rfind('/');
    scope_ = slash == std::string::npos ? std::string() : node.name.substr(0, slash);
  }

  Result<ValueId> run() {
    HONE_TRY(check());
    batch_ = known(0) ? graph_.desc(map(0)).shape[0] : 0;  // 0: Reshape copies it
    const ValueId boxes = side_by_side(0, 4 * op_.reg_max);
    HONE_ASSIGN(const int64_t class_count, channels(levels_));
    const ValueId classes = side_by_side(levels_, class_count);
    const ValueId distances = op_.reg_max > 1 ? expectation(boxes) : boxes;
    make_anchors();
    const ValueId pixels = corners_to_boxes(distances);
    const ValueId scores = add("Sigmoid", Unary{{UnaryKind::sigmoid}}, {classes});
    return add("Concat", Concat{1}, {pixels, scores});
  }

 private:
  ValueId map(size_t index) const { return node_.inputs[index]; }
  bool known(size_t index) const { return graph_.desc(map(index)).concrete(); }
  ValueId add(const char* name, Op op, std::vector<ValueId> inputs) {
    return graph_.add(fmt::format("{}/{}", scope_, unique(name)), std::move(op), std::move(inputs));
  }
  std::string unique(const std::string& name) {
    const int count = used_[name]++;
    return count == 0 ? name : fmt::format("{}_{}", name, count);
  }
  ValueId constant(ConstantPtr value) {
    return graph_.add_constant(fmt::format("{}/{}_output_0", scope_, unique("Constant")), std::move(value));
  }
  ValueId ints(const Ints& values) { return constant(Constant::ints(values)); }
  ValueId scalar(int64_t value) { return constant(Constant::scalar_int(value)); }
  ValueId number(float value) { return constant(Constant::floats({}, std::span<const float>(&value, 1))); }

  Result<> check() const {
    if (op_.levels < 1 || op_.levels > 16 || op_.strides.size() != levels_ ||
        node_.inputs.size() != 2 * levels_ || op_.reg_max < 1 || op_.reg_max > 1024)
      return error(StatusCode::invalid_argument,
                   "node '" + node_.name + "' (DecodeBoxes) has wrong attributes");
    return {};
  }

  // Channels of the level maps from `first` on.
  Result<int64_t> channels(size_t first) const {
    for (size_t i = first; i < first + levels_; ++i) {
      const TensorDesc& desc = graph_.desc(map(i));
      if (desc.has_shape && desc.shape.size() == 4 && desc.shape[1] > 0) return desc.shape[1];
    }
    // A map of unknown shape comes from a convolution of known weights, maybe behind a Cast.
    const auto producers = graph_.producers();
    for (size_t i = first; i < first + levels_; ++i)
      for (ValueId id = map(i); id != kNoValue && producers[static_cast<size_t>(id)] >= 0;) {
        const Node& node = graph_.nodes[static_cast<size_t>(producers[static_cast<size_t>(id)])];
        if (std::holds_alternative<Conv>(node.op) && !graph_.desc(node.inputs[1]).shape.empty())
          return graph_.desc(node.inputs[1]).shape[0];
        const bool passes_through =
            std::holds_alternative<Cast>(node.op) || std::holds_alternative<Unary>(node.op);
        id = passes_through ? node.inputs[0] : kNoValue;
      }
    const auto out = node_.outputs.empty() ? TensorDesc() : graph_.desc(node_.outputs[0]);
    if (out.has_shape && out.shape.size() == 3 && out.shape[1] > 4) return out.shape[1] - 4;
    return error(StatusCode::unsupported,
                 "node '" + node_.name + "' (DecodeBoxes): the number of its classes is not known");
  }

  // [N, C, h, w] of each level → [N, C, A]
  ValueId side_by_side(size_t first, int64_t channel_count) {
    std::vector<ValueId> parts;
    bool all_known = true;
    for (size_t i = first; i < first + levels_; ++i) all_known = all_known && known(i);
    const ValueId common = all_known ? kNoValue : ints({0, channel_count, -1});
    for (size_t i = first; i < first + levels_; ++i) {
      ValueId shape = common;
      if (all_known) {
        const Shape& s = graph_.desc(map(i)).shape;
        shape = ints({s[0], channel_count, s[2] * s[3]});
      }
      parts.push_back(add("Reshape", Reshape{}, {map(i), shape}));
    }
    return levels_ == 1 ? parts[0] : add("Concat", Concat{2}, std::move(parts));
  }

  // Softmax over the bins of each distance, then the expectation of their numbers: [N, 4 * bins, A] → [N, 4,
  // A].
  ValueId expectation(ValueId boxes) {
    const std::string outer = scope_;
    scope_ = outer + "/dfl";
    const auto in_dfl = [&](const char* name) { return fmt::format("{}/{}", scope_, name); };
    const int64_t bins = op_.reg_max;
    const ValueId apart = graph_.add(in_dfl("Reshape"), Reshape{}, {boxes, ints({batch_, 4, bins, -1})});
    const ValueId turned = graph_.add(in_dfl("Transpose"), Transpose{{0, 2, 1, 3}}, {apart});
    graph_.value(turned).desc =
        TensorDesc(DType::f32, {kUnknownDim, bins, 4, kUnknownDim});  // old opsets want the rank
    const ValueId soft = graph_.add(in_dfl("Softmax"), Softmax{1}, {turned});
    std::vector<float> numbers(static_cast<size_t>(bins));
    std::iota(numbers.begin(), numbers.end(), 0.0f);
    std::string weight_name = in_dfl("conv.weight");  // "/model.22/dfl/…" → "model.22.dfl.conv.weight"
    for (char& c : weight_name) c = c == '/' ? '.' : c;
    const ValueId weight = graph_.add_constant(weight_name.substr(weight_name.find_first_not_of('.')),
                                               Constant::floats({1, bins, 1, 1}, numbers));
    const ValueId mean = graph_.add(in_dfl("conv/Conv"), Conv{{1, 1}, {0, 0, 0, 0}, {1, 1}}, {soft, weight});
    const ValueId distances = graph_.add(in_dfl("Reshape_1"), Reshape{}, {mean, ints({batch_, 4, -1})});
    scope_ = outer;
    return distances;
  }

  void make_anchors() {
    bool all_known = true;
    for (size_t i = 0; i < levels_; ++i) all_known = all_known && known(i);
    if (all_known)
      fixed_anchors();
    else
      computed_anchors();
  }

  // Cell centres, rows first: x + 0.5, y + 0.5 in units of the level's stride.
  void fixed_anchors() {
    std::vector<float> x, y, stride;
    for (size_t i = 0; i < levels_; ++i) {
      const Shape& s = graph_.desc(map(i)).shape;
      for (int64_t row = 0; row < s[2]; ++row)
        for (int64_t column = 0; column < s[3]; ++column) {
          x.push_back(static_cast<float>(column) + 0.5f);
          y.push_back(static_cast<float>(row) + 0.5f);
          stride.push_back(op_.strides[i]);
        }
    }
    const auto count = static_cast<int64_t>(x.size());
    x.insert(x.end(), y.begin(), y.end());
    anchors_ = constant(Constant::floats({1, 2, count}, x));
    strides_ = constant(Constant::floats({1, count}, stride));
  }

  // 0, 1, … count-1 as f32, count being an i64 scalar.
  ValueId counted(ValueId count) {
    if (opset_ >= 11)
      return add("Cast", Cast{DType::f32}, {add("Range", Range{}, {scalar(0), count, scalar(1)})});
    const ValueId length = add("Unsqueeze", Unsqueeze{}, {count, ints({0})});
    const ValueId ones = add("ConstantOfShape", ConstantOfShape{DType::i64, 1}, {length});
    const ValueId indices = add("Squeeze", Squeeze{}, {add("NonZero", NonZero{}, {ones}), ints({0})});
    return add("Cast", Cast{DType::f32}, {indices});
  }

  void computed_anchors() {
    std::vector<ValueId> anchors, strides;
    const ValueId half = number(0.5f), flat = ints({1, 1, -1}), one = ints({1});
    for (size_t i = 0; i < levels_; ++i) {
      const ValueId shape = add("Shape", ShapeOf{}, {map(i)});
      const ValueId height = add("Gather", Gather{0}, {shape, scalar(2)});
      const ValueId width = add("Gather", Gather{0}, {shape, scalar(3)});
      const ValueId x = add("Add", Binary{BinaryKind::add}, {counted(width), half});
      const ValueId y = add("Add", Binary{BinaryKind::add}, {counted(height), half});
      const ValueId extents = add("Concat", Concat{0},
                                  {add("Unsqueeze", Unsqueeze{}, {height, ints({0})}),
                                   add("Unsqueeze", Unsqueeze{}, {width, ints({0})})});
      const ValueId row = add("Expand", Expand{}, {add("Unsqueeze", Unsqueeze{}, {x, ints({0})}), extents});
      const ValueId column =
          add("Expand", Expand{}, {add("Unsqueeze", Unsqueeze{}, {y, ints({1})}), extents});
      anchors.push_back(
          add("Concat", Concat{1},
              {add("Reshape", Reshape{}, {row, flat}), add("Reshape", Reshape{}, {column, flat})}));
      const ValueId cells =
          add("Unsqueeze", Unsqueeze{}, {add("Mul", Binary{BinaryKind::mul}, {height, width}), ints({0})});
      strides.push_back(add("Expand", Expand{},
                            {constant(Constant::floats({1, 1}, std::span(&op_.strides[i], 1))),
                             add("Concat", Concat{0}, {one, cells})}));
    }
    anchors_ = levels_ == 1 ? anchors[0] : add("Concat", Concat{2}, std::move(anchors));
    strides_ = levels_ == 1 ? strides[0] : add("Concat", Concat{1}, std::move(strides));
  }

  // Distances left, top, right, bottom of the anchors → centre and extents (or corners) in pixels.
  ValueId corners_to_boxes(ValueId distances) {
    const ValueId axis = ints({1}), middle = ints({2});
    const ValueId left_top = add("Slice", Slice{}, {distances, ints({0}), middle, axis});
    const ValueId right_bottom = add("Slice", Slice{}, {distances, middle, ints({4}), axis});
    const ValueId low = add("Sub", Binary{BinaryKind::sub}, {anchors_, left_top});
    const ValueId high = add("Add", Binary{BinaryKind::add}, {anchors_, right_bottom});
    ValueId boxes = kNoValue;
    if (op_.xyxy) {
      boxes = add("Concat", Concat{1}, {low, high});
    } else {
      const ValueId sum = add("Add", Binary{BinaryKind::add}, {low, high});
      const ValueId extents = add("Sub", Binary{BinaryKind::sub}, {high, low});
      const ValueId centre = add("Div", Binary{BinaryKind::div}, {sum, number(2)});
      boxes = add("Concat", Concat{1}, {centre, extents});
    }
    return add("Mul", Binary{BinaryKind::mul}, {boxes, strides_});
  }

  Graph& graph_;
  const Node& node_;
  const DecodeBoxes& op_;
  int opset_;
  size_t levels_;
  int64_t batch_ = 0;
  std::string scope_;
  std::map<std::string, int> used_;
  ValueId anchors_ = kNoValue, strides_ = kNoValue;
};

}  // namespace

Result<> lower_decode(Graph& graph, int opset) {
  std::vector<Node> nodes = std::move(graph.nodes);
  graph.nodes.clear();
  int64_t next_id = 0;
  for (const Node& node : nodes) next_id = std::max(next_id, node.id + 1);
  bool any = false;
  for (Node& node : nodes) {
    const auto* decode = std::get_if<DecodeBoxes>(&node.op);
    if (!decode) {
      graph.nodes.push_back(std::move(node));
      continue;
    }
    const size_t first = graph.nodes.size();
    HONE_ASSIGN([[maybe_unused]] const ValueId result, Lowering(graph, node, *decode, opset).run());
    for (size_t i = first; i < graph.nodes.size(); ++i) graph.nodes[i].id = next_id++;
    // The last step makes the value that the node made, under its own name.
    graph.nodes.back().outputs[0] = node.outputs[0];
    any = true;
  }
  if (any) graph.remove_dead();
  return {};
}

}  // namespace hone
