// Matrix products of a warp (sm_80 and newer), f32 sums. BF16 and F32 say what is multiplied, else f16.
// In front: types.cuh.
#ifdef F32
// m16n8k8 of f32: each factor as the sum of two of tf32's 10 bits, all but the product of the small parts. Together they
// keep 21 bits.
__device__ __forceinline__ void mma_tf32(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1) {
  asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
__device__ __forceinline__ u32 large_part(u32 f) { return f & 0xffffe000u; }
__device__ __forceinline__ u32 small_part(u32 f) {
  return __float_as_uint(__uint_as_float(f) - __uint_as_float(large_part(f)));
}
__device__ __forceinline__ void mma(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1) {
  const u32 large[4] = {large_part(a[0]), large_part(a[1]), large_part(a[2]), large_part(a[3])};
  const u32 small[4] = {small_part(a[0]), small_part(a[1]), small_part(a[2]), small_part(a[3])};
  mma_tf32(d, small, large_part(b0), large_part(b1));
  mma_tf32(d, large, small_part(b0), small_part(b1));
  mma_tf32(d, large, large_part(b0), large_part(b1));
}
#else
// m16n8k16.
__device__ __forceinline__ void mma(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1) {
#ifdef BF16
  asm(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
#else
  asm(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
#endif
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
#endif

// Four 8x8 matrices of 16-bit values; lane i gives the address of row i % 8 of matrix i / 8.
__device__ __forceinline__ void load_matrices(u32 (&d)[4], u32 address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])
               : "r"(address));
}
// 16 bytes to shared memory in the background, zeros where `valid` is not.
__device__ __forceinline__ void copy_16(u32 target, const void* source, bool valid) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(target), "l"(source), "r"(valid ? 16 : 0)
               : "memory");
}
__device__ __forceinline__ void close_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
// Waits until no more than N of the groups closed last are under way.
template <int N>
__device__ __forceinline__ void wait_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
}
