// Element types, conversions and the hand-over between kernels. NVRTC alone ships no headers, so these are ours.
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;

struct half_t {
  u16 bits;
};
struct bfloat_t {
  u16 bits;
};

__device__ __forceinline__ float to_float(half_t h) {
  float f;
  asm("cvt.f32.f16 %0, %1;" : "=f"(f) : "h"(h.bits));
  return f;
}
__device__ __forceinline__ float to_float(bfloat_t b) { return __uint_as_float(static_cast<u32>(b.bits) << 16); }
template <class T>
__device__ __forceinline__ float to_float(T value) {
  return static_cast<float>(value);
}

// Rounds to nearest even; integers are cut towards zero.
template <class T>
struct FromFloat {
  static __device__ __forceinline__ T of(float f) { return static_cast<T>(f); }
};
template <>
struct FromFloat<half_t> {
  static __device__ __forceinline__ half_t of(float f) {
    half_t h;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(h.bits) : "f"(f));
    return h;
  }
};
template <>
struct FromFloat<bfloat_t> {
  static __device__ __forceinline__ bfloat_t of(float f) {
    const u32 bits = __float_as_uint(f);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return {static_cast<u16>((bits >> 16) | 0x40u)};
    return {static_cast<u16>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16)};
  }
};
template <class T>
__device__ __forceinline__ T from_float(float f) {
  return FromFloat<T>::of(f);
}

// Two halves in one register: `low` lies first in memory.
__device__ __forceinline__ u32 pack_halves(float low, float high) {
  u32 both;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(high), "f"(low));
  return both;
}
__device__ __forceinline__ float low_half(u32 both) { return to_float(half_t{static_cast<u16>(both)}); }
__device__ __forceinline__ float high_half(u32 both) { return to_float(half_t{static_cast<u16>(both >> 16)}); }

// A kernel that is launched while its predecessor ends (LaunchShape::dependent) waits here before it reads or
// writes anything that another kernel touches; weights may be read before.
__device__ __forceinline__ void wait_for_predecessors() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}
// From here on the successor may be launched; what it must not see early is kept from it by its own wait.
__device__ __forceinline__ void release_successors() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;");
#endif
}
