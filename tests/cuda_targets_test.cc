// What the cost model alone chooses for a detector compiles for every chip, none of them here, and spills
// nothing. The detector is the repository's own; HONE_TEST_MODEL names another (a YOLOv8m).
#include <gtest/gtest.h>

#include <cstdlib>

#include "build/open_model.h"
#include "engine/engine_data.h"
#include "hone/build.h"
#include "kernels/cuda/resources.h"
#include "test_data.h"

namespace hone {
namespace {

std::filesystem::path detector() {
  const char* set = std::getenv("HONE_TEST_MODEL");
  return set != nullptr ? std::filesystem::path(set) : asset("demo/street.pt");
}

class CudaTargets : public testing::TestWithParam<const char*> {};

TEST_P(CudaTargets, get_machine_code_for_a_detector_without_spills) {
  BuildOptions options;
  options.profiles = {{{"images", {{1, 3, 64, 64}, {1, 3, 320, 320}, {2, 3, 640, 640}}}}};
  options.precisions = {"f16"};
  options.targets = {GetParam()};
  options.level = 0;
  const auto engine = build(detector(), options);
  if (!engine && engine.error().message.find("NVRTC") != std::string::npos)
    GTEST_SKIP() << "skipped: " << engine.error().message;
  ASSERT_TRUE(engine) << engine.error().message;
  const auto& binaries = (*engine)->data().binaries;
  ASSERT_FALSE(binaries.empty());
  for (const ProgramBinary& binary : binaries) {
    EXPECT_TRUE(binary.target.starts_with(GetParam())) << binary.target;
    const auto used = kernel_resources(binary.code, "");
    ASSERT_TRUE(used) << used.error().message;
    EXPECT_EQ(used->stack_bytes, 0u) << "program " << std::hex << binary.key << " spills on "
                                     << binary.target;
  }
}

INSTANTIATE_TEST_SUITE_P(Chips, CudaTargets, testing::Values("sm_80", "sm_86", "sm_87", "sm_89", "sm_90"),
                         [](const auto& chip) { return std::string(chip.param); });

}  // namespace
}  // namespace hone
