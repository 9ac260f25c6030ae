// Copies that turn a matrix around.
#ifndef DETNAS_TURN_H
#define DETNAS_TURN_H

#include <algorithm>
#include <cstdint>

namespace detnas {

typedef float four __attribute__((vector_size(16), aligned(4), may_alias));

// turn_four turns four rows of four.
inline void turn_four(float *to, int64_t to_step, const float *from, int64_t from_step) {
  const auto row = [&](int i) { return *reinterpret_cast<const four *>(from + i * from_step); };
  const auto put = [&](int i, four v) { *reinterpret_cast<four *>(to + i * to_step) = v; };
  const four a = row(0), b = row(1), c = row(2), d = row(3);
  const four ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), more_ab = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  const four cd = __builtin_shufflevector(c, d, 0, 4, 1, 5), more_cd = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  put(0, __builtin_shufflevector(ab, cd, 0, 1, 4, 5));
  put(1, __builtin_shufflevector(ab, cd, 2, 3, 6, 7));
  put(2, __builtin_shufflevector(more_ab, more_cd, 0, 1, 4, 5));
  put(3, __builtin_shufflevector(more_ab, more_cd, 2, 3, 6, 7));
}

// turn is to[j * to_step + i] = from[i * from_step + j], a square at a time that the
// first cache holds.
inline void turn(float *to, int64_t to_step, const float *from, int64_t from_step, int64_t rows, int64_t cols) {
  constexpr int64_t kSide = 16;
  for (int64_t i = 0; i < rows; i += kSide)
    for (int64_t j = 0; j < cols; j += kSide) {
      const int64_t down = std::min(i + kSide, rows), across = std::min(j + kSide, cols);
      int64_t a = i;
      for (; a + 4 <= down; a += 4) {
        int64_t b = j;
        for (; b + 4 <= across; b += 4)
          turn_four(to + b * to_step + a, to_step, from + a * from_step + b, from_step);
        for (; b < across; b++)
          for (int64_t k = a; k < a + 4; k++)
            to[b * to_step + k] = from[k * from_step + b];
      }
      for (; a < down; a++)
        for (int64_t b = j; b < across; b++)
          to[b * to_step + a] = from[a * from_step + b];
    }
}

} // namespace detnas
#endif
