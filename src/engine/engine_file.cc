#include "engine/engine_file.h"

#include <set>

#include "base/python_literal.h"
#include "engine/container.h"
#include "engine/make_packs.h"
#include "engine/model_format.h"

namespace hone {
namespace {

constexpr size_t kWeightAlignment = 64;
constexpr size_t kStripOver = 4096;

// Ultralytics' readers convert these keys; the order is the exporter's.
constexpr const char* kMetadataKeys[] = {
    "description", "author", "date",  "version", "license",  "docs",    "stride",    "task",     "head",
    "batch",       "imgsz",  "names", "args",    "channels", "end2end", "kpt_shape", "kpt_names"};
bool is_structured(std::string_view key) {
  for (const char* name :
       {"stride", "batch", "imgsz", "names", "args", "channels", "end2end", "kpt_shape", "kpt_names"})
    if (key == name) return true;
  return false;
}

// Constants over 4 KiB that the graph reads as weights alone: kernels hold them packed. Passes and plans look
// into others, such as anchors.
std::set<const Constant*> strippable(const Graph& graph) {
  std::set<const Constant*> weights, others;
  for (const Node& node : graph.nodes) {
    const bool packs = std::holds_alternative<Conv>(node.op) ||
                       std::holds_alternative<ConvTranspose>(node.op) ||
                       std::holds_alternative<MatMul>(node.op) || std::holds_alternative<Gemm>(node.op);
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const Constant* constant =
          node.inputs[i] == kNoValue ? nullptr : graph.value(node.inputs[i]).constant.get();
      if (constant)
        (packs && i > 0 && constant->size_bytes() > kStripOver ? weights : others).insert(constant);
    }
  }
  for (const Constant* other : others) weights.erase(other);
  return weights;
}

}  // namespace

std::string metadata_json(const std::map<std::string, std::string>& metadata) {
  std::string json;
  const auto put = [&](const std::string& key, const std::string& value) {
    json += (json.empty() ? "{" : ", ") + json_string(key) + ": ";
    if (is_structured(key)) {
      if (const auto parsed = parse_python_literal(value)) {
        json += python_to_json(*parsed);
        return;
      }
    }
    json += json_string(value);
  };
  for (const char* key : kMetadataKeys)
    if (const auto found = metadata.find(key); found != metadata.end()) put(found->first, found->second);
  for (const auto& [key, value] : metadata)
    if (std::find(std::begin(kMetadataKeys), std::end(kMetadataKeys), key) == std::end(kMetadataKeys))
      put(key, value);
  return (json.empty() ? "{" : json) + "}";
}

Result<EngineSize> write_engine_file(const std::filesystem::path& path, const EngineData& engine,
                                     const EngineWriteOptions& options) {
  HONE_ASSIGN(ContainerWriter writer, ContainerWriter::create(path, metadata_json(engine.source.metadata),
                                                              engine.binaries.empty() ? 4 : 5));

  HONE_TRY(writer.begin_section(SectionKind::weights));
  std::vector<StoredConstant> stored;
  const auto stripped = options.strip_source ? strippable(engine.source) : std::set<const Constant*>{};
  for (const auto& constant : collect_constants(engine.source)) {
    StoredConstant s{constant, 0, 0, stripped.contains(constant.get())};
    if (!s.stripped) {
      HONE_ASSIGN(const Bytes bytes, constant->bytes());
      HONE_ASSIGN(s.offset, writer.align(kWeightAlignment));
      s.size = bytes.view().size();
      HONE_TRY(writer.append(bytes.view()));
    }
    stored.push_back(std::move(s));
  }
  HONE_TRY(writer.end_section());

  HONE_TRY(writer.begin_section(SectionKind::packs));
  EngineSize size;
  std::vector<StoredPack> packs;
  const auto store = [&](uint64_t key, std::span<const std::byte> bytes) -> Result<> {
    HONE_ASSIGN(const size_t offset, writer.align(kWeightAlignment));
    HONE_TRY(writer.append(bytes));
    packs.push_back({key, offset, bytes.size()});
    size.pack_bytes += bytes.size();
    return {};
  };
  for (const uint64_t key : engine.packs.keys()) HONE_TRY(store(key, *engine.packs.find(key)));
  HONE_TRY(make_packs(engine.packs_to_make, store));
  HONE_TRY(writer.end_section());

  std::vector<uint64_t> binary_offsets;
  if (!engine.binaries.empty()) {
    HONE_TRY(writer.begin_section(SectionKind::binaries));
    for (const ProgramBinary& binary : engine.binaries) {
      HONE_ASSIGN(binary_offsets.emplace_back(), writer.align(kWeightAlignment));
      HONE_TRY(writer.append(binary.code));
    }
    HONE_TRY(writer.end_section());
  }

  HONE_TRY(writer.begin_section(SectionKind::tunings));
  HONE_TRY(writer.append(write_tunings(engine.tunings, packs, engine.binaries, binary_offsets)));
  HONE_TRY(writer.end_section());

  HONE_TRY(writer.begin_section(SectionKind::model));
  HONE_TRY(writer.append(write_model(engine.source, stored, engine.profiles)));
  HONE_TRY(writer.end_section());
  HONE_ASSIGN(size.file_bytes, writer.commit());
  return size;
}

Result<std::shared_ptr<EngineData>> read_engine_file(std::span<const std::byte> file,
                                                     std::shared_ptr<const void> storage) {
  HONE_ASSIGN(const std::vector<Section> sections, read_container(file));
  const auto find = [&](SectionKind kind) {
    for (const auto& section : sections)
      if (section.kind == kind) return section.bytes;
    return std::span<const std::byte>();
  };
  auto engine = std::make_shared<EngineData>();
  engine->storage = storage;
  engine->file_bytes = file.size();
  HONE_TRY(read_model(find(SectionKind::model), find(SectionKind::weights), storage, *engine));
  if (const auto tunings = find(SectionKind::tunings); !tunings.empty())
    HONE_TRY(read_tunings(tunings, find(SectionKind::packs), find(SectionKind::binaries), *engine));
  return engine;
}

}  // namespace hone
