// RoIAlign (He et al., Mask R-CNN, 2017) over the levels of a feature pyramid in
// one operator: each box is pooled from the level it was given to. The sampling
// is that of the reference implementations (mmcv, torchvision): `aligned` shifts
// by half a pixel, sampling 0 takes ceil(bin size) points a side, a point more
// than one pixel outside the map counts as zero.
#include "ops.h"
#include "guard.h"
#include "send.h"
#include "turn.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <torch/csrc/autograd/custom_function.h>
#include <vector>

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

namespace {

struct Geometry {
  int pooled, sampling;
  bool aligned;
  std::vector<double> scales; // of each level: 1 / stride
};

// One sampled point: four neighbours in the map and their weights.
struct Point {
  int64_t at[4];
  float weight[4];
};

// One coordinate of a point: the two pixels that it lies between, and their weights. A
// point more than one pixel outside has none.
struct Axis {
  int64_t at[2] = {0, 0};
  float weight[2] = {0, 0};
  bool inside = false;
};

Axis along(float v, int64_t size) {
  Axis a;
  if (v < -1.0f || v > size)
    return a;
  v = std::max(v, 0.0f);
  a.inside = true;
  a.at[0] = static_cast<int64_t>(v);
  if (a.at[0] >= size - 1) {
    a.at[0] = a.at[1] = size - 1;
    v = static_cast<float>(a.at[0]);
  } else {
    a.at[1] = a.at[0] + 1;
  }
  a.weight[1] = v - a.at[0];
  a.weight[0] = 1 - a.weight[1];
  return a;
}

Point point(const Axis &y, const Axis &x, int64_t width) {
  Point p = {{0, 0, 0, 0}, {0, 0, 0, 0}};
  if (y.inside && x.inside)
    for (int j = 0; j < 4; j++) {
      p.at[j] = y.at[j / 2] * width + x.at[j % 2];
      p.weight[j] = y.weight[j / 2] * x.weight[j % 2];
    }
  return p;
}

// The points of every bin of one box, bin after bin, per_bin to each.
struct Grid {
  std::vector<Point> points;
  int per_bin = 0;
  std::vector<Axis> ys, xs; // of every bin, one after the other
};

// n points to each of so many bins, of which the first begins at from.
void fill_axis(std::vector<Axis> &axis, float from, float bin, int bins, int n, int64_t size) {
  axis.clear();
  for (int b = 0; b < bins; b++)
    for (int i = 0; i < n; i++)
      axis.push_back(along(from + b * bin + (i + 0.5f) * bin / n, size));
}

void fill_grid(Grid &grid, const float *roi, double scale, const Geometry &g,
               int64_t height, int64_t width) {
  const float s = static_cast<float>(scale), offset = g.aligned ? 0.5f : 0.0f;
  const float x1 = roi[1] * s - offset, y1 = roi[2] * s - offset;
  float w = roi[3] * s - offset - x1, h = roi[4] * s - offset - y1;
  if (!g.aligned) { // the older form gives every box at least one pixel
    w = std::max(w, 1.0f);
    h = std::max(h, 1.0f);
  }
  const float bin_h = h / g.pooled, bin_w = w / g.pooled;
  const int ny = g.sampling > 0 ? g.sampling : static_cast<int>(std::ceil(h / g.pooled));
  const int nx = g.sampling > 0 ? g.sampling : static_cast<int>(std::ceil(w / g.pooled));
  grid.per_bin = std::max(ny, 0) * std::max(nx, 0);
  grid.points.clear();
  fill_axis(grid.ys, y1, bin_h, g.pooled, ny, height);
  fill_axis(grid.xs, x1, bin_w, g.pooled, nx, width);
  for (int py = 0; py < g.pooled; py++)
    for (int px = 0; px < g.pooled; px++)
      for (int iy = 0; iy < ny; iy++)
        for (int ix = 0; ix < nx; ix++)
          grid.points.push_back(point(grid.ys[py * ny + iy], grid.xs[px * nx + ix], width));
}

struct Rois {
  const float *box; // n x 5: image, x1, y1, x2, y2
  const int32_t *level;
  int64_t n;
};

void check(const variable_list &features, const Rois &rois, const Geometry &g) {
  TORCH_CHECK(!features.empty() && features.size() == g.scales.size(),
              "roi_align: ", features.size(), " levels and ", g.scales.size(), " scales");
  TORCH_CHECK(g.pooled > 0 && g.sampling >= 0, "roi_align: pooled size ", g.pooled,
              ", sampling ratio ", g.sampling);
  for (const Tensor &f : features)
    TORCH_CHECK(f.dim() == 4 && f.size(1) == features[0].size(1) && f.size(0) == features[0].size(0),
                "roi_align: level of shape ", f.sizes(), " beside ", features[0].sizes());
  for (int64_t i = 0; i < rois.n; i++) {
    const float *r = rois.box + 5 * i;
    TORCH_CHECK(rois.level[i] >= 0 && rois.level[i] < static_cast<int>(features.size()),
                "roi_align: box ", i, " has level ", rois.level[i]);
    TORCH_CHECK(features[rois.level[i]].numel() > 0, "roi_align: box ", i, " has level ", rois.level[i],
                ", which has no pixels: its shape is ", features[rois.level[i]].sizes());
    TORCH_CHECK(r[0] >= 0 && r[0] < features[0].size(0), "roi_align: box ", i, " has image ", r[0]);
    for (int j = 1; j < 5; j++)
      TORCH_CHECK(std::isfinite(r[j]) && std::fabs(r[j]) < 1e6f, "roi_align: box ", i,
                  " has the coordinate ", r[j]);
  }
}

#if defined(__x86_64__)
#define WIDER __attribute__((target_clones("avx2", "default"))) // without FMA: the same bits on both
#else
#define WIDER
#endif

// blend adds points of a map [pixels, channels] to sum [channels].
WIDER void blend(float *__restrict sum, const float *map, const Point *p, int points, int64_t channels) {
  for (; points > 0; points--, p++) {
    const float *a = map + p->at[0] * channels, *b = map + p->at[1] * channels;
    const float *c = map + p->at[2] * channels, *d = map + p->at[3] * channels;
    const float wa = p->weight[0], wb = p->weight[1], wc = p->weight[2], wd = p->weight[3];
    for (int64_t i = 0; i < channels; i++)
      sum[i] += wa * a[i] + wb * b[i] + wc * c[i] + wd * d[i];
  }
}

// spread adds v [channels] to the points of a map [pixels, step], from some channel on.
WIDER void spread(float *map, const float *__restrict v, const Point *p, int points, int64_t channels, int64_t step) {
  for (; points > 0; points--, p++)
    for (int j = 0; j < 4; j++) {
      float *__restrict to = map + p->at[j] * step;
      const float w = p->weight[j];
      for (int64_t i = 0; i < channels; i++)
        to[i] += v[i] * w;
    }
}

// each_part calls f with where a part of an image's pixels begins, in all the images'
// floats and in pixels, and how many pixels it has.
template <typename F> void each_part(int64_t images, int64_t channels, int64_t area, F f) {
  constexpr int64_t kPart = 64;
  const int64_t parts = (area + kPart - 1) / kPart;
  at::parallel_for(0, images * parts, 4, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; i++) {
      const int64_t pixel = i % parts * kPart;
      f(i / parts * channels * area, pixel, std::min(kPart, area - pixel));
    }
  });
}

// pixels_first is maps [n, c, h, w] as [n, h, w, c], where a point is one run of floats.
Tensor pixels_first(const Tensor &maps) {
  const int64_t c = maps.size(1), area = maps.size(2) * maps.size(3);
  const Tensor out = at::empty({maps.size(0), maps.size(2), maps.size(3), c}, maps.options().requires_grad(false));
  const float *from = maps.data_ptr<float>();
  float *to = out.data_ptr<float>();
  each_part(maps.size(0), c, area, [&](int64_t image, int64_t pixel, int64_t count) {
    detnas::turn(to + image + pixel * c, c, from + image + pixel, area, c, count);
  });
  return out;
}

// channels_first is the other way.
Tensor channels_first(const Tensor &maps) {
  const int64_t c = maps.size(3), area = maps.size(1) * maps.size(2);
  const Tensor out = at::empty({maps.size(0), c, maps.size(1), maps.size(2)}, maps.options());
  const float *from = maps.data_ptr<float>();
  float *to = out.data_ptr<float>();
  each_part(maps.size(0), c, area, [&](int64_t image, int64_t pixel, int64_t count) {
    detnas::turn(to + image + pixel, area, from + image + pixel * c, c, count, c);
  });
  return out;
}

Tensor pool(const variable_list &features, const Rois &rois, const Geometry &g) {
  const int64_t channels = features[0].size(1), bins = g.pooled * g.pooled;
  Tensor out = at::empty({rois.n, channels, g.pooled, g.pooled}, features[0].options());
  if (rois.n == 0)
    return out;
  float *dst = out.data_ptr<float>();
  std::vector<Tensor> maps;
  for (const Tensor &f : features)
    maps.push_back(pixels_first(f));
  at::parallel_for(0, rois.n, 1, [&](int64_t from, int64_t to) {
    Grid grid;
    std::vector<float> sums(bins * channels);
    for (int64_t i = from; i < to; i++) {
      const float *roi = rois.box + 5 * i;
      const Tensor &f = features[rois.level[i]];
      const int64_t h = f.size(2), w = f.size(3);
      fill_grid(grid, roi, g.scales[rois.level[i]], g, h, w);
      const float *map = maps[rois.level[i]].data_ptr<float>() + static_cast<int64_t>(roi[0]) * channels * h * w;
      std::fill(sums.begin(), sums.end(), 0.0f);
      for (int64_t b = 0; b < bins; b++)
        blend(&sums[b * channels], map, grid.points.data() + b * grid.per_bin, grid.per_bin, channels);
      const float inv = 1.0f / std::max(grid.per_bin, 1);
      for (float &v : sums)
        v *= inv;
      detnas::turn(dst + i * channels * bins, bins, sums.data(), channels, bins, channels);
    }
  });
  return out;
}

// Threads share out channels, not boxes: boxes overlap in the map, and this way
// each element is summed by one thread in the order of the boxes.
std::vector<Tensor> unpool(const std::vector<int64_t> &shapes, const Tensor &grad_out, const Rois &rois, const Geometry &g) {
  const int64_t channels = grad_out.size(1), bins = g.pooled * g.pooled;
  const float *top = grad_out.data_ptr<float>();
  std::vector<Tensor> maps; // [n, h, w, c]
  for (size_t i = 0; i < shapes.size(); i += 4)
    maps.push_back(at::zeros({shapes[i], shapes[i + 2], shapes[i + 3], channels}, grad_out.options()));
  std::vector<Grid> grids(rois.n);
  at::parallel_for(0, rois.n, 16, [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; i++) {
      const Tensor &m = maps[rois.level[i]];
      fill_grid(grids[i], rois.box + 5 * i, g.scales[rois.level[i]], g, m.size(1), m.size(2));
    }
  });
  at::parallel_for(0, channels, 32, [&](int64_t from, int64_t to) {
    const int64_t count = to - from;
    std::vector<float> values(bins * count);
    for (int64_t i = 0; i < rois.n; i++) {
      const Grid &grid = grids[i];
      const Tensor &m = maps[rois.level[i]];
      detnas::turn(values.data(), count, top + (i * channels + from) * bins, bins, count, bins);
      const float inv = 1.0f / std::max(grid.per_bin, 1);
      for (float &v : values)
        v *= inv;
      float *map = m.data_ptr<float>() + static_cast<int64_t>(rois.box[5 * i]) * m.stride(0) + from;
      for (int64_t b = 0; b < bins; b++)
        spread(map, &values[b * count], grid.points.data() + b * grid.per_bin, grid.per_bin, count, channels);
    }
  });
  std::vector<Tensor> grads;
  for (Tensor &m : maps) {
    grads.push_back(channels_first(m));
    m = Tensor();
  }
  return grads;
}

struct PyramidAlign : torch::autograd::Function<PyramidAlign> {
  static Tensor forward(AutogradContext *ctx, at::TensorList features, const Tensor &rois,
                        const Tensor &levels, const Geometry &g) {
    variable_list fs;
    std::vector<int64_t> shapes;
    for (const Tensor &f : features) {
      fs.push_back(f.contiguous());
      shapes.insert(shapes.end(), f.sizes().begin(), f.sizes().end());
    }
    ctx->saved_data["rois"] = rois;
    ctx->saved_data["levels"] = levels;
    ctx->saved_data["shapes"] = shapes;
    ctx->saved_data["scales"] = g.scales;
    ctx->saved_data["pooled"] = static_cast<int64_t>(g.pooled);
    ctx->saved_data["sampling"] = static_cast<int64_t>(g.sampling);
    ctx->saved_data["aligned"] = g.aligned;
    return pool(fs, {rois.data_ptr<float>(), levels.data_ptr<int32_t>(), rois.size(0)}, g);
  }

  static variable_list backward(AutogradContext *ctx, variable_list grad_out) {
    const Tensor rois = ctx->saved_data["rois"].toTensor(), levels = ctx->saved_data["levels"].toTensor();
    const std::vector<int64_t> shapes = ctx->saved_data["shapes"].toIntVector();
    const Geometry g = {static_cast<int>(ctx->saved_data["pooled"].toInt()),
                        static_cast<int>(ctx->saved_data["sampling"].toInt()),
                        ctx->saved_data["aligned"].toBool(), ctx->saved_data["scales"].toDoubleVector()};
    Tensor top = grad_out[0].contiguous();
    variable_list grads = unpool(shapes, top, {rois.data_ptr<float>(), levels.data_ptr<int32_t>(), rois.size(0)}, g);
    grads.resize(grads.size() + 3); // rois, levels, geometry have no gradient
    return grads;
  }
};

// The rows of a table that each bin is the weighted sum of, bin after bin.
struct Bags {
  std::vector<int32_t> row, start;
  std::vector<float> weight;
};

// first[l] is the table's row of the first pixel of level l.
Bags lay_out(const variable_list &features, const std::vector<int64_t> &first, const Rois &rois, const Geometry &g) {
  Bags bags;
  Grid grid;
  for (int64_t i = 0; i < rois.n; i++) {
    const int level = rois.level[i];
    const int64_t h = features[level].size(2), w = features[level].size(3);
    fill_grid(grid, rois.box + 5 * i, g.scales[level], g, h, w);
    const int64_t image = first[level] + static_cast<int64_t>(rois.box[5 * i]) * h * w;
    const size_t from = bags.row.size();
    for (int b = 0; b < g.pooled * g.pooled; b++)
      bags.start.push_back(static_cast<int32_t>(from + size_t{4} * b * grid.per_bin));
    bags.row.resize(from + 4 * grid.points.size());
    bags.weight.resize(bags.row.size());
    int32_t *row = bags.row.data() + from;
    float *weight = bags.weight.data() + from;
    const float inv = 1.0f / std::max(grid.per_bin, 1);
    for (const Point &p : grid.points)
      for (int j = 0; j < 4; j++) {
        *row++ = static_cast<int32_t>(image + p.at[j]);
        *weight++ = p.weight[j] * inv;
      }
  }
  return bags;
}

// The same from operators that every device has, for what is not on the CPU: the points
// are laid out on the CPU, where the boxes are, and the bins are summed where the maps
// are, as bags of weighted rows of one table of all pixels. Its gradient sorts the rows
// rather than add atomically, and so is the same each time.
Tensor align_by_bags(const variable_list &features, const Rois &rois, const Geometry &g) {
  const int64_t channels = features[0].size(1);
  const at::TensorOptions there = features[0].options();
  if (rois.n == 0)
    return at::zeros({0, channels, g.pooled, g.pooled}, there);
  std::vector<Tensor> tables;
  std::vector<int64_t> first;
  int64_t rows = 0;
  for (const Tensor &f : features) {
    tables.push_back(f.permute({0, 2, 3, 1}).reshape({-1, channels}));
    first.push_back(rows);
    rows += tables.back().size(0);
  }
  Bags bags = lay_out(features, first, rois, g);
  TORCH_CHECK(rows < INT32_MAX && bags.row.size() < INT32_MAX, "roi_align: ", rows, " pixels and ", bags.row.size(),
              " points are too many");
  auto send = [&](const auto &values, at::ScalarType from, at::ScalarType to) {
    return sent(values.data(), {static_cast<int64_t>(values.size())}, from, there.device()).to(to);
  };
  const Tensor out = std::get<0>(at::embedding_bag(at::cat(tables), send(bags.row, at::kInt, at::kInt),
                                                   send(bags.start, at::kInt, at::kInt), false, 0 /* sum */, false,
                                                   send(bags.weight, at::kFloat, features[0].scalar_type())));
  return out.view({rois.n, g.pooled, g.pooled, channels}).permute({0, 3, 1, 2}).contiguous();
}

} // namespace

char *dn_roi_align(void **out, void **features, const double *scales, int levels,
                   const float *rois, const int32_t *roi_level, int64_t n, int pooled,
                   int sampling, int aligned, int by_bags) {
  GUARD({
    variable_list fs;
    for (int i = 0; i < levels; i++)
      fs.push_back(*static_cast<Tensor *>(features[i]));
    Geometry g = {pooled, sampling, aligned != 0, std::vector<double>(scales, scales + levels)};
    Rois r = {rois, roi_level, n};
    check(fs, r, g);
    if (by_bags || !fs[0].device().is_cpu() || fs[0].scalar_type() != at::kFloat) {
      *out = new Tensor(align_by_bags(fs, r, g));
      return nullptr;
    }
    Tensor boxes = at::empty({n, 5}, at::kFloat), level = at::empty({n}, at::kInt);
    if (n > 0) {
      std::copy(rois, rois + 5 * n, boxes.data_ptr<float>());
      std::copy(roi_level, roi_level + n, level.data_ptr<int32_t>());
    }
    *out = new Tensor(PyramidAlign::apply(at::TensorList(fs), boxes, level, g));
  })
}
