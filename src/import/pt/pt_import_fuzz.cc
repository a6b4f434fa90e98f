// libFuzzer: the bytes as a file, and as the pickle of one.
#include <string>

#include "import/pt/checkpoint_writer.h"
#include "import/pt/pt_import.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  (void)hone::import_pt(hone::testing::bytes_of(input), nullptr, "fuzz.pt");
  const std::string zip =
      hone::testing::zip_of({hone::testing::stored("x/data.pkl", input),
                             hone::testing::stored("x/data/0", std::string(4096, '\x3c'))});
  (void)hone::import_pt(hone::testing::bytes_of(zip), nullptr, "fuzz.pt");
  return 0;
}
