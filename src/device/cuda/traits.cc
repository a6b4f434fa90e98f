// Chips: what the data sheets say of those that are not here, and what a lesser one would allow.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <string_view>

#include "device/cuda/cuda_device.h"

namespace hone {
namespace {

constexpr size_t kKiB = 1024, kMiB = 1024 * 1024;

struct Card {
  int capability;
  const char* name;
  int multiprocessors;
  size_t memory_bytes, l2_bytes, shared_per_block_bytes, shared_per_multiprocessor_bytes;
  int clock_khz, memory_clock_khz, memory_bus_bits;
};
// CUDA C++ Programming Guide, "Technical Specifications per Compute Capability", and the cards' data sheets.
constexpr std::array kCards = {
    Card{80, "A100", 108, size_t{40} << 30, 40 * kMiB, 163 * kKiB, 164 * kKiB, 1410000, 1215000, 5120},
    Card{86, "RTX A2000", 26, size_t{12} << 30, 3 * kMiB, 99 * kKiB, 100 * kKiB, 1200000, 6001000, 192},
    Card{87, "Orin NX", 8, size_t{16} << 30, 4 * kMiB, 163 * kKiB, 164 * kKiB, 918000, 3199000, 128},
    Card{89, "L4", 58, size_t{24} << 30, 48 * kMiB, 99 * kKiB, 100 * kKiB, 2040000, 6251000, 192},
    Card{90, "H200", 132, size_t{141} << 30, 50 * kMiB, 227 * kKiB, 228 * kKiB, 1980000, 3201000, 6144},
};

int forced_capability() {
  const char* set = std::getenv("HONE_CUDA_KERNELS");
  if (set == nullptr) return 0;
  std::string_view text = set;
  if (!text.starts_with("sm")) return 0;
  text.remove_prefix(text.starts_with("sm_") ? 3 : 2);
  int capability = 0;
  std::from_chars(text.data(), text.data() + text.size(), capability);
  return capability;
}

}  // namespace

Result<CudaProperties> typical_card(int capability) {
  for (const Card& card : kCards)
    if (card.capability == capability)
      return CudaProperties{.name = card.name,
                            .capability = card.capability,
                            .multiprocessors = card.multiprocessors,
                            .memory_bytes = card.memory_bytes,
                            .l2_bytes = card.l2_bytes,
                            .shared_per_block_bytes = card.shared_per_block_bytes,
                            .shared_per_multiprocessor_bytes = card.shared_per_multiprocessor_bytes,
                            .registers_per_multiprocessor = 65536,
                            .clock_khz = card.clock_khz,
                            .memory_clock_khz = card.memory_clock_khz,
                            .memory_bus_bits = card.memory_bus_bits};
  return error(
      StatusCode::unsupported,
      fmt::format("sm_{} is no target of hone: sm_80, sm_86, sm_87, sm_89 and sm_90 are", capability));
}

CudaProperties portable_card() {
  return {.name = "any GPU since sm_80",
          .capability = 80,
          .multiprocessors = 60,
          .memory_bytes = size_t{8} << 30,
          .l2_bytes = 24 * kMiB,
          .shared_per_block_bytes = 99 * kKiB,
          .shared_per_multiprocessor_bytes = 100 * kKiB,
          .registers_per_multiprocessor = 65536,
          .clock_khz = 1800000,
          .memory_clock_khz = 8000000,
          .memory_bus_bits = 256};
}

GpuTraits gpu_traits(const CudaProperties& p) {
  GpuTraits traits{.capability = p.capability,
                   .multiprocessors = p.multiprocessors,
                   .shared_per_block_bytes = p.shared_per_block_bytes,
                   .shared_per_multiprocessor_bytes = p.shared_per_multiprocessor_bytes,
                   .l2_bytes = p.l2_bytes,
                   .registers_per_multiprocessor = p.registers_per_multiprocessor,
                   // Two transfers a clock.
                   .bytes_per_ns = 2e-6 * p.memory_clock_khz * p.memory_bus_bits / 8,
                   .clock_ghz = 1e-6 * p.clock_khz,
                   .dependent_launch = p.capability >= 90};
  const int forced = forced_capability();
  if (forced <= 0 || forced >= p.capability) return traits;
  if (const auto card = typical_card(forced)) {
    traits.capability = forced;
    traits.shared_per_block_bytes = std::min(traits.shared_per_block_bytes, card->shared_per_block_bytes);
    traits.shared_per_multiprocessor_bytes =
        std::min(traits.shared_per_multiprocessor_bytes, card->shared_per_multiprocessor_bytes);
    traits.dependent_launch = forced >= 90;
  }
  return traits;
}

}  // namespace hone
