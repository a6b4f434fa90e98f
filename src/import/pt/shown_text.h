// Names out of a file, made fit for a one-line message.
#pragma once

#include <string>
#include <string_view>

namespace hone {

// Control characters and bytes that are no ASCII become '?'; what passes 120 characters is cut.
inline std::string shown(std::string_view text) {
  constexpr size_t kMax = 120;
  std::string out(text.substr(0, kMax));
  for (char& c : out)
    if (c < ' ' || c > '~') c = '?';
  return text.size() > kMax ? out + "…" : out;
}

}  // namespace hone
