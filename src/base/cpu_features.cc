#include "base/cpu_features.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace hone {
namespace {

size_t cache_bytes(int name, size_t otherwise) {
  const long value = ::sysconf(name);
  return value > 0 ? static_cast<size_t>(value) : otherwise;
}

#if defined(__x86_64__)
// Linux hands out the AMX tile state only on request (arch_prctl ARCH_REQ_XCOMP_PERM, XTILEDATA = 18).
bool request_amx_tiles() { return ::syscall(SYS_arch_prctl, 0x1023, 18) == 0; }

void detect(CpuFeatures& f) {
  __builtin_cpu_init();
  f.f16c = __builtin_cpu_supports("f16c") && __builtin_cpu_supports("avx");
  f.avx2_fma = f.f16c && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  f.avx512 = f.avx2_fma && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  f.avx512_vnni = f.avx512 && __builtin_cpu_supports("avx512vnni");
  f.avx512_bf16 = f.avx512 && __builtin_cpu_supports("avx512bf16");
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
    f.avx512_fp16 = f.avx512 && (d >> 23 & 1u);
    const bool tiles = (d >> 24 & 1u) && f.avx512 && request_amx_tiles();
    f.amx_bf16 = tiles && (d >> 22 & 1u);
    f.amx_int8 = tiles && (d >> 25 & 1u);
  }
  unsigned brand[12] = {};
  for (unsigned i = 0; i < 3; ++i)
    __get_cpuid(0x80000002u + i, &brand[4 * i], &brand[4 * i + 1], &brand[4 * i + 2], &brand[4 * i + 3]);
  f.model.assign(reinterpret_cast<const char*>(brand), sizeof brand);
  f.model.resize(std::string_view(f.model.c_str()).size());
  while (!f.model.empty() && f.model.back() == ' ') f.model.pop_back();
}
#elif defined(__aarch64__)
void detect(CpuFeatures& f) {
  f.neon = true;
  f.model = "aarch64";
}
#else
void detect(CpuFeatures& f) { f.model = "unknown"; }
#endif

CpuFeatures read_features() {
  CpuFeatures f;
  detect(f);
  f.l1d_bytes = cache_bytes(_SC_LEVEL1_DCACHE_SIZE, f.l1d_bytes);
  f.l2_bytes = cache_bytes(_SC_LEVEL2_CACHE_SIZE, f.l2_bytes);
  f.l3_bytes = cache_bytes(_SC_LEVEL3_CACHE_SIZE, f.l3_bytes);
  const char* wanted = std::getenv("HONE_CPU_ISA");
  const std::string_view limit = wanted ? wanted : "";
  if (limit == "avx2" || limit == "baseline")
    f.avx512 = f.avx512_vnni = f.avx512_bf16 = f.avx512_fp16 = f.amx_bf16 = f.amx_int8 = false;
  if (limit == "baseline") f.avx2_fma = f.f16c = f.neon = false;
  return f;
}

// Cores that the cgroup's quota allows, or a large number.
size_t cgroup_cores() {
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (!(file >> quota >> period) || quota == "max" || period <= 0) return 1 << 20;
  return static_cast<size_t>(std::max(1.0, std::strtod(quota.c_str(), nullptr) / period + 0.5));
}

}  // namespace

const CpuFeatures& cpu_features() {
  static const CpuFeatures features = read_features();
  return features;
}

size_t usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  const int counted = ::sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  return std::clamp<size_t>(static_cast<size_t>(counted), 1, cgroup_cores());
}

std::string isa_name(const CpuFeatures& f) {
  if (f.amx_bf16) return "amx_bf16";
  if (f.avx512_bf16) return "avx512_bf16";
  if (f.avx512) return "avx512";
  if (f.avx2_fma) return "avx2";
  return f.neon ? "neon" : "baseline";
}

}  // namespace hone
