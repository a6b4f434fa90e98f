// A checkpoint file, opened: its archive, the objects of its pickle, and its tensors as constants.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>

#include "import/pt/pickle_objects.h"
#include "import/pt/zip_archive.h"
#include "ir/constant.h"

namespace hone {

class Checkpoint {
 public:
  // Reads the directory and the pickle; every storage that the pickle names is there and large enough.
  // `owner` keeps `bytes` alive.
  static Result<Checkpoint> open(std::span<const std::byte> bytes, std::shared_ptr<const void> owner);

  const PickleObjects& objects() const { return objects_; }
  ObjectId root() const { return root_; }

  // A tensor object as a dense constant, in the type it is stored in. A view of the file where the bytes lie
  // dense, aligned and stored; else a copy. Reading verifies the storage's checksum, once.
  Result<ConstantPtr> read_tensor(ObjectId tensor);

 private:
  Result<Bytes> read_storage(const Object& storage);
  Result<ConstantPtr> make_constant(ObjectId tensor);

  ZipArchive archive_;
  std::string folder_;  // "yolov8n/", with the slash; empty where the entries have no folder
  PickleObjects objects_;
  ObjectId root_ = 0;
  std::map<std::string_view, Bytes> storages_;  // those read so far, by key
  std::map<ObjectId, ConstantPtr> tensors_;
  ByteBudget budget_;
};

}  // namespace hone
