#include "device/cuda/program.h"

#include "base/hash.h"

namespace hone::cuda {

uint64_t Program::key() const {
  uint64_t hash = hash_text(source, hash_text(name));
  for (const std::string& option : options) hash = hash_combine(hash, hash_text(option));
  return hash_combine(hash, hash_text(entry));
}

}  // namespace hone::cuda
