#include "kernels/conv/onednn_library.h"

#include <dlfcn.h>

#include <cstdlib>

namespace hone {
namespace {

struct Opened {
  OneDnn library;
  std::string why;  // empty: usable
};

void* open_shared() {
  if (const char* folder = std::getenv("HONE_PLUGIN_DIR"); folder && *folder)
    if (void* handle = ::dlopen((std::string(folder) + "/libdnnl.so.2").c_str(), RTLD_NOW | RTLD_LOCAL))
      return handle;
  return ::dlopen("libdnnl.so.2", RTLD_NOW | RTLD_LOCAL);
}

// Looks up one function; remembers the first that is missing.
class Symbols {
 public:
  explicit Symbols(void* handle) : handle_(handle) {}
  template <class F>
  void take(F*& function, const char* name) {
    function = reinterpret_cast<F*>(::dlsym(handle_, name));
    if (!function && missing_.empty()) missing_ = name;
  }
  const std::string& missing() const { return missing_; }

 private:
  void* handle_;
  std::string missing_;
};

std::string take_symbols(void* handle, OneDnn& d) {
  Symbols s(handle);
  s.take(d.version, "dnnl_version");
  s.take(d.engine_create, "dnnl_engine_create");
  s.take(d.stream_create, "dnnl_stream_create");
  s.take(d.stream_destroy, "dnnl_stream_destroy");
  s.take(d.memory_desc_init_by_tag, "dnnl_memory_desc_init_by_tag");
  s.take(d.memory_desc_get_size, "dnnl_memory_desc_get_size");
  s.take(d.memory_create, "dnnl_memory_create");
  s.take(d.memory_set_data_handle, "dnnl_memory_set_data_handle");
  s.take(d.memory_destroy, "dnnl_memory_destroy");
  s.take(d.convolution_desc_init, "dnnl_dilated_convolution_forward_desc_init");
  s.take(d.attr_create, "dnnl_primitive_attr_create");
  s.take(d.attr_destroy, "dnnl_primitive_attr_destroy");
  s.take(d.attr_set_scratchpad_mode, "dnnl_primitive_attr_set_scratchpad_mode");
  s.take(d.attr_set_post_ops, "dnnl_primitive_attr_set_post_ops");
  s.take(d.post_ops_create, "dnnl_post_ops_create");
  s.take(d.post_ops_destroy, "dnnl_post_ops_destroy");
  s.take(d.post_ops_append_eltwise, "dnnl_post_ops_append_eltwise");
  s.take(d.post_ops_append_binary, "dnnl_post_ops_append_binary");
  s.take(d.primitive_desc_create, "dnnl_primitive_desc_create");
  s.take(d.primitive_desc_destroy, "dnnl_primitive_desc_destroy");
  s.take(d.primitive_desc_query, "dnnl_primitive_desc_query");
  s.take(d.primitive_desc_query_md, "dnnl_primitive_desc_query_md");
  s.take(d.reorder_desc_create, "dnnl_reorder_primitive_desc_create");
  s.take(d.primitive_create, "dnnl_primitive_create");
  s.take(d.primitive_execute, "dnnl_primitive_execute");
  s.take(d.primitive_destroy, "dnnl_primitive_destroy");
  s.take(d.omp_set_num_threads, "omp_set_num_threads");
  s.take(d.omp_get_max_threads, "omp_get_max_threads");
  return s.missing();
}

// Our numbers for types and tags mean what we think: 3 channels fill one block.
bool speaks_our_numbers(const OneDnn& d) {
  const int64_t dims[4] = {2, 3, 5, 7};
  const auto size = [&](int type, int tag) -> size_t {
    OneDnn::MemoryDesc desc;
    return d.memory_desc_init_by_tag(&desc, 4, dims, type, tag) == 0 ? d.memory_desc_get_size(&desc) : 0;
  };
  return size(OneDnn::kF32, OneDnn::kPlain4) == 840 && size(OneDnn::kF32, OneDnn::kBlocked8) == 2240 &&
         size(OneDnn::kF32, OneDnn::kBlocked16) == 4480 && size(OneDnn::kBf16, OneDnn::kBlocked16) == 2240;
}

Opened open_library() {
  Opened opened;
  void* handle = open_shared();  // stays open: its functions live as long as the process
  if (!handle) {
    const char* reason = ::dlerror();
    opened.why = std::string("oneDNN is not there: ") + (reason ? reason : "libdnnl.so.2 cannot be opened");
    return opened;
  }
  OneDnn& d = opened.library;
  if (const std::string missing = take_symbols(handle, d); !missing.empty()) {
    opened.why = "libdnnl.so.2 has no " + missing;
    return opened;
  }
  const auto* version = d.version();
  d.name = std::to_string(version->major) + "." + std::to_string(version->minor) + "." +
           std::to_string(version->patch);
  if (version->major != 2)
    opened.why = "oneDNN " + d.name + " is not of the 2.x that is known";
  else if (!speaks_our_numbers(d))
    opened.why = "oneDNN " + d.name + " describes memory in another way";
  else if (d.engine_create(&d.engine, 1, 0) != 0)
    opened.why = "oneDNN " + d.name + " has no CPU engine";
  return opened;
}

}  // namespace

const OneDnn* onednn(std::string* why) {
  static const Opened opened = open_library();
  if (opened.why.empty()) return &opened.library;
  if (why) *why = opened.why;
  return nullptr;
}

}  // namespace hone
