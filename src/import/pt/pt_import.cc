#include "import/pt/pt_import.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "import/pt/checkpoint.h"
#include "import/pt/metadata.h"
#include "import/pt/module_builder.h"
#include "import/pt/shown_text.h"

namespace hone {
namespace {

constexpr size_t kMaxSearchedModules = 4096, kMaxLayerInputs = 256;

// The module tree of a checkpoint: `ema` where there is one, else `model`; or the pickle is the model itself.
Result<ObjectId> find_model(const PickleObjects& objects, ObjectId root) {
  if (objects.is(root, ObjectKind::instance)) return root;
  if (!objects.is(root, ObjectKind::dict))
    return error(StatusCode::invalid_file,
                 fmt::format("the checkpoint is a {}, where a dict with a model is wanted",
                             kind_name(objects[root].kind)));
  for (const char* key : {"ema", "model"}) {
    const std::optional<ObjectId> id = objects.find(root, key);
    if (!id || objects.is(*id, ObjectKind::none)) continue;
    if (objects.is(*id, ObjectKind::instance)) return *id;
    return error(
        objects.is(*id, ObjectKind::dict) ? StatusCode::unsupported : StatusCode::invalid_file,
        fmt::format("'{}' is a {}, where a module tree is wanted (weights alone do not say what the network "
                    "is)",
                    key, kind_name(objects[*id].kind)));
  }
  return error(StatusCode::invalid_file, "the checkpoint has neither a 'model' nor an 'ema'");
}

// The convolution that sees the picture: the first one that the tree holds.
std::optional<int64_t> first_conv_channels(const ModuleTree& tree, const Module& model) {
  std::vector<Module> left = {model};
  for (size_t seen = 0; !left.empty() && seen < kMaxSearchedModules; ++seen) {
    const Module module = left.back();
    left.pop_back();
    if (module_kind(tree.class_path(module)) == "nn.Conv2d") {
      const std::optional<ObjectId> weight = tree.find_tensor(module, "weight");
      const Result<int64_t> groups = tree.integer(module, "groups", 1);
      if (!weight || !groups) return std::nullopt;
      const Shape& shape = tree.objects().tensor(*weight).shape;
      return shape.size() == 4 && *groups > 0 && shape[1] > 0 && shape[1] <= 65536
                 ? std::optional(shape[1] * *groups)
                 : std::nullopt;
    }
    Result<std::vector<Module>> children = tree.children(module);
    if (children) left.insert(left.end(), children->rbegin(), children->rend());
    if (left.size() > kMaxSearchedModules) break;
  }
  return std::nullopt;
}

// Which values a layer reads: `f` is one index or a list; -1 is the layer before, other negatives count back
// from here.
Result<ValueIds> layer_inputs(const ModuleTree& tree, const Module& layer,
                              const std::vector<ValueIds>& outputs, ValueId images) {
  const std::optional<ObjectId> from = tree.attribute(layer, "f");
  if (!from) return ModuleTree::bad(layer, "it has no attribute 'f', which names the layers it reads");
  const Object& object = tree.objects()[*from];
  if (object.items.size() > kMaxLayerInputs)
    return ModuleTree::bad(layer, fmt::format("it reads {} layers", object.items.size()));
  std::vector<ObjectId> items = object.items;
  if (object.kind == ObjectKind::integer) items = {*from};
  ValueIds inputs;
  for (ObjectId item : items) {
    const Object& index = tree.objects()[item];
    const auto here = static_cast<int64_t>(outputs.size());
    if (index.kind != ObjectKind::integer)
      return ModuleTree::bad(layer, "its attribute 'f' is no list of ints");
    const int64_t layer_index = index.integer < 0 ? here + index.integer : index.integer;
    if (index.integer == -1 && here == 0) {
      inputs.push_back(images);
      continue;
    }
    if (layer_index < 0 || layer_index >= here)
      return ModuleTree::bad(layer,
                             fmt::format("it reads layer {}, and {} stand before it", index.integer, here));
    const ValueIds& made = outputs[static_cast<size_t>(layer_index)];
    if (made.size() != 1)
      return ModuleTree::bad(
          layer, fmt::format("it reads layer {}, which gives {} values", layer_index, made.size()));
    inputs.push_back(made[0]);
  }
  return inputs;
}

Result<int64_t> largest_stride(const ModuleTree& tree, ModuleBuilder& builder, const Module& model,
                               const Module& head) {
  const Module& holder = tree.find_tensor(model, "stride") ? model : head;
  HONE_ASSIGN(const ConstantPtr tensor, builder.tensor(holder, "stride"));
  HONE_ASSIGN(const std::vector<float> strides, tensor->to_floats());
  const float largest = strides.empty() ? 0 : *std::max_element(strides.begin(), strides.end());
  if (!(largest >= 1 && largest <= 65536))
    return ModuleTree::bad(holder, fmt::format("its largest stride is {}", largest));
  return static_cast<int64_t>(largest);
}

// Runs the layers in order, each on what its `f` names; gives the last layer's values.
Result<ValueIds> build_layers(ModuleBuilder& builder, const std::vector<Module>& layers, ValueId images) {
  std::vector<ValueIds> outputs;
  for (const Module& layer : layers) {
    HONE_ASSIGN(const ValueIds inputs, layer_inputs(builder.tree, layer, outputs, images));
    HONE_ASSIGN(ValueIds made, builder.run(layer, inputs));
    outputs.push_back(std::move(made));
  }
  return std::move(outputs.back());
}

// DetectionModel.model: the layers in a row.
Result<Module> find_stack(const ModuleTree& tree, const Module& model) {
  const std::optional<ObjectId> children = tree.attribute(model, "_modules");
  const std::optional<ObjectId> stack = children ? tree.objects().find(*children, "model") : std::nullopt;
  if (!stack || !tree.objects().is(*stack, ObjectKind::instance))
    return ModuleTree::bad(
        model, fmt::format("{} has no stack of layers called 'model'", shown(tree.class_path(model))));
  return Module{.id = *stack, .path = "model", .scope = {}, .label = "model"};
}

Result<Graph> build_graph(Checkpoint& checkpoint, std::string file_stem) {
  const PickleObjects& objects = checkpoint.objects();
  HONE_ASSIGN(const ObjectId model_id, find_model(objects, checkpoint.root()));
  if (const auto quantizer = objects.find(checkpoint.root(), "modelopt");
      quantizer && !objects.is(*quantizer, ObjectKind::none))
    return error(StatusCode::unsupported,
                 "the checkpoint is of quantization-aware training ('modelopt'); its ranges "
                 "are not read yet");
  Graph graph;
  graph.name = file_stem;
  ModuleBuilder builder(checkpoint, graph);
  const Module model{.id = model_id, .path = "the model", .scope = {}, .label = {}};
  HONE_ASSIGN(const Module stack, find_stack(builder.tree, model));
  HONE_ASSIGN(const std::vector<Module> layers, builder.tree.children(stack));
  if (layers.empty()) return ModuleTree::bad(stack, "it has no layers");

  ModelFacts facts{.checkpoint = checkpoint.root(),
                   .model = model,
                   .head = layers.back(),
                   .input_channels = 0,
                   .file_stem = std::move(file_stem)};
  const std::optional<int64_t> channels = first_conv_channels(builder.tree, stack);
  if (!channels)
    return ModuleTree::bad(stack, "it holds no convolution that says how many channels pictures have");
  facts.input_channels = *channels;
  const ValueId images =
      graph.add_input("images", TensorDesc(DType::f32, {kUnknownDim, *channels, kUnknownDim, kUnknownDim}),
                      {"batch", "", "height", "width"});
  builder.set_channels(images, *channels);

  HONE_ASSIGN(const ValueIds outputs, build_layers(builder, layers, images));
  const std::vector<int32_t> producers = graph.producers();
  const int32_t last = outputs.size() == 1 ? producers[static_cast<size_t>(outputs[0])] : -1;
  if (last < 0 || !std::holds_alternative<DecodeBoxes>(graph.nodes[static_cast<size_t>(last)].op))
    return error(StatusCode::unsupported,
                 fmt::format("{}: the last layer, {}, is no detection head", layers.back().path,
                             shown(builder.tree.class_path(layers.back()))));
  graph.rename(outputs[0], "output0");
  graph.value(outputs[0]).desc =
      TensorDesc(DType::f32, {kUnknownDim, builder.channels(outputs[0]), kUnknownDim});
  graph.value(outputs[0]).dim_names = {"batch", "", "anchors"};
  graph.outputs.push_back(outputs[0]);
  HONE_ASSIGN(const int64_t stride, largest_stride(builder.tree, builder, model, layers.back()));
  HONE_ASSIGN(graph.metadata, make_metadata(builder.tree, facts, stride));
  return graph;
}

}  // namespace

Result<Graph> import_pt(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                        const std::filesystem::path& name) {
  Result<Checkpoint> checkpoint = Checkpoint::open(bytes, std::move(owner));
  if (!checkpoint) return error_in(name.string(), checkpoint);
  Result<Graph> graph = build_graph(*checkpoint, name.stem().string());
  if (!graph) return error_in(name.string(), graph);
  return graph;
}

Result<Graph> import_pt(std::shared_ptr<const MappedFile> file) {
  return import_pt(file->bytes(), file, file->path());
}

Result<Graph> import_pt(const std::filesystem::path& path) {
  HONE_ASSIGN(std::shared_ptr<const MappedFile> file, MappedFile::open(path));
  return import_pt(std::move(file));
}

}  // namespace hone
