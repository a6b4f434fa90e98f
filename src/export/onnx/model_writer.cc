#include "export/onnx/model_writer.h"

#include <fmt/format.h>

#include "base/file.h"
#include "import/onnx/onnx.pb.h"
#include "import/onnx/type_map.h"

namespace hone {
namespace {

constexpr uint32_t kModelGraph = 7, kGraphInitializer = 5, kTensorRawData = 9;  // field numbers, onnx.proto
constexpr size_t kMaxFileBytes = (size_t{2} << 30) - 1;

// Tag and length of a field that holds bytes.
std::string field_head(uint32_t number, size_t size) {
  std::string head(1, static_cast<char>(number << 3 | 2));
  for (; size >= 0x80; size >>= 7) head.push_back(static_cast<char>((size & 0x7f) | 0x80));
  head.push_back(static_cast<char>(size));
  return head;
}

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

// A weight up to its bytes: what stands before them, once its own length is known.
struct Weight {
  std::string head;  // name, type and shape
  std::string raw_head;
  size_t size = 0;  // of the whole message
};

Result<Weight> weight_of(const NamedConstant& named) {
  const TensorDesc& desc = named.constant->desc();
  onnx_proto::Tensor tensor;
  for (int64_t extent : desc.shape) tensor.add_dims(extent);
  tensor.set_data_type(onnx_of_dtype(desc.type));
  tensor.set_name(named.name);
  HONE_ASSIGN(const size_t raw_bytes, byte_count(desc.type, desc.shape));
  Weight weight;
  weight.head = tensor.SerializeAsString();
  weight.raw_head = field_head(kTensorRawData, raw_bytes);
  weight.size = weight.head.size() + weight.raw_head.size() + raw_bytes;
  return weight;
}

}  // namespace

Result<size_t> write_model(const std::filesystem::path& path, const onnx_proto::Model& model,
                           std::span<const NamedConstant> weights) {
  const std::string graph = model.graph().SerializeAsString();
  onnx_proto::Model outer = model;
  outer.clear_graph();

  std::vector<Weight> heads;
  size_t graph_bytes = graph.size();
  for (const NamedConstant& named : weights) {
    auto weight = weight_of(named);
    if (!weight) return error_in("weight '" + named.name + "'", weight);
    graph_bytes += field_head(kGraphInitializer, weight->size).size() + weight->size;
    heads.push_back(std::move(*weight));
  }
  if (graph_bytes > kMaxFileBytes)
    return error(StatusCode::resource, fmt::format("{} would have {} bytes; an ONNX file ends at 2 GiB",
                                                   path.string(), graph_bytes));

  HONE_ASSIGN(AtomicFile file, AtomicFile::create(path));
  HONE_TRY(file.write(bytes_of(outer.SerializeAsString())));
  HONE_TRY(file.write(bytes_of(field_head(kModelGraph, graph_bytes))));
  HONE_TRY(file.write(bytes_of(graph)));
  for (size_t i = 0; i < weights.size(); ++i) {
    const Result<Bytes> bytes = weights[i].constant->bytes();
    if (!bytes) return error_in("weight '" + weights[i].name + "'", bytes);
    HONE_TRY(file.write(
        bytes_of(field_head(kGraphInitializer, heads[i].size) + heads[i].head + heads[i].raw_head)));
    HONE_TRY(file.write(bytes->view()));
  }
  const size_t size = file.size();
  HONE_TRY(file.commit());
  return size;
}

}  // namespace hone
