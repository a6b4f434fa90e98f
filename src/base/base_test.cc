#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <vector>

#include "base/file.h"
#include "base/float16.h"
#include "base/hash.h"
#include "base/thread_pool.h"
#include "hone/types.h"

namespace hone {
namespace {

std::filesystem::path scratch(const std::string& name) {
  return std::filesystem::path(::testing::TempDir()) / ("hone_base_" + name);
}

TEST(Shape, TextComesBackAsItWas) {
  for (const std::string text : {"1x3x640x640", "7", "0x4"}) EXPECT_EQ(shape_text(*parse_shape(text)), text);
  for (const std::string text : {"", "x", "1x", "1xx2", "-1x3", "1,3", "99999999999999999999"})
    EXPECT_FALSE(parse_shape(text)) << text;
}

TEST(Shape, HugeExtentsAreRefusedNotWrapped) {
  EXPECT_FALSE(element_count(Shape{int64_t{1} << 40, int64_t{1} << 40}));
  EXPECT_FALSE(element_count(Shape{-1, 3}));
  EXPECT_EQ(*element_count(Shape{0, int64_t{1} << 30}), 0);
  EXPECT_EQ(*byte_count(DType::i4, Shape{3}), 2u);
}

TEST(File, AWriterThatStopsLeavesTheOldFile) {
  const auto path = scratch("atomic");
  ASSERT_TRUE(write_file(path, std::string("old")));
  {
    auto writer = AtomicFile::create(path);
    ASSERT_TRUE(writer);
    ASSERT_TRUE(writer->write(std::as_bytes(std::span("new", 3))));
  }
  EXPECT_EQ(*read_text_file(path), "old");
  for (const auto& entry : std::filesystem::directory_iterator(path.parent_path()))
    EXPECT_FALSE(entry.path().string().starts_with(path.string() + "."))
        << entry.path() << " was left behind";
}

TEST(File, AMissingFileIsNamed) {
  const auto missing = MappedFile::open("/nowhere/model.pt");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, StatusCode::not_found);
  EXPECT_NE(missing.error().message.find("/nowhere/model.pt"), std::string::npos);
  EXPECT_FALSE(MappedFile::open("/"));
}

TEST(File, AFullDiskIsAnError) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "skipped: no /dev/full";
  const auto written = write_file("/dev/full", std::string("x"));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().message, "cannot write /dev/full: No space left on device");
}

TEST(File, WhatIsNoFileIsWrittenAndNotReplaced) {
  EXPECT_TRUE(write_file("/dev/null", std::string("x")));
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
  EXPECT_FALSE(write_file(::testing::TempDir(), std::string("x")));
}

TEST(File, ALinkStaysALink) {
  const auto target = scratch("link_target"), link = scratch("link");
  std::filesystem::remove(link);
  ASSERT_TRUE(write_file(target, std::string("old")));
  std::filesystem::create_symlink(target, link);
  ASSERT_TRUE(write_file(link, std::string("new")));
  EXPECT_TRUE(std::filesystem::is_symlink(link));
  EXPECT_EQ(*read_text_file(target), "new");
}

TEST(Float16, EveryHalfComesBackAsItWas) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = f16_to_f32(static_cast<uint16_t>(bits));
    if (std::isnan(value))
      EXPECT_TRUE(std::isnan(f16_to_f32(f32_to_f16(value))));
    else
      EXPECT_EQ(f32_to_f16(value), bits);
  }
}

TEST(Float16, RoundsToNearestEven) {
  EXPECT_EQ(f32_to_f16(1.0f + 0x1p-11f), 0x3c00);
  EXPECT_EQ(f32_to_f16(1.0f + 3 * 0x1p-11f), 0x3c02);
  EXPECT_EQ(f32_to_f16(65519.0f), 0x7bff);
  EXPECT_EQ(f32_to_f16(65520.0f), 0x7c00);
  EXPECT_EQ(f32_to_f16(0x1p-25f), 0);
  EXPECT_EQ(f32_to_f16(0x1.8p-25f), 1);
  EXPECT_EQ(f32_to_bf16(1.0f + 0x1p-8f), 0x3f80);
  EXPECT_EQ(f32_to_bf16(1.0f + 3 * 0x1p-8f), 0x3f82);
}

TEST(Float16, ArraysAgreeWithSingles) {
  std::vector<float> values(1003);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = std::sin(static_cast<float>(i)) * std::pow(10.0f, static_cast<float>(i % 12) - 7.0f);
  std::vector<uint16_t> halves(values.size());
  f32_to_f16(values, halves.data());
  std::vector<float> back(values.size());
  f16_to_f32(halves, back.data());
  for (size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(halves[i], f32_to_f16(values[i]));
    EXPECT_EQ(back[i], f16_to_f32(halves[i]));
  }
}

TEST(ThreadPool, EveryIndexRunsOnceInEveryRun) {
  for (const size_t threads : {1u, 2u, 5u}) {
    ThreadPool pool(threads);
    std::vector<std::atomic<int>> counts(777);
    for (int repeat = 0; repeat < 300; ++repeat) pool.run(counts.size(), [&](size_t i) { ++counts[i]; });
    for (const auto& count : counts) EXPECT_EQ(count.load(), 300);
  }
}

TEST(ThreadPool, AnAbsurdNumberOfThreadsIsBroughtDownToWhatTheSystemGives) {
  ThreadPool pool(size_t{1} << 40);
  EXPECT_LE(pool.thread_count(), 1024u);
  std::atomic<size_t> ran{0};
  pool.run(5000, [&](size_t) { ++ran; });
  EXPECT_EQ(ran.load(), 5000u);
}

TEST(ThreadPool, RangesCoverEverything) {
  ThreadPool pool(3);
  for (const size_t count : {0u, 1u, 2u, 3u, 10u}) {
    std::atomic<size_t> sum{0};
    pool.run_ranges(count, [&](size_t begin, size_t end) { sum += end - begin; });
    EXPECT_EQ(sum.load(), count);
  }
}

}  // namespace
}  // namespace hone
