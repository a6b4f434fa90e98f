// oneDNN 2.x (libdnnl.so.2), opened on demand: absent without harm. Neither linked nor included. Its
// descriptors are opaque bytes here, made and read by its own functions alone; the numbers are those of its
// ABI, which stays for all of 2.x, and the library is tried on a descriptor of known size before anything
// else trusts it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace hone {

struct OneDnn {
  // dnnl_memory_desc_t is 696 bytes and dnnl_convolution_desc_t 5,976 in 2.6.
  struct alignas(64) MemoryDesc {
    std::byte bytes[2048] = {};
  };
  struct alignas(64) ConvolutionDesc {
    std::byte bytes[16384] = {};
  };
  struct Argument {
    int kind;
    void* memory;
  };
  struct VersionText {
    int major, minor, patch;
  };
  using Handle = void*;

  enum Type : int { kBf16 = 2, kF32 = 3 };
  enum Tag : int { kAny = 1, kX = 2, kPlain4 = 5, kBlocked8 = 93, kBlocked16 = 69 };
  enum Prop : int { kInference = 96 };
  enum Algorithm : int {
    kConvolution = 1,
    kRelu = 31,
    kTanh = 47,
    kGeluErf = 48,
    kElu = 63,
    kMish = 96,
    kHardSwish = 112,
    kLogistic = 175,
    kGeluTanh = 207,
    kSwish = 223,
    kClip = 255,
    kBinaryAdd = 0x1fff0
  };
  enum Query : int { kImplementation = 8, kWeightsDesc = 131, kScratchpadDesc = 136 };
  enum Arg : int {
    kSource = 1,
    kDestination = 17,
    kWeights = 33,
    kBias = 41,
    kScratchpad = 80,
    kPostOperand = 2
  };
  static constexpr int post_operand(int op) { return 16384 * (op + 1) | kPostOperand; }

  const VersionText* (*version)() = nullptr;
  int (*engine_create)(Handle*, int kind, size_t index) = nullptr;
  int (*stream_create)(Handle*, Handle engine, unsigned flags) = nullptr;
  int (*stream_destroy)(Handle) = nullptr;
  int (*memory_desc_init_by_tag)(MemoryDesc*, int rank, const int64_t* dims, int type, int tag) = nullptr;
  size_t (*memory_desc_get_size)(const void* desc) = nullptr;
  int (*memory_create)(Handle*, const void* desc, Handle engine, void* data) = nullptr;
  int (*memory_set_data_handle)(Handle, void* data) = nullptr;
  int (*memory_destroy)(Handle) = nullptr;
  int (*convolution_desc_init)(ConvolutionDesc*, int prop, int algorithm, const void* source,
                               const void* weights, const void* bias, const void* destination,
                               const int64_t* strides, const int64_t* dilates, const int64_t* pads_begin,
                               const int64_t* pads_end) = nullptr;
  int (*attr_create)(Handle*) = nullptr;
  int (*attr_destroy)(Handle) = nullptr;
  int (*attr_set_scratchpad_mode)(Handle, int mode) = nullptr;
  int (*attr_set_post_ops)(Handle, Handle post_ops) = nullptr;
  int (*post_ops_create)(Handle*) = nullptr;
  int (*post_ops_destroy)(Handle) = nullptr;
  int (*post_ops_append_eltwise)(Handle, float scale, int algorithm, float alpha, float beta) = nullptr;
  int (*post_ops_append_binary)(Handle, int algorithm, const void* operand) = nullptr;
  int (*primitive_desc_create)(Handle*, const void* op_desc, Handle attr, Handle engine,
                               Handle hint) = nullptr;
  int (*primitive_desc_destroy)(Handle) = nullptr;
  int (*primitive_desc_query)(Handle, int what, int index, void* result) = nullptr;
  const void* (*primitive_desc_query_md)(Handle, int what, int index) = nullptr;
  int (*reorder_desc_create)(Handle*, const void* source, Handle source_engine, const void* target,
                             Handle target_engine, Handle attr) = nullptr;
  int (*primitive_create)(Handle*, Handle desc) = nullptr;
  int (*primitive_execute)(Handle, Handle stream, int count, const Argument* arguments) = nullptr;
  int (*primitive_destroy)(Handle) = nullptr;
  // libgomp's, that oneDNN brings: its threads must not start, ours are there.
  void (*omp_set_num_threads)(int) = nullptr;
  int (*omp_get_max_threads)() = nullptr;

  Handle engine = nullptr;  // the CPU
  std::string name;         // "2.6.3"
};

// The library, opened at the first call ($HONE_PLUGIN_DIR first, then the system's); null with `why` set if
// it is not there or is not what we know. Thread safe.
const OneDnn* onednn(std::string* why);

// Keeps oneDNN to the calling thread while it lives.
class OneThread {
 public:
  explicit OneThread(const OneDnn& library) : library_(library), before_(library.omp_get_max_threads()) {
    if (before_ != 1) library_.omp_set_num_threads(1);
  }
  ~OneThread() {
    if (before_ != 1) library_.omp_set_num_threads(before_);
  }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  const OneDnn& library_;
  int before_;
};

}  // namespace hone
