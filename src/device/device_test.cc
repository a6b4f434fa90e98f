// The conformance suite: what every device must do. A device that skips a case says why.
#include "device/device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <thread>
#include <vector>

#include "base/cpu_features.h"

namespace hone {
namespace {

class EveryDevice : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    auto opened = open_device(GetParam());
    if (!opened && opened.error().code == StatusCode::not_found)
      GTEST_SKIP() << "skipped: " << opened.error().message;
    if (!opened && opened.error().code == StatusCode::unsupported)
      GTEST_SKIP() << "skipped: " << opened.error().message;
    ASSERT_TRUE(opened) << opened.error().message;
    device_ = *opened;
  }
  std::shared_ptr<Device> device_;
};

std::vector<std::byte> counting_bytes(size_t count) {
  std::vector<std::byte> bytes(count);
  for (size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::byte>(i * 7 + 3);
  return bytes;
}

TEST_P(EveryDevice, says_who_it_is) {
  EXPECT_EQ(device_->name(), GetParam());
  EXPECT_FALSE(device_->fingerprint().empty());
  EXPECT_EQ(device_->fingerprint(), device_->fingerprint());
}

TEST_P(EveryDevice, buffers_are_aligned_apart_and_of_the_size_asked_for) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{255}, size_t{4096}, size_t{5} << 20}) {
    auto a = device_->allocate(size);
    auto b = device_->allocate(size);
    ASSERT_TRUE(a && b);
    EXPECT_EQ((*a)->size_bytes(), size);
    EXPECT_EQ(reinterpret_cast<uintptr_t>((*a)->address()) % 256, 0u);
    EXPECT_NE((*a)->address(), nullptr);
    EXPECT_NE((*a)->address(), (*b)->address());
  }
}

TEST_P(EveryDevice, what_is_copied_in_comes_out) {
  if (device_->kind() == DeviceKind::null) GTEST_SKIP() << "skipped: the null device has no memory";
  for (const size_t size : {size_t{1000}, size_t{3} << 20}) {
    auto buffer = device_->allocate(size);
    ASSERT_TRUE(buffer);
    ASSERT_TRUE(device_->fill(**buffer, std::byte{0x5a}));
    const auto bytes = counting_bytes(500);
    ASSERT_TRUE(device_->copy_in(**buffer, 100, bytes));
    ASSERT_TRUE(device_->synchronize());
    std::vector<std::byte> out(602);
    ASSERT_TRUE(device_->copy_out(out, **buffer, 99));
    EXPECT_EQ(out[0], std::byte{0x5a});
    EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), out.begin() + 1));
    EXPECT_EQ(out[501], std::byte{0x5a});
  }
}

TEST_P(EveryDevice, copies_past_the_end_are_refused_with_the_numbers) {
  auto buffer = device_->allocate(100);
  ASSERT_TRUE(buffer);
  std::vector<std::byte> bytes(60);
  for (const size_t offset : {size_t{41}, size_t{101}, std::numeric_limits<size_t>::max() - 10}) {
    const auto in = device_->copy_in(**buffer, offset, bytes);
    const auto out = device_->copy_out(bytes, **buffer, offset);
    ASSERT_FALSE(in);
    ASSERT_FALSE(out);
    EXPECT_THAT(in.error().message, testing::HasSubstr("100 bytes"));
  }
  EXPECT_TRUE(device_->copy_in(**buffer, 40, bytes));
  EXPECT_TRUE(device_->copy_in(**buffer, 100, {}));
}

TEST_P(EveryDevice, counts_what_it_handed_out) {
  const size_t before = device_->allocated_bytes();
  {
    auto a = device_->allocate(size_t{3} << 20);
    auto b = device_->allocate(1000);
    ASSERT_TRUE(a && b);
    EXPECT_EQ(device_->allocated_bytes(), before + (size_t{3} << 20) + 1000);
  }
  EXPECT_EQ(device_->allocated_bytes(), before);
  EXPECT_GE(device_->peak_allocated_bytes(), before + (size_t{3} << 20) + 1000);
}

TEST_P(EveryDevice, a_request_that_cannot_be_met_is_an_error_and_costs_nothing) {
  const size_t before = device_->allocated_bytes();
  const auto buffer = device_->allocate(std::numeric_limits<size_t>::max() - 1);
  ASSERT_FALSE(buffer);
  EXPECT_EQ(buffer.error().code, StatusCode::resource);
  EXPECT_EQ(device_->allocated_bytes(), before);
}

TEST_P(EveryDevice, threads_may_allocate_at_once_and_buffers_may_outlive_the_device) {
  std::vector<std::shared_ptr<DeviceBuffer>> kept(4);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < kept.size(); ++t)
    threads.emplace_back([&, t] {
      for (size_t i = 1; i < 50; ++i) kept[t] = *device_->allocate(i * 100);
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(device_->allocated_bytes(), 4 * 4900u);
  device_.reset();
  kept.clear();
}

INSTANTIATE_TEST_SUITE_P(Devices, EveryDevice, testing::Values("cpu", "null", "cuda:0"),
                         [](const auto& test) { return std::string(test.param).substr(0, 4); });

TEST(OpenDevice, names_what_it_does_not_know) {
  for (const char* name : {"", "gpu", "cuda:", "cuda:x", "cuda:0x", "cudas"}) {
    const auto device = open_device(name);
    ASSERT_FALSE(device) << name;
    EXPECT_EQ(device.error().code, StatusCode::invalid_argument);
    EXPECT_THAT(device.error().message, testing::HasSubstr(std::string("\"") + name + "\""));
  }
}

TEST(CpuDevice, fingerprint_tells_thread_counts_apart) {
  EXPECT_NE(make_cpu_device(1)->fingerprint(), make_cpu_device(3)->fingerprint());
  EXPECT_EQ(make_cpu_device(0)->fingerprint(), make_cpu_device(usable_cores())->fingerprint());
}

}  // namespace
}  // namespace hone
