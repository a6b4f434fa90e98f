// Softmax and LogSoftmax, one block a row: exp(x - max) / sum exp(x - max). Given: TYPE, COMPUTE, LOG (0 or 1).
struct Params {
  Rows rows;
  const void* x;
  void* y;
};
typedef COMPUTE C;

extern "C" __global__ void __launch_bounds__(512, 1) softmax(const __grid_constant__ Params p) {
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
    C most = C(__int_as_float(0xff800000)), sum = C(0);
    for (i64 i = threadIdx.x; i < p.rows.length; i += blockDim.x) most = fmax(most, value(i));
    most = over_block(most, [](C a, C b) { return fmax(a, b); });
    for (i64 i = threadIdx.x; i < p.rows.length; i += blockDim.x) sum += exp(value(i) - most);
    sum = over_block(sum, [](C a, C b) { return a + b; });
    const C log_sum = LOG ? log(sum) : C(0);
    for (i64 i = threadIdx.x; i < p.rows.length; i += blockDim.x) {
      const C shifted = value(i) - most;
      to[y] = Narrow<TYPE, C>::from(LOG ? shifted - log_sum : exp(shifted) / sum);
    }
  }
}
