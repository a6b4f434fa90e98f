#include "engine/device_code.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "device/cuda/binary.h"
#include "device/cuda/driver.h"
#include "device/cuda/nvrtc.h"

namespace hone {
namespace {

// 86 of "sm_86"; 0 of targets whose code is for one chip alone ("sm_90a") or for none ("compute_80").
int plain_capability(std::string_view target) {
  if (!target.starts_with("sm_")) return 0;
  target.remove_prefix(3);
  int capability = 0;
  const auto [end, failure] = std::from_chars(target.data(), target.data() + target.size(), capability);
  return failure == std::errc() && end == target.data() + target.size() ? capability : 0;
}

// Machine code runs on later chips of its generation, but not between cards and Jetsons (sm_87).
bool runs_on(int code, int capability) {
  constexpr int kJetson = 87;
  return code != 0 && code / 10 == capability / 10 && code <= capability && code != kJetson &&
         capability != kJetson;
}

}  // namespace

DeviceCode code_for(std::span<const ProgramBinary> binaries, int capability, int driver_version) {
  std::map<std::string, int> least;  // by target: the driver that loads all of it
  for (const ProgramBinary& b : binaries)
    least[b.target] = std::max(least[b.target], cuda::least_driver(b.nvrtc_version, b.target));
  std::vector<std::string> order = {cuda::target_name(capability)};
  for (auto target = least.rbegin(); target != least.rend(); ++target)  // the greatest first
    if (target->first != order[0] && runs_on(plain_capability(target->first), capability))
      order.push_back(target->first);
  if (capability >= 80) order.emplace_back(cuda::kPortableTarget);
  int lacked = 0;
  for (const std::string& target : order) {
    const auto found = least.find(target);
    if (found == least.end()) continue;
    if (found->second <= driver_version) return {.target = target, .lack = {}};
    lacked = lacked == 0 ? found->second : std::min(lacked, found->second);
  }
  if (lacked == 0) return {};
  return {.target = {},
          .lack = fmt::format(
              "the engine's machine code needs a driver of CUDA {} or newer, this one supports {}",
              cuda::version_text(lacked), cuda::version_text(driver_version))};
}

cuda::ProgramKeys program_keys(std::span<const ProgramBinary> binaries, const std::string& target) {
  cuda::ProgramKeys keys;
  for (const ProgramBinary& b : binaries)
    if (b.target == target) keys.insert(b.key);
  return keys;
}

const DeviceTuning* tuning_of_target(const EngineData& engine, const std::string& target) {
  // "cuda/sm_90/NVIDIA H200" for "sm_90a", "cuda/compute_80/…" for PTX.
  const std::string start =
      fmt::format("cuda/{}/", target.ends_with('a') ? target.substr(0, target.size() - 1) : target);
  for (const DeviceTuning& tuning : engine.tunings)
    if (!tuning.choices.empty() && tuning.fingerprint.starts_with(start)) return &tuning;
  return nullptr;
}

}  // namespace hone
