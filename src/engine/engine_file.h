// The engine file: docs/engine_format.md in code. Reading checks every byte; writing appears whole or not at
// all.
#pragma once

#include <filesystem>
#include <memory>
#include <span>

#include "engine/engine_data.h"

namespace hone {

inline constexpr uint32_t kEngineFormatVersion = 1;

struct EngineWriteOptions {
  // Leave out the weights of convolutions and matrix products over 4 KiB: smaller, but the engine cannot be
  // tuned elsewhere.
  bool strip_source = false;
};

struct EngineSize {
  size_t file_bytes = 0, pack_bytes = 0;
};
// Writes source graph, weights, profiles, tunings and packed weights; those still to be made are made on all
// cores while others are written.
Result<EngineSize> write_engine_file(const std::filesystem::path& path, const EngineData& engine,
                                     const EngineWriteOptions& options);
// `storage` keeps `file` alive; views into it are kept by what is returned. Fills everything but `portable`.
Result<std::shared_ptr<EngineData>> read_engine_file(std::span<const std::byte> file,
                                                     std::shared_ptr<const void> storage);

// The same steps for what build() makes in memory and for what a file holds: tensor infos of the graph's
// inputs and outputs, and the portable graph (f32, portable passes run).
Result<> finish_engine_data(EngineData& engine);

// Ultralytics' metadata header as JSON text, keys in its order, hone's own key after them.
std::string metadata_json(const std::map<std::string, std::string>& metadata);

}  // namespace hone
