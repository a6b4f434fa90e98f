// Where the data of the tests lies.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace hone {

// Files of this repository.
inline std::filesystem::path asset(const std::string& name) {
  return std::filesystem::path(HONE_SOURCE_DIR) / "assets" / name;
}

// Larger real data that the repository does not carry; the path may not exist.
inline std::filesystem::path outside_data(const std::string& name) {
  const char* folder = std::getenv("HONE_TEST_DATA");
  return (folder ? std::filesystem::path(folder)
                 : std::filesystem::path(HONE_SOURCE_DIR) / ".." / "shared" / "data") /
         name;
}

// A fresh folder for one test's files.
inline std::filesystem::path scratch_folder(const std::string& name) {
  const auto path =
      std::filesystem::temp_directory_path() / ("hone_test_" + std::to_string(::getpid()) + "_" + name);
  std::filesystem::remove_all(path);
  std::filesystem::create_directories(path);
  return path;
}

}  // namespace hone
