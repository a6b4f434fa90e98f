// Graphs for the tests of planning, and two ways to compute them: node by node with the reference kernels,
// and by a plan in an arena full of NaN.
#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "ir/graph.h"
#include "plan/plan.h"

namespace hone::testing_plan {

inline Evaluator evaluator() {
  return [](const Node& node, std::span<const ConstantPtr> inputs,
            std::span<const TensorDesc> outputs) -> Result<std::vector<ConstantPtr>> {
    std::vector<TensorDesc> descs;
    std::vector<Bytes> data;
    for (const ConstantPtr& input : inputs) {
      descs.push_back(input != nullptr ? input->desc() : TensorDesc{});
      data.emplace_back();
      if (input != nullptr) {
        HONE_ASSIGN(data.back(), input->bytes());
      }
    }
    HONE_ASSIGN(std::vector<Bytes> computed, run_reference(node.op, descs, data, outputs));
    std::vector<ConstantPtr> constants;
    for (size_t i = 0; i < computed.size(); ++i)
      constants.push_back(Constant::of(outputs[i], std::move(computed[i])));
    return constants;
  };
}

using Tensors = std::vector<std::vector<float>>;

// Adds layers with random weights to a graph.
class Builder {
 public:
  explicit Builder(uint32_t seed = 1) : random(seed) {}

  ValueId input(const std::string& name, Shape shape) {
    return graph.add_input(name, TensorDesc(DType::f32, std::move(shape)));
  }
  ValueId weights(Shape shape) {
    int64_t count = 1;
    for (const int64_t extent : shape) count *= extent;
    std::vector<float> values(static_cast<size_t>(count));
    const float scale = 1.0f / static_cast<float>(shape.size() > 1 ? count / shape[0] : 4);
    for (float& v : values) v = (static_cast<float>(random() % 2001) / 1000.0f - 1.0f) * scale * 3.0f;
    return graph.add_constant("weight", Constant::floats(std::move(shape), values));
  }
  ValueId ints(std::vector<int64_t> values) { return graph.add_constant("ints", Constant::ints(values)); }
  ValueId conv(ValueId x, int64_t from, int64_t to, int64_t kernel, int64_t stride = 1,
               ValueId residual = kNoValue) {
    Conv op;
    op.strides = {stride, stride};
    op.pads = {kernel / 2, kernel / 2, kernel / 2, kernel / 2};
    op.dilations = {1, 1};
    op.activation.kind = UnaryKind::silu;
    op.has_bias = true;
    op.has_residual = residual != kNoValue;
    std::vector<ValueId> inputs = {x, weights({to, from, kernel, kernel}), weights({to})};
    if (residual != kNoValue) inputs.push_back(residual);
    return graph.add("conv", op, std::move(inputs));
  }
  ValueId pool(ValueId x, int64_t kernel) {
    Pool op;
    op.kernel = {kernel, kernel};
    op.strides = {1, 1};
    op.pads = {kernel / 2, kernel / 2, kernel / 2, kernel / 2};
    op.dilations = {1, 1};
    return graph.add("pool", op, {x});
  }
  ValueId upsample(ValueId x) {
    Resize op;
    op.coordinates = CoordinateMode::asymmetric;
    op.nearest = NearestMode::floor;
    const ValueId scales =
        graph.add_constant("scales", Constant::floats({4}, std::vector<float>{1, 1, 2, 2}));
    return graph.add("upsample", op, {x, kNoValue, scales});
  }
  ValueId concat(std::vector<ValueId> parts, int64_t axis = 1) {
    return graph.add("concat", Concat{axis}, std::move(parts));
  }
  std::vector<ValueId> split(ValueId x, std::vector<int64_t> sizes, int64_t axis = 1) {
    const size_t count = sizes.size();
    const size_t node = graph.add_node("split", Split{axis}, {x, ints(std::move(sizes))}, count);
    return graph.nodes[node].outputs;
  }
  ValueId slice(ValueId x, int64_t begin, int64_t end, int64_t axis) {
    return graph.add("slice", Slice{}, {x, ints({begin}), ints({end}), ints({axis})});
  }
  ValueId unary(ValueId x, UnaryKind kind) {
    return graph.add(std::string(unary_name(kind)), Unary{{kind, 0, 0}}, {x});
  }
  ValueId add(ValueId a, ValueId b) { return graph.add("add", Binary{BinaryKind::add}, {a, b}); }
  ValueId reshape(ValueId x, std::vector<int64_t> shape) {
    return graph.add("reshape", Reshape{}, {x, ints(std::move(shape))});
  }

  // Ultralytics' C2f with n bottlenecks, as exported: split, a chain of bottlenecks, one concat.
  ValueId c2f(ValueId x, int64_t from, int64_t to, int n, bool shortcut) {
    const int64_t half = to / 2;
    const ValueId y = conv(x, from, to, 1);
    std::vector<ValueId> parts = split(y, {half, half});
    for (int i = 0; i < n; ++i) {
      const ValueId last = parts.back();
      const ValueId inner = conv(last, half, half, 3);
      parts.push_back(conv(inner, half, half, 3, 1, shortcut ? last : kNoValue));
    }
    return conv(concat(parts), (2 + n) * half, to, 1);
  }
  ValueId sppf(ValueId x, int64_t from, int64_t to) {
    const int64_t half = from / 2;
    const ValueId a = conv(x, from, half, 1), b = pool(a, 5), c = pool(b, 5), d = pool(c, 5);
    return conv(concat({a, b, c, d}), half * 4, to, 1);
  }

  // Shapes are static: everything gets its desc.
  Result<Graph> bind() {
    Graph bound = graph;
    HONE_TRY(bind_shapes(bound, {}, evaluator()));
    HONE_TRY(verify(bound));
    return bound;
  }

  Graph graph;
  std::mt19937 random;
};

Tensors random_inputs(const Graph& bound, uint32_t seed);
// Node by node, every value by its reference kernel.
Result<Tensors> run_by_reference(const Graph& bound, const Tensors& inputs);
// Step by step; the arena, the outputs and what lies behind them are filled with NaN before.
Result<Tensors> run_plan(const Plan& plan, const Tensors& inputs, size_t thread_count);
// Every node by its reference kernel, everything plain.
Choices reference_choices(const Graph& bound);
// A random mixture of convolutions, concats, splits, reshapes and elementwise ops; seeds below 1e6 differ.
Result<Graph> random_graph(uint32_t seed);

}  // namespace hone::testing_plan
