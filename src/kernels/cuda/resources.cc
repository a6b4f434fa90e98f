#include "kernels/cuda/resources.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

namespace hone {
namespace {

// The parts of ELF64 that are needed.
struct SectionHeader {
  uint32_t name, type;
  uint64_t flags, address, offset, size;
  uint32_t link, info;
  uint64_t alignment, entry_size;
};
struct Symbol {
  uint32_t name;
  uint8_t info, other;
  uint16_t section;
  uint64_t value, size;
};
constexpr size_t kSectionTableAt = 0x28, kSectionCountAt = 0x3c, kNamesAt = 0x3e;
constexpr uint32_t kNoBits = 8;
constexpr std::string_view kShared = ".nv.shared.";
// Formats and attributes of .nv.info.
constexpr uint8_t kSizedValue = 4, kFrameSize = 0x11, kRegisterCount = 0x2f;

class Elf {
 public:
  explicit Elf(std::span<const std::byte> file) : file_(file) {}

  template <class T>
  std::optional<T> read(uint64_t at) const {
    if (at > file_.size() || file_.size() - at < sizeof(T)) return {};
    T value;
    std::memcpy(&value, file_.data() + at, sizeof(T));
    return value;
  }
  std::string_view text(uint64_t at) const {
    if (at >= file_.size()) return {};
    const auto* first = reinterpret_cast<const char*>(file_.data() + at);
    const void* end = std::memchr(first, 0, file_.size() - at);
    return end ? std::string_view(first, static_cast<const char*>(end)) : std::string_view();
  }
  std::vector<SectionHeader> sections() const {
    std::vector<SectionHeader> all;
    const auto table = read<uint64_t>(kSectionTableAt);
    const auto count = read<uint16_t>(kSectionCountAt);
    for (uint64_t i = 0; table && count && i < *count; ++i)
      if (const auto header = read<SectionHeader>(*table + i * sizeof(SectionHeader))) all.push_back(*header);
    return all;
  }
  bool is_elf() const {
    const auto magic = read<uint32_t>(0);
    return magic && *magic == 0x464c457f;
  }
  uint16_t names_section() const { return read<uint16_t>(kNamesAt).value_or(0); }

 private:
  std::span<const std::byte> file_;
};

}  // namespace

Result<KernelResources> kernel_resources(std::span<const std::byte> cubin, std::string_view entry) {
  const Elf elf(cubin);
  if (!elf.is_elf()) return error(StatusCode::invalid_argument, "a cubin is no ELF file");
  const std::vector<SectionHeader> sections = elf.sections();
  const uint16_t names = elf.names_section();
  if (names >= sections.size()) return error(StatusCode::invalid_argument, "a cubin has no section names");
  const auto find = [&](const std::string& name) -> const SectionHeader* {
    for (const SectionHeader& section : sections)
      if (elf.text(sections[names].offset + section.name) == name) return &section;
    return nullptr;
  };
  const SectionHeader *symbols = find(".symtab"), *info = find(".nv.info");
  if (!symbols || !info || symbols->link >= sections.size())
    return error(StatusCode::invalid_argument, "a cubin has no symbols or no .nv.info");
  const auto name_of = [&](uint32_t index) {
    const auto symbol = elf.read<Symbol>(symbols->offset + uint64_t{index} * sizeof(Symbol));
    return symbol ? elf.text(sections[symbols->link].offset + symbol->name) : std::string_view();
  };

  KernelResources resources;
  for (uint64_t at = info->offset; at + 4 <= info->offset + info->size;) {
    const auto format = elf.read<uint8_t>(at), attribute = elf.read<uint8_t>(at + 1);
    const auto size = elf.read<uint16_t>(at + 2);
    if (!format || !attribute || !size) break;
    at += 4;
    if (*format != kSizedValue) continue;  // the value stood in the size's place
    const auto symbol = elf.read<uint32_t>(at), value = elf.read<uint32_t>(at + 4);
    at += *size;
    if (*size < 8 || !symbol || !value || (!entry.empty() && name_of(*symbol) != entry)) continue;
    if (*attribute == kRegisterCount) resources.registers = std::max(resources.registers, *value);
    if (*attribute == kFrameSize) resources.stack_bytes = std::max(resources.stack_bytes, *value);
  }
  if (resources.registers == 0)
    return error(StatusCode::invalid_argument, "a cubin has no kernel " + std::string(entry));
  for (const SectionHeader& section : sections) {
    const std::string_view name = elf.text(sections[names].offset + section.name);
    const bool mine = name.starts_with(kShared) && (entry.empty() || name.substr(kShared.size()) == entry);
    if (mine && section.type == kNoBits)
      resources.static_shared_bytes = std::max(resources.static_shared_bytes, section.size);
  }
  return resources;
}

int most_warps(int capability) {
  return capability == 80 || (capability >= 90 && capability < 120) ? 64 : 48;
}

int blocks_per_multiprocessor(const GpuTraits& gpu, const KernelResources& used, unsigned threads,
                              unsigned dynamic_shared_bytes) {
  constexpr unsigned kSchedulers = 4, kRegisterUnit = 256, kSharedUnit = 128, kReserved = 1024;
  const auto up = [](uint64_t value, uint64_t unit) { return (value + unit - 1) / unit * unit; };
  const uint64_t warps = (threads + 31) / 32;
  const uint64_t of_warp = up(uint64_t{used.registers} * 32, kRegisterUnit);
  const uint64_t warps_by_registers =
      of_warp == 0 ? warps : gpu.registers_per_multiprocessor / kSchedulers / of_warp * kSchedulers;
  const uint64_t shared = up(used.static_shared_bytes + dynamic_shared_bytes + kReserved, kSharedUnit);
  if (warps == 0 || used.static_shared_bytes + dynamic_shared_bytes > gpu.shared_per_block_bytes) return 0;
  const uint64_t slots = gpu.capability == 80 || gpu.capability == 90 ? 32 : gpu.capability == 89 ? 24 : 16;
  const auto by_warps = static_cast<uint64_t>(most_warps(gpu.capability)) / warps;
  return static_cast<int>(std::min({slots, by_warps, warps_by_registers / warps,
                                    static_cast<uint64_t>(gpu.shared_per_multiprocessor_bytes) / shared}));
}

}  // namespace hone
