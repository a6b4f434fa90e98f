// How problems are written down.
#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "kernels/problems.h"

namespace hone {

using Problems = std::vector<OwnedProblem>;

// MakeProblem(op, "what is special").input(f32, {1, 3, 8, 8}).ints({0, 1}).add_to(problems)
class MakeProblem {
 public:
  MakeProblem(Op op, std::string remark = {});
  // Random values, for integers rounded: f32 in [low, high].
  MakeProblem& input(DType type, Shape shape, double low = -1, double high = 1);
  MakeProblem& input(Shape shape, double low = -1, double high = 1) {
    return input(DType::f32, std::move(shape), low, high);
  }
  // The same, fixed at build time.
  MakeProblem& constant(DType type, Shape shape, double low = -1, double high = 1);
  MakeProblem& constant(Shape shape, double low = -1, double high = 1) {
    return constant(DType::f32, std::move(shape), low, high);
  }
  MakeProblem& ints(std::vector<int64_t> values);              // constant i64[n]
  MakeProblem& scalar(double value, DType type = DType::f32);  // constant
  MakeProblem& absent();
  MakeProblem& operand(TensorDesc desc, std::vector<std::byte> bytes, bool fixed);
  // Output descs are inferred; a problem that cannot be aborts, for it is our own mistake.
  void add_to(Problems& problems, size_t outputs = 1);

 private:
  OwnedProblem problem_;
  std::string remark_;
};

// One function a family, called by problems_for.
void conv_problems(ProblemSet set, Problems& out);
void conv_transpose_problems(ProblemSet set, Problems& out);
void pool_problems(ProblemSet set, Problems& out);
void global_pool_problems(ProblemSet set, Problems& out);
void matmul_problems(ProblemSet set, Problems& out);
void gemm_problems(ProblemSet set, Problems& out);
void unary_problems(ProblemSet set, Problems& out);
void binary_problems(ProblemSet set, Problems& out);
void where_problems(ProblemSet set, Problems& out);
void cast_problems(ProblemSet set, Problems& out);
void softmax_problems(ProblemSet set, Problems& out);
void norm_problems(ProblemSet set, Problems& out);
void reduce_problems(ProblemSet set, Problems& out);
void concat_problems(ProblemSet set, Problems& out);
void split_problems(ProblemSet set, Problems& out);
void slice_problems(ProblemSet set, Problems& out);
void view_problems(ProblemSet set, Problems& out);
void transpose_problems(ProblemSet set, Problems& out);
void expand_problems(ProblemSet set, Problems& out);
void pad_problems(ProblemSet set, Problems& out);
void gather_problems(ProblemSet set, Problems& out);
void top_k_problems(ProblemSet set, Problems& out);
void resize_problems(ProblemSet set, Problems& out);
void index_problems(ProblemSet set, Problems& out);
void detection_problems(ProblemSet set, Problems& out);

}  // namespace hone
