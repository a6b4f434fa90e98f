// How element types widen and narrow (after types.cuh). The same rules as kernels/element.h: a real that becomes an
// integer is truncated and saturated, NaN gives 0; an integer that becomes a narrower one wraps around.
struct bool_t {
  u8 byte;
};

// C is float or double for reals, i64 or u64 for integers, or the stored type itself where elements only move.
template <class C, class T>
struct Widen {
  static __device__ __forceinline__ C from(T x) { return C(x); }
};
template <class C>
struct Widen<C, half_t> {
  static __device__ __forceinline__ C from(half_t x) { return C(to_float(x)); }
};
template <class C>
struct Widen<C, bfloat_t> {
  static __device__ __forceinline__ C from(bfloat_t x) { return C(to_float(x)); }
};
template <class C>
struct Widen<C, bool_t> {
  static __device__ __forceinline__ C from(bool_t x) { return C(x.byte); }
};
template <>
struct Widen<bool_t, bool_t> {
  static __device__ __forceinline__ bool_t from(bool_t x) { return x; }
};

template <class T, class C>
struct Narrow {  // between integers, and to float and double
  static __device__ __forceinline__ T from(C x) { return T(x); }
};
template <class T, class R>
__device__ __forceinline__ T saturated(R x) {
  constexpr bool is_signed = T(-1) < T(0);
  constexpr int bits = 8 * sizeof(T) - (is_signed ? 1 : 0);
  constexpr T most = T((u64(1) << (bits - 1)) - 1 + (u64(1) << (bits - 1)));
  const R above = R(u64(1) << (bits - 1)) * R(2), below = is_signed ? -above : R(0);
  if (x != x) return T(0);
  if (x >= above) return most;
  if (x <= below) return T(is_signed ? -most - 1 : 0);
  return is_signed ? T(i64(x)) : T(u64(x));
}
#define HONE_NARROW_REAL(T)                                                            \
  template <>                                                                          \
  struct Narrow<T, float> {                                                            \
    static __device__ __forceinline__ T from(float x) { return saturated<T>(x); }      \
  };                                                                                   \
  template <>                                                                          \
  struct Narrow<T, double> {                                                           \
    static __device__ __forceinline__ T from(double x) { return saturated<T>(x); }     \
  };
HONE_NARROW_REAL(signed char)
HONE_NARROW_REAL(unsigned char)
HONE_NARROW_REAL(short)
HONE_NARROW_REAL(unsigned short)
HONE_NARROW_REAL(int)
HONE_NARROW_REAL(unsigned)
HONE_NARROW_REAL(i64)
HONE_NARROW_REAL(u64)
template <class C>
struct Narrow<half_t, C> {
  static __device__ __forceinline__ half_t from(C x) { return from_float<half_t>(float(x)); }
};
template <class C>
struct Narrow<bfloat_t, C> {
  static __device__ __forceinline__ bfloat_t from(C x) { return from_float<bfloat_t>(float(x)); }
};
template <class C>
struct Narrow<bool_t, C> {
  static __device__ __forceinline__ bool_t from(C x) { return bool_t{u8(x != C(0))}; }
};
template <>
struct Narrow<bool_t, bool_t> {
  static __device__ __forceinline__ bool_t from(bool_t x) { return x; }
};

// V neighbours at once, in accesses of up to 16 bytes.
template <class T, int V>
struct alignas(sizeof(T) * V < 16 ? sizeof(T) * V : 16) Pack {
  T element[V];
};
