// RoIAlign (He et al., Mask R-CNN, 2017) over the levels of a feature pyramid in
// one operator: each box is pooled from the level it was given to. The sampling
// is that of the reference implementations (mmcv, torchvision): `aligned` shifts
// by half a pixel, sampling 0 takes ceil(bin size) points a side, a point more
// than one pixel outside the map counts as zero.
#include "ops.h"
#include "guard.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <algorithm>
#include <cmath>
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

Point sample(float y, float x, int64_t height, int64_t width) {
  Point p = {{0, 0, 0, 0}, {0, 0, 0, 0}};
  if (y < -1.0f || y > height || x < -1.0f || x > width)
    return p;
  y = std::max(y, 0.0f);
  x = std::max(x, 0.0f);
  int64_t y0 = static_cast<int64_t>(y), x0 = static_cast<int64_t>(x), y1, x1;
  if (y0 >= height - 1) {
    y1 = y0 = height - 1;
    y = static_cast<float>(y0);
  } else {
    y1 = y0 + 1;
  }
  if (x0 >= width - 1) {
    x1 = x0 = width - 1;
    x = static_cast<float>(x0);
  } else {
    x1 = x0 + 1;
  }
  float ly = y - y0, lx = x - x0, hy = 1 - ly, hx = 1 - lx;
  p.at[0] = y0 * width + x0;
  p.at[1] = y0 * width + x1;
  p.at[2] = y1 * width + x0;
  p.at[3] = y1 * width + x1;
  p.weight[0] = hy * hx;
  p.weight[1] = hy * lx;
  p.weight[2] = ly * hx;
  p.weight[3] = ly * lx;
  return p;
}

// The points of every bin of one box, bin after bin, per_bin to each.
struct Grid {
  std::vector<Point> points;
  int per_bin = 0;
};

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
  for (int py = 0; py < g.pooled; py++)
    for (int px = 0; px < g.pooled; px++)
      for (int iy = 0; iy < ny; iy++) {
        const float y = y1 + py * bin_h + (iy + 0.5f) * bin_h / ny;
        for (int ix = 0; ix < nx; ix++) {
          const float x = x1 + px * bin_w + (ix + 0.5f) * bin_w / nx;
          grid.points.push_back(sample(y, x, height, width));
        }
      }
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
    TORCH_CHECK(r[0] >= 0 && r[0] < features[0].size(0), "roi_align: box ", i, " has image ", r[0]);
    for (int j = 1; j < 5; j++)
      TORCH_CHECK(std::isfinite(r[j]) && std::fabs(r[j]) < 1e6f, "roi_align: box ", i,
                  " has the coordinate ", r[j]);
  }
}

Tensor pool(const variable_list &features, const Rois &rois, const Geometry &g) {
  const int64_t channels = features[0].size(1), bins = g.pooled * g.pooled;
  Tensor out = at::zeros({rois.n, channels, g.pooled, g.pooled}, features[0].options());
  float *dst = out.data_ptr<float>();
  at::parallel_for(0, rois.n, 1, [&](int64_t from, int64_t to) {
    Grid grid;
    for (int64_t i = from; i < to; i++) {
      const float *roi = rois.box + 5 * i;
      const Tensor &f = features[rois.level[i]];
      const int64_t h = f.size(2), w = f.size(3);
      fill_grid(grid, roi, g.scales[rois.level[i]], g, h, w);
      if (grid.per_bin == 0)
        continue;
      const float inv = 1.0f / grid.per_bin;
      const float *src = f.data_ptr<float>() + static_cast<int64_t>(roi[0]) * channels * h * w;
      float *o = dst + i * channels * bins;
      for (int64_t c = 0; c < channels; c++, src += h * w) {
        const Point *p = grid.points.data();
        for (int64_t b = 0; b < bins; b++) {
          float sum = 0;
          for (int k = 0; k < grid.per_bin; k++, p++)
            sum += p->weight[0] * src[p->at[0]] + p->weight[1] * src[p->at[1]] +
                   p->weight[2] * src[p->at[2]] + p->weight[3] * src[p->at[3]];
          *o++ = sum * inv;
        }
      }
    }
  });
  return out;
}

// Threads share out channels, not boxes: boxes overlap in the map, and this way
// each element is summed by one thread in the order of the boxes.
void unpool(std::vector<Tensor> &grads, const Tensor &grad_out, const Rois &rois, const Geometry &g) {
  const int64_t channels = grad_out.size(1), bins = g.pooled * g.pooled;
  const float *top = grad_out.data_ptr<float>();
  std::vector<Grid> grids(rois.n);
  at::parallel_for(0, rois.n, 16, [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; i++) {
      const Tensor &f = grads[rois.level[i]];
      fill_grid(grids[i], rois.box + 5 * i, g.scales[rois.level[i]], g, f.size(2), f.size(3));
    }
  });
  at::parallel_for(0, channels, 1, [&](int64_t from, int64_t to) {
    for (int64_t i = 0; i < rois.n; i++) {
      const Grid &grid = grids[i];
      if (grid.per_bin == 0)
        continue;
      Tensor &f = grads[rois.level[i]];
      const int64_t area = f.size(2) * f.size(3);
      const float inv = 1.0f / grid.per_bin;
      float *dst = f.data_ptr<float>() + (static_cast<int64_t>(rois.box[5 * i]) * channels + from) * area;
      const float *src = top + (i * channels + from) * bins;
      for (int64_t c = from; c < to; c++, dst += area) {
        const Point *p = grid.points.data();
        for (int64_t b = 0; b < bins; b++) {
          const float v = *src++ * inv;
          for (int k = 0; k < grid.per_bin; k++, p++) {
            dst[p->at[0]] += v * p->weight[0];
            dst[p->at[1]] += v * p->weight[1];
            dst[p->at[2]] += v * p->weight[2];
            dst[p->at[3]] += v * p->weight[3];
          }
        }
      }
    }
  });
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
    variable_list grads;
    for (size_t i = 0; i < shapes.size(); i += 4)
      grads.push_back(at::zeros({shapes[i], shapes[i + 1], shapes[i + 2], shapes[i + 3]}, top.options()));
    unpool(grads, top, {rois.data_ptr<float>(), levels.data_ptr<int32_t>(), rois.size(0)}, g);
    grads.resize(grads.size() + 3); // rois, levels, geometry have no gradient
    return grads;
  }
};

// The same from operators that every device has: the points are laid out on the
// CPU, where the boxes are, and gathered where the maps are. Used off the CPU.
Tensor align_by_gather(const variable_list &features, const Rois &rois, const Geometry &g) {
  const int64_t channels = features[0].size(1), bins = g.pooled * g.pooled;
  Tensor out = at::zeros({rois.n, bins * channels}, features[0].options());
  for (size_t level = 0; level < features.size(); level++) {
    const Tensor &f = features[level];
    std::vector<int64_t> mine;
    std::vector<Grid> grids;
    int most = 1;
    for (int64_t i = 0; i < rois.n; i++)
      if (rois.level[i] == static_cast<int>(level)) {
        mine.push_back(i);
        grids.emplace_back();
        fill_grid(grids.back(), rois.box + 5 * i, g.scales[level], g, f.size(2), f.size(3));
        most = std::max(most, grids.back().per_bin);
      }
    if (mine.empty())
      continue;
    const int64_t rows = static_cast<int64_t>(mine.size()) * bins;
    Tensor at_ = at::zeros({rows * most * 4}, at::kLong), weight = at::zeros({rows, most * 4}, at::kFloat);
    int64_t *a = at_.data_ptr<int64_t>();
    float *w = weight.data_ptr<float>();
    for (size_t m = 0; m < mine.size(); m++) {
      const int64_t image = static_cast<int64_t>(rois.box[5 * mine[m]]) * f.size(2) * f.size(3);
      for (int64_t b = 0; b < bins; b++, a += most * 4, w += most * 4)
        for (int k = 0; k < grids[m].per_bin; k++) {
          const Point &p = grids[m].points[b * grids[m].per_bin + k];
          for (int j = 0; j < 4; j++) {
            a[4 * k + j] = image + p.at[j];
            w[4 * k + j] = p.weight[j] / grids[m].per_bin;
          }
        }
    }
    Tensor flat = f.permute({0, 2, 3, 1}).reshape({-1, channels});
    Tensor got = at::bmm(weight.to(f.options()).unsqueeze(1),
                         flat.index_select(0, at_.to(f.device())).view({rows, most * 4, channels}));
    Tensor where = at::tensor(mine, at::kLong).to(f.device());
    out = out.index_add(0, where, got.view({static_cast<int64_t>(mine.size()), bins * channels}));
  }
  return out.view({rois.n, g.pooled, g.pooled, channels}).permute({0, 3, 1, 2}).contiguous();
}

} // namespace

char *dn_roi_align(void **out, void **features, const double *scales, int levels,
                   const float *rois, const int32_t *roi_level, int64_t n, int pooled,
                   int sampling, int aligned, int by_gather) {
  GUARD({
    variable_list fs;
    for (int i = 0; i < levels; i++)
      fs.push_back(*static_cast<Tensor *>(features[i]));
    Geometry g = {pooled, sampling, aligned != 0, std::vector<double>(scales, scales + levels)};
    Rois r = {rois, roi_level, n};
    check(fs, r, g);
    if (by_gather || !fs[0].device().is_cpu() || fs[0].scalar_type() != at::kFloat) {
      *out = new Tensor(align_by_gather(fs, r, g));
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
