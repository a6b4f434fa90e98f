// TIFF through libtiff, the first picture of the file. Unassociated alpha is multiplied in, as libtiff and
// with it OpenCV do.
#include <tiffio.h>

#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>

#include "detect/pictures/formats.h"

namespace hone {
namespace {

struct Source {
  ByteSpan file;
  uint64_t at = 0;
  char message[256] = {};
};

Source& source_of(thandle_t handle) { return *static_cast<Source*>(handle); }

tmsize_t read_bytes(thandle_t handle, void* target, tmsize_t count) {
  Source& s = source_of(handle);
  if (count <= 0 || s.at >= s.file.size()) return 0;
  const size_t step = std::min(static_cast<size_t>(count), s.file.size() - static_cast<size_t>(s.at));
  std::memcpy(target, s.file.data() + s.at, step);
  s.at += step;
  return static_cast<tmsize_t>(step);
}
tmsize_t no_write(thandle_t, void*, tmsize_t) { return 0; }
toff_t seek(thandle_t handle, toff_t offset, int whence) {
  Source& s = source_of(handle);
  s.at = offset + (whence == SEEK_CUR ? s.at : whence == SEEK_END ? s.file.size() : 0);
  return s.at;
}
int close_nothing(thandle_t) { return 0; }
toff_t size_of(thandle_t handle) { return source_of(handle).file.size(); }
int map_file(thandle_t handle, void** base, toff_t* size) {
  Source& s = source_of(handle);
  *base = const_cast<std::byte*>(s.file.data());
  *size = s.file.size();
  return 1;
}
void unmap_nothing(thandle_t, void*, toff_t) {}

// The first message is kept. Returning 1 tells libtiff that its global handler need not be called.
int keep_message(TIFF*, void* user, const char*, const char* format, va_list arguments) {
  auto* source = static_cast<Source*>(user);
  if (!source->message[0]) std::vsnprintf(source->message, sizeof source->message, format, arguments);
  return 1;
}
int ignore_message(TIFF*, void*, const char*, const char*, va_list) { return 1; }

struct Closer {
  void operator()(TIFF* tiff) const { TIFFClose(tiff); }
  void operator()(TIFFOpenOptions* options) const { TIFFOpenOptionsFree(options); }
};

std::unexpected<Status> failure(const Source& source) {
  return error(StatusCode::invalid_file,
               std::string("is a damaged or unsupported TIFF: ") +
                   (source.message[0] ? source.message : "its directory cannot be read"));
}

}  // namespace

Result<Picture> decode_tiff(ByteSpan file) {
  Source source{.file = file};
  const std::unique_ptr<TIFFOpenOptions, Closer> options(TIFFOpenOptionsAlloc());
  if (!options) return error(StatusCode::resource, "cannot be read: no memory for a TIFF reader");
  TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), static_cast<tmsize_t>(kMaxPictureBytes));
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), keep_message, &source);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), ignore_message, nullptr);
  const std::unique_ptr<TIFF, Closer> tiff(TIFFClientOpenExt("picture", "r", &source, read_bytes, no_write,
                                                             seek, close_nothing, size_of, map_file,
                                                             unmap_nothing, options.get()));
  if (!tiff) return failure(source);
  uint32_t width = 0, height = 0;
  uint16_t orientation = 1;
  TIFFGetField(tiff.get(), TIFFTAG_IMAGEWIDTH, &width);
  TIFFGetField(tiff.get(), TIFFTAG_IMAGELENGTH, &height);
  TIFFGetFieldDefaulted(tiff.get(), TIFFTAG_ORIENTATION, &orientation);
  HONE_ASSIGN(Picture picture, make_picture(width, height, file.size()));

  // Pixels come as they are stored; turning is ours, since libtiff only flips.
  TIFFSetField(tiff.get(), TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT);
  std::vector<uint32_t> abgr(picture.bgr.size() / 3);
  if (!TIFFReadRGBAImageOriented(tiff.get(), width, height, abgr.data(), ORIENTATION_TOPLEFT, 1))
    return failure(source);
  uint8_t* to = picture.bgr.data();
  for (uint32_t pixel : abgr) {
    *to++ = static_cast<uint8_t>(TIFFGetB(pixel));
    *to++ = static_cast<uint8_t>(TIFFGetG(pixel));
    *to++ = static_cast<uint8_t>(TIFFGetR(pixel));
  }
  return upright(std::move(picture), orientation);
}

}  // namespace hone

// libtiff wants a JBIG codec at link time. JBIG-KIT is under the GPL, which hone's programs are not, so fax
// pages of that kind are refused instead: decoding reports an error whose text is below. The other functions
// do nothing.
extern "C" {
void jbg_dec_init(void*) {}
void jbg_dec_free(void*) {}
int jbg_dec_in(void*, unsigned char*, size_t, size_t*) { return 1; }
unsigned char* jbg_dec_getimage(void*, int) { return nullptr; }
unsigned long jbg_dec_getsize(void*) { return 0; }
int jbg_newlen(unsigned char*, size_t) { return 1; }
const char* jbg_strerror(int) { return "JBIG compression is not read"; }
void jbg_enc_init(void*, unsigned long, unsigned long, int, unsigned char**, void*, void*) {}
void jbg_enc_out(void*) {}
void jbg_enc_free(void*) {}
}
