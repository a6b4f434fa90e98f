#include "import/pt/metadata.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>

#include "base/python_literal.h"
#include "import/pt/module_builder.h"
#include "import/pt/shown_text.h"

namespace hone {
namespace {

constexpr std::string_view kLicense = "AGPL-3.0 License (https://ultralytics.com/license)";
constexpr std::string_view kDocs = "https://docs.ultralytics.com";
constexpr std::string_view kDefaultArgs =
    "{'data': None, 'batch': 1, 'fraction': 1.0, 'quantize': None, 'nms': None, 'dynamic': False, "
    "'simplify': True, "
    "'opset': None}";
constexpr size_t kMaxNames = 1 << 16;
constexpr int64_t kMaxImageSize = 1 << 16;

class Facts {
 public:
  Facts(const ModuleTree& tree, const ModelFacts& facts)
      : tree_(tree), objects_(tree.objects()), facts_(facts) {}

  std::optional<std::string_view> text_in(std::optional<ObjectId> dict, std::string_view key) const {
    if (!dict) return std::nullopt;
    const std::optional<ObjectId> id = objects_.find(*dict, key);
    return id && objects_.is(*id, ObjectKind::text) ? std::optional(objects_[*id].text) : std::nullopt;
  }
  std::optional<std::string_view> text(std::string_view key) const { return text_in(facts_.checkpoint, key); }
  std::optional<ObjectId> train_args() const {
    if (const auto args = objects_.find(facts_.checkpoint, "train_args")) return args;
    const std::optional<ObjectId> args = tree_.attribute(facts_.model, "args");  // a dict, or a namespace
    return args && objects_.is(*args, ObjectKind::instance) ? objects_.attributes(*args) : args;
  }

  // "YOLOv8n" of yaml_file yolov8n.yaml, else of the file's own name.
  std::string pretty_name() const {
    const std::optional<ObjectId> yaml = tree_.attribute(facts_.model, "yaml");
    const std::optional<std::string_view> file = text_in(yaml, "yaml_file");
    std::string name = file ? std::filesystem::path(*file).stem().string() : facts_.file_stem;
    for (size_t at = 0; (at = name.find("yolo", at)) != std::string::npos; at += 4)
      name.replace(at, 4, "YOLO");
    return name;
  }

  // [height, width] that an export without imgsz takes: the training size, up to the next multiple of the
  // stride.
  PythonValue image_size(int64_t stride) const {
    Ints size = {640, 640};
    if (const std::optional<ObjectId> args = train_args())
      if (const std::optional<ObjectId> id = objects_.find(*args, "imgsz")) {
        const Object& object = objects_[*id];
        if (object.kind == ObjectKind::integer)
          size = {object.integer, object.integer};
        else if (object.items.size() == 2)
          size = {objects_[object.items[0]].integer, objects_[object.items[1]].integer};
      }
    PythonValue::List list;
    for (int64_t extent : size) {
      extent = std::clamp<int64_t>(extent, 1, kMaxImageSize);
      list.push_back({(extent + stride - 1) / stride * stride});
    }
    return {list};
  }

  // A dict, or a list that becomes one.
  Result<PythonValue> names(int64_t class_count) const {
    const std::optional<ObjectId> id = tree_.attribute(facts_.model, "names");
    PythonValue::Dict dict;
    if (!id) {
      for (int64_t i = 0; i < class_count; ++i) dict.push_back({{i}, {fmt::format("class{}", i)}});
      return PythonValue{dict};
    }
    const Object& object = objects_[*id];
    const bool is_dict = object.kind == ObjectKind::dict;
    if (!is_dict && object.kind != ObjectKind::list && object.kind != ObjectKind::tuple)
      return ModuleTree::bad(facts_.model, fmt::format("its names are a {}", kind_name(object.kind)));
    if (object.items.size() > 2 * kMaxNames)
      return error(StatusCode::resource,
                   fmt::format("{}: it names more than {} classes", facts_.model.path, kMaxNames));
    for (size_t i = 0; i < object.items.size(); i += is_dict ? 2 : 1) {
      int64_t key = static_cast<int64_t>(i);
      if (is_dict) {
        HONE_ASSIGN(key, class_index(objects_[object.items[i]]));
      }
      HONE_ASSIGN(std::string name, name_text(objects_[object.items[is_dict ? i + 1 : i]]));
      dict.push_back({{key}, {std::move(name)}});
    }
    return PythonValue{dict};
  }

 private:
  Result<int64_t> class_index(const Object& key) const {
    int64_t index = key.integer;
    if (key.kind == ObjectKind::text) {
      const auto parsed = std::from_chars(key.text.data(), key.text.data() + key.text.size(), index);
      if (parsed.ec == std::errc() && parsed.ptr == key.text.data() + key.text.size()) return index;
    } else if (key.kind == ObjectKind::integer) {
      return index;
    }
    return ModuleTree::bad(facts_.model, "a key of its names is no class index");
  }
  Result<std::string> name_text(const Object& name) const {
    switch (name.kind) {
      case ObjectKind::text:
        return std::string(name.text);
      case ObjectKind::integer:
        return std::to_string(name.integer);
      case ObjectKind::real:
        return python_repr(PythonValue{name.real});
      case ObjectKind::boolean:
        return std::string(name.integer ? "True" : "False");
      case ObjectKind::none:
        return std::string("None");
      default:
        return ModuleTree::bad(facts_.model,
                               fmt::format("a {} stands among its names", kind_name(name.kind)));
    }
  }

  const ModuleTree& tree_;
  const PickleObjects& objects_;
  const ModelFacts& facts_;
};

// "detect" of "…head.Detect": trainers leave model.task out, so the head's class says it.
std::string task_of(std::string_view head) {
  if (head == "Detect" || head == "v10Detect") return "detect";
  return "unknown";
}

}  // namespace

Result<std::map<std::string, std::string>> make_metadata(const ModuleTree& tree, const ModelFacts& model,
                                                         int64_t stride) {
  const Facts facts(tree, model);
  const std::string head = module_kind(tree.class_path(model.head));
  HONE_ASSIGN(const int64_t class_count, tree.integer(model.head, "nc"));
  HONE_ASSIGN(const PythonValue names, facts.names(class_count));

  // Ultralytics names itself, and a license that is not the weights' own. A file that names its author is
  // another trainer's: what it says of itself stays.
  const std::optional<std::string_view> author = facts.text("author");
  const std::string data(facts.text_in(facts.train_args(), "data").value_or(""));
  std::map<std::string, std::string> metadata;
  metadata["author"] = author.value_or("Ultralytics");
  metadata["license"] = author ? facts.text("license").value_or(kLicense) : kLicense;
  metadata["docs"] = author ? facts.text("docs").value_or(kDocs) : kDocs;
  metadata["description"] = fmt::format("{} {} model {}", metadata["author"], facts.pretty_name(),
                                        data.empty() ? "" : "trained on " + data);
  metadata["date"] = facts.text("date").value_or("");
  metadata["version"] = kUltralyticsVersion;
  metadata["stride"] = std::to_string(stride);
  metadata["task"] = task_of(head);
  metadata["head"] = head;
  metadata["batch"] = "1";
  metadata["imgsz"] = python_repr(facts.image_size(stride));
  metadata["names"] = python_repr(names);
  metadata["args"] = kDefaultArgs;
  metadata["channels"] = std::to_string(model.input_channels);
  metadata["end2end"] = "False";
  return metadata;
}

}  // namespace hone
