// Copies that turn a matrix around.
#ifndef DETNAS_TURN_H
#define DETNAS_TURN_H

#include <algorithm>
#include <cstdint>

namespace detnas {

// turn is to[j * to_step + i] = from[i * from_step + j], a square at a time that the
// first cache holds.
inline void turn(float *to, int64_t to_step, const float *from, int64_t from_step, int64_t rows, int64_t cols) {
  constexpr int64_t kSide = 16;
  for (int64_t i = 0; i < rows; i += kSide)
    for (int64_t j = 0; j < cols; j += kSide)
      for (int64_t b = j; b < std::min(j + kSide, cols); b++)
        for (int64_t a = i; a < std::min(i + kSide, rows); a++)
          to[b * to_step + a] = from[a * from_step + b];
}

} // namespace detnas
#endif
