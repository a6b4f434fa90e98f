#include "engine/device_code.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hone {
namespace {

ProgramBinary binary(const std::string& target, int nvrtc_version, uint64_t key = 1) {
  return {.key = key, .target = target, .nvrtc_version = nvrtc_version, .owner = nullptr, .code = {}};
}

TEST(DeviceCode, is_the_chips_own_where_there_is_any) {
  const std::vector<ProgramBinary> all = {binary("sm_80", 12090), binary("sm_86", 12090),
                                          binary("sm_90a", 12090), binary("compute_80", 12090)};
  for (const auto& [capability, target] : {std::pair{80, "sm_80"}, {86, "sm_86"}, {90, "sm_90a"}})
    EXPECT_EQ(code_for(all, capability, 12090).target, target);
}

TEST(DeviceCode, of_a_lesser_chip_of_the_generation_comes_before_ptx) {
  const std::vector<ProgramBinary> all = {binary("sm_80", 12090), binary("sm_86", 12090),
                                          binary("compute_80", 12090)};
  EXPECT_EQ(code_for(all, 89, 12090).target, "sm_86");
  const std::vector<ProgramBinary> older = {binary("sm_80", 12090), binary("compute_80", 12090)};
  EXPECT_EQ(code_for(older, 86, 12090).target, "sm_80");
}

TEST(DeviceCode, of_a_jetson_or_with_hoppers_own_instructions_runs_there_alone) {
  const std::vector<ProgramBinary> all = {binary("sm_87", 12090), binary("sm_90a", 12090),
                                          binary("compute_80", 12090)};
  EXPECT_EQ(code_for(all, 89, 12090).target, "compute_80");
  EXPECT_EQ(code_for(all, 100, 13000).target, "compute_80");
  EXPECT_EQ(code_for(all, 87, 12090).target, "sm_87");
  EXPECT_EQ(code_for(std::vector{binary("sm_86", 12090)}, 87, 12090).target, "");
}

TEST(DeviceCode, ptx_runs_on_every_chip_since_its_own) {
  const std::vector<ProgramBinary> all = {binary("compute_80", 12090)};
  for (const int capability : {80, 86, 87, 89, 90, 100, 120})
    EXPECT_EQ(code_for(all, capability, 13000).target, "compute_80");
  EXPECT_EQ(code_for(all, 75, 13000).target, "");
  EXPECT_EQ(code_for(all, 75, 13000).lack, "");
}

TEST(DeviceCode, needs_a_driver_of_its_compilers_major_version_and_ptx_of_its_very_version) {
  const std::vector<ProgramBinary> all = {binary("sm_86", 12090), binary("compute_80", 12090)};
  EXPECT_EQ(code_for(all, 86, 12000).target, "sm_86");
  EXPECT_EQ(code_for(all, 90, 12090).target, "compute_80");
  const DeviceCode old = code_for(all, 90, 12080);
  EXPECT_EQ(old.target, "");
  EXPECT_EQ(old.lack,
            "the engine's machine code needs a driver of CUDA 12.9 or newer, this one supports 12.8");
}

TEST(DeviceCode, that_is_too_new_for_the_driver_gives_way_to_older_and_else_the_least_version_is_named) {
  const std::vector<ProgramBinary> all = {binary("sm_86", 13000), binary("sm_80", 12090),
                                          binary("compute_80", 13000)};
  EXPECT_EQ(code_for(all, 86, 12040).target, "sm_80");
  const DeviceCode none = code_for(all, 86, 11080);
  EXPECT_EQ(none.target, "");
  EXPECT_THAT(none.lack, testing::HasSubstr("12.0 or newer, this one supports 11.8"));
}

TEST(DeviceCode, keys_are_those_of_one_target) {
  const std::vector<ProgramBinary> all = {binary("sm_86", 12090, 5), binary("sm_86", 12090, 6),
                                          binary("sm_80", 12090, 7)};
  EXPECT_EQ(program_keys(all, "sm_86"), (cuda::ProgramKeys{5, 6}));
  EXPECT_TRUE(program_keys(all, "sm_90a").empty());
}

TEST(DeviceCode, has_the_tuning_of_its_target) {
  EngineData engine;
  for (const char* fingerprint : {"cpu/avx2/x/t2", "cuda/sm_86/RTX A2000 (expected)",
                                  "cuda/sm_90/NVIDIA H200", "cuda/compute_80/any GPU since sm_80"})
    engine.tunings.push_back({fingerprint, "f16", {Choices{}}});
  EXPECT_EQ(tuning_of_target(engine, "sm_86"), &engine.tunings[1]);
  EXPECT_EQ(tuning_of_target(engine, "sm_90a"), &engine.tunings[2]);
  EXPECT_EQ(tuning_of_target(engine, "compute_80"), &engine.tunings[3]);
  EXPECT_EQ(tuning_of_target(engine, "sm_80"), nullptr);
}

}  // namespace
}  // namespace hone
