#include "import/onnx/model_file.h"

#include <string>

#include "import/onnx/onnx.pb.h"
#include "import/onnx/wire.h"

namespace hone {
namespace {

constexpr uint32_t kModelGraph = 7, kGraphInitializer = 5, kTensorRawData = 9;  // field numbers, onnx.proto
constexpr size_t kMaxFileBytes = size_t{2} << 30;                               // protobuf's own limit
constexpr size_t kMaxSkeletonBytes = size_t{512}
                                     << 20;          // what is left without weights; real files have a few MB
constexpr size_t kMaxGraphFields = size_t{1} << 21;  // nodes, inputs, weights, …: an empty one is two bytes
                                                     // in the file and hundreds in memory

void append(std::string& text, std::span<const std::byte> bytes) {
  text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

Result<> parse(google::protobuf::MessageLite& message, const std::string& bytes, const char* what) {
  if (message.ParseFromString(bytes)) return {};
  return error(StatusCode::invalid_file, std::string(what) + " is not a valid ONNX message");
}

Result<StoredTensor> take_tensor(std::span<const std::byte> bytes) {
  StoredTensor tensor;
  std::string skeleton;
  while (!bytes.empty()) {
    HONE_ASSIGN(const WireField field, next_field(bytes));
    if (field.number == kTensorRawData && field.is_bytes)
      tensor.raw = field.payload;
    else
      append(skeleton, field.whole);
  }
  HONE_TRY(parse(*tensor.header, skeleton, "a weight"));
  return tensor;
}

Result<> take_graph(std::span<const std::byte> bytes, std::string& skeleton, size_t& field_count,
                    std::vector<StoredTensor>& initializers) {
  while (!bytes.empty()) {
    HONE_ASSIGN(const WireField field, next_field(bytes));
    if (++field_count > kMaxGraphFields)
      return error(StatusCode::resource, "the graph has more than " + std::to_string(kMaxGraphFields) +
                                             " nodes, weights and values");
    if (field.number == kGraphInitializer && field.is_bytes) {
      HONE_ASSIGN(StoredTensor tensor, take_tensor(field.payload));
      initializers.push_back(std::move(tensor));
    } else {
      if (skeleton.size() + field.whole.size() > kMaxSkeletonBytes)
        return error(StatusCode::resource, "the graph without its weights is larger than 512 MiB");
      append(skeleton, field.whole);
    }
  }
  return {};
}

}  // namespace

StoredTensor::StoredTensor() : header(std::make_unique<onnx_proto::Tensor>()) {}
StoredTensor::StoredTensor(StoredTensor&&) noexcept = default;
StoredTensor::~StoredTensor() = default;
ModelFile::ModelFile() : model(std::make_unique<onnx_proto::Model>()) {}
ModelFile::ModelFile(ModelFile&&) noexcept = default;
ModelFile::~ModelFile() = default;

Result<ModelFile> take_apart(std::span<const std::byte> bytes) {
  if (bytes.size() > kMaxFileBytes)
    return error(StatusCode::resource, "it is larger than 2 GiB, the limit of the format");
  ModelFile file;
  std::string outer, graph;
  bool has_graph = false;
  size_t field_count = 0;
  while (!bytes.empty()) {
    HONE_ASSIGN(const WireField field, next_field(bytes));
    if (field.number == kModelGraph && field.is_bytes) {
      // A message field given twice is merged: its fields follow one another.
      has_graph = true;
      HONE_TRY(take_graph(field.payload, graph, field_count, file.initializers));
    } else {
      if (outer.size() + field.whole.size() > kMaxSkeletonBytes)
        return error(StatusCode::resource, "what surrounds the graph is larger than 512 MiB");
      append(outer, field.whole);
    }
  }
  if (!has_graph) return error(StatusCode::invalid_file, "it holds no graph");
  HONE_TRY(parse(*file.model, outer, "the model"));
  HONE_TRY(parse(*file.model->mutable_graph(), graph, "the graph"));
  return file;
}

}  // namespace hone
