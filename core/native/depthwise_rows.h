// Depthwise convolutions of channels that lie in rows (layout.h): each sum is over the
// vectors of whole pixels, so that there is no padding and nothing to lay out.
#ifndef DETNAS_DEPTHWISE_ROWS_H
#define DETNAS_DEPTHWISE_ROWS_H

#include "passes.h"

namespace units {
namespace {

// Stencil says of which pixels each pixel of a result is a sum: those from first[p] to
// first[p + 1] of at, in floats from the channel's beginning, by the weights of tap.
struct Stencil {
  std::vector<int32_t> first, at, tap;
};

// Strip is a run of pixels whose products with another add up to a weight's gradient.
struct Strip {
  int64_t g, x, count; // in floats
};

// Window is a convolution's geometry.
struct Window {
  int kernel, stride, pad;
  Shape in, out;

  Window(const Unit &u, const Shape &s)
      : kernel(u.kernel), stride(u.stride), pad(u.kernel / 2), in(s),
        out{s.n, (s.h - 1) / u.stride + 1, (s.w - 1) / u.stride + 1, true} {}

  // forward has the input's pixels that each of the output is a sum of.
  Stencil forward() const {
    Stencil s{{0}, {}, {}};
    for (int64_t y = 0; y < out.h; y++)
      for (int64_t x = 0; x < out.w; x++) {
        for (int64_t t = 0; t < kernel * kernel; t++) {
          const int64_t iy = y * stride + t / kernel - pad, ix = x * stride + t % kernel - pad;
          if (iy >= 0 && iy < in.h && ix >= 0 && ix < in.w)
            add(s, (iy * in.w + ix) * in.n, t);
        }
        s.first.push_back(static_cast<int32_t>(s.at.size()));
      }
    return s;
  }

  // backward has the output's pixels that each of the input is in.
  Stencil backward() const {
    Stencil s{{0}, {}, {}};
    for (int64_t y = 0; y < in.h; y++)
      for (int64_t x = 0; x < in.w; x++) {
        for (int64_t t = 0; t < kernel * kernel; t++) {
          const int64_t oy = y + pad - t / kernel, ox = x + pad - t % kernel;
          if (oy >= 0 && ox >= 0 && oy % stride == 0 && ox % stride == 0 && oy / stride < out.h && ox / stride < out.w)
            add(s, (oy / stride * out.w + ox / stride) * in.n, t);
        }
        s.first.push_back(static_cast<int32_t>(s.at.size()));
      }
    return s;
  }

  // strips are those of a weight: of whole lines with stride 1, of pixels else.
  std::vector<Strip> strips(int tap) const {
    std::vector<Strip> all;
    const int64_t dy = tap / kernel - pad, dx = tap % kernel - pad;
    for (int64_t y = 0; y < out.h; y++) {
      const int64_t iy = y * stride + dy;
      if (iy < 0 || iy >= in.h)
        continue;
      for (int64_t x = 0; x < out.w; x++) {
        const int64_t ix = x * stride + dx;
        if (ix < 0 || ix >= in.w)
          continue;
        const Strip s = {(y * out.w + x) * in.n, (iy * in.w + ix) * in.n, in.n};
        if (!all.empty() && all.back().g + all.back().count == s.g && all.back().x + all.back().count == s.x)
          all.back().count += s.count;
        else
          all.push_back(s);
      }
    }
    return all;
  }

private:
  static void add(Stencil &s, int64_t at, int64_t tap) {
    s.at.push_back(static_cast<int32_t>(at));
    s.tap.push_back(static_cast<int32_t>(tap));
  }
};

// row_of is a channel of a source as the convolution takes it, in a buffer if need be.
const float *row_of(const Source &x, int64_t c, int64_t count, Buffer &buffer) {
  if (!x.norm)
    return x.maps.at(0, c);
  float *row = buffer.get(count);
  x.read(row, 0, c, 0, count);
  return row;
}

std::vector<Moments> depthwise_rows(const Unit &u, const Source &x, const Shape &s, const Maps &raw) {
  const Window w(u, s);
  const Stencil st = w.forward();
  const float *weight = u.weight.data_ptr<float>();
  const int64_t count = u.kernel * u.kernel;
  std::vector<Moments> m(raw.count());
  each(raw.count(), s.pixels(), [&](int64_t c) {
    const float *row = row_of(x, c, s.pixels(), buffers[0]);
    K().stencil(raw.at(0, c), row, weight + c * count, st.first.data(), st.at.data(), st.tap.data(), w.out.h * w.out.w, s.n);
    if (u.batch)
      m[c] = moments_of(raw, w.out, c);
  });
  return m;
}

Sums depthwise_rows_back(const Unit &u, const Source &x, const Shape &s, const Result &y, const Target &to, Tensor &dw) {
  const Window w(u, s);
  const Stencil st = w.backward();
  const float *weight = u.weight.data_ptr<float>();
  const int count = u.kernel * u.kernel;
  std::vector<std::vector<Strip>> strips;
  for (int t = 0; t < count && dw.defined(); t++)
    strips.push_back(w.strips(t));
  Sums sums(x.norm ? 1 : 0, x.maps.count());
  each(x.maps.count(), s.pixels(), [&](int64_t c) {
    float *top = buffers[1].get(w.out.pixels());
    y.read(top, 0, c, 0, w.out.pixels());
    if (dw.defined()) {
      const float *row = row_of(x, c, s.pixels(), buffers[0]);
      for (int t = 0; t < count; t++) {
        double sum = 0;
        for (const Strip &p : strips[t])
          sum += K().dot(top + p.g, row + p.x, p.count);
        dw.data_ptr<float>()[c * count + t] = static_cast<float>(sum);
      }
    }
    if (!to.wanted())
      return;
    float *down = to.accumulate ? buffers[2].get(s.pixels()) : to.dx.at(0, c);
    K().stencil(down, top, weight + c * count, st.first.data(), st.at.data(), st.tap.data(), s.h * s.w, s.n);
    if (x.norm)
      K().gather_sums(down, x.maps.at(0, c), s.pixels(), x.of(c), sums.g[c], sums.gx[c]);
    if (to.accumulate)
      to.write(down, 0, c, 0, s.pixels());
  });
  return sums;
}

} // namespace
} // namespace units
#endif
