#include "hone/engine.h"

#include <cstring>
#include <new>

#include "base/file.h"
#include "engine/container.h"
#include "engine/engine_data.h"
#include "engine/engine_file.h"
#include "passes/passes.h"

namespace hone {
namespace {

constexpr size_t kAlignment = 64;

struct AlignedBuffer {
  explicit AlignedBuffer(size_t size)
      : data(static_cast<std::byte*>(::operator new(size, std::align_val_t{kAlignment}))) {}
  ~AlignedBuffer() { ::operator delete(data, std::align_val_t{kAlignment}); }
  AlignedBuffer(const AlignedBuffer&) = delete;
  AlignedBuffer& operator=(const AlignedBuffer&) = delete;
  std::byte* data;
};

std::vector<TensorInfo> tensor_infos(const Graph& graph, std::span<const ValueId> ids) {
  std::vector<TensorInfo> infos;
  for (const ValueId id : ids) {
    const Value& value = graph.value(id);
    infos.push_back({value.name, value.desc.type, value.desc.shape, value.dim_names});
  }
  return infos;
}

Result<std::shared_ptr<const Engine>> from_storage(std::span<const std::byte> file,
                                                   std::shared_ptr<const void> storage) {
  HONE_ASSIGN(auto data, read_engine_file(file, std::move(storage)));
  HONE_TRY(finish_engine_data(*data));
  return std::make_shared<const Engine>(std::move(data));
}

}  // namespace

Result<> finish_engine_data(EngineData& engine) {
  engine.inputs = tensor_infos(engine.source, engine.source.inputs);
  engine.portable = engine.source;
  promote_to_f32(engine.portable, true);
  HONE_TRY(run_passes(engine.portable, PassStage::portable, {reference_evaluator(), {}}));
  // Types of outputs are known once the graph has been through promotion, whatever the importer knew.
  engine.outputs = tensor_infos(engine.portable, engine.portable.outputs);
  return {};
}

Result<std::shared_ptr<const Engine>> Engine::open(const std::filesystem::path& path) {
  HONE_ASSIGN(const auto file, MappedFile::open(path));
  // hone pads the metadata header to whole pages; a header that somebody else wrote may leave the rest
  // unaligned.
  const bool aligned = engine_origin(file->bytes()).value_or(0) % kAlignment == 0;
  auto engine = aligned ? from_storage(file->bytes(), file) : from_bytes(file->bytes());
  if (!engine) return error_in(path.string(), engine);
  return engine;
}

Result<std::shared_ptr<const Engine>> Engine::from_bytes(std::span<const std::byte> bytes) {
  // Weights are used where they lie, so the copy starts where the magic falls on an aligned address.
  const size_t shift = (kAlignment - engine_origin(bytes).value_or(0) % kAlignment) % kAlignment;
  const auto buffer = std::make_shared<AlignedBuffer>(bytes.size() + shift);
  std::memcpy(buffer->data + shift, bytes.data(), bytes.size());
  return from_storage({buffer->data + shift, bytes.size()}, buffer);
}

Engine::Engine(std::shared_ptr<EngineData> data) : data_(std::move(data)) {}
Engine::~Engine() = default;

const std::vector<TensorInfo>& Engine::inputs() const { return data_->inputs; }
const std::vector<TensorInfo>& Engine::outputs() const { return data_->outputs; }
const std::vector<Profile>& Engine::profiles() const { return data_->profiles; }
const std::map<std::string, std::string>& Engine::metadata() const { return data_->source.metadata; }

}  // namespace hone
