// Depthwise convolutions of planes, a channel of all images at a time.
#ifndef DETNAS_DEPTHWISE_H
#define DETNAS_DEPTHWISE_H

#include "passes.h"

namespace units {
namespace {

// Grid is how a channel of an image is laid out: as a few flat planes, one for each
// place that a pixel can have within the stride, so that all that is summed lies at
// fixed distances and in whole vectors. Between two rows is the padding, once: a row's
// end reads the beginning of the next.
struct Grid {
  static constexpr int64_t kSlack = 96; // that taps and vectors reach beyond

  int kernel, stride, pad;
  int64_t h, w;          // of the input
  int64_t oh, ow;        // of the output
  int64_t line;          // floats from a row to the next
  int64_t plane;         // floats of one of the planes
  int64_t flat;          // positions of the output in a plane, with those between rows
  std::vector<int32_t> at; // of each weight in the planes, from the output's position

  Grid(int k, int st, int64_t height, int64_t width)
      : kernel(k), stride(st), pad(k / 2), h(height), w(width), oh((height - 1) / st + 1), ow((width - 1) / st + 1) {
    line = ow + pad;
    flat = oh * line;
    plane = (std::max((h + 2 * pad + stride - 1) / stride, oh + 2 * pad) + 1) * line + kSlack;
    for (int y = 0; y < k; y++)
      for (int x = 0; x < k; x++)
        at.push_back(static_cast<int32_t>(phase(y, x) * plane + y / stride * line + x / stride));
  }
  int phases() const { return stride * stride; }
  int phase(int64_t y, int64_t x) const { return static_cast<int>(y % stride * stride + x % stride); }
};

// lay writes a channel of an image into planes whose padding is zero.
void lay(float *planes, const Grid &g, const Source &x, int64_t n, int64_t c) {
  const float *src = x.maps.at(n, c), scale = x.scale(c), shift = x.shift(c);
  for (int64_t r = 0; r < g.h; r++, src += g.w) {
    const int64_t R = r + g.pad;
    if (g.stride == 1) {
      float *dst = planes + R * g.line + g.pad;
      if (x.norm)
        K().activate(dst, src, g.w, scale, shift, x.relu);
      else
        std::memcpy(dst, src, sizeof(float) * g.w);
      continue;
    }
    for (int64_t first = 0; first < 2 && first < g.w; first++) {
      const int64_t C = first + g.pad;
      K().activate_by_two(planes + g.phase(R, C) * g.plane + R / 2 * g.line + C / 2, src + first, (g.w - first + 1) / 2,
                          scale, shift, x.relu && x.norm);
    }
  }
}

std::vector<Moments> depthwise_planes(const Unit &u, const Source &x, const Shape &s, const Maps &raw) {
  const Grid g(u.kernel, u.stride, s.h, s.w);
  const float *weight = u.weight.data_ptr<float>();
  const int count = u.kernel * u.kernel;
  std::vector<Moments> m(raw.count());
  at::parallel_for(0, raw.count(), grain(s.pixels()), [&](int64_t from, int64_t to) {
    float *planes = buffers[0].get(g.phases() * g.plane), *flat = buffers[1].get(g.flat + Grid::kSlack);
    std::fill(planes, planes + g.phases() * g.plane, 0.0f);
    for (int64_t c = from; c < to; c++) {
      for (int64_t n = 0; n < s.n; n++) {
        lay(planes, g, x, n, c);
        K().taps(flat, planes, g.at.data(), weight + c * count, count, g.flat);
        float *dst = raw.at(n, c);
        for (int64_t r = 0; r < g.oh; r++)
          std::memcpy(dst + r * g.ow, flat + r * g.line, sizeof(float) * g.ow);
      }
      if (u.batch)
        m[c] = moments_of(raw, {s.n, g.oh, g.ow}, c);
    }
  });
  return m;
}

// BackTaps are what the gradient of one of the input's planes is made of: it is found
// from the plane's first pixel to its last, those between rows with them.
struct BackTaps {
  std::vector<int32_t> at, weight;
  int64_t first = 0, count = 0;

  BackTaps(const Grid &g, int py, int px) {
    for (int y = py; y < g.kernel; y += g.stride)
      for (int x = px; x < g.kernel; x += g.stride) {
        at.push_back(static_cast<int32_t>((g.pad - y / g.stride) * g.line + g.pad - x / g.stride));
        weight.push_back(y * g.kernel + x);
      }
    const int64_t s = g.stride, top = (g.pad - py + s - 1) / s, left = (g.pad - px + s - 1) / s;
    if (top * s + py >= g.pad + g.h || left * s + px >= g.pad + g.w)
      return; // no pixel is in it
    first = top * g.line + left;
    count = (g.pad + g.h - 1 - py) / s * g.line + (g.pad + g.w - 1 - px) / s + 1 - first;
  }
};

// unlay gives the gradient of a channel of an image from that of its planes.
void unlay(float *dst, const float *planes, const Grid &g) {
  for (int64_t r = 0; r < g.h; r++, dst += g.w) {
    const int64_t R = r + g.pad;
    if (g.stride == 1) {
      std::memcpy(dst, planes + R * g.line + g.pad, sizeof(float) * g.w);
      continue;
    }
    for (int64_t first = 0; first < 2; first++) {
      const int64_t C = first + g.pad;
      const float *p = planes + g.phase(R, C) * g.plane + R / 2 * g.line + C / 2;
      for (int64_t i = 0; first + 2 * i < g.w; i++)
        dst[first + 2 * i] = p[i];
    }
  }
}

Sums depthwise_planes_back(const Unit &u, const Source &x, const Shape &s, const Result &y, const Target &to, Tensor &dw) {
  const Grid g(u.kernel, u.stride, s.h, s.w);
  const float *weight = u.weight.data_ptr<float>();
  const int count = u.kernel * u.kernel;
  std::vector<BackTaps> taps;
  for (int p = 0; p < g.phases(); p++)
    taps.emplace_back(g, p / g.stride, p % g.stride);
  Sums sums(x.norm ? 1 : 0, x.maps.count());
  at::parallel_for(0, x.maps.count(), grain(s.pixels()), [&](int64_t from, int64_t until) {
    const int64_t all = g.phases() * g.plane;
    float *planes = buffers[0].get(all), *top = buffers[1].get(g.plane), *down = buffers[2].get(all);
    float *whole = buffers[3].get(s.run());
    std::fill(planes, planes + all, 0.0f);
    std::fill(top, top + g.plane, 0.0f);
    std::vector<float> picked(count);
    for (int64_t c = from; c < until; c++) {
      std::vector<float> slopes(count);
      const float *w = weight + c * count;
      for (int64_t n = 0; n < s.n; n++) {
        for (int64_t r = 0; r < g.oh; r++)
          y.read(top + (r + g.pad) * g.line + g.pad, n, c, r * g.ow, g.ow);
        if (dw.defined()) {
          lay(planes, g, x, n, c);
          K().tap_slopes(slopes.data(), top + g.pad * g.line + g.pad, planes, g.at.data(), count, g.flat);
        }
        if (!to.wanted())
          continue;
        for (int p = 0; p < g.phases(); p++) {
          for (size_t t = 0; t < taps[p].weight.size(); t++)
            picked[t] = w[taps[p].weight[t]];
          K().taps(down + p * g.plane + taps[p].first, top + taps[p].first, taps[p].at.data(), picked.data(),
                   static_cast<int>(taps[p].at.size()), taps[p].count);
        }
        unlay(whole, down, g);
        to.write(whole, n, c, 0, s.run());
        if (x.norm)
          K().gather_sums(whole, x.maps.at(n, c), s.run(), x.of(c), sums.g[c], sums.gx[c]);
      }
      if (dw.defined())
        std::copy(slopes.begin(), slopes.end(), dw.data_ptr<float>() + c * count);
    }
  });
  return sums;
}

} // namespace
} // namespace units
#endif
