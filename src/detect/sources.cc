#include "detect/sources.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <sstream>

#include "base/file.h"

namespace hone {
namespace fs = std::filesystem;
namespace {

// What stops a pattern or a list from running away.
constexpr size_t kMaxPictures = 1'000'000, kMaxFolders = 100'000;
constexpr int kMaxDepth = 64;

bool has_magic(const std::string& text) { return text.find_first_of("*?[") != std::string::npos; }

bool hidden(const fs::path& name) { return name.native().starts_with('.'); }

struct Entry {
  fs::path path;
  bool folder;
};

// Entries of a folder by name; unreadable folders are empty.
std::vector<Entry> entries_of(const fs::path& folder) {
  std::vector<Entry> entries;
  std::error_code failed;
  for (fs::directory_iterator it(folder.empty() ? "." : folder, failed), end; !failed && it != end;
       it.increment(failed)) {
    std::error_code unknown;
    entries.push_back({folder / it->path().filename(), it->is_directory(unknown)});
  }
  std::ranges::sort(entries, {}, &Entry::path);
  return entries;
}

// Python's glob: hidden names match only patterns that begin with a dot; links are followed, but not by **.
class Glob {
 public:
  explicit Glob(const fs::path& pattern) {
    for (const fs::path& part : pattern) parts_.push_back(part.native());
  }

  Result<std::vector<fs::path>> run() {
    walk({}, 0, 0);
    if (stopped_)
      return error(StatusCode::resource,
                   fmt::format("looks into more than {} folders or finds more than {} files", kMaxFolders,
                               kMaxPictures));
    std::ranges::sort(found_);
    found_.erase(std::unique(found_.begin(), found_.end()), found_.end());
    return std::move(found_);
  }

 private:
  void walk(const fs::path& at, size_t part, int depth) {
    if (stopped_ || depth > kMaxDepth) return;
    if (part == parts_.size()) {
      std::error_code failed;
      if (fs::is_regular_file(at, failed)) found_.push_back(at);
      stopped_ = found_.size() > kMaxPictures;
      return;
    }
    const std::string& pattern = parts_[part];
    const bool last = part + 1 == parts_.size();
    if (!has_magic(pattern)) return walk(at / pattern, part + 1, depth + 1);
    if (++folders_ > kMaxFolders) {
      stopped_ = true;
      return;
    }
    if (pattern == "**") {
      if (!last) walk(at, part + 1, depth + 1);
      for (const Entry& entry : entries_of(at)) {
        if (hidden(entry.path.filename())) continue;
        std::error_code failed;
        if (entry.folder && !fs::is_symlink(entry.path, failed)) walk(entry.path, part, depth + 1);
        if (last && !entry.folder) walk(entry.path, part + 1, depth + 1);
      }
      return;
    }
    for (const Entry& entry : entries_of(at)) {
      const std::string name = entry.path.filename();
      if (hidden(name) != pattern.starts_with('.') || fnmatch(pattern.c_str(), name.c_str(), FNM_PERIOD) != 0)
        continue;
      if (last || entry.folder) walk(entry.path, part + 1, depth + 1);
    }
  }

  std::vector<std::string> parts_;
  std::vector<fs::path> found_;
  size_t folders_ = 0;
  bool stopped_ = false;
};

Result<> add(const std::string& source, const fs::path& list, std::vector<fs::path>& found);

Result<> add_list(const fs::path& list, std::vector<fs::path>& found) {
  HONE_ASSIGN(const std::string text, read_text_file(list));
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const size_t begin = line.find_first_not_of(" \t\r"), end = line.find_last_not_of(" \t\r");
    if (begin == std::string::npos) continue;
    HONE_TRY(add(line.substr(begin, end - begin + 1), list, found));
  }
  return {};
}

// `list` is the file that named the source, or empty.
Result<> add(const std::string& source, const fs::path& list, std::vector<fs::path>& found) {
  const auto from_list = [&](const fs::path& path) {
    std::error_code failed;
    return !list.empty() && path.is_relative() && !fs::exists(path, failed) ? list.parent_path() / path
                                                                            : path;
  };
  std::error_code failed;
  const fs::path path = from_list(source);
  const size_t before = found.size();
  if (fs::is_directory(path, failed)) {
    for (const Entry& entry : entries_of(path))
      if (!entry.folder && !hidden(entry.path.filename()) && is_picture_name(entry.path))
        found.push_back(entry.path);
    if (found.size() == before)
      return error(StatusCode::not_found, "no pictures found in the folder " + path.string());
  } else if (fs::exists(path, failed)) {
    if (path.extension() == ".txt" && list.empty()) {
      HONE_TRY(add_list(path, found));
      if (found.size() == before)
        return error(StatusCode::not_found, "the list " + path.string() + " names no picture");
    } else {
      found.push_back(path);
    }
  } else if (has_magic(source)) {
    auto matches = Glob(source).run();
    if (!matches) return error(matches.error().code, "the pattern " + source + " " + matches.error().message);
    for (const fs::path& match : *matches)
      if (is_picture_name(match)) found.push_back(match);
    if (found.size() == before) return error(StatusCode::not_found, "no pictures match " + source);
  } else {
    return error(
        StatusCode::not_found,
        source + " does not exist" + (list.empty() ? std::string() : " (named in " + list.string() + ")"));
  }
  if (found.size() > kMaxPictures)
    return error(StatusCode::resource, fmt::format("more than {} pictures", kMaxPictures));
  return {};
}

}  // namespace

bool is_picture_name(const fs::path& path) {
  static constexpr std::array kEndings = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"};
  std::string ending = path.extension().string();
  std::ranges::transform(ending, ending.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return std::ranges::find(kEndings, ending) != kEndings.end();
}

Result<std::vector<fs::path>> find_pictures(std::span<const std::string> sources) {
  std::vector<fs::path> found;
  for (const std::string& source : sources) HONE_TRY(add(source, {}, found));
  if (found.empty()) return error(StatusCode::invalid_argument, "no picture, folder or pattern is given");
  return found;
}

}  // namespace hone
