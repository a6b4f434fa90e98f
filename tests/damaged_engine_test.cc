// Every damaged byte of an engine is either detected or harmless.
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "base/file.h"
#include "golden_models.h"
#include "hone/build.h"
#include "hone/engine.h"
#include "test_data.h"

namespace hone {
namespace {

class DamagedEngine : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = scratch_folder("damaged");
    model_ = repository_models(asset("test_checkpoints")).front();
    BuildOptions options;
    options.level = 0;
    options.profiles = {{{"images", {model_.input_shape, model_.input_shape, model_.input_shape}}}};
    const auto path = folder_ / "model.engine";
    const auto report = build(model_.file, path, options);
    ASSERT_TRUE(report) << report.error().message;
    const auto file = MappedFile::open(path);
    ASSERT_TRUE(file);
    const auto view = (*file)->bytes();
    bytes_.assign(view.begin(), view.end());
    input_ = golden_input(static_cast<size_t>(*element_count(model_.input_shape)));
    expected_ = *outcome(bytes_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // The output, or nothing when the engine is refused in words.
  std::optional<std::vector<float>> outcome(const std::vector<std::byte>& bytes) {
    const auto engine = Engine::from_bytes(bytes);
    if (!engine) {
      EXPECT_FALSE(engine.error().message.empty());
      return std::nullopt;
    }
    auto context = ExecutionContext::create(*engine, {.thread_count = 1});
    if (!context || !(*context)->set_input_shape("images", model_.input_shape)) return std::nullopt;
    std::vector<float> output(model_.expected.size(), std::nanf(""));
    if (!(*context)->run({{"images", input_.data()}}, {{"output0", output.data()}})) return std::nullopt;
    return output;
  }

  std::filesystem::path folder_;
  GoldenModel model_;
  std::vector<std::byte> bytes_;
  std::vector<float> input_, expected_;
};

TEST_F(DamagedEngine, AFlippedBitIsDetectedOrHarmless) {
  std::mt19937 random(1);
  size_t refused = 0;
  for (int i = 0; i < 700; ++i) {
    auto damaged = bytes_;
    // Every third flip hits the first pages, where headers and tables stand.
    const size_t limit = i % 3 == 0 ? std::min<size_t>(damaged.size(), 12288) : damaged.size();
    const size_t at = random() % limit;
    damaged[at] ^= static_cast<std::byte>(1u << (random() % 8));
    const auto output = outcome(damaged);
    refused += !output;
    if (!output) continue;
    ASSERT_EQ(std::memcmp(output->data(), expected_.data(), expected_.size() * sizeof(float)), 0)
        << "byte " << at;
  }
  EXPECT_GT(refused, 300u);
}

TEST_F(DamagedEngine, ACutFileIsRefused) {
  std::mt19937 random(2);
  for (int i = 0; i < 250; ++i) {
    auto damaged = bytes_;
    damaged.resize(i < 20 ? static_cast<size_t>(i) * 7 : random() % damaged.size());
    ASSERT_FALSE(outcome(damaged)) << damaged.size();
  }
}

TEST_F(DamagedEngine, OverwrittenRangesAreDetectedOrHarmless) {
  std::mt19937 random(3);
  for (int i = 0; i < 100; ++i) {
    auto damaged = bytes_;
    const size_t at = random() % damaged.size(),
                 length = std::min<size_t>(random() % 5000, damaged.size() - at);
    for (size_t k = 0; k < length; ++k) damaged[at + k] = static_cast<std::byte>(random());
    const auto output = outcome(damaged);
    if (!output) continue;
    ASSERT_EQ(std::memcmp(output->data(), expected_.data(), expected_.size() * sizeof(float)), 0)
        << "byte " << at;
  }
}

TEST_F(DamagedEngine, TheTailWithoutItsHeaderIsAnEngine) {
  uint32_t length = 0;
  std::memcpy(&length, bytes_.data(), sizeof length);
  const std::vector<std::byte> tail(bytes_.begin() + 4 + length, bytes_.end());
  const auto output = outcome(tail);
  ASSERT_TRUE(output);
  EXPECT_EQ(std::memcmp(output->data(), expected_.data(), expected_.size() * sizeof(float)), 0);
  std::vector<std::byte> shifted(tail.size() + 1);  // a buffer at an odd address
  std::memcpy(shifted.data() + 1, tail.data(), tail.size());
  EXPECT_TRUE(Engine::from_bytes(std::span(shifted).subspan(1)));
}

}  // namespace
}  // namespace hone
