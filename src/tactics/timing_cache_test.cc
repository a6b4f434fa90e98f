#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "base/log.h"
#include "tactics/tactics.h"

namespace hone {
namespace {

class TimingCacheFile : public testing::Test {
 protected:
  void SetUp() override {
    path_ = std::filesystem::temp_directory_path() / ("hone_timing_cache_" + std::to_string(getpid()));
    set_log_sink([this](LogLevel, std::string_view line) { lines_.emplace_back(line); });
  }
  void TearDown() override {
    set_log_sink({});
    std::filesystem::remove(path_);
  }
  std::filesystem::path path_;
  std::vector<std::string> lines_;
};

TEST_F(TimingCacheFile, a_missing_file_is_an_empty_cache_and_no_warning) {
  EXPECT_EQ(TimingCache::load(path_).size(), 0u);
  EXPECT_TRUE(lines_.empty());
}

TEST_F(TimingCacheFile, what_is_saved_comes_back_to_the_bit_and_counts_as_a_hit) {
  TimingCache cache;
  cache.store(0, 1.5f);
  cache.store(0xfedcba9876543210u, 0.1f);
  cache.store(7, 3.0517578e-5f);
  cache.store(8, -1);  // no times
  cache.store(9, std::numeric_limits<float>::quiet_NaN());
  ASSERT_TRUE(cache.save(path_));
  const TimingCache loaded = TimingCache::load(path_);
  EXPECT_EQ(loaded.size(), 3u);
  EXPECT_EQ(loaded.find(0), 1.5f);
  EXPECT_EQ(loaded.find(0xfedcba9876543210u), 0.1f);
  EXPECT_EQ(loaded.find(7), 3.0517578e-5f);
  EXPECT_EQ(loaded.find(8), std::nullopt);
  EXPECT_EQ(loaded.hits(), 3u);
}

TEST_F(TimingCacheFile, damaged_lines_are_ignored_with_one_warning) {
  std::ofstream(path_)
      << "{\"key\":\"00000000000000ff\",\"ms\":2.5}\n"
      << "garbage\n{\"key\":\"00000000000000zz\",\"ms\":1}\n{\"key\":\"0000000000000001\",\"ms\":-1}\n"
      << "{\"key\":\"0000000000000001\",\"ms\":nan}\n{\"key\":\"1\",\"ms\":1}\n\n"
      << "{\"key\":\"0000000000000003\",\"ms\":1e99}\n{\"key\":\"0000000000000002\",\"ms\":4";
  const TimingCache loaded = TimingCache::load(path_);
  EXPECT_EQ(loaded.size(), 1u);
  EXPECT_EQ(loaded.find(255), 2.5f);
  ASSERT_EQ(lines_.size(), 1u);
  EXPECT_THAT(lines_[0],
              testing::AllOf(testing::HasSubstr("7 damaged lines"), testing::HasSubstr(path_.string())));
}

TEST_F(TimingCacheFile, a_folder_in_its_place_is_a_warning_and_saving_there_an_error) {
  const auto folder = std::filesystem::temp_directory_path();
  EXPECT_EQ(TimingCache::load(folder).size(), 0u);
  EXPECT_FALSE(lines_.empty());
  EXPECT_FALSE(TimingCache{}.save(folder));
  EXPECT_FALSE(TimingCache{}.save("/nowhere/at/all"));
}

TEST_F(TimingCacheFile, builds_that_save_at_once_lose_nothing) {
  std::vector<std::thread> builds;
  for (uint64_t build = 0; build < 4; ++build)
    builds.emplace_back([&, build] {
      for (uint64_t i = 0; i < 10; ++i) {
        TimingCache cache = TimingCache::load(path_);
        cache.store(build * 100 + i, 1.0f);
        EXPECT_TRUE(cache.save(path_));
      }
    });
  for (auto& build : builds) build.join();
  EXPECT_EQ(TimingCache::load(path_).size(), 40u);
  EXPECT_TRUE(lines_.empty()) << lines_[0];
}

}  // namespace
}  // namespace hone
