// WebP through libwebp. Of an animation the first frame counts.
#include <webp/decode.h>
#include <webp/demux.h>

#include <memory>

#include "detect/pictures/formats.h"

namespace hone {
namespace {

struct Deleter {
  void operator()(WebPDemuxer* d) const { WebPDemuxDelete(d); }
  void operator()(WebPAnimDecoder* d) const { WebPAnimDecoderDelete(d); }
};

int orientation_of(const WebPData& data) {
  const std::unique_ptr<WebPDemuxer, Deleter> demuxer(WebPDemux(&data));
  WebPChunkIterator chunk;
  if (!demuxer || !WebPDemuxGetChunk(demuxer.get(), "EXIF", 1, &chunk)) return 1;
  const int orientation = exif_orientation(std::as_bytes(std::span(chunk.chunk.bytes, chunk.chunk.size)));
  WebPDemuxReleaseChunkIterator(&chunk);
  return orientation;
}

bool read_first_frame(const WebPData& data, Picture& picture) {
  WebPAnimDecoderOptions options;
  if (!WebPAnimDecoderOptionsInit(&options)) return false;
  options.color_mode = MODE_BGRA;
  const std::unique_ptr<WebPAnimDecoder, Deleter> decoder(WebPAnimDecoderNew(&data, &options));
  uint8_t* frame = nullptr;
  int timestamp_ms = 0;
  WebPAnimInfo info;
  if (!decoder || !WebPAnimDecoderGetInfo(decoder.get(), &info) ||
      info.canvas_width != static_cast<uint32_t>(picture.width) ||
      info.canvas_height != static_cast<uint32_t>(picture.height) ||
      !WebPAnimDecoderGetNext(decoder.get(), &frame, &timestamp_ms))
    return false;
  for (size_t i = 0; i * 3 < picture.bgr.size(); ++i)
    for (size_t c = 0; c < 3; ++c) picture.bgr[i * 3 + c] = frame[i * 4 + c];
  return true;
}

}  // namespace

Result<Picture> decode_webp(ByteSpan file) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(file.data());
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(bytes, file.size(), &features) != VP8_STATUS_OK)
    return error(StatusCode::invalid_file, "is a damaged WebP: its header cannot be read");
  HONE_ASSIGN(Picture picture, make_picture(features.width, features.height, file.size()));
  const WebPData data{bytes, file.size()};
  const bool read = features.has_animation
                        ? read_first_frame(data, picture)
                        : WebPDecodeBGRInto(bytes, file.size(), picture.bgr.data(), picture.bgr.size(),
                                            picture.width * 3) != nullptr;
  if (!read) return error(StatusCode::invalid_file, "is a damaged or truncated WebP");
  return upright(std::move(picture), orientation_of(data));
}

}  // namespace hone
