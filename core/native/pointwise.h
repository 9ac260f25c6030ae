// Pointwise convolutions as products of matrices, a tile of pixels at a time.
#ifndef DETNAS_POINTWISE_H
#define DETNAS_POINTWISE_H

#include "passes.h"
#include "turn.h"

namespace units {
namespace {

// Piece is a part of a run, and where it is in its tile.
struct Piece {
  int64_t n, from, count, at;
};

// Tile is what a product is made of at a time: a part of a run, or several runs.
struct Tile {
  std::vector<Piece> pieces;
  int64_t length = 0;
};

// tiles depend on the shape alone, and so do the sums over them: they are the same
// to the bit on any number of threads. There are two at least: for as many threads.
std::vector<Tile> tiles(const Shape &s, int64_t in, int64_t out) {
  constexpr int64_t kCache = 160 << 10, kLeast = 288, kMost = 1008, kStep = 48, kVector = 16; // floats, pixels
  const int64_t half = up((s.pixels() + 1) / 2, kVector);
  const int64_t most = std::min(half, std::clamp(kCache / (in + out) / kStep * kStep, kLeast, kMost)), run = s.run();
  std::vector<Tile> all;
  if (run > most) {
    const int64_t parts = (run + most - 1) / most, part = up((run + parts - 1) / parts, run > 4 * kStep * parts ? kStep : kVector);
    for (int64_t n = 0; n < s.runs(); n++)
      for (int64_t p = 0; p < run; p += part) {
        const int64_t count = std::min(part, run - p);
        all.push_back({{{n, p, count, 0}}, count});
      }
    return all;
  }
  const int64_t runs = most / run;
  for (int64_t n = 0; n < s.runs(); n += runs) {
    Tile t;
    for (int64_t i = n; i < std::min(s.runs(), n + runs); i++, t.length += run)
      t.pieces.push_back({i, 0, run, t.length});
    all.push_back(t);
  }
  return all;
}

// packed lays w out as product wants it: element (r, k) is w[r*across + k*down].
std::vector<float> packed(const float *w, int64_t rows, int64_t depth, int64_t across, int64_t down) {
  const int64_t R = K().rows, blocks = (rows + R - 1) / R;
  std::vector<float> p(blocks * depth * R);
  each(blocks, depth * R / 4, [&](int64_t b) {
    const int64_t from = b * R, count = std::min(R, rows - from);
    float *to = p.data() + from * depth;
    if (down == 1)
      detnas::turn(to, R, w + from * across, across, count, depth);
    else
      for (int64_t k = 0; k < depth; k++)
        std::copy_n(w + from + k * down, count, to + k * R); // across is 1
  });
  return p;
}

// stride of a tile's rows in a buffer: whole vectors, and never a power of two, whose
// rows would share few lines of the cache.
int64_t row_stride(int64_t length) { return up(length, 16) + 16; }

void zero_from(float *row, int64_t from, int64_t to) { std::fill(row + from, row + std::max(from, to), 0.0f); }

void read_tile(float *b, int64_t ld, const Source &x, const Tile &t, int64_t channels) {
  for (int64_t c = 0; c < channels; c++) {
    for (const Piece &p : t.pieces)
      x.read(b + c * ld + p.at, p.n, c, p.from, p.count);
    zero_from(b + c * ld, t.length, ld);
  }
}

std::vector<Moments> pointwise(const Unit &u, const Source &x, const Shape &s, const Maps &raw) {
  const int64_t in = x.maps.count(), out = raw.count(), blocks = (out + K().rows - 1) / K().rows;
  const std::vector<float> w = packed(u.weight.data_ptr<float>(), out, in, in, 1);
  const std::vector<Tile> all = tiles(s, in, out);
  std::vector<double> mean(all.size() * out), m2(all.size() * out);
  each(static_cast<int64_t>(all.size()), in * all[0].length, [&](int64_t i) {
    const Tile &t = all[i];
    const int64_t ld = row_stride(t.length);
    float *b = buffers[0].get(in * ld), *c = buffers[1].get(blocks * K().rows * ld);
    read_tile(b, ld, x, t, in);
    K().product(w.data(), b, ld, c, ld, blocks, in, up(t.length, K().lanes));
    for (int64_t o = 0; o < out; o++) {
      if (u.batch)
        K().moments(c + o * ld, t.length, mean[i * out + o], m2[i * out + o]);
      for (const Piece &p : t.pieces)
        std::memcpy(raw.at(p.n, o) + p.from, c + o * ld + p.at, sizeof(float) * p.count);
    }
  });
  std::vector<Moments> m(out);
  if (u.batch)
    for (size_t i = 0; i < all.size(); i++)
      for (int64_t o = 0; o < out; o++)
        m[o].take(mean[i * out + o], m2[i * out + o], static_cast<double>(all[i].length));
  return m;
}

// Weights are gathered in so many parts, each by one thread, in the order of tiles.
int64_t weight_parts(int64_t tiles, int64_t size) {
  constexpr int64_t kMost = 16, kFloats = 2 << 20;
  return std::max<int64_t>(1, std::min({kMost, tiles, std::max<int64_t>(2, kFloats / size)}));
}

// collect adds up the parts [parts, rows, cols] of a weight's gradient [out, in].
void collect(float *dw, const float *parts, int64_t out, int64_t in, int64_t count, int64_t rows, int64_t cols) {
  for (int64_t o = 0; o < out; o++, dw += in) {
    std::copy(parts + o * cols, parts + o * cols + in, dw);
    for (int64_t p = 1; p < count; p++)
      K().add(dw, parts + (p * rows + o) * cols, in);
  }
}

Sums pointwise_back(const Unit &u, const Source &x, const Shape &s, const Result &y, const Target &to, Tensor &dw) {
  const int64_t in = x.maps.count(), out = y.g.count(), R = K().rows, V = K().vecs;
  const int64_t rows = up(out, R), cols = up(in, V), blocks = (in + R - 1) / R;
  const std::vector<float> w = packed(u.weight.data_ptr<float>(), in, out, 1, in);
  const std::vector<Tile> all = tiles(s, in, out);
  const int64_t count = static_cast<int64_t>(all.size()), parts = weight_parts(count, rows * cols);
  Sums sums(x.norm ? count : 0, in);
  Tensor gathered = at::zeros({dw.defined() ? parts : 0, rows, cols}, at::kFloat);
  each(parts, in * s.pixels() / parts, [&](int64_t part) {
    float *mine = gathered.data_ptr<float>() + part * rows * cols;
    for (int64_t i = part * count / parts; i < (part + 1) * count / parts; i++) {
      const Tile &t = all[i];
      const int64_t ld = row_stride(t.length), n = up(t.length, K().lanes);
      float *a = buffers[0].get(rows * ld);
      for (int64_t o = 0; o < out; o++) {
        for (const Piece &p : t.pieces)
          y.read(a + o * ld + p.at, p.n, o, p.from, p.count);
        zero_from(a + o * ld, t.length, ld);
      }
      std::fill(a + out * ld, a + rows * ld, 0.0f);
      if (dw.defined()) {
        float *b = buffers[1].get(cols * ld);
        read_tile(b, ld, x, t, in);
        std::fill(b + in * ld, b + cols * ld, 0.0f);
        K().correlate(mine, cols, a, ld, b, ld, rows, cols, n);
      }
      if (!to.wanted())
        continue;
      float *c = buffers[2].get(blocks * R * ld);
      K().product(w.data(), a, ld, c, ld, blocks, out, n);
      for (int64_t k = 0; k < in; k++)
        for (const Piece &p : t.pieces) {
          const float *d = c + k * ld + p.at;
          to.write(d, p.n, k, p.from, p.count);
          if (x.norm)
            K().gather_sums(d, x.maps.at(p.n, k) + p.from, p.count, x.of(k), sums.g[i * in + k], sums.gx[i * in + k]);
        }
    }
  });
  if (dw.defined())
    collect(dw.data_ptr<float>(), gathered.data_ptr<float>(), out, in, parts, rows, cols);
  return sums;
}

} // namespace
} // namespace units
#endif
