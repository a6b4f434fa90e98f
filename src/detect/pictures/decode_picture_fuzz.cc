// Any bytes end in an error or in a picture of the size that it claims.
#include <cstdint>
#include <cstdlib>

#include "base/log.h"
#include "hone/picture.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  hone::set_log_level(hone::LogLevel::quiet);
  const auto picture = hone::decode_picture(std::as_bytes(std::span(data, size)));
  if (picture && picture->bgr.size() != static_cast<size_t>(picture->width) * picture->height * 3)
    std::abort();
  return 0;
}
