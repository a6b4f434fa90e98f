// A 1x1 convolution of a Concat that holds an upsampled value: its part for that value is computed before the
// upsampling, on a quarter of the pixels, and joins the rest as an upsampled residual. Neither the upsampled
// value nor the Concat is ever written. The necks of detectors hold such convolutions.
#include <algorithm>

#include "base/hash.h"
#include "passes/passes.h"
#include "passes/rewrite.h"

namespace hone {
namespace {

// Parts begin at whole vectors of 16-bit elements.
constexpr int64_t kVector = 8;

bool is_pointwise(const Graph& graph, const Node& node) {
  const auto* conv = std::get_if<Conv>(&node.op);
  if (conv == nullptr || conv->group != 1 || conv->has_residual || !graph.is_constant(node.inputs[1]))
    return false;
  const auto all = [](const Ints& list, int64_t value) {
    return std::ranges::all_of(list, [&](int64_t v) { return v == value; });
  };
  const Shape& filter = graph.desc(node.inputs[1]).shape;
  return filter.size() == 4 && filter[2] == 1 && filter[3] == 1 && all(conv->strides, 1) &&
         all(conv->pads, 0) && graph.desc(node.outputs[0]).concrete();
}

// Each element of a picture becomes a square of four.
bool doubles(const Graph& graph, const Node& node) {
  const auto* resize = std::get_if<Resize>(&node.op);
  if (resize == nullptr || resize->mode != ResizeMode::nearest) return false;
  const bool centres = resize->coordinates != CoordinateMode::asymmetric &&
                       resize->coordinates != CoordinateMode::align_corners &&
                       (resize->nearest == NearestMode::round_prefer_floor ||
                        resize->nearest == NearestMode::round_prefer_ceil);
  const bool corners =
      resize->coordinates == CoordinateMode::asymmetric && resize->nearest == NearestMode::floor;
  const Shape &in = graph.desc(node.inputs[0]).shape, &out = graph.desc(node.outputs[0]).shape;
  if ((!centres && !corners) || in.size() != 4 || out != Shape{in[0], in[1], 2 * in[2], 2 * in[3]})
    return false;
  // Scales that are not exactly two may give the same extents.
  const ValueId scales = input_of(node, 2);
  if (scales == kNoValue || graph.desc(scales).shape == Shape{0}) return resize->axes.empty();
  const ConstantPtr constant = graph.value(scales).constant;
  const auto values = constant ? constant->to_floats() : error(StatusCode::invalid_argument, "");
  return values && resize->axes.empty() && *values == std::vector<float>{1, 1, 2, 2};
}

// Input channels [first, end) of the weights of a convolution, or all but these.
ConstantPtr channels_of(const ConstantPtr& weights, int64_t first, int64_t end, bool others) {
  TensorDesc desc = weights->desc();
  const int64_t outputs = desc.shape[0], channels = desc.shape[1];
  const auto element = static_cast<int64_t>(dtype_bits(desc.type) / 8);
  desc.shape[1] = others ? channels - (end - first) : end - first;
  uint64_t key = hash_text(others ? "other channels" : "channels");
  for (const uint64_t part : {weights->key(), static_cast<uint64_t>(first), static_cast<uint64_t>(end)})
    key = hash_combine(key, part);
  return Constant::lazy(desc, key, [=]() -> Result<Bytes> {
    HONE_ASSIGN(const Bytes bytes, weights->bytes());
    std::vector<std::byte> part;
    part.reserve(static_cast<size_t>(outputs * desc.shape[1] * element));
    const auto take = [&](int64_t m, int64_t from, int64_t to) {
      const auto run = bytes.view().subspan(static_cast<size_t>((m * channels + from) * element),
                                            static_cast<size_t>((to - from) * element));
      part.insert(part.end(), run.begin(), run.end());
    };
    for (int64_t m = 0; m < outputs; ++m) {
      if (!others) {
        take(m, first, end);
      } else {
        take(m, 0, first);
        take(m, end, channels);
      }
    }
    return Bytes::of(std::move(part));
  });
}

struct Place {
  const Node* concat = nullptr;
  size_t upsampled = 0;    // which input of the Concat
  ValueId low = kNoValue;  // what was upsampled
  int64_t first = 0;       // its channels in the Concat
};

bool find_place(const Rewriter& rewriter, const Node& conv, Place& place) {
  const Graph& graph = rewriter.graph();
  place.concat = rewriter.producer_as<Concat>(conv.inputs[0]);
  if (place.concat == nullptr || std::get<Concat>(place.concat->op).axis != 1 ||
      place.concat->inputs.size() < 2 || !rewriter.single_use(conv.inputs[0]))
    return false;
  int64_t first = 0;
  for (size_t i = 0; i < place.concat->inputs.size(); ++i) {
    const ValueId part = place.concat->inputs[i];
    const int64_t channels = graph.desc(part).shape[1];
    const Node* resize = rewriter.producer_as<Resize>(part);
    if (resize != nullptr && doubles(graph, *resize) && rewriter.single_use(part) && first % kVector == 0 &&
        channels % kVector == 0) {
      place.upsampled = i, place.low = resize->inputs[0], place.first = first;
      return true;
    }
    first += channels;
  }
  return false;
}

}  // namespace

bool convolve_before_upsampling(Graph& graph) {
  std::vector<Node> nodes;
  const Rewriter rewriter(graph);
  int64_t next_id = graph.next_node_id();
  bool changed = false;
  const size_t count = graph.nodes.size();
  for (size_t n = 0; n < count; ++n) {
    Place place;
    if (!is_pointwise(graph, graph.nodes[n]) || !find_place(rewriter, graph.nodes[n], place)) {
      nodes.push_back(graph.nodes[n]);
      continue;
    }
    changed = true;
    Node rest = graph.nodes[n];
    const ConstantPtr weights = graph.value(rest.inputs[1]).constant;
    const Shape low_shape = graph.desc(place.low).shape;
    const int64_t end = place.first + low_shape[1];

    TensorDesc low_sum = graph.desc(rest.outputs[0]);
    low_sum.shape[2] = low_shape[2], low_sum.shape[3] = low_shape[3];
    const ValueId residual = graph.add_value(rest.name + ".before_upsampling", std::move(low_sum));
    nodes.push_back({rest.name + ".before_upsampling",
                     Conv{},
                     {place.low, graph.add_constant(rest.name + ".low_weight",
                                                    channels_of(weights, place.first, end, false))},
                     {residual},
                     next_id++});

    std::vector<ValueId> parts = place.concat->inputs;
    parts.erase(parts.begin() + static_cast<ptrdiff_t>(place.upsampled));
    rest.inputs[0] = parts[0];
    if (parts.size() > 1) {
      TensorDesc joined = graph.desc(place.concat->outputs[0]);
      joined.shape[1] -= low_shape[1];
      rest.inputs[0] = graph.add_value(rest.name + ".rest", std::move(joined));
      nodes.push_back({rest.name + ".rest", Concat{.axis = 1}, parts, {rest.inputs[0]}, next_id++});
    }
    rest.inputs[1] =
        graph.add_constant(rest.name + ".rest_weight", channels_of(weights, place.first, end, true));
    rest.inputs.push_back(residual);
    auto& conv = std::get<Conv>(rest.op);
    conv.has_residual = conv.residual_upsampled = true;
    nodes.push_back(std::move(rest));
  }
  if (!changed) return false;
  graph.nodes = std::move(nodes);
  graph.remove_dead();
  return true;
}

}  // namespace hone
