// Graphs, profiles and tunings to FlatBuffers and back.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/engine_data.h"

namespace hone {

// Where a constant's bytes went in the weights section.
struct StoredConstant {
  ConstantPtr constant;
  uint64_t offset = 0, size = 0;
  bool stripped = false;
};
// Constants of a graph and its subgraphs, each once, in the order they are stored.
std::vector<ConstantPtr> collect_constants(const Graph& graph);

std::vector<std::byte> write_model(const Graph& graph, std::span<const StoredConstant> constants,
                                   std::span<const Profile> profiles);
// Checks the buffer, every index and every constant's bounds; constants are views of `weights`, which
// `storage` keeps alive.
Result<> read_model(std::span<const std::byte> section, std::span<const std::byte> weights,
                    const std::shared_ptr<const void>& storage, EngineData& engine);

struct StoredPack {
  uint64_t key = 0, offset = 0, size = 0;
};
// binary_offsets[i] is where the code of binaries[i] lies in its section.
std::vector<std::byte> write_tunings(std::span<const DeviceTuning> tunings, std::span<const StoredPack> packs,
                                     std::span<const ProgramBinary> binaries,
                                     std::span<const uint64_t> binary_offsets);
Result<> read_tunings(std::span<const std::byte> section, std::span<const std::byte> packs,
                      std::span<const std::byte> binaries, EngineData& engine);

}  // namespace hone
