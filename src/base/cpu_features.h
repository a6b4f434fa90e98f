// What this CPU can do, asked once at run time: every ISA path has its check here and a fallback behind it.
#pragma once

#include <cstddef>
#include <string>

namespace hone {

struct CpuFeatures {
  bool avx2_fma = false;  // AVX2, FMA and F16C together
  bool f16c = false;
  bool avx512 = false;  // F, BW, DQ, VL
  bool avx512_vnni = false;
  bool avx512_bf16 = false;
  bool avx512_fp16 = false;
  bool amx_bf16 = false;  // and the kernel lets us use the tiles
  bool amx_int8 = false;
  bool neon = false;
  size_t l1d_bytes = 32 << 10, l2_bytes = 512 << 10, l3_bytes = 8 << 20;
  std::string model;  // "AMD EPYC …"
};

// The environment variable HONE_CPU_ISA (baseline, avx2, avx512) lowers what is reported, for tests.
const CpuFeatures& cpu_features();
// Cores that this process may run on (affinity and cgroup quota respected), at least 1.
size_t usable_cores();
// "avx512_bf16", "avx2", "neon", "baseline": part of the key of a CPU timing.
std::string isa_name(const CpuFeatures& features);

}  // namespace hone
