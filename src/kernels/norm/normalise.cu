// Normalisation of rows to mean 0 and variance 1, then scale and bias, one block a row. Given: TYPE, COMPUTE, SCALE and
// BIAS (types of the parameters), BY_ROW (1: parameters are found by p.channels, 0: by the place in the row).
struct Params {
  Rows rows;
  const void *x, *scale, *bias;
  void* y;
  i64 channels;
  double epsilon;
};
typedef COMPUTE C;

extern "C" __global__ void __launch_bounds__(512, 1) normalise(const __grid_constant__ Params p) {
  wait_for_predecessors();
  for (i64 row = blockIdx.x; row < p.rows.count; row += gridDim.x) {
    i64 first_x, first_y, x, y;
    row_start(p.rows, row, first_x, first_y);
    const TYPE* from = static_cast<const TYPE*>(p.x) + first_x;
    TYPE* to = static_cast<TYPE*>(p.y) + first_y;
    const auto value = [&](i64 i) {
      along_row(p.rows, i, x, y);
      return Widen<C, TYPE>::from(from[x]);
    };
    const auto add = [](C a, C b) { return a + b; };
    C sum = C(0), squares = C(0);
    for (i64 i = threadIdx.x; i < p.rows.length; i += blockDim.x) sum += value(i);
    const C mean = over_block(sum, add) / C(p.rows.length);
    for (i64 i = threadIdx.x; i < p.rows.length; i += blockDim.x) {
      const C away = value(i) - mean;
      squares += away * away;
    }
    const C deviation = sqrt(over_block(squares, add) / C(p.rows.length) + C(p.epsilon));
    for (i64 i = threadIdx.x; i < p.rows.length; i += blockDim.x) {
      const i64 k = BY_ROW ? row % p.channels : i;
      const C scale = Widen<C, SCALE>::from(static_cast<const SCALE*>(p.scale)[k]);
      const C bias = p.bias ? Widen<C, BIAS>::from(static_cast<const BIAS*>(p.bias)[k]) : C(0);
      const C normal = (value(i) - mean) / deviation;
      to[y] = Narrow<TYPE, C>::from(normal * scale + bias);
    }
  }
}
