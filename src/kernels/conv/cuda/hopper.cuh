// What Hopper (sm_90a) has beyond earlier chips: barriers that count bytes, the copy engine, warpgroup matrix
// products, launches that overlap. Thin wrappers around PTX.
#define DEVICE static __device__ __forceinline__

struct alignas(64) TensorMap {
  u8 bytes[128];
};

DEVICE bool elect_one() {
  u32 p;
  asm volatile("{.reg .pred P; elect.sync _|P, 0xffffffff; selp.b32 %0, 1, 0, P;}" : "=r"(p));
  return p;
}

DEVICE void barrier_init(u32 b, int arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(b), "r"(arrivals));
}
DEVICE void barrier_expect(u32 b, u32 bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(b), "r"(bytes) : "memory");
}
DEVICE void barrier_arrive(u32 b) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(b) : "memory");
}
DEVICE bool barrier_test(u32 b, u32 parity) {
  u32 ok;
  asm volatile(
      "{.reg .pred p; mbarrier.test_wait.parity.shared::cta.b64 p, [%1], %2; selp.b32 %0, 1, 0, p;}"
      : "=r"(ok)
      : "r"(b), "r"(parity)
      : "memory");
  return ok;
}
DEVICE void barrier_wait(u32 b, u32 parity) {
  u32 ok = 0;
#ifdef TRAP_ON_HANG
  u32 tries = 0;
#endif
  while (true) {
    asm volatile(
        "{.reg .pred p; mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2; selp.b32 %0, 1, 0, p;}"
        : "=r"(ok)
        : "r"(b), "r"(parity)
        : "memory");
    if (ok) break;
#ifdef TRAP_ON_HANG
    if (++tries > 4000000u) __trap();
#endif
  }
}
DEVICE void barrier_wait_cluster(u32 b, u32 parity) {
  u32 ok = 0;
  do
    asm volatile(
        "{.reg .pred p; mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 p, [%1], %2; selp.b32 %0, "
        "1, 0, p;}"
        : "=r"(ok)
        : "r"(b), "r"(parity)
        : "memory");
  while (!ok);
}

DEVICE void copy_tile(u32 target, const TensorMap* map, u32 barrier, int c, int x, int y, int n) {
  asm volatile(
      "cp.async.bulk.tensor.4d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, "
      "%5, %6}], [%2];" ::"r"(target),
      "l"(map), "r"(barrier), "r"(c), "r"(x), "r"(y), "r"(n)
      : "memory");
}
DEVICE void copy_bytes(u32 target, const void* source, u32 bytes, u32 barrier) {
  asm volatile(
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(target),
      "l"(source), "r"(bytes), "r"(barrier)
      : "memory");
}

DEVICE void wgmma_fence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
DEVICE void wgmma_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
template <int N>
DEVICE void wgmma_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(N) : "memory");
}

// Order only: release and acquire here would cost a fence of the whole GPU.
DEVICE void cluster_sync() {
  asm volatile("barrier.cluster.arrive.relaxed.aligned;\nbarrier.cluster.wait.aligned;" ::: "memory");
}
DEVICE u32 cluster_rank() {
  u32 r;
  asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(r));
  return r;
}
DEVICE u32 address_in_peer(u32 address, u32 rank) {
  u32 r;
  asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(r) : "r"(address), "r"(rank));
  return r;
}
DEVICE void store_to_peer(u32 target, float a, float b, float c, float d, u32 barrier) {
  asm volatile(
      "st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.v4.f32 [%0], {%1,%2,%3,%4}, [%5];" ::"r"(
          target),
      "f"(a), "f"(b), "f"(c), "f"(d), "r"(barrier)
      : "memory");
}
