// Operators of the tensor layer that gotch's libtch has not, or has only with
// several calls for one: data in and out, scalars, gradients, the optimiser.
#include "ops.h"
#include "guard.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <algorithm>
#include <atomic>
#include <climits>
#include <cmath>
#include <cstring>
#include <dlfcn.h>
#include <sys/mman.h>
#include <torch/cuda.h>
#include <torch/version.h>
#include <vector>

using at::Tensor;

static Tensor &T(void *p) { return *static_cast<Tensor *>(p); }
static at::IntArrayRef dims_of(const int64_t *d, int n) {
  return at::IntArrayRef(d, static_cast<size_t>(n));
}
static at::TensorOptions options(int dtype, int device) {
  auto o = at::TensorOptions().dtype(static_cast<at::ScalarType>(dtype));
  return device < 0 ? o.device(at::kCPU) : o.device(at::kCUDA, device);
}

const char *dn_torch_version(void) { return TORCH_VERSION; }

const char *dn_blas(void) {
  static char path[PATH_MAX];
  Dl_info info;
  void *symbol = dlsym(RTLD_DEFAULT, "sgemm_");
  if (symbol == nullptr || dladdr(symbol, &info) == 0 || info.dli_fname == nullptr ||
      realpath(info.dli_fname, path) == nullptr)
    path[0] = 0;
  return path;
}

int dn_cuda_devices(void) {
  try {
    return static_cast<int>(torch::cuda::device_count());
  } catch (...) {
    return 0;
  }
}

int dn_get_threads(void) { return at::get_num_threads(); }

void dn_set_threads(int n) {
  at::set_num_threads(n);
  // OpenBLAS built with pthreads has a pool of its own beside OpenMP's.
  using set = void (*)(int);
  if (auto f = reinterpret_cast<set>(dlsym(RTLD_DEFAULT, "openblas_set_num_threads")))
    f(n);
}

// OpenBLAS maps a buffer of 128 MiB for each call under way, when it comes to need
// one more than ever before, and tries for ever where it gets none. So they are
// mapped at the start: those of its own threads, which the product wakes, and one
// for each thread that calls it.
char *dn_reserve_blas(int n) {
  GUARD({
    using take = void *(*)(int);
    using give = void (*)(void *);
    auto alloc = reinterpret_cast<take>(dlsym(RTLD_DEFAULT, "blas_memory_alloc"));
    auto release = reinterpret_cast<give>(dlsym(RTLD_DEFAULT, "blas_memory_free"));
    auto threads = reinterpret_cast<int (*)()>(dlsym(RTLD_DEFAULT, "openblas_get_num_threads"));
    if (alloc == nullptr || release == nullptr || threads == nullptr)
      return nullptr; // another library
    n = std::min(n, threads());
    const size_t bytes = size_t{2} * n * (129 << 20);
    void *room = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    TORCH_CHECK(room != MAP_FAILED, "can't allocate memory: BLAS tried to allocate ", bytes,
                " bytes of address space");
    munmap(room, bytes);
    at::mm(at::ones({512, 512}), at::ones({512, 512}));
    std::vector<void *> buffers;
    for (int i = 0; i < n; i++)
      buffers.push_back(alloc(0));
    for (void *b : buffers)
      release(b);
  })
}

char *dn_from_data(void **out, const void *data, const int64_t *dims, int ndims,
                   int dtype, int device) {
  GUARD({
    Tensor t = at::empty(dims_of(dims, ndims), options(dtype, -1));
    if (t.nbytes() > 0)
      std::memcpy(t.data_ptr(), data, t.nbytes());
    if (device >= 0)
      t = t.to(options(dtype, device));
    *out = new Tensor(std::move(t));
  })
}

char *dn_to_data(void *t, void *data, size_t bytes) {
  GUARD({
    Tensor c = T(t).detach().to(at::kCPU).contiguous();
    TORCH_CHECK(c.nbytes() == bytes, "the tensor has ", c.nbytes(),
                " bytes, the destination ", bytes);
    if (bytes > 0)
      std::memcpy(data, c.data_ptr(), bytes);
  })
}

char *dn_scale(void **out, void *t, double by) {
  GUARD({ *out = new Tensor(T(t).mul(by)); })
}

char *dn_shift(void **out, void *t, double by) {
  GUARD({ *out = new Tensor(T(t).add(by)); })
}

char *dn_full(void **out, const int64_t *dims, int ndims, double value,
              int dtype, int device) {
  GUARD({ *out = new Tensor(at::full(dims_of(dims, ndims), value, options(dtype, device))); })
}

char *dn_fill(void *t, double value) {
  GUARD({
    at::NoGradGuard no_grad;
    T(t).fill_(value);
  })
}

char *dn_item(void *t, double *value) {
  GUARD({ *value = T(t).item<double>(); })
}

static bool plain(const Tensor &t) {
  return t.device().is_cpu() && t.scalar_type() == at::kFloat && t.is_contiguous();
}

// NaN and the infinities are the floats whose bits, without the sign, are at
// least those of infinity.
static bool all_finite(const Tensor &t) {
  if (!plain(t))
    return at::isfinite(t).all().item<bool>();
  const float *values = t.data_ptr<float>();
  std::atomic<bool> finite{true};
  at::parallel_for(0, t.numel(), 1 << 15, [&](int64_t from, int64_t to) {
    uint32_t greatest = 0;
    for (int64_t j = from; j < to; j++) {
      uint32_t bits;
      std::memcpy(&bits, values + j, sizeof bits);
      greatest = std::max(greatest, bits & 0x7fffffffu);
    }
    if (greatest >= 0x7f800000u)
      finite = false;
  });
  return finite;
}

char *dn_all_finite(void *t, int *yes) {
  GUARD({ *yes = all_finite(T(t)); })
}

char *dn_not_finite(void **tensors, int n, int grads, int *place) {
  GUARD({
    *place = -1;
    for (int i = 0; i < n && *place < 0; i++) {
      const Tensor &t = grads ? T(tensors[i]).grad() : T(tensors[i]);
      if (t.defined() && !all_finite(t))
        *place = i;
    }
  })
}

char *dn_assign(void *dst, void *src) {
  GUARD({
    at::NoGradGuard no_grad;
    TORCH_CHECK(T(dst).sizes() == T(src).sizes(), "cannot assign shape ",
                T(src).sizes(), " to ", T(dst).sizes());
    T(dst).copy_(T(src));
  })
}

char *dn_copy(void **dst, void **src, int n) {
  GUARD({
    at::NoGradGuard no_grad;
    for (int i = 0; i < n; i++) {
      Tensor &d = T(dst[i]);
      const Tensor &s = T(src[i]);
      TORCH_CHECK(d.sizes() == s.sizes(), "cannot copy shape ", s.sizes(), " to ", d.sizes());
      if (plain(d) && plain(s))
        std::memcpy(d.data_ptr(), s.data_ptr(), s.nbytes());
      else
        d.copy_(s);
    }
  })
}

char *dn_lerp(void **dst, void **src, const uint8_t *which, int n, double weight) {
  GUARD({
    at::NoGradGuard no_grad;
    for (int i = 0; i < n; i++)
      if (which[i])
        T(dst[i]).lerp_(T(src[i]), weight);
  })
}

// Bits are exchanged, so that what is exchanged twice is what it was.
char *dn_swap(void **a, void **b, int n) {
  GUARD({
    at::NoGradGuard no_grad;
    for (int i = 0; i < n; i++) {
      Tensor &x = T(a[i]);
      Tensor &y = T(b[i]);
      TORCH_CHECK(x.sizes() == y.sizes(), "cannot swap shape ", x.sizes(), " with ", y.sizes());
      if (plain(x) && plain(y)) {
        std::swap_ranges(x.data_ptr<float>(), x.data_ptr<float>() + x.numel(), y.data_ptr<float>());
        continue;
      }
      Tensor before = x.clone();
      x.copy_(y);
      y.copy_(before);
    }
  })
}

int dn_autocast(int on, int cuda) {
  namespace ac = at::autocast;
  if (cuda) {
    int before = ac::is_enabled();
    ac::set_autocast_gpu_dtype(at::kBFloat16);
    ac::set_enabled(on != 0);
    return before;
  }
  int before = ac::is_cpu_enabled();
  ac::set_autocast_cpu_dtype(at::kBFloat16);
  ac::set_cpu_enabled(on != 0);
  return before;
}

void dn_autocast_clear(void) { at::autocast::clear_cache(); }

char *dn_parameter(void *t, int requires_grad) {
  GUARD({ T(t).set_requires_grad(requires_grad != 0); })
}

char *dn_grad(void **out, void *t) {
  GUARD({
    const Tensor &g = T(t).grad();
    *out = g.defined() ? new Tensor(g) : nullptr;
  })
}

char *dn_backward(void *loss) {
  GUARD({ T(loss).backward(); })
}

int dn_grad_mode(int on) {
  int before = at::GradMode::is_enabled();
  at::GradMode::set_enabled(on != 0);
  return before;
}

// A parameter without a gradient is one that the last backward pass did not
// reach. Dropping gradients, rather than zeroing them, keeps it so.
void dn_drop_grads(void **params, int n) {
  for (int i = 0; i < n; i++)
    T(params[i]).mutable_grad() = Tensor();
}

char *dn_clip_grads(void **params, int n, double max_norm, double *norm) {
  GUARD({
    at::NoGradGuard no_grad;
    double sum = 0;
    for (int i = 0; i < n; i++) {
      const Tensor &g = T(params[i]).grad();
      if (g.defined()) {
        double v = g.norm().item<double>();
        sum += v * v;
      }
    }
    *norm = std::sqrt(sum);
    if (max_norm > 0 && *norm > max_norm) {
      double by = max_norm / (*norm + 1e-6);
      for (int i = 0; i < n; i++)
        if (T(params[i]).grad().defined())
          T(params[i]).mutable_grad().mul_(by);
    }
  })
}

// SGD with momentum as torch.optim.SGD does it (dampening 0, no Nesterov), over
// those parameters that have a gradient. Momenta start at zero, which gives the
// same first step.
char *dn_sgd(void **params, void **momenta, const double *decay, int n,
             double lr, double momentum, uint8_t *moved) {
  GUARD({
    at::NoGradGuard no_grad;
    for (int i = 0; i < n; i++) {
      Tensor &p = T(params[i]);
      Tensor &m = T(momenta[i]);
      const Tensor &g = p.grad();
      moved[i] = g.defined();
      if (!g.defined())
        continue;
      if (plain(p) && plain(m) && plain(g)) {
        float *pp = p.data_ptr<float>();
        float *mp = m.data_ptr<float>();
        const float *gp = g.data_ptr<float>();
        const float wd = static_cast<float>(decay[i]);
        const float mu = static_cast<float>(momentum);
        const float rate = static_cast<float>(lr);
        at::parallel_for(0, p.numel(), 1 << 15, [=](int64_t from, int64_t to) {
          for (int64_t j = from; j < to; j++) {
            float v = mu * mp[j] + (gp[j] + wd * pp[j]);
            mp[j] = v;
            pp[j] -= rate * v;
          }
        });
        continue;
      }
      m.mul_(momentum).add_(g).add_(p, decay[i]);
      p.add_(m, -lr);
    }
  })
}
