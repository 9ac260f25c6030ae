// The units of units.h one after the other.
#ifndef DETNAS_UNITS_RUN_H
#define DETNAS_UNITS_RUN_H

#include "depthwise.h"
#include "depthwise_rows.h"
#include "layout.h"
#include "pointwise.h"

#include <cmath>

namespace units {
namespace {

// together has the moments of all ranks in place of this one's.
void together(std::vector<Moments> &m, const Total &total) {
  const size_t n = m.size();
  std::vector<double> all(2 * n + 1);
  for (size_t c = 0; c < n; c++) {
    all[c] = m[c].count * m[c].mean;
    all[n + c] = m[c].m2 + m[c].count * m[c].mean * m[c].mean;
  }
  all.back() = m[0].count; // the same of every channel
  total(all);
  for (size_t c = 0; c < n; c++) {
    const double mean = all[c] / all.back();
    m[c] = {mean, std::max(0.0, all[n + c] - all.back() * mean * mean), all.back()};
  }
}

// settle makes BN's four numbers of each channel, and moves its statistics.
Tensor settle(const Unit &u, int64_t channels, const std::vector<Moments> &m) {
  Tensor norm = at::empty({4, channels}, at::kFloat);
  float *out = norm.data_ptr<float>();
  float *mean = u.mean.data_ptr<float>(), *variance = u.variance.data_ptr<float>();
  const float *gamma = u.gamma.data_ptr<float>(), *beta = u.beta.data_ptr<float>();
  for (int64_t c = 0; c < channels; c++) {
    double mu = mean[c], var = variance[c];
    if (u.batch) {
      mu = m[c].mean;
      var = m[c].m2 / m[c].count;
      mean[c] = static_cast<float>((1 - u.momentum) * mean[c] + u.momentum * mu);
      variance[c] = static_cast<float>((1 - u.momentum) * variance[c] + u.momentum * (m[c].m2 / (m[c].count - 1)));
    }
    const double deviation = 1 / std::sqrt(var + u.eps);
    out[c] = static_cast<float>(mu);
    out[channels + c] = static_cast<float>(deviation);
    out[2 * channels + c] = static_cast<float>(gamma[c] * deviation);
    out[3 * channels + c] = static_cast<float>(beta[c] - mu * gamma[c] * deviation);
  }
  return norm;
}

Shape after(const Unit &u, const Shape &in) {
  const int64_t s = std::max(u.stride, 1);
  return {in.n, (in.h - 1) / s + 1, (in.w - 1) / s + 1, in.rows};
}

Maps whole(const Tensor &t) { return maps(t, 0, 1, t.size(1)); }

std::vector<Moments> depthwise(const Unit &u, const Source &x, const Shape &s, const Maps &raw) {
  return s.rows ? depthwise_rows(u, x, s, raw) : depthwise_planes(u, x, s, raw);
}

Sums depthwise_back(const Unit &u, const Source &x, const Shape &s, const Result &y, const Target &to, Tensor &dw) {
  return s.rows ? depthwise_rows_back(u, x, s, y, to, dw) : depthwise_planes_back(u, x, s, y, to, dw);
}

// slopes_of are a unit's slopes, and the gradients of BN's parameters: this rank's share.
std::vector<Slope> slopes_of(const Unit &u, const Kept &k, const Shape &s, const Sums &sums, Grads &grads, const Total &total) {
  const int64_t channels = k.norm.size(1);
  const float *norm = k.norm.data_ptr<float>();
  if (u.gamma.requires_grad())
    grads.gamma = at::empty({channels}, at::kFloat);
  if (u.beta.requires_grad())
    grads.beta = at::empty({channels}, at::kFloat);
  std::vector<double> of(2 * channels + 1); // sums of g, and of g times the normalised x
  of.back() = static_cast<double>(s.pixels());
  for (int64_t c = 0; c < channels; c++) {
    sums.total(c, of[c], of[channels + c]);
    of[channels + c] *= norm[channels + c];
    if (grads.gamma.defined())
      grads.gamma.data_ptr<float>()[c] = static_cast<float>(of[channels + c]);
    if (grads.beta.defined())
      grads.beta.data_ptr<float>()[c] = static_cast<float>(of[c]);
  }
  if (u.batch && total)
    total(of);
  const double count = of.back();
  std::vector<Slope> all(channels);
  for (int64_t c = 0; c < channels; c++) {
    const double s1 = of[c], s2 = of[channels + c];
    const double mean = norm[c], deviation = norm[channels + c], scale = norm[2 * channels + c];
    const double by_x = u.batch ? -scale * deviation * s2 / count : 0;
    const double more = u.batch ? -scale * s1 / count - by_x * mean : 0;
    all[c] = {norm[2 * channels + c], norm[3 * channels + c], static_cast<float>(scale), static_cast<float>(by_x),
              static_cast<float>(more), u.relu};
  }
  return all;
}

// sums_of reads the gradient of the last unit's result, which no unit has made.
Sums sums_of(const Maps &g, const Source &x, const Shape &s) {
  Sums sums(1, g.count());
  each(g.count(), s.pixels(), [&](int64_t c) {
    for (int64_t n = 0; n < s.runs(); n++)
      K().gather_sums(g.at(n, c), x.maps.at(n, c), s.run(), x.of(c), sums.g[c], sums.gx[c]);
  });
  return sums;
}

} // namespace

Maps maps(const Tensor &t, int64_t first, int64_t step, int64_t count) {
  Maps m;
  m.data = t.data_ptr<float>();
  m.step = t.stride(0);
  for (int64_t c = 0; c < count; c++)
    m.channel.push_back((first + c * step) * t.stride(1));
  return m;
}

Shape after(const std::vector<Unit> &units, Shape in) {
  for (const Unit &u : units)
    in = after(u, in);
  return in;
}

std::vector<Kept> forward(const std::vector<Unit> &units, const Maps &x, Shape shape, const Maps &out, bool keep,
                          const Total &total) {
  std::vector<Kept> kept(units.size());
  Source from = {x, nullptr, false};
  for (size_t i = 0; i < units.size(); i++) {
    const Unit &u = units[i];
    const Shape next = after(u, shape);
    const int64_t channels = u.gamma.size(0);
    std::vector<Moments> m;
    Maps raw = from.maps;
    if (u.kernel > 0) {
      kept[i].raw = layout::empty(next, channels);
      raw = whole(kept[i].raw);
      m = u.depthwise ? depthwise(u, from, shape, raw) : pointwise(u, from, shape, raw);
    } else if (u.batch) {
      m.resize(channels);
      each(channels, shape.pixels(), [&](int64_t c) { m[c] = moments_of(raw, shape, c); });
    }
    if (u.batch && total)
      together(m, total);
    kept[i].norm = settle(u, channels, m);
    if (!keep && i > 0)
      kept[i - 1] = {};
    from = {raw, kept[i].norm.data_ptr<float>(), u.relu};
    shape = next;
  }
  each(out.count(), shape.pixels(), [&](int64_t c) {
    for (int64_t n = 0; n < shape.runs(); n++)
      from.read(out.at(n, c), n, c, 0, shape.run());
  });
  return kept;
}

std::vector<Grads> backward(const std::vector<Unit> &units, const Maps &x, Shape shape, const std::vector<Kept> &kept,
                            const Maps &grad, const Maps &dx, bool accumulate, const Total &total) {
  const int count = static_cast<int>(units.size());
  std::vector<Grads> grads(count);
  std::vector<Shape> shapes = {shape};
  for (const Unit &u : units)
    shapes.push_back(after(u, shapes.back()));
  auto raw = [&](int i) { return units[i].kernel > 0 ? whole(kept[i].raw) : x; };
  Sums sums = sums_of(grad, {raw(count - 1), kept[count - 1].norm.data_ptr<float>(), units[count - 1].relu}, shapes[count]);
  Maps g = grad;
  Tensor held; // that g lies in
  for (int i = count - 1; i >= 0; i--) {
    const Unit &u = units[i];
    const Result y = {g, raw(i), slopes_of(u, kept[i], shapes[i + 1], sums, grads[i], total)};
    if (u.kernel == 0) { // the first
      if (dx.data)
        each(g.count(), shape.pixels(), [&](int64_t c) {
          const Target to = {dx, accumulate};
          for (int64_t n = 0; n < shape.runs(); n++) {
            float *row = buffers[0].get(shape.run());
            y.read(row, n, c, 0, shape.run());
            to.write(row, n, c, 0, shape.run());
          }
        });
      break;
    }
    if (u.weight.requires_grad())
      grads[i].weight = at::empty(u.weight.sizes(), at::kFloat);
    const Source from = i > 0 ? Source{raw(i - 1), kept[i - 1].norm.data_ptr<float>(), units[i - 1].relu} : Source{x, nullptr, false};
    Tensor below;
    Target to = {dx, accumulate};
    if (i > 0) {
      below = layout::empty(shapes[i], from.maps.count());
      to = {whole(below), false};
    }
    auto back = u.depthwise ? depthwise_back : pointwise_back;
    sums = back(u, from, shapes[i], y, to, grads[i].weight);
    g = to.dx;
    held = below;
  }
  return grads;
}

} // namespace units
#endif
