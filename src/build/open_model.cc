#include "build/open_model.h"

#include <algorithm>

#include "base/python_literal.h"
#include "build/model.h"
#include "engine/engine_data.h"

namespace hone {
namespace {

// [height, width] of the metadata's imgsz, or 640 x 640.
Shape metadata_imgsz(const std::map<std::string, std::string>& metadata) {
  Shape size = {640, 640};
  const auto found = metadata.find("imgsz");
  if (found == metadata.end()) return size;
  const auto parsed = parse_python_literal(found->second);
  if (!parsed) return size;
  if (const auto* number = parsed->get<int64_t>(); number && *number > 0) return {*number, *number};
  const auto* list = parsed->get<PythonValue::List>();
  if (!list || list->empty() || list->size() > 2) return size;
  for (size_t i = 0; i < 2; ++i)
    if (const auto* extent = (*list)[std::min(i, list->size() - 1)].get<int64_t>(); extent && *extent > 0)
      size[i] = *extent;
  return size;
}

int64_t metadata_stride(const std::map<std::string, std::string>& metadata) {
  const auto found = metadata.find("stride");
  const auto parsed =
      found == metadata.end() ? PythonValue{} : parse_python_literal(found->second).value_or(PythonValue{});
  const auto* stride = parsed.get<int64_t>();
  return stride && *stride > 0 ? *stride : 32;
}

// [N, 1 or 3, H, W]
bool is_picture(const Shape& shape) { return shape.size() == 4 && shape[1] > 0 && shape[1] <= 4; }

// What was asked for is what a fixed input has.
Result<> check_fixed(const TensorInfo& input, const ShapeRequest& request) {
  const auto given = request.shapes.find(input.name);
  if (given != request.shapes.end() && given->second != input.shape)
    return error(StatusCode::invalid_argument, "input '" + input.name + "' is fixed at " +
                                                   shape_text(input.shape) + "; " +
                                                   shape_text(given->second) + " does not fit it");
  if (!request.strict || !is_picture(input.shape)) return {};
  const Shape size = {input.shape[2], input.shape[3]};
  if ((!request.imgsz.empty() && request.imgsz != size) ||
      (request.batch != 1 && request.batch != input.shape[0]))
    return error(StatusCode::invalid_argument, "input '" + input.name + "' is fixed at " +
                                                   shape_text(input.shape) +
                                                   ": it takes no other size or batch");
  return {};
}

}  // namespace

Result<Profile> profile_for(const std::vector<TensorInfo>& inputs,
                            const std::map<std::string, std::string>& metadata, const ShapeRequest& request) {
  Profile profile;
  const Shape size = request.imgsz.empty() ? metadata_imgsz(metadata) : request.imgsz;
  const int64_t stride = metadata_stride(metadata);
  for (const auto& [name, shape] : request.shapes)
    if (std::none_of(inputs.begin(), inputs.end(), [&](const auto& i) { return i.name == name; }))
      return error(StatusCode::invalid_argument, "the model has no input '" + name + "'");
  for (const auto& input : inputs) {
    if (is_concrete(input.shape)) {
      HONE_TRY(check_fixed(input, request));
      continue;
    }
    if (const auto given = request.shapes.find(input.name); given != request.shapes.end()) {
      profile[input.name] = {given->second, given->second, given->second};
      continue;
    }
    if (!is_picture(input.shape))
      return error(StatusCode::invalid_argument,
                   "input '" + input.name + "' has the shape " + shape_text(input.shape) +
                       ": say which shape it takes, e.g. " + input.name + ":1x3x640x640");
    const Shape wanted = {request.batch, input.shape[1], size[0], size[1]};
    const Shape least = {1, input.shape[1], std::min(stride, size[0]), std::min(stride, size[1])};
    ShapeRange range{wanted, wanted, wanted};
    for (size_t i = 0; i < 4; ++i) {
      if (input.shape[i] >= 0)
        range.min[i] = range.opt[i] = range.max[i] = input.shape[i];
      else if (request.dynamic)
        range.min[i] = least[i];
    }
    profile[input.name] = std::move(range);
  }
  return profile;
}

Result<std::shared_ptr<const Engine>> open_model(const std::filesystem::path& path,
                                                 const ShapeRequest& request, BuildOptions options,
                                                 BuildReport* report) {
  HONE_ASSIGN(const ModelKind kind, model_kind(path));
  if (kind == ModelKind::engine) {
    if (request.strict && (!request.imgsz.empty() || request.batch != 1))
      return error(StatusCode::invalid_argument,
                   path.string() +
                       " is an engine, whose sizes were set when it was built: name its inputs' "
                       "shapes instead, e.g. images:1x3x640x640");
    return Engine::open(path);
  }
  if (options.profiles.empty()) {
    HONE_ASSIGN(const Graph graph, import_model(path));
    std::vector<TensorInfo> inputs;
    for (const ValueId id : graph.inputs) {
      const Value& value = graph.value(id);
      inputs.push_back({value.name, value.desc.type, value.desc.shape, value.dim_names});
    }
    HONE_ASSIGN(Profile profile, profile_for(inputs, graph.metadata, request));
    if (!profile.empty()) options.profiles.push_back(std::move(profile));
  }
  return build(path, options, report);
}

}  // namespace hone
