#include "kernels/problems/make_problem.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "ir/infer.h"
#include "kernels/element.h"

namespace hone {
namespace {

// Numbers in [0, 1), the same on every machine (Steele, Lea, Flood: SplitMix64).
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  double next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53;
  }

 private:
  uint64_t state_;
};

[[noreturn]] void give_up(const std::string& text, const std::string& why) {
  std::fprintf(stderr, "problem %s: %s\n", text.c_str(), why.c_str());
  std::abort();
}

std::vector<std::byte> random_bytes(DType type, const Shape& shape, double low, double high, uint64_t seed) {
  std::vector<std::byte> bytes(byte_count(type, shape).value());
  Random random(seed);
  const WriteReal write = real_writer(type);
  const int64_t count = element_count(shape).value();
  for (int64_t i = 0; i < count; ++i) {
    const double value = low + (high - low) * random.next();
    write(bytes.data(), i, is_floating(type) ? value : std::floor(value + 0.5));
  }
  return bytes;
}

}  // namespace

MakeProblem::MakeProblem(Op op, std::string remark)
    : problem_{.text = {}, .op = std::move(op), .inputs = {}, .outputs = {}, .data = {}, .constants = {}},
      remark_(std::move(remark)) {}

MakeProblem& MakeProblem::operand(TensorDesc desc, std::vector<std::byte> bytes, bool fixed) {
  problem_.data.push_back(Bytes::of(std::move(bytes)));
  problem_.constants.push_back(fixed ? Constant::of(desc, problem_.data.back()) : nullptr);
  problem_.inputs.push_back(std::move(desc));
  return *this;
}

MakeProblem& MakeProblem::input(DType type, Shape shape, double low, double high) {
  auto bytes = random_bytes(type, shape, low, high, problem_.inputs.size() + 1);
  return operand(TensorDesc(type, std::move(shape)), std::move(bytes), false);
}

MakeProblem& MakeProblem::constant(DType type, Shape shape, double low, double high) {
  auto bytes = random_bytes(type, shape, low, high, problem_.inputs.size() + 1);
  return operand(TensorDesc(type, std::move(shape)), std::move(bytes), true);
}

MakeProblem& MakeProblem::ints(std::vector<int64_t> values) {
  const auto bytes = std::as_bytes(std::span(values));
  return operand(TensorDesc(DType::i64, {static_cast<int64_t>(values.size())}), {bytes.begin(), bytes.end()},
                 true);
}

MakeProblem& MakeProblem::scalar(double value, DType type) {
  std::vector<std::byte> bytes(dtype_bits(type) / 8);
  real_writer(type)(bytes.data(), 0, value);
  return operand(TensorDesc(type, {}), std::move(bytes), true);
}

MakeProblem& MakeProblem::absent() {
  problem_.data.emplace_back();
  problem_.constants.push_back(nullptr);
  problem_.inputs.emplace_back();
  return *this;
}

void MakeProblem::add_to(Problems& problems, size_t outputs) {
  problem_.text = op_text(problem_.op);
  for (const TensorDesc& desc : problem_.inputs)
    problem_.text += desc.has_shape ? " " + desc_text(desc) : " -";
  if (!remark_.empty()) problem_.text += " " + remark_;
  auto inferred = infer(problem_.op, problem_.inputs, problem_.constants, outputs);
  if (!inferred) give_up(problem_.text, inferred.error().message);
  problem_.outputs = std::move(*inferred);
  problems.push_back(std::move(problem_));
}

}  // namespace hone
