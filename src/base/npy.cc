#include "base/npy.h"

#include <array>
#include <cstring>
#include <string>

#include "base/file.h"
#include "base/python_literal.h"

namespace hone {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";

struct TypeCode {
  DType type;
  const char* code;
};
constexpr std::array<TypeCode, 12> kCodes = {{{DType::f32, "<f4"},
                                              {DType::f16, "<f2"},
                                              {DType::f64, "<f8"},
                                              {DType::i8, "|i1"},
                                              {DType::u8, "|u1"},
                                              {DType::i16, "<i2"},
                                              {DType::u16, "<u2"},
                                              {DType::i32, "<i4"},
                                              {DType::u32, "<u4"},
                                              {DType::i64, "<i8"},
                                              {DType::u64, "<u8"},
                                              {DType::boolean, "|b1"}}};

const PythonValue* find(const PythonValue::Dict& dict, std::string_view key) {
  for (const auto& [k, v] : dict)
    if (const auto* text = k.get<std::string>(); text && *text == key) return &v;
  return nullptr;
}

}  // namespace

Result<NpyArray> read_npy(const std::filesystem::path& path) {
  HONE_ASSIGN(const auto file, MappedFile::open(path));
  const auto bytes = file->bytes();
  const auto fail = [&](const std::string& why) {
    return error(StatusCode::invalid_file, path.string() + ": " + why);
  };
  if (bytes.size() < 12 || std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) != 0)
    return fail("this is no .npy file");
  const bool long_header = std::to_integer<int>(bytes[6]) >= 2;
  uint32_t length = 0;
  std::memcpy(&length, bytes.data() + 8, long_header ? 4 : 2);
  const size_t start = long_header ? 12 : 10;
  if (length > bytes.size() - start) return fail("its header is cut off");
  const std::string_view header(reinterpret_cast<const char*>(bytes.data() + start), length);
  const auto parsed = parse_python_literal(header);
  const auto* dict = parsed ? parsed->get<PythonValue::Dict>() : nullptr;
  const auto* descr = dict ? find(*dict, "descr") : nullptr;
  const auto* order = dict ? find(*dict, "fortran_order") : nullptr;
  const auto* shape = dict ? find(*dict, "shape") : nullptr;
  const auto* code = descr ? descr->get<std::string>() : nullptr;
  const auto* dims = shape ? shape->get<PythonValue::List>() : nullptr;
  if (!code || !dims || !order || !order->get<bool>()) return fail("its header cannot be read");
  if (*order->get<bool>()) return fail("it is in Fortran order; save it with numpy.ascontiguousarray");
  NpyArray array;
  bool known = false;
  for (const auto& entry : kCodes)
    if (*code == entry.code) known = true, array.type = entry.type;
  if (!known) return fail("its element type '" + *code + "' is not supported");
  for (const auto& d : *dims) {
    const auto* extent = d.get<int64_t>();
    if (!extent || *extent < 0) return fail("its header cannot be read");
    array.shape.push_back(*extent);
  }
  HONE_ASSIGN(const size_t size, byte_count(array.type, array.shape));
  const auto data = bytes.subspan(start + length);
  if (data.size() != size)
    return fail("a " + shape_text(array.shape) + " array of " + *code + " has " + std::to_string(size) +
                " bytes, the file holds " + std::to_string(data.size()));
  array.data.assign(data.begin(), data.end());
  return array;
}

Result<> write_npy(const std::filesystem::path& path, const ConstTensor& tensor) {
  const char* code = nullptr;
  for (const auto& entry : kCodes)
    if (entry.type == tensor.type) code = entry.code;
  if (!code)
    return error(StatusCode::unsupported,
                 "numpy has no element type for " + std::string(dtype_name(tensor.type)));
  std::string header = std::string("{'descr': '") + code + "', 'fortran_order': False, 'shape': (";
  for (const int64_t d : tensor.shape) header += std::to_string(d) + ",";
  header += "), }";
  header.append(63 - (10 + header.size()) % 64, ' ');
  header += '\n';
  HONE_ASSIGN(const size_t size, byte_count(tensor.type, tensor.shape));
  HONE_ASSIGN(AtomicFile file, AtomicFile::create(path));
  const auto length = static_cast<uint16_t>(header.size());
  std::string start(kMagic);
  start += '\1';
  start += '\0';
  start.append(reinterpret_cast<const char*>(&length), sizeof length);
  start += header;
  HONE_TRY(file.write(std::as_bytes(std::span(start))));
  HONE_TRY(file.write({static_cast<const std::byte*>(tensor.data), size}));
  return file.commit();
}

}  // namespace hone
