#include "detect/sources.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace hone {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class Sources : public testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::temp_directory_path() / ("hone_sources_test_" + std::to_string(getpid()));
    fs::create_directories(root_ / "deep" / "deeper");
    fs::create_directories(root_ / "empty");
    for (const char* name : {"b.jpg", "a.PNG", "c.txt.bak", ".hidden.jpg", "notes.md", "deep/d.webp",
                             "deep/deeper/e.tif", "deep/f.jpeg"})
      std::ofstream(root_ / name) << "x";
  }
  void TearDown() override { fs::remove_all(root_); }

  // Names relative to the test's folder.
  std::vector<std::string> found(const std::string& source) {
    const std::string sources[] = {(root_ / source).string()};
    const auto paths = find_pictures(sources);
    if (!paths) return {paths.error().message};
    std::vector<std::string> names;
    for (const fs::path& path : *paths)
      names.push_back(path.lexically_normal().lexically_relative(root_).string());
    return names;
  }

  fs::path root_;
};

TEST_F(Sources, AFolderGivesItsPicturesSortedAndNotThoseBelow) {
  EXPECT_THAT(found(""), ElementsAre("a.PNG", "b.jpg"));
}

TEST_F(Sources, PatternsMatchAsPythonsGlobDoes) {
  EXPECT_THAT(found("*.jpg"), ElementsAre("b.jpg"));
  EXPECT_THAT(found("deep/*"), ElementsAre("deep/d.webp", "deep/f.jpeg"));
  EXPECT_THAT(found("**/*.tif"), ElementsAre("deep/deeper/e.tif"));
  EXPECT_THAT(found("**/*"),
              ElementsAre("a.PNG", "b.jpg", "deep/d.webp", "deep/deeper/e.tif", "deep/f.jpeg"));
  EXPECT_THAT(found("[ab].*"), ElementsAre("a.PNG", "b.jpg"));
  EXPECT_THAT(found("d??p/?.webp"), ElementsAre("deep/d.webp"));
}

TEST_F(Sources, AListNamesSourcesRelativeToItself) {
  std::ofstream(root_ / "deep" / "list.txt") << "d.webp\n\n  ../b.jpg  \r\n"
                                             << (root_ / "deep" / "deeper").string() << "\n";
  EXPECT_THAT(found("deep/list.txt"), ElementsAre("deep/d.webp", "b.jpg", "deep/deeper/e.tif"));
  std::ofstream(root_ / "loop.txt") << "loop.txt\n";
  EXPECT_THAT(found("loop.txt"), ElementsAre("loop.txt"));
}

TEST_F(Sources, WhatIsNotThereIsNamed) {
  EXPECT_THAT(found("none.jpg"), ElementsAre(HasSubstr("none.jpg does not exist")));
  EXPECT_THAT(found("empty"), ElementsAre(HasSubstr("no pictures found in the folder")));
  EXPECT_THAT(found("*.bmp"), ElementsAre(HasSubstr("no pictures match")));
  std::ofstream(root_ / "list.txt") << "gone.jpg\n";
  EXPECT_THAT(found("list.txt"), ElementsAre(HasSubstr("named in")));
  const std::string sources[] = {"/nonexistent/x.jpg"};
  EXPECT_EQ(find_pictures(sources).error().code, StatusCode::not_found);
  EXPECT_FALSE(find_pictures({}));
}

TEST_F(Sources, ALinkThatTurnsBackDoesNotTrapTheSearch) {
  fs::create_directory_symlink(root_, root_ / "deep" / "back");
  EXPECT_THAT(found("**/*.jpeg"), ElementsAre("deep/f.jpeg"));
}

}  // namespace
}  // namespace hone
