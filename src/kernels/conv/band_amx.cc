// AMX tiles: 16 outputs by 16 channels in f32, 32 bf16 channels of input a step; two by two tiles of sums.
#if defined(__x86_64__)
#include <immintrin.h>

#include "kernels/conv/amx_band.h"
#include "kernels/conv/finish_tile.h"

namespace hone {
namespace HONE_ISA {
namespace {

constexpr int64_t kPixel = 32;          // elements of a pixel in the copy
constexpr int64_t kTile = 16 * kPixel;  // elements of a weight tile

struct alignas(64) TileConfig {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
// In memory that no store fills: GCC 12 does not see all of what _tile_loadconfig reads.
constexpr TileConfig kConfig;

void begin() { _tile_loadconfig(&kConfig); }
void end() { _tile_release(); }

void zero(uint16_t* to, int64_t pixels) {
  const __m512i nothing = _mm512_setzero_si512();
  for (int64_t i = 0; i < pixels; ++i) _mm512_storeu_si512(to + i * kPixel, nothing);
}

void copy_rows(const AmxBandInput& b) {
  const int64_t pairs = (b.in_blocks + 1) / 2, area = b.height * b.width * 16;
  const int64_t inside = b.width < b.pitch - b.pad_left ? b.width : b.pitch - b.pad_left;
  for (int64_t pair = 0; pair < pairs; ++pair)
    for (int64_t r = 0; r < b.rows; ++r) {
      uint16_t* to =
          b.copy + (pair * b.stride + r % b.stride) * b.plane_elements + r / b.stride * b.pitch * kPixel;
      const int64_t row = b.first_row + r;
      if (row < 0 || row >= b.height) {
        zero(to, b.pitch);
        continue;
      }
      zero(to, b.pad_left);
      to += b.pad_left * kPixel;
      const uint16_t* low = b.input + 2 * pair * area + row * b.width * 16;
      if (2 * pair + 1 < b.in_blocks) {
        const uint16_t* high = low + area;
        for (int64_t x = 0; x < inside; ++x) {
          const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(low + x * 16));
          const __m256i c = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(high + x * 16));
          _mm512_storeu_si512(to + x * kPixel, _mm512_inserti64x4(_mm512_castsi256_si512(a), c, 1));
        }
      } else {
        for (int64_t x = 0; x < inside; ++x)
          _mm512_storeu_si512(
              to + x * kPixel,
              _mm512_zextsi256_si512(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(low + x * 16))));
      }
      zero(to + inside * kPixel, b.pitch - b.pad_left - inside);
    }
}

HONE_INLINE vec widen(const uint16_t* p) {
  const __m256i half = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return reinterpret_cast<vec>(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}
HONE_INLINE void narrow(uint16_t* p, vec v) {
  const __m256bh half = _mm512_cvtneps_pbh(reinterpret_cast<__m512>(v));
  std::memcpy(p, &half, sizeof half);
}

// Sums of outputs [first, first + 32) in the pitch of the copy, into b.sums: [tile of outputs][block].
template <int kRows, int kBlocks>
HONE_INLINE void sum(const AmxBand& b, int64_t first) {
  _tile_zero(0);
  if constexpr (kBlocks == 2) _tile_zero(1);
  if constexpr (kRows == 2) _tile_zero(2);
  if constexpr (kRows == 2 && kBlocks == 2) _tile_zero(3);
  const int64_t step = b.stride * kPixel, row_bytes = step * 2;
  const uint16_t* weights = b.weights;
  for (int64_t pair = 0; pair < b.in_pairs; ++pair)
    for (int64_t ky = 0; ky < b.kernel_h; ++ky) {
      const uint16_t* row = b.copy + (pair * b.stride + ky % b.stride) * b.plane_elements +
                            ky / b.stride * b.pitch * kPixel + first * step;
      for (int64_t kx = 0; kx < b.kernel_w; ++kx, row += kPixel, weights += kBlocks * kTile) {
        _tile_loadd(4, row, row_bytes);
        _tile_loadd(6, weights, 64);
        _tile_dpbf16ps(0, 4, 6);
        if constexpr (kBlocks == 2) {
          _tile_loadd(7, weights + kTile, 64);
          _tile_dpbf16ps(1, 4, 7);
        }
        if constexpr (kRows == 2) {
          _tile_loadd(5, row + 16 * step, row_bytes);
          _tile_dpbf16ps(2, 5, 6);
          if constexpr (kBlocks == 2) _tile_dpbf16ps(3, 5, 7);
        }
      }
    }
  _tile_stored(0, b.sums, 64);
  if constexpr (kBlocks == 2) _tile_stored(1, b.sums + 256, 64);
  if constexpr (kRows == 2) _tile_stored(2, b.sums + 512, 64);
  if constexpr (kRows == 2 && kBlocks == 2) _tile_stored(3, b.sums + 768, 64);
}

// 16 outputs from `first` on of one block.
template <class Act>
HONE_INLINE void finish(const AmxBand& b, int64_t first, int block, const float* sums, Act act) {
  const int64_t out_pitch = b.pitch / b.stride;
  int64_t y = first / out_pitch, x = first % out_pitch;
  const vec bias = load(b.bias + block * 16);
  const bool masks = block + 1 == b.out_blocks && b.last_channels < 16;
  const vec mask = lane_mask(0, masks ? b.last_channels : 16);
  uint16_t* output = b.output + block * b.out_block_stride;
  const uint16_t* residual = b.residual ? b.residual + block * b.residual_block_stride : nullptr;
  for (int i = 0; i < 16; ++i) {
    if (x < b.out_width && y < b.rows) {
      const int64_t at = (y * b.out_width + x) * 16;
      vec v = act(load(sums + i * 16) + bias);
      if (residual) v += widen(residual + at);
      narrow(output + at, masks ? masked(v, mask) : v);
    }
    if (++x == out_pitch) x = 0, ++y;
  }
}

void multiply(const AmxBand& b) {
  const int64_t count = (b.rows - 1) * (b.pitch / b.stride) + b.out_width;
  with_activation(*b.epilogue, [&](auto act) {
    for (int64_t first = 0; first < count; first += 32) {
      const bool two = first + 16 < count;
      if (b.out_blocks == 2)
        two ? sum<2, 2>(b, first) : sum<1, 2>(b, first);
      else
        two ? sum<2, 1>(b, first) : sum<1, 1>(b, first);
      for (int t = 0; t < (two ? 2 : 1); ++t)
        for (int block = 0; block < b.out_blocks; ++block)
          finish(b, first + t * 16, block, b.sums + t * 512 + block * 256, act);
    }
  });
}

}  // namespace
}  // namespace HONE_ISA

const AmxFunctions kAmxBf16 = {HONE_ISA::begin, HONE_ISA::end, HONE_ISA::copy_rows, HONE_ISA::multiply};

bool amx_has(UnaryKind activation) {
  return HONE_ISA::with_activation({.activation = activation}, [](auto) {});
}

}  // namespace hone

#endif
