// Operators of the tensor layer that gotch's libtch has not, or has only with
// several calls for one: data in and out, scalars, gradients, the optimiser.
#include "ops.h"
#include "guard.h"
#include "send.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <ATen/record_function.h>
#include <algorithm>
#include <atomic>
#include <climits>
#include <cmath>
#include <cstring>
#include <dlfcn.h>
#include <map>
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

// A deterministic libtorch fills what it allocates with NaN unless this is said; an older
// one has neither.
template <class C> static auto leave_memory_as_it_is(C &context, int)
    -> decltype(context.setDeterministicFillUninitializedMemory(false)) {
  context.setDeterministicFillUninitializedMemory(false);
}
template <class C> static void leave_memory_as_it_is(C &, long) {}

// libtorch warns of max pooling's gradient at every call. It is summed by atomic adds in
// channels-last memory alone, and detnas has none.
#if TORCH_VERSION_MAJOR >= 2
struct Heed : c10::WarningHandler {
  void process(const c10::Warning &w) override {
    if (w.msg().find("max_pool2d_with_indices_backward_cuda") == std::string::npos)
      c10::WarningHandler::process(w);
  }
};
static void heed() {
  static Heed handler;
  c10::WarningUtils::set_warning_handler(&handler);
}
#else
static void heed() {} // Debian's 1.13 has no CUDA
#endif

char *dn_repeatable(void) {
  GUARD({
    setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", 0); // cuBLAS's condition; read at its first product
    at::Context &context = at::globalContext();
    context.setDeterministicAlgorithms(true, true);
    leave_memory_as_it_is(context, 0);
    context.setDeterministicCuDNN(true);
    context.setBenchmarkCuDNN(false); // else it times algorithms, and takes which won
    context.setAllowTF32CuDNN(false);
    context.setAllowTF32CuBLAS(false);
    heed();
  })
}

uint64_t dn_count_operators(void) {
  static std::atomic<uint64_t> count{0};
  static const auto handle = at::addGlobalCallback(
      at::RecordFunctionCallback([](const at::RecordFunction &) -> std::unique_ptr<at::ObserverContext> {
        count++;
        return nullptr;
      }).scopes({at::RecordScope::FUNCTION}));
  (void)handle;
  return count;
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
    const at::TensorOptions o = options(dtype, device);
    *out = new Tensor(sent(data, dims_of(dims, ndims), static_cast<at::ScalarType>(dtype), o.device()));
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

// On a device, whose every answer has to be waited for, all tensors are asked at once.
char *dn_not_finite(void **tensors, int n, int grads, int *place) {
  GUARD({
    *place = -1;
    std::vector<Tensor> answers;
    std::vector<int> of;
    for (int i = 0; i < n && *place < 0; i++) {
      const Tensor &t = grads ? T(tensors[i]).grad() : T(tensors[i]);
      if (!t.defined())
        continue;
      if (t.device().is_cpu()) {
        if (!all_finite(t))
          *place = i;
        continue;
      }
      answers.push_back(at::isfinite(t).all());
      of.push_back(i);
    }
    if (answers.empty())
      return nullptr;
    const Tensor finite = at::stack(answers).to(at::kCPU);
    for (size_t k = 0; k < of.size() && *place < 0; k++)
      if (!finite.data_ptr<bool>()[k])
        *place = of[k];
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
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 4)
  const at::DeviceType device = cuda ? at::kCUDA : at::kCPU; // what is below warns from here on
  int enabled = ac::is_autocast_enabled(device);
  ac::set_autocast_dtype(device, at::kBFloat16);
  ac::set_autocast_enabled(device, on != 0);
  return enabled;
#else
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
#endif
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

// The squares of the norms are summed in double, in the order of the parameters; on a
// device all norms are fetched at once.
static double norm_of(const std::vector<Tensor> &grads) {
  std::vector<Tensor> norms;
  for (const Tensor &g : grads)
    norms.push_back(g.norm());
  double sum = 0;
  if (!norms.empty() && !norms[0].device().is_cpu())
    norms = at::stack(norms).to(at::kCPU).unbind();
  for (const Tensor &norm : norms) {
    double v = norm.item<double>();
    sum += v * v;
  }
  return std::sqrt(sum);
}

char *dn_clip_grads(void **params, int n, double max_norm, double *norm) {
  GUARD({
    at::NoGradGuard no_grad;
    std::vector<Tensor> grads;
    for (int i = 0; i < n; i++)
      if (T(params[i]).grad().defined())
        grads.push_back(T(params[i]).grad());
    *norm = norm_of(grads);
    if (max_norm > 0 && *norm > max_norm && !grads.empty())
      at::_foreach_mul_(grads, max_norm / (*norm + 1e-6));
  })
}

// The parameters on a device that a step moves, with their momenta and gradients.
struct Moving {
  std::vector<Tensor> params, momenta, grads;
};

// One launch for many tensors in place of four for each.
static void sgd_at_once(const Moving &all, const std::map<double, Moving> &by_decay, double lr, double momentum) {
  if (all.params.empty())
    return;
  at::_foreach_mul_(all.momenta, momentum);
  at::_foreach_add_(all.momenta, all.grads);
  for (const auto &[decay, some] : by_decay)
    if (decay != 0)
      at::_foreach_add_(some.momenta, some.params, decay);
  at::_foreach_add_(all.params, all.momenta, -lr);
}

// SGD with momentum as torch.optim.SGD does it (dampening 0, no Nesterov), over
// those parameters that have a gradient. Momenta start at zero, which gives the
// same first step.
char *dn_sgd(void **params, void **momenta, const double *decay, int n,
             double lr, double momentum, uint8_t *moved) {
  GUARD({
    at::NoGradGuard no_grad;
    Moving all;
    std::map<double, Moving> by_decay;
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
      for (Moving *some : {&all, &by_decay[decay[i]]}) {
        some->params.push_back(p);
        some->momenta.push_back(m);
        some->grads.push_back(g);
      }
    }
    sgd_at_once(all, by_decay, lr, momentum);
  })
}
