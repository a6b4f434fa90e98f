// JPEG through libjpeg-turbo. Its errors end in longjmp, so what needs a destructor lives outside the
// functions that call setjmp.
#include <cstddef>
#include <cstdio>
// jpeglib.h wants the two above and does not include them.
#include <jerror.h>
#include <jpeglib.h>

#include <algorithm>
#include <csetjmp>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "base/log.h"
#include "detect/pictures/formats.h"

namespace hone {
namespace {

// A progressive file may repeat scans at no cost to itself; each costs a pass over the whole picture.
constexpr int kMaxScans = 500;

struct ErrorState {
  jpeg_error_mgr base;  // first: libjpeg hands back a pointer to it
  std::jmp_buf jump;
  bool failed;
  char message[JMSG_LENGTH_MAX];
};

[[noreturn]] void leave(j_common_ptr info) {
  auto* state = reinterpret_cast<ErrorState*>(info->err);
  info->err->format_message(info, state->message);
  state->failed = true;
  std::longjmp(state->jump, 1);
}

// Damaged data is counted and the first message kept; libjpeg goes on.
void keep_warning(j_common_ptr info, int level) {
  if (level >= 0) return;
  if (info->err->num_warnings++ == 0)
    info->err->format_message(info, reinterpret_cast<ErrorState*>(info->err)->message);
}

void limit_scans(j_common_ptr info) {
  if (!info->is_decompressor) return;
  if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number > kMaxScans) {
    auto* state = reinterpret_cast<ErrorState*>(info->err);
    std::snprintf(state->message, sizeof state->message, "has more than %d scans", kMaxScans);
    state->failed = true;
    std::longjmp(state->jump, 1);
  }
}

jpeg_error_mgr* set_up(ErrorState& state) {
  jpeg_std_error(&state.base);
  state.base.error_exit = leave;
  state.base.emit_message = keep_warning;
  state.base.output_message = [](j_common_ptr) {};
  state.message[0] = 0;
  return &state.base;
}

// The whole file is there from the start: wanting more means that it is cut short, and libjpeg suspends.
void nothing(j_decompress_ptr) {}
boolean no_more(j_decompress_ptr) { return FALSE; }
void skip(j_decompress_ptr info, long count) {
  const size_t step = std::min(static_cast<size_t>(count > 0 ? count : 0), info->src->bytes_in_buffer);
  info->src->next_input_byte += step;
  info->src->bytes_in_buffer -= step;
}

struct Reading {
  jpeg_decompress_struct info = {};
  jpeg_source_mgr source = {};
  jpeg_progress_mgr progress = {};
  ErrorState errors = {};
  Picture picture;
  std::vector<uint8_t> row;  // CMYK
  ~Reading() { jpeg_destroy_decompress(&info); }
};

// Inverted CMYK, as Adobe writes it, to BGR in OpenCV's arithmetic.
void cmyk_to_bgr(const uint8_t* cmyk, int width, uint8_t* bgr) {
  for (int x = 0; x < width; ++x, cmyk += 4, bgr += 3) {
    const int k = cmyk[3];
    for (int c = 0; c < 3; ++c) bgr[2 - c] = static_cast<uint8_t>(k - (((255 - cmyk[c]) * k) >> 8));
  }
}

// False after an error, whose message is in `errors`, and where data is missing.
bool read_header(Reading& r, ByteSpan file) {
  if (setjmp(r.errors.jump)) return false;
  jpeg_create_decompress(&r.info);
  r.source.init_source = nothing;
  r.source.fill_input_buffer = no_more;
  r.source.skip_input_data = skip;
  r.source.resync_to_restart = jpeg_resync_to_restart;
  r.source.term_source = nothing;
  r.source.next_input_byte = reinterpret_cast<const JOCTET*>(file.data());
  r.source.bytes_in_buffer = file.size();
  r.info.src = &r.source;
  r.progress.progress_monitor = limit_scans;
  r.info.progress = &r.progress;
  jpeg_save_markers(&r.info, JPEG_APP0 + 1, 0xffff);
  return jpeg_read_header(&r.info, TRUE) == JPEG_HEADER_OK;
}

bool read_pixels(Reading& r) {
  if (setjmp(r.errors.jump)) return false;
  const bool cmyk = r.info.num_components == 4;
  r.info.out_color_space = cmyk ? JCS_CMYK : JCS_EXT_BGR;
  if (!jpeg_start_decompress(&r.info)) return false;
  while (r.info.output_scanline < r.info.output_height) {
    uint8_t* target = r.picture.bgr.data() + size_t{r.info.output_scanline} * r.info.output_width * 3;
    JSAMPROW row = cmyk ? r.row.data() : target;
    if (jpeg_read_scanlines(&r.info, &row, 1) != 1) return false;
    if (cmyk) cmyk_to_bgr(row, r.picture.width, target);
  }
  return true;
}

int orientation_of(const jpeg_decompress_struct& info) {
  for (const jpeg_marker_struct* m = info.marker_list; m; m = m->next) {
    const ByteSpan data = std::as_bytes(std::span(m->data, m->data_length));
    if (data.size() >= 6 && std::memcmp(data.data(), "Exif\0\0", 6) == 0) return exif_orientation(data);
  }
  return 1;
}

std::unexpected<Status> failure(const Reading& r) {
  return error(StatusCode::invalid_file, r.errors.failed
                                             ? std::string("is a damaged JPEG: ") + r.errors.message
                                             : std::string("is a truncated JPEG"));
}

}  // namespace

Result<Picture> decode_jpeg(ByteSpan file) {
  Reading r;
  r.info.err = set_up(r.errors);
  if (!read_header(r, file)) return failure(r);
  HONE_ASSIGN(r.picture, make_picture(r.info.image_width, r.info.image_height, file.size()));
  r.row.resize(r.info.num_components == 4 ? size_t{r.info.image_width} * 4 : 0);
  if (!read_pixels(r)) return failure(r);
  if (r.errors.base.num_warnings)
    log_warning(std::string("a JPEG is damaged but was read: ") + r.errors.message);
  return upright(std::move(r.picture), orientation_of(r.info));
}

namespace {

struct Writing {
  jpeg_compress_struct info = {};
  ErrorState errors = {};
  unsigned char* data = nullptr;
  unsigned long size = 0;
  ~Writing() {
    jpeg_destroy_compress(&info);
    std::free(data);
  }
};

bool write_pixels(Writing& w, const ImageView& picture, int quality) {
  if (setjmp(w.errors.jump)) return false;
  jpeg_create_compress(&w.info);
  jpeg_mem_dest(&w.info, &w.data, &w.size);
  w.info.image_width = static_cast<JDIMENSION>(picture.width);
  w.info.image_height = static_cast<JDIMENSION>(picture.height);
  w.info.input_components = 3;
  w.info.in_color_space = JCS_EXT_BGR;
  jpeg_set_defaults(&w.info);
  jpeg_set_quality(&w.info, quality, TRUE);
  jpeg_start_compress(&w.info, TRUE);
  while (w.info.next_scanline < w.info.image_height) {
    JSAMPROW row = const_cast<JSAMPROW>(picture.data + size_t{w.info.next_scanline} * picture.row_bytes);
    jpeg_write_scanlines(&w.info, &row, 1);
  }
  jpeg_finish_compress(&w.info);
  return true;
}

}  // namespace

Result<std::string> encode_jpeg(const ImageView& picture, int quality) {
  Writing w;
  w.info.err = set_up(w.errors);
  if (!write_pixels(w, picture, quality))
    return error(StatusCode::invalid_argument,
                 std::string("picture cannot be written as JPEG: ") + w.errors.message);
  return std::string(reinterpret_cast<const char*>(w.data), w.size);
}

}  // namespace hone
