#include <flatbuffers/flatbuffers.h>

#include <set>

#include "device/cuda/nvrtc.h"
#include "engine/model_format.h"
#include "engine_generated.h"
#include "ir/op_visit.h"

namespace hone {
namespace {

using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;

std::vector<std::byte> finished(FlatBufferBuilder& builder) {
  const auto* first = reinterpret_cast<const std::byte*>(builder.GetBufferPointer());
  return {first, first + builder.GetSize()};
}

// The network first, then every subgraph, outer before inner; each has an index.
struct GraphList {
  std::vector<const Graph*> graphs;
  std::unordered_map<const Graph*, int> index;

  void add(const Graph& graph) {
    if (!index.emplace(&graph, static_cast<int>(graphs.size())).second) return;
    graphs.push_back(&graph);
    for (const auto& node : graph.nodes) visit_attributes(node.op, *this);
  }
  void operator()(const char*, const std::shared_ptr<Graph>& subgraph) {
    if (subgraph) add(*subgraph);
  }
  template <class T>
  void operator()(const char*, const T&) {}
};

struct AttributeWriter {
  FlatBufferBuilder& builder;
  const GraphList& list;
  std::vector<Offset<format::Attribute>> attributes;

  void put(const char* name, const std::vector<int64_t>& integers, const std::vector<double>& reals,
           int graph = -1) {
    attributes.push_back(format::CreateAttributeDirect(builder, name, &integers, &reals, graph));
  }
  void operator()(const char* name, const bool& v) { put(name, {v ? 1 : 0}, {}); }
  void operator()(const char* name, const int64_t& v) { put(name, {v}, {}); }
  void operator()(const char* name, const float& v) { put(name, {}, {v}); }
  void operator()(const char* name, const double& v) { put(name, {}, {v}); }
  void operator()(const char* name, const Ints& v) { put(name, v, {}); }
  void operator()(const char* name, const std::vector<float>& v) { put(name, {}, {v.begin(), v.end()}); }
  void operator()(const char* name, const Activation& v) {
    put(name, {enum_to_int(v.kind)}, {v.alpha, v.beta});
  }
  void operator()(const char* name, const std::shared_ptr<Graph>& v) {
    const auto found = list.index.find(v.get());
    put(name, {}, {}, found == list.index.end() ? -1 : found->second);
  }
  template <AttributeEnum E>
  void operator()(const char* name, const E& v) {
    put(name, {enum_to_int(v)}, {});
  }
};

Offset<format::Graph> write_graph(FlatBufferBuilder& builder, const Graph& graph, const GraphList& list,
                                  const std::unordered_map<const Constant*, int>& constant_index) {
  std::vector<Offset<format::Value>> values;
  for (const auto& value : graph.values) {
    const auto& desc = value.desc;
    Offset<format::Quantization> quantization;
    if (const auto& q = desc.quantization)
      quantization = format::CreateQuantizationDirect(builder, &q->scale, &q->zero_point, q->axis);
    std::vector<Offset<flatbuffers::String>> dim_names;
    for (const auto& name : value.dim_names) dim_names.push_back(builder.CreateString(name));
    const auto found = constant_index.find(value.constant.get());
    values.push_back(format::CreateValueDirect(
        builder, value.name.c_str(), static_cast<uint8_t>(desc.type), desc.has_shape, &desc.shape, &dim_names,
        found == constant_index.end() ? -1 : found->second, quantization));
  }
  std::vector<Offset<format::Node>> nodes;
  for (const auto& node : graph.nodes) {
    AttributeWriter writer{builder, list, {}};
    visit_attributes(node.op, writer);
    nodes.push_back(format::CreateNodeDirect(builder, node.id, node.name.c_str(),
                                             std::string(op_name(node.op)).c_str(), op_version(node.op),
                                             &writer.attributes, &node.inputs, &node.outputs));
  }
  std::vector<Offset<flatbuffers::String>> captures;
  for (const auto& name : graph.captures) captures.push_back(builder.CreateString(name));
  std::vector<Offset<format::Pair>> metadata;
  for (const auto& [key, text] : graph.metadata)
    metadata.push_back(format::CreatePairDirect(builder, key.c_str(), text.c_str()));
  return format::CreateGraphDirect(builder, graph.name.c_str(), &values, &nodes, &graph.inputs,
                                   &graph.outputs, &captures, &metadata);
}

}  // namespace

std::vector<ConstantPtr> collect_constants(const Graph& graph) {
  GraphList list;
  list.add(graph);
  std::vector<ConstantPtr> constants;
  std::set<const Constant*> seen;
  for (const Graph* g : list.graphs)
    for (const auto& value : g->values)
      if (value.constant && seen.insert(value.constant.get()).second) constants.push_back(value.constant);
  return constants;
}

std::vector<std::byte> write_model(const Graph& graph, std::span<const StoredConstant> stored,
                                   std::span<const Profile> profiles) {
  FlatBufferBuilder builder(1 << 16);
  GraphList list;
  list.add(graph);
  std::unordered_map<const Constant*, int> constant_index;
  std::vector<Offset<format::Constant>> constants;
  for (const auto& s : stored) {
    constant_index.emplace(s.constant.get(), static_cast<int>(constants.size()));
    const auto& desc = s.constant->desc();
    constants.push_back(format::CreateConstantDirect(builder, s.constant->key(),
                                                     static_cast<uint8_t>(desc.type), &desc.shape, s.offset,
                                                     s.size, s.stripped));
  }
  std::vector<Offset<format::Graph>> graphs;
  for (const Graph* g : list.graphs) graphs.push_back(write_graph(builder, *g, list, constant_index));
  std::vector<Offset<format::Profile>> profile_tables;
  for (const auto& profile : profiles) {
    std::vector<Offset<format::Range>> ranges;
    for (const auto& [name, range] : profile)
      ranges.push_back(format::CreateRangeDirect(builder, name.c_str(), &range.min, &range.opt, &range.max));
    profile_tables.push_back(format::CreateProfileDirect(builder, &ranges));
  }
  builder.Finish(format::CreateModelDirect(builder, &graphs, &constants, &profile_tables, "0.1.0"));
  return finished(builder);
}

std::vector<std::byte> write_tunings(std::span<const DeviceTuning> tunings, std::span<const StoredPack> packs,
                                     std::span<const ProgramBinary> binaries,
                                     std::span<const uint64_t> binary_offsets) {
  FlatBufferBuilder builder(1 << 14);
  const auto layouts = [](const std::vector<Layout>& list) {
    std::vector<uint8_t> numbers;
    for (const Layout layout : list) numbers.push_back(static_cast<uint8_t>(layout));
    return numbers;
  };
  std::vector<Offset<format::Tuning>> tables;
  for (const auto& tuning : tunings) {
    std::vector<Offset<format::Choices>> shapes;
    for (const auto& choices : tuning.choices) {
      std::vector<Offset<format::Choice>> list;
      for (const auto& [node, choice] : choices.by_node) {
        const auto inputs = layouts(choice.inputs), outputs = layouts(choice.outputs);
        list.push_back(format::CreateChoiceDirect(builder, node, choice.kernel.c_str(), choice.version,
                                                  choice.ms, &inputs, &outputs));
      }
      shapes.push_back(format::CreateChoicesDirect(builder, choices.shapes.c_str(), choices.timed, &list));
    }
    tables.push_back(
        format::CreateTuningDirect(builder, tuning.fingerprint.c_str(), tuning.precision.c_str(), &shapes));
  }
  std::vector<Offset<format::Pack>> pack_tables;
  for (const auto& pack : packs)
    pack_tables.push_back(format::CreatePack(builder, pack.key, pack.offset, pack.size));
  std::vector<Offset<format::Binary>> binary_tables;
  for (size_t i = 0; i < binaries.size(); ++i)
    binary_tables.push_back(format::CreateBinaryDirect(
        builder, binaries[i].key, binaries[i].target.c_str(), binaries[i].nvrtc_version,
        cuda::least_driver(binaries[i].nvrtc_version, binaries[i].target), binary_offsets[i],
        binaries[i].code.size()));
  builder.Finish(format::CreateTuningsDirect(builder, &tables, &pack_tables, &binary_tables));
  return finished(builder);
}

}  // namespace hone
