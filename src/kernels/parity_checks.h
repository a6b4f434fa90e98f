// What the parity tests of CPU and GPU rows expect of a run.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "kernels/element.h"
#include "kernels/problems.h"
#include "kernels/problems/arena.h"
#include "kernels/tolerance.h"

namespace hone {

enum class Placing { dense, slices, in_place };

// The first element that differs, and how many do; empty when all is well.
inline std::string difference(const TensorDesc& desc, std::span<const std::byte> got,
                              std::span<const std::byte> wanted, const Tolerance& tolerance) {
  const ReadReal read = real_reader(desc.type);
  const int64_t count = element_count(desc.shape).value();
  int64_t wrong = 0;
  std::string first;
  for (int64_t i = 0; i < count; ++i) {
    const double g = read(got.data(), i), w = read(wanted.data(), i);
    if (g == w || (std::isnan(g) && std::isnan(w))) continue;
    if (std::fabs(g - w) <= tolerance.absolute + tolerance.relative * std::fabs(w)) continue;
    if (wrong++ == 0)
      first = "element " + std::to_string(i) + " of " + desc_text(desc) + " is " + std::to_string(g) +
              ", wanted " + std::to_string(w);
  }
  return wrong ? first + " (" + std::to_string(wrong) + " of " + std::to_string(count) + " differ)" : first;
}

// Outputs are right and nothing around them is touched; inputs are as they were.
inline void expect_parity(const OwnedProblem& owned, Placing placing, std::vector<PlacedTensor>& in,
                          std::vector<PlacedTensor>& out, std::span<const Bytes> wanted) {
  for (size_t i = 0; i < out.size(); ++i) {
    PlacedTensor& result = i == 0 && placing == Placing::in_place ? in[0] : out[i];
    const TensorDesc& desc = owned.outputs[i];
    EXPECT_EQ(result.damage(), "") << "output " << i;
    EXPECT_EQ(difference(desc, result.read(), wanted[i].view(), tolerance_of(op_name(owned.op), desc.type)),
              "");
  }
  for (size_t i = placing == Placing::in_place ? 1 : 0; i < in.size(); ++i) {
    if (!owned.inputs[i].has_shape) continue;
    EXPECT_TRUE(std::ranges::equal(in[i].read(), owned.data[i].view().first(in[i].read().size())))
        << "input " << i << " was changed";
  }
}

inline std::string signature_text(const LayoutSignature& signature) {
  std::string text;
  for (const Layout layout : signature.inputs) text += std::string(layout_name(layout)) + " ";
  text += "->";
  for (const Layout layout : signature.outputs) text += " " + std::string(layout_name(layout));
  return text;
}

// A row's name as GoogleTest allows it.
inline std::string row_name(const testing::TestParamInfo<const Kernel*>& row) {
  std::string name(row.param->name());
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  return name;
}

}  // namespace hone
