#include "hone/picture.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  (void)hone::decode_picture(std::as_bytes(std::span(data, size)));
  return 0;
}
