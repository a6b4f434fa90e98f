// Inner loops over f32 arrays, compiled for each instruction set; loops() is the best set this CPU has.
#pragma once

#include "ir/op.h"

namespace hone {

struct Loops {
  const char* isa;
  // y[i] = f(x[i]); x may be y. Kinds that has_unary_loop() names.
  void (*unary)(const Activation& f, const float* x, float* y, int64_t n);
  // y[r, i] = a[r, i] op b[r, i] for rows x n; steps between rows, and 0 or 1 between elements (y's is 1).
  // Kinds that has_binary_loop() names.
  struct Operand {
    const float* data;
    int64_t row_step, step;
  };
  void (*binary)(BinaryKind kind, Operand a, Operand b, float* y, int64_t y_row_step, int64_t rows,
                 int64_t n);
  // Sum (of |x|, x^2), largest or smallest of x[i]: sum, mean, l1, l2, sum_square, max, min. Partial sums are
  // f64.
  double (*reduce)(ReduceKind kind, const float* x, int64_t n);
  // y[j] = the same over x[i * step + j], i < length, for n neighbours j.
  void (*reduce_columns)(ReduceKind kind, const float* x, int64_t length, int64_t step, float* y, int64_t n);
  // Softmax of x[i * step + j] over i < length, for each of n neighbours j (step >= n), or over a row when
  // step is 1 and n is 1.
  void (*softmax)(const float* x, float* y, int64_t length, int64_t step, int64_t n);
  // y = (x - mean) / deviation * scale + bias; bias may be null.
  void (*normalise)(const float* x, float* y, int64_t n, float mean, float inverse_deviation,
                    const float* scale, const float* bias);
};
const Loops& loops();

bool has_unary_loop(UnaryKind kind);
bool has_binary_loop(BinaryKind kind);
// Kinds that reduce() and reduce_columns() know.
bool has_reduce_loop(ReduceKind kind);

}  // namespace hone
