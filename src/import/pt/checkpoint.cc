#include "import/pt/checkpoint.h"

#include <fmt/format.h>

#include <charconv>

#include "import/pt/pickle_limits.h"
#include "import/pt/pickle_machine.h"
#include "import/pt/shown_text.h"
#include "import/pt/strided_copy.h"

namespace hone {
namespace {

// What deflated entries and tensors that do not lie dense may take: the largest YOLOs in f32 have 280 MB.
constexpr size_t kMaxCopiedBytes = size_t{384} << 20;
constexpr std::string_view kPickleName = "data.pkl";
constexpr size_t kMaxSmallEntryBytes = 64;
constexpr int kNewestFormat = 10;  // torch has written 3 since 1.6

std::string_view text_of(const Bytes& bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.view().data()), bytes.view().size());
  return text.substr(0, text.find_last_not_of(" \r\n") + 1);
}

// The folder that holds data.pkl.
Result<std::string> find_folder(const ZipArchive& archive) {
  const ZipEntry* found = nullptr;
  for (const ZipEntry& entry : archive.entries()) {
    if (entry.name != kPickleName && !entry.name.ends_with("/data.pkl")) continue;
    if (found)
      return error(StatusCode::invalid_file,
                   fmt::format("there are two pickles, '{}' and '{}', where one is wanted",
                               shown(found->name), shown(entry.name)));
    found = &entry;
  }
  if (!found)
    return error(StatusCode::invalid_file,
                 "the zip holds no data.pkl, so it is no checkpoint that torch.save wrote");
  return std::string(found->name.substr(0, found->name.size() - kPickleName.size()));
}

Result<> check_format(const ZipArchive& archive, const std::string& folder, ByteBudget& budget) {
  if (archive.find(folder + "constants.pkl"))
    return error(StatusCode::unsupported,
                 "this is a TorchScript file, compiled code without a module tree; hone reads "
                 "the checkpoint it was made from");
  for (const char* name : {"byteorder", "version"}) {
    const ZipEntry* entry = archive.find(folder + name);
    if (!entry) continue;  // files from before torch 2.1 have no byteorder
    if (entry->size_bytes > kMaxSmallEntryBytes)
      return error(StatusCode::invalid_file, fmt::format("entry '{}' has {} bytes", name, entry->size_bytes));
    HONE_ASSIGN(const Bytes content, archive.read(*entry, budget));
    const std::string_view text = text_of(content);
    if (name == std::string_view("byteorder")) {
      if (text != "little")
        return error(StatusCode::unsupported,
                     fmt::format("the byte order is '{}'; little is read", shown(text)));
      continue;
    }
    int version = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), version);
    if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || version < 1 ||
        version > kNewestFormat)
      return error(StatusCode::unsupported,
                   fmt::format("the format version is '{}'; 1 to {} are read", shown(text), kNewestFormat));
  }
  return {};
}

bool starts_with_pickle(std::span<const std::byte> bytes) {
  return bytes.size() > 2 && bytes[0] == std::byte{0x80} && bytes[1] == std::byte{2};
}

}  // namespace

Result<Checkpoint> Checkpoint::open(std::span<const std::byte> bytes, std::shared_ptr<const void> owner) {
  if (starts_with_pickle(bytes))
    return error(StatusCode::unsupported,
                 "this is torch's format from before version 1.6, a bare pickle; save it again "
                 "with a newer torch");
  Checkpoint checkpoint;
  checkpoint.budget_.left_bytes = kMaxCopiedBytes;
  HONE_ASSIGN(checkpoint.archive_, ZipArchive::open(bytes, std::move(owner)));
  HONE_ASSIGN(checkpoint.folder_, find_folder(checkpoint.archive_));
  HONE_TRY(check_format(checkpoint.archive_, checkpoint.folder_, checkpoint.budget_));

  const ZipEntry& entry = *checkpoint.archive_.find(checkpoint.folder_ + std::string(kPickleName));
  if (entry.size_bytes > kMaxPickleBytes)
    return error(StatusCode::resource, fmt::format("data.pkl of {} bytes passes the limit of {}",
                                                   entry.size_bytes, kMaxPickleBytes));
  HONE_ASSIGN(Bytes content, checkpoint.archive_.read(entry, checkpoint.budget_));
  HONE_ASSIGN(Pickle pickle, read_pickle(std::move(content)));
  checkpoint.objects_ = std::move(pickle.objects);
  checkpoint.root_ = pickle.root;

  for (ObjectId id = 0; id < checkpoint.objects_.size(); ++id) {
    const Object& storage = checkpoint.objects_[id];
    if (storage.kind != ObjectKind::storage) continue;
    const ZipEntry* data = checkpoint.archive_.find(checkpoint.folder_ + "data/" + std::string(storage.text));
    if (!data)
      return error(StatusCode::invalid_file,
                   fmt::format("storage '{}' has no entry in the zip", shown(storage.text)));
    HONE_ASSIGN(const size_t wanted, byte_count(storage.type, Shape{storage.integer}));
    if (data->size_bytes < wanted)
      return error(StatusCode::invalid_file,
                   fmt::format("storage '{}' of {} elements wants {} bytes and has {}", shown(storage.text),
                               storage.integer, wanted, data->size_bytes));
  }
  return checkpoint;
}

Result<Bytes> Checkpoint::read_storage(const Object& storage) {
  if (const auto known = storages_.find(storage.text); known != storages_.end()) return known->second;
  const ZipEntry* entry = archive_.find(folder_ + "data/" + std::string(storage.text));
  if (!entry)
    return error(StatusCode::invalid_file, fmt::format("storage '{}' is missing", shown(storage.text)));
  HONE_ASSIGN(Bytes bytes, archive_.read(*entry, budget_));
  storages_.emplace(storage.text, bytes);
  return bytes;
}

Result<ConstantPtr> Checkpoint::read_tensor(ObjectId id) {
  if (const auto known = tensors_.find(id); known != tensors_.end()) return known->second;
  HONE_ASSIGN(ConstantPtr constant, make_constant(id));
  tensors_.emplace(id, constant);
  return constant;
}

Result<ConstantPtr> Checkpoint::make_constant(ObjectId id) {
  if (!objects_.is(id, ObjectKind::tensor))
    return error(StatusCode::invalid_file,
                 fmt::format("a {} stands where a tensor is wanted", kind_name(objects_[id].kind)));
  const TensorRecord& tensor = objects_.tensor(id);
  const Object& storage = objects_[tensor.storage];
  HONE_ASSIGN(const Bytes bytes, read_storage(storage));
  HONE_ASSIGN(const size_t size_bytes, byte_count(storage.type, tensor.shape));
  const size_t element_bytes = dtype_bits(storage.type) / 8;
  TensorDesc desc(storage.type, tensor.shape);
  if (size_bytes == 0) return Constant::of(std::move(desc), Bytes::of({}));

  // The pickle machine has checked every reach of the strides against the storage's length, and open() that
  // length against the entry.
  const std::span<const std::byte> from =
      bytes.view().subspan(static_cast<size_t>(tensor.offset) * element_bytes);
  const bool is_aligned = reinterpret_cast<uintptr_t>(from.data()) % element_bytes == 0;
  if (is_aligned && is_dense(tensor.shape, tensor.strides))
    return Constant::of(std::move(desc), Bytes(from.first(size_bytes), bytes.owner()));
  if (size_bytes / element_bytes > static_cast<size_t>(storage.integer))
    return error(StatusCode::invalid_file, fmt::format("a tensor {} is spread over a storage of {} elements",
                                                       shape_text(tensor.shape), storage.integer));
  if (!budget_.take(size_bytes))
    return error(StatusCode::resource,
                 fmt::format("a tensor {} of {} bytes passes the limit on what may be copied",
                             shape_text(tensor.shape), size_bytes));
  return Constant::of(std::move(desc),
                      Bytes::of(copy_strided(from, tensor.shape, tensor.strides, element_bytes)));
}

}  // namespace hone
