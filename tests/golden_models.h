// Checkpoints with the outputs that PyTorch gives for them.
#pragma once

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "hone/types.h"

namespace hone {

struct ChannelGroup {
  std::string name;
  int64_t first = 0, count = 0;
  double tolerance = 0;
};

struct GoldenModel {
  std::string name;
  std::filesystem::path file;
  Shape input_shape;
  Shape output_shape;           // of output0, channels along axis 1
  std::vector<float> expected;  // every element of output0
  std::vector<ChannelGroup> groups;
};

inline std::vector<float> read_floats(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::vector<float> values(bytes.size() / sizeof(float));
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

// x[i] = ((i * 2654435761 mod 2^32) >> 8) / 2^24
inline std::vector<float> golden_input(size_t count) {
  std::vector<float> x(count);
  for (size_t i = 0; i < count; ++i)
    x[i] = static_cast<float>((static_cast<uint32_t>(i) * 2654435761u) >> 8) / 16777216.0f;
  return x;
}

// The manifest that tools/demo_model writes.
inline std::vector<GoldenModel> repository_models(const std::filesystem::path& folder) {
  std::vector<GoldenModel> models;
  std::ifstream file(folder / "manifest.json");
  const auto manifest = nlohmann::json::parse(file);
  for (const auto& m : manifest.at("models")) {
    GoldenModel g{m.at("name"),
                  folder / m.at("file").get<std::string>(),
                  m.at("input_shape"),
                  m.at("output_shape"),
                  {},
                  {}};
    g.expected = read_floats(folder / m.at("output").get<std::string>());
    for (const auto& group : m.at("groups"))
      g.groups.push_back(
          {group.at("name"), group.at("first_channel"), group.at("count"), group.at("tolerance")});
    models.push_back(std::move(g));
  }
  return models;
}

// Models of the conformance zoo by name; those that are not there are left out.
inline std::vector<GoldenModel> zoo_models(const std::filesystem::path& folder,
                                           const std::vector<std::string>& names) {
  std::vector<GoldenModel> models;
  std::ifstream file(folder / "manifest.json");
  if (!file) return models;
  const auto manifest = nlohmann::json::parse(file);
  for (const auto& m : manifest.at("models")) {
    if (std::find(names.begin(), names.end(), m.at("name").get<std::string>()) == names.end()) continue;
    const auto& output = m.at("outputs").at(0);
    GoldenModel g{m.at("name"),
                  folder / m.at("file").get<std::string>(),
                  m.at("input").at("shape"),
                  output.at("shape"),
                  {},
                  {}};
    g.expected = read_floats(folder / output.at("file").get<std::string>());
    for (const auto& group : output.at("groups"))
      g.groups.push_back({group.at("name"), group.at("first"), group.at("count"), group.at("tolerance")});
    models.push_back(std::move(g));
  }
  return models;
}

// Largest |actual - expected| / tolerance over all channel groups; infinity for a NaN.
inline double worst_over_tolerance(const GoldenModel& model, const std::vector<float>& actual) {
  if (actual.size() != model.expected.size()) return HUGE_VAL;
  const int64_t batch = model.output_shape[0], channels = model.output_shape[1];
  const int64_t inner = static_cast<int64_t>(actual.size()) / (batch * channels);
  double worst = 0;
  for (const auto& group : model.groups)
    for (int64_t n = 0; n < batch; ++n)
      for (int64_t i = (n * channels + group.first) * inner;
           i < (n * channels + group.first + group.count) * inner; ++i) {
        const double off = std::fabs(static_cast<double>(actual[static_cast<size_t>(i)]) -
                                     static_cast<double>(model.expected[static_cast<size_t>(i)]));
        worst = std::max(worst, std::isfinite(off) ? off / group.tolerance : HUGE_VAL);
      }
  return worst;
}

}  // namespace hone
