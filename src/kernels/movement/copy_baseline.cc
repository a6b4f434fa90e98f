#include <cstring>

#include "kernels/movement/copy.h"

namespace hone {
namespace {

constexpr int64_t kGrainBytes = 32 << 10;  // what a thread should at least move
constexpr int64_t kTile = 64;              // rows of a transposition that stay in the first-level cache

// Runs of `count` elements on the innermost axis, for the outer indices [begin, end).
template <class Row>
void each_row(StridedLoop<2>& loop, size_t outer_axes, int64_t begin, int64_t end, Row&& row) {
  if (outer_axes == 0) return row(0, 0);
  // The last outer axis advances by its distances; the others are found again at each of its ends.
  const size_t last = outer_axes - 1;
  for (int64_t i = begin; i < end;) {
    auto at = loop.offsets(i, outer_axes);
    const int64_t until = std::min(end, (i / loop.shape[last] + 1) * loop.shape[last]);
    for (; i < until; ++i) {
      row(at[0], at[1]);
      at[0] += loop.stride[0][last];
      at[1] += loop.stride[1][last];
    }
  }
}

// A call of memcpy costs as much as a block of channels takes to copy; with a fixed size it is two or four
// moves.
template <class T>
void copy_row(T* to, const T* from, int64_t bytes) {
  switch (bytes) {
    case 16:
      std::memcpy(to, from, 16);
      return;
    case 32:
      std::memcpy(to, from, 32);
      return;
    case 64:
      std::memcpy(to, from, 64);
      return;
    default:
      break;
  }
  if (bytes > 32) {
    std::memcpy(to, from, static_cast<size_t>(bytes));
    return;
  }
  for (int64_t i = 0; i < bytes / static_cast<int64_t>(sizeof(T)); ++i) to[i] = from[i];
}

template <class T>
void copy_rows(StridedLoop<2>& loop, T* target, const T* source, ThreadPool& threads) {
  const size_t outer = loop.rank() - 1;
  const int64_t length = loop.shape[outer], rows = loop.count(outer);
  const int64_t bytes = length * static_cast<int64_t>(sizeof(T));
  // Few long rows are cut so that every thread has a part.
  if (rows < static_cast<int64_t>(threads.thread_count()) * 2 && bytes > 2 * kGrainBytes) {
    for (int64_t r = 0; r < rows; ++r) {
      const auto at = loop.offsets(r, outer);
      parallel_ranges(threads, length, kGrainBytes / static_cast<int64_t>(sizeof(T)),
                      [&](int64_t begin, int64_t end) {
                        std::memcpy(target + at[0] + begin, source + at[1] + begin,
                                    static_cast<size_t>(end - begin) * sizeof(T));
                      });
    }
    return;
  }
  parallel_ranges(threads, rows, std::max<int64_t>(kGrainBytes / std::max<int64_t>(bytes, 1), 1),
                  [&](int64_t begin, int64_t end) {
                    each_row(loop, outer, begin, end,
                             [&](int64_t to, int64_t from) { copy_row(target + to, source + from, bytes); });
                  });
}

template <class T>
void copy_elements(StridedLoop<2>& loop, T* target, const T* source, ThreadPool& threads) {
  const size_t outer = loop.rank() - 1;
  const int64_t length = loop.shape[outer], to_step = loop.stride[0][outer],
                from_step = loop.stride[1][outer];
  const int64_t grain = kGrainBytes / (length * static_cast<int64_t>(sizeof(T)) + 1) + 1;
  parallel_ranges(threads, loop.count(outer), grain, [&](int64_t begin, int64_t end) {
    each_row(loop, outer, begin, end, [&](int64_t to, int64_t from) {
      for (int64_t i = 0; i < length; ++i) target[to + i * to_step] = source[from + i * from_step];
    });
  });
}

// A matrix of `rows` x `columns`: source rows are side by side in columns (distance 1 over `columns`), target
// the other way round.
template <class T>
struct Transposition {
  T* target;
  const T* source;
  int64_t target_step, source_step;  // between columns of the target's rows, between rows of the source
};

template <class T>
void transpose_4x4(const Transposition<T>& t, int64_t row, int64_t column) {
  typedef T four __attribute__((vector_size(4 * sizeof(T))));
  four a[4];
  for (int i = 0; i < 4; ++i) std::memcpy(&a[i], t.source + (row + i) * t.source_step + column, sizeof(four));
  const four ab_low = __builtin_shufflevector(a[0], a[1], 0, 4, 1, 5),
             ab_high = __builtin_shufflevector(a[0], a[1], 2, 6, 3, 7);
  const four cd_low = __builtin_shufflevector(a[2], a[3], 0, 4, 1, 5),
             cd_high = __builtin_shufflevector(a[2], a[3], 2, 6, 3, 7);
  const four out[4] = {__builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5),
                       __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7),
                       __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5),
                       __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7)};
  for (int i = 0; i < 4; ++i)
    std::memcpy(t.target + (column + i) * t.target_step + row, &out[i], sizeof(four));
}

template <class T>
void transpose_tile(const Transposition<T>& t, int64_t rows, int64_t columns) {
  int64_t column = 0;
  for (; column + 4 <= columns; column += 4) {
    int64_t row = 0;
    for (; row + 4 <= rows; row += 4) transpose_4x4(t, row, column);
    for (; row < rows; ++row)
      for (int64_t c = column; c < column + 4; ++c)
        t.target[c * t.target_step + row] = t.source[row * t.source_step + c];
  }
  for (; column < columns; ++column)
    for (int64_t row = 0; row < rows; ++row)
      t.target[column * t.target_step + row] = t.source[row * t.source_step + column];
}

// The target's innermost axis is the last one, the source's is `inner`; the others are walked outside.
template <class T>
void transpose(const StridedLoop<2>& loop, size_t inner, T* target, const T* source, ThreadPool& threads) {
  StridedLoop<2> outer, all = loop;
  const size_t last = all.rank() - 1;
  for (size_t i = 0; i < last; ++i)
    if (i != inner) outer.add_axis(all.shape[i], {all.stride[0][i], all.stride[1][i]});
  const int64_t rows = all.shape[last], columns = all.shape[inner];
  const int64_t row_tiles = (rows + kTile - 1) / kTile, column_tiles = (columns + kTile - 1) / kTile;
  const int64_t tiles = outer.count(outer.rank()) * row_tiles * column_tiles;
  const int64_t tile_bytes =
      std::min(rows, kTile) * std::min(columns, kTile) * static_cast<int64_t>(sizeof(T));
  parallel_ranges(threads, tiles, kGrainBytes / tile_bytes + 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const auto at = outer.offsets(i / (row_tiles * column_tiles), outer.rank());
      const int64_t row = i % row_tiles * kTile, column = i / row_tiles % column_tiles * kTile;
      transpose_tile(Transposition<T>{.target = target + at[0] + column * all.stride[0][inner] + row,
                                      .source = source + at[1] + row * all.stride[1][last] + column,
                                      .target_step = all.stride[0][inner],
                                      .source_step = all.stride[1][last]},
                     std::min(kTile, rows - row), std::min(kTile, columns - column));
    }
  });
}

template <class T>
void copy_typed(StridedLoop<2>& loop, void* to, const void* from, ThreadPool& threads) {
  auto* target = static_cast<T*>(to);
  const auto* source = static_cast<const T*>(from);
  if (loop.rank() == 0) {
    *target = *source;
    return;
  }
  const size_t last = loop.rank() - 1;
  if (loop.stride[0][last] == 1 && loop.stride[1][last] == 1) return copy_rows(loop, target, source, threads);
  if (loop.stride[0][last] == 1)
    for (size_t i = 0; i < last; ++i)
      if (loop.stride[1][i] == 1) return transpose(loop, i, target, source, threads);
  copy_elements(loop, target, source, threads);
}

}  // namespace

void copy_strided(StridedLoop<2> loop, size_t element_bytes, void* target, const void* source,
                  ThreadPool& threads) {
  for (size_t i = 0; i < loop.rank(); ++i)
    if (loop.shape[i] <= 0) return;
  loop.merge();
  switch (element_bytes) {
    case 1:
      return copy_typed<uint8_t>(loop, target, source, threads);
    case 2:
      return copy_typed<uint16_t>(loop, target, source, threads);
    case 4:
      return copy_typed<uint32_t>(loop, target, source, threads);
    default:
      return copy_typed<uint64_t>(loop, target, source, threads);
  }
}

StridedLoop<2> copy_loop(const Extents& shape, const Dims& target, const Dims& source) {
  StridedLoop<2> loop;
  loop.shape = shape;
  loop.stride = {target, source};
  return loop;
}

}  // namespace hone
