// Activations fused into a kernel's end. -DACTIVATION=n names the UnaryKind (src/ir/op.h); -DFAST_ACTIVATION=1
// takes the hardware's tanh (relative error 2^-11), good enough for 16-bit results.
#ifndef ACTIVATION
#define ACTIVATION 0
#endif
#ifndef FAST_ACTIVATION
#define FAST_ACTIVATION 0
#endif

__device__ __forceinline__ float fast_tanh(float x) {
  float y;
  asm("tanh.approx.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
__device__ __forceinline__ float tanh_of(float x) { return FAST_ACTIVATION ? fast_tanh(x) : tanhf(x); }
__device__ __forceinline__ float sigmoid_of(float x) {
  return FAST_ACTIVATION ? 0.5f + 0.5f * fast_tanh(0.5f * x) : 1.0f / (1.0f + expf(-x));
}
__device__ __forceinline__ float softplus_of(float x) { return x > 20.0f ? x : log1pf(expf(x)); }

__device__ __forceinline__ float activate(float x, float alpha, float beta) {
#if ACTIVATION == 1  // relu
  return x < 0.0f ? 0.0f : x;
#elif ACTIVATION == 2  // leaky_relu
  return x < 0.0f ? alpha * x : x;
#elif ACTIVATION == 3  // silu
  return x * sigmoid_of(x);
#elif ACTIVATION == 4  // sigmoid
  return sigmoid_of(x);
#elif ACTIVATION == 5  // hard_sigmoid
  const float y = alpha * x + beta;
  return y < 0.0f ? 0.0f : y > 1.0f ? 1.0f : y;
#elif ACTIVATION == 6  // hard_swish
  const float y = x / 6.0f + 0.5f;
  return x * (y < 0.0f ? 0.0f : y > 1.0f ? 1.0f : y);
#elif ACTIVATION == 7  // tanh
  return tanh_of(x);
#elif ACTIVATION == 8  // gelu
  return 0.5f * x * (1.0f + erff(x * 0.70710678118654752f));
#elif ACTIVATION == 9  // gelu_tanh
  return 0.5f * x * (1.0f + tanh_of(0.79788456080286536f * (x + 0.044715f * x * x * x)));
#elif ACTIVATION == 10  // elu
  return x < 0.0f ? alpha * expm1f(x) : x;
#elif ACTIVATION == 11  // selu
  return x <= 0.0f ? beta * alpha * expm1f(x) : beta * x;
#elif ACTIVATION == 12  // mish
  return x * tanh_of(softplus_of(x));
#elif ACTIVATION == 13  // softplus
  return softplus_of(x);
#elif ACTIVATION == 14  // softsign
  return x / (1.0f + fabsf(x));
#elif ACTIVATION == 15  // clip
  return x < alpha ? alpha : x > beta ? beta : x;
#else
  return x;
#endif
}
