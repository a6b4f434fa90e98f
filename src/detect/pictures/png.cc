// PNG through libpng. Its errors end in longjmp, so what needs a destructor lives outside the functions that
// call setjmp.
#include <png.h>

#include <cstdio>
#include <cstring>

#include "detect/pictures/formats.h"

namespace hone {
namespace {

constexpr png_alloc_size_t kMaxChunkBytes = 16 << 20;

struct Reading {
  png_structp png = nullptr;
  png_infop info = nullptr;
  ByteSpan rest;
  char message[128] = {};
  Picture picture;
  std::vector<png_bytep> rows;
  ~Reading() { png_destroy_read_struct(&png, &info, nullptr); }
};

template <class State>
[[noreturn]] void leave(png_structp png, png_const_charp message) {
  auto* state = static_cast<State*>(png_get_error_ptr(png));
  std::snprintf(state->message, sizeof state->message, "%s", message);
  png_longjmp(png, 1);
}
void ignore(png_structp, png_const_charp) {}

void read_bytes(png_structp png, png_bytep target, size_t count) {
  auto* r = static_cast<Reading*>(png_get_io_ptr(png));
  if (count > r->rest.size()) png_error(png, "is truncated");
  std::memcpy(target, r->rest.data(), count);
  r->rest = r->rest.subspan(count);
}

bool read_header(Reading& r) {
  if (setjmp(png_jmpbuf(r.png))) return false;
  png_set_read_fn(r.png, &r, read_bytes);
  png_set_user_limits(r.png, 1 << 24, 1 << 24);
  png_set_chunk_malloc_max(r.png, kMaxChunkBytes);
  png_read_info(r.png, r.info);
  return true;
}

// Eight bits, three channels, BGR: the high byte of 16, palettes and greys spread, alpha and transparency
// dropped.
bool read_pixels(Reading& r) {
  if (setjmp(png_jmpbuf(r.png))) return false;
  const int colour = png_get_color_type(r.png, r.info);
  const int depth = png_get_bit_depth(r.png, r.info);
  if (depth == 16) png_set_strip_16(r.png);
  if (colour == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(r.png);
  if (!(colour & PNG_COLOR_MASK_COLOR)) {
    if (depth < 8) png_set_expand_gray_1_2_4_to_8(r.png);
    png_set_gray_to_rgb(r.png);
  }
  png_set_strip_alpha(r.png);
  png_set_bgr(r.png);
  png_set_interlace_handling(r.png);
  png_read_update_info(r.png, r.info);
  if (png_get_rowbytes(r.png, r.info) != static_cast<size_t>(r.picture.width) * 3)
    png_error(r.png, "has rows of another size");
  png_read_image(r.png, r.rows.data());
  png_read_end(r.png, r.info);
  return true;
}

int orientation_of(const Reading& r) {
#ifdef PNG_eXIf_SUPPORTED
  png_bytep data = nullptr;
  png_uint_32 size = 0;
  if (png_get_eXIf_1(r.png, r.info, &size, &data) && data)
    return exif_orientation(std::as_bytes(std::span(data, size)));
#endif
  return 1;
}

}  // namespace

Result<Picture> decode_png(ByteSpan file) {
  Reading r;
  r.rest = file;
  r.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &r, leave<Reading>, ignore);
  if (r.png) r.info = png_create_info_struct(r.png);
  if (!r.info) return error(StatusCode::resource, "cannot be read: no memory for a PNG reader");
  const auto failure = [&] {
    return error(StatusCode::invalid_file, std::string("is a damaged PNG: ") + r.message);
  };
  if (!read_header(r)) return failure();
  HONE_ASSIGN(r.picture, make_picture(png_get_image_width(r.png, r.info), png_get_image_height(r.png, r.info),
                                      file.size()));
  for (int y = 0; y < r.picture.height; ++y)
    r.rows.push_back(&r.picture.bgr[static_cast<size_t>(y) * static_cast<size_t>(r.picture.width) * 3]);
  if (!read_pixels(r)) return failure();
  return upright(std::move(r.picture), orientation_of(r));
}

namespace {

struct Writing {
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::string data;
  char message[128] = {};
  ~Writing() { png_destroy_write_struct(&png, &info); }
};

void write_bytes(png_structp png, png_bytep bytes, size_t count) {
  static_cast<Writing*>(png_get_io_ptr(png))->data.append(reinterpret_cast<const char*>(bytes), count);
}

bool write_pixels(Writing& w, const ImageView& picture) {
  if (setjmp(png_jmpbuf(w.png))) return false;
  png_set_write_fn(w.png, &w, write_bytes, [](png_structp) {});
  png_set_compression_level(w.png, 3);
  png_set_IHDR(w.png, w.info, static_cast<png_uint_32>(picture.width),
               static_cast<png_uint_32>(picture.height), 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(w.png, w.info);
  png_set_bgr(w.png);
  for (int y = 0; y < picture.height; ++y)
    png_write_row(w.png, picture.data + static_cast<size_t>(y) * picture.row_bytes);
  png_write_end(w.png, w.info);
  return true;
}

}  // namespace

Result<std::string> encode_png(const ImageView& picture) {
  Writing w;
  w.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &w, leave<Writing>, ignore);
  if (w.png) w.info = png_create_info_struct(w.png);
  if (!w.info) return error(StatusCode::resource, "picture cannot be written as PNG: no memory");
  if (!write_pixels(w, picture))
    return error(StatusCode::invalid_argument, std::string("picture cannot be written as PNG: ") + w.message);
  return std::move(w.data);
}

}  // namespace hone
