#include "import/onnx/tensor_reader.h"

#include <fmt/format.h>

#include <charconv>
#include <cstring>

#include "import/onnx/onnx.pb.h"
#include "import/onnx/type_map.h"

namespace hone {
namespace {

constexpr int kMaxRank = 32;

std::unexpected<Status> damaged(std::string message) {
  return error(StatusCode::invalid_file, std::move(message));
}

bool is_aligned(std::span<const std::byte> bytes, DType type) {
  const size_t alignment = dtype_bits(type) < 8 ? 1 : dtype_bits(type) / 8;
  return reinterpret_cast<uintptr_t>(bytes.data()) % alignment == 0;
}

Bytes copy_of(std::span<const std::byte> bytes) {
  return Bytes::of(std::vector<std::byte>(bytes.begin(), bytes.end()));
}

// A bool other than 0 or 1 would be undefined behaviour for whoever reads it as one.
bool holds_odd_bools(DType type, std::span<const std::byte> bytes) {
  if (type != DType::boolean) return false;
  for (std::byte b : bytes)
    if (b > std::byte{1}) return true;
  return false;
}

Bytes with_plain_bools(std::span<const std::byte> bytes) {
  std::vector<std::byte> plain(bytes.begin(), bytes.end());
  for (std::byte& b : plain) b = b == std::byte{0} ? b : std::byte{1};
  return Bytes::of(std::move(plain));
}

// The elements of a typed list, each narrowed to T as the specification's table for *_data fields says.
template <class T, class List>
Result<Bytes> narrowed(const List& list, int64_t count, const char* field) {
  if (list.size() != count)
    return damaged(fmt::format("its {} holds {} elements, its shape asks for {}", field, list.size(), count));
  std::vector<std::byte> bytes(static_cast<size_t>(count) * sizeof(T));
  for (int i = 0; i < list.size(); ++i) {
    const T value = static_cast<T>(list.Get(i));
    std::memcpy(bytes.data() + static_cast<size_t>(i) * sizeof(T), &value, sizeof(T));
  }
  return Bytes::of(std::move(bytes));
}

Result<Bytes> typed_bytes(const onnx_proto::Tensor& tensor, DType type, int64_t count) {
  switch (type) {
    case DType::f32:
      return narrowed<float>(tensor.float_data(), count, "float_data");
    case DType::f64:
      return narrowed<double>(tensor.double_data(), count, "double_data");
    case DType::i64:
      return narrowed<int64_t>(tensor.int64_data(), count, "int64_data");
    case DType::u64:
      return narrowed<uint64_t>(tensor.uint64_data(), count, "uint64_data");
    case DType::u32:
      return narrowed<uint32_t>(tensor.uint64_data(), count, "uint64_data");
    case DType::i32:
      return narrowed<int32_t>(tensor.int32_data(), count, "int32_data");
    case DType::i16:
    case DType::u16:
    case DType::f16:
    case DType::bf16:
      return narrowed<uint16_t>(tensor.int32_data(), count, "int32_data");
    case DType::i4:
    case DType::u4:  // two elements a number
      return narrowed<uint8_t>(tensor.int32_data(), (count + 1) / 2, "int32_data");
    default:
      return narrowed<uint8_t>(tensor.int32_data(), count, "int32_data");
  }
}

Result<size_t> parse_number(const std::string& key, const std::string& text) {
  size_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{} || end != text.data() + text.size())
    return damaged(fmt::format("the {} of its external data is '{}', which is no number", key, text));
  return value;
}

}  // namespace

Result<std::shared_ptr<const MappedFile>> TensorReader::open_external(const std::string& location) {
  if (const auto known = files_.find(location); known != files_.end()) return known->second;
  const std::filesystem::path relative(location);
  const auto refuse = [&](const char* why) {
    return damaged(fmt::format("its external data lies in '{}', {}", location, why));
  };
  if (folder_.empty()) return refuse("but the model was not read from a folder");
  if (location.empty() || location.find('\0') != std::string::npos) return refuse("which is no file name");
  if (relative.is_absolute()) return refuse("and only files in the model's folder are read");
  for (const auto& part : relative)
    if (part == "..") return refuse("and only files in the model's folder are read");
  std::error_code failure;
  const auto folder = std::filesystem::canonical(folder_, failure);
  const auto path = failure ? folder_ / relative : std::filesystem::canonical(folder / relative, failure);
  if (failure)
    return error(StatusCode::not_found,
                 fmt::format("its external data '{}' is not in the model's folder", location));
  // A link may lead out of the folder.
  const auto inside = path.lexically_relative(folder);
  if (inside.empty() || *inside.begin() == "..") return refuse("a link that leaves the model's folder");
  if (!std::filesystem::is_regular_file(path, failure)) return refuse("which is no regular file");
  HONE_ASSIGN(auto file, MappedFile::open(path));
  files_.emplace(location, file);
  return file;
}

Result<Bytes> TensorReader::external_bytes(const onnx_proto::Tensor& tensor, size_t wanted_bytes) {
  std::string location;
  size_t offset = 0;
  std::optional<size_t> length;
  for (const auto& entry : tensor.external_data()) {
    if (entry.key() == "location") location = entry.value();
    if (entry.key() == "offset") {
      HONE_ASSIGN(offset, parse_number("offset", entry.value()));
    }
    if (entry.key() == "length") {
      HONE_ASSIGN(length, parse_number("length", entry.value()));
    }
  }
  HONE_ASSIGN(const auto file, open_external(location));
  const auto bytes = file->bytes();
  if (offset > bytes.size() || wanted_bytes > bytes.size() - offset)
    return damaged(fmt::format("its external data, {} bytes from {} on, is not in '{}', which has {}",
                               wanted_bytes, offset, location, bytes.size()));
  if (length && *length != wanted_bytes)
    return damaged(
        fmt::format("its external data has {} bytes, its shape asks for {}", *length, wanted_bytes));
  return Bytes(bytes.subspan(offset, wanted_bytes), file);
}

Result<ConstantPtr> TensorReader::read(const onnx_proto::Tensor& tensor,
                                       std::optional<std::span<const std::byte>> raw) {
  HONE_ASSIGN(const DType type, dtype_of_onnx(tensor.data_type()));
  if (tensor.dims_size() > kMaxRank)
    return damaged(fmt::format("it has rank {}, more than {}", tensor.dims_size(), kMaxRank));
  const Shape shape(tensor.dims().begin(), tensor.dims().end());
  for (int64_t extent : shape)
    if (extent < 0) return damaged(fmt::format("it has the extent {}", extent));
  HONE_ASSIGN(const int64_t count, element_count(shape));
  HONE_ASSIGN(const size_t wanted_bytes, byte_count(type, shape));

  Bytes bytes;
  if (tensor.data_location() == 1) {
    HONE_ASSIGN(bytes, external_bytes(tensor, wanted_bytes));
  } else if (raw || tensor.has_raw_data()) {
    const auto held = raw ? *raw : std::as_bytes(std::span(tensor.raw_data()));
    if (held.size() != wanted_bytes)
      return damaged(fmt::format("its raw data has {} bytes, its shape {} of {} asks for {}", held.size(),
                                 shape_text(shape), dtype_name(type), wanted_bytes));
    bytes = raw ? Bytes(held, owner_) : copy_of(held);
  } else {
    HONE_ASSIGN(bytes, typed_bytes(tensor, type, count));
  }
  if (!is_aligned(bytes.view(), type)) bytes = copy_of(bytes.view());
  if (holds_odd_bools(type, bytes.view())) bytes = with_plain_bools(bytes.view());
  return Constant::of(TensorDesc(type, shape), std::move(bytes));
}

}  // namespace hone
