// Several processes that train together: the store of keys that they meet at, and
// the collective calls, by c10d's Gloo or by NCCL.
#include "group.h"
#include "group.hpp"
#include "guard.h"

#ifdef DETNAS_NO_GROUPS

char *dn_store_open(void **, const char *, int, int, const char *, double) { return message_of(DETNAS_NO_GROUPS); }
char *dn_store_open_local(void **, const char *, const char *, double) { return message_of(DETNAS_NO_GROUPS); }
char *dn_store_set(void *, const char *, const void *, size_t) { return message_of(DETNAS_NO_GROUPS); }
char *dn_store_get(void *, const char *, void **, size_t *) { return message_of(DETNAS_NO_GROUPS); }
char *dn_store_has(void *, const char *, int *) { return message_of(DETNAS_NO_GROUPS); }
char *dn_store_add(void *, const char *, int64_t, int64_t *) { return message_of(DETNAS_NO_GROUPS); }
char *dn_store_remove(void *, const char *) { return message_of(DETNAS_NO_GROUPS); }
const char *dn_group_kind(void) { return ""; }
char *dn_group_ready(int) { return message_of(DETNAS_NO_GROUPS); }
char *dn_group_make(void **) { return message_of(DETNAS_NO_GROUPS); }
char *dn_group_open(void *, void *, const char *, const char *, int, int, int, double) { return message_of(DETNAS_NO_GROUPS); }
char *dn_group_fail(void *, const char *) { return message_of(DETNAS_NO_GROUPS); }
char *dn_group_reduce(void *, double *, int, int) { return message_of(DETNAS_NO_GROUPS); }
char *dn_group_broadcast(void *, void **, int) { return message_of(DETNAS_NO_GROUPS); }
char *dn_group_sum_grads(void *, void **, int) { return message_of(DETNAS_NO_GROUPS); }
char *dn_group_waited(void *, double *) { return message_of(DETNAS_NO_GROUPS); }

#else

#ifdef DETNAS_GLOO
#include "group_gloo.h"
#endif
#include "group_nccl.h"
#include "store_local.h"

#include <ATen/ATen.h>
#include <chrono>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

using at::Tensor;

static Tensor &T(void *p) { return *static_cast<Tensor *>(p); }

static std::chrono::milliseconds milliseconds(double seconds) {
  return std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
}

// Stores and groups live as long as the process: at its end, or when another rank
// has died, there is nobody left to part from.
using StorePtr = c10::intrusive_ptr<c10d::Store>;
static c10d::Store &S(void *p) { return **static_cast<StorePtr *>(p); }

char *dn_store_open(void **out, const char *host, int port, int serve,
                    const char *prefix, double seconds) {
  GUARD({
    c10d::TCPStoreOptions o;
    o.port = static_cast<uint16_t>(port);
    o.isServer = serve != 0;
    o.waitWorkers = false;
    o.timeout = milliseconds(seconds);
    auto tcp = c10::make_intrusive<c10d::TCPStore>(host, o);
    *out = new StorePtr(c10::make_intrusive<c10d::PrefixStore>(prefix, std::move(tcp)));
  })
}

char *dn_store_open_local(void **out, const char *address, const char *prefix, double seconds) {
  GUARD({
    auto local = c10::make_intrusive<detnas::LocalStore>(address, milliseconds(seconds));
    *out = new StorePtr(c10::make_intrusive<c10d::PrefixStore>(prefix, std::move(local)));
  })
}

char *dn_store_set(void *store, const char *key, const void *value, size_t bytes) {
  GUARD({
    const auto *from = static_cast<const uint8_t *>(value);
    S(store).set(key, std::vector<uint8_t>(from, from + bytes));
  })
}

char *dn_store_get(void *store, const char *key, void **value, size_t *bytes) {
  GUARD({
    std::vector<uint8_t> v = S(store).get(key);
    *bytes = v.size();
    *value = std::malloc(v.size() + 1);
    TORCH_CHECK(*value != nullptr, "can't allocate memory: a value of ", v.size(), " bytes");
    std::memcpy(*value, v.data(), v.size());
  })
}

char *dn_store_has(void *store, const char *key, int *yes) {
  GUARD({ *yes = S(store).check({key}); })
}

char *dn_store_add(void *store, const char *key, int64_t by, int64_t *now) {
  GUARD({ *now = S(store).add(key, by); })
}

char *dn_store_remove(void *store, const char *key) {
  GUARD({ S(store).deleteKey(key); })
}

using detnas::Group;
using detnas::Wire;
static Group &G(void *p) { return *static_cast<Group *>(p); }

#ifdef DETNAS_GLOO

const char *dn_group_kind(void) { return "Gloo"; }

char *dn_group_ready(int) { return nullptr; }

static std::unique_ptr<Wire> wire_of(Group &, const StorePtr &store, const char *address, int, int rank, int world,
                                     std::chrono::milliseconds patience, bool) {
  return std::make_unique<detnas::Gloo>(store, address, rank, world, patience);
}

#else

const char *dn_group_kind(void) { return "NCCL"; }

char *dn_group_ready(int device) {
  GUARD({
    TORCH_CHECK(device >= 0, "the ranks of this build add up by NCCL, on GPUs, and this one computes on the CPU: "
                             "start one process, or build with Debian's libtorch (without LIBTORCH), whose ranks compute on CPUs");
    detnas::NcclCalls::found();
  })
}

static std::unique_ptr<Wire> wire_of(Group &group, const StorePtr &store, const char *, int device, int rank, int world,
                                     std::chrono::milliseconds patience, bool local) {
  const at::Device at(at::kCUDA, static_cast<at::DeviceIndex>(device));
  return std::make_unique<detnas::Nccl>(*store, at, rank, world, patience, local, group.failure);
}

#endif

char *dn_group_make(void **out) {
  GUARD({ *out = new Group; })
}

char *dn_group_open(void *group, void *store, const char *name, const char *address, int device, int rank, int world, double seconds) {
  GUARD({
    const StorePtr own = c10::make_intrusive<c10d::PrefixStore>(name, *static_cast<StorePtr *>(store));
    const bool local = std::strncmp(address, "127.", 4) == 0;
    G(group).wire = wire_of(G(group), own, address, device, rank, world, milliseconds(seconds), local);
    G(group).share(rank, world, milliseconds(seconds), local);
  })
}

char *dn_group_fail(void *group, const char *why) {
  GUARD({ G(group).failure->set(why); })
}

char *dn_group_waited(void *group, double *seconds) {
  GUARD({ *seconds = static_cast<double>(G(group).waited()) / 1e9; })
}

char *dn_group_reduce(void *group, double *values, int n, int greatest) {
  GUARD({
    G(group).reduce(values, n, greatest != 0);
  })
}

// Tensors are sent in buckets of this many bytes, of which some are on their way
// while the next ones are filled. DDP's have 25 MB, for networks that are larger.
static const int64_t bucket_bytes = 4 << 20;

// Calls use with the bounds of each bucket among tensors of so many bytes each.
template <class F>
static void in_buckets(const std::vector<int64_t> &bytes, F use) {
  for (size_t from = 0, to = 0; from < bytes.size(); from = to) {
    int64_t sum = 0;
    for (to = from; to < bytes.size() && (to == from || sum + bytes[to] <= bucket_bytes); to++)
      sum += bytes[to];
    use(from, to, sum);
  }
}

// A tensor's bytes, in order.
static Tensor bytes_of(const Tensor &t) { return t.detach().contiguous().view({-1}).view(at::kByte); }

char *dn_group_broadcast(void *group, void **tensors, int n) {
  GUARD({
    at::NoGradGuard no_grad;
    Wire &wire = *G(group).wire;
    std::vector<int64_t> bytes;
    for (int i = 0; i < n; i++)
      bytes.push_back(static_cast<int64_t>(T(tensors[i]).nbytes()));
    in_buckets(bytes, [&](size_t from, size_t to, int64_t) {
      std::vector<Tensor> parts;
      for (size_t i = from; i < to; i++)
        parts.push_back(bytes_of(T(tensors[i])).to(wire.device()));
      const Tensor flat = at::cat(parts);
      wire.begin(flat, Wire::Op::kFirst);
      wire.settle();
      int64_t at = 0;
      for (size_t i = from; i < to; at += bytes[i++]) {
        const Tensor &t = T(tensors[i]), part = flat.narrow(0, at, bytes[i]).clone(); // where any type may begin
        T(tensors[i]).copy_(part.view(t.scalar_type()).view(t.sizes()));
      }
    });
  })
}

// Whether a gradient can be summed where ranks share memory. A zero stands for the
// gradient that there is none of, and is like its parameter.
static bool plain(const Tensor &p) {
  return p.device().is_cpu() && p.scalar_type() == at::kFloat && p.layout() == at::kStrided;
}

// The gradients of the parameters that have one on some rank, the same ones on every
// rank, as contiguous tensors, and whether they are plain on all ranks.
static std::pair<std::vector<Tensor>, bool> grads_of_all(Group &g, void **params, int n) {
  std::vector<double> has(n + 1); // the last one: whether there is one that is not plain
  for (int i = 0; i < n; i++) {
    has[i] = T(params[i]).grad().defined();
    has[n] = std::max<double>(has[n], !plain(T(params[i])));
  }
  g.reduce(has.data(), n + 1, true);
  std::vector<Tensor> grads;
  for (int i = 0; i < n; i++) {
    if (has[i] == 0)
      continue;
    Tensor &p = T(params[i]);
    if (!p.grad().defined())
      p.mutable_grad() = at::zeros(p.sizes(), p.options().requires_grad(false));
    else if (!p.grad().is_contiguous())
      p.mutable_grad() = p.grad().contiguous();
    grads.push_back(p.grad());
  }
  return {grads, has[n] == 0};
}

// The sums in buckets through the wire.
static void sum_in_buckets(Wire &wire, const std::vector<Tensor> &grads) {
  std::vector<int64_t> bytes;
  for (const Tensor &t : grads)
    bytes.push_back(static_cast<int64_t>(t.nbytes()));
  std::vector<Tensor> flats;
  in_buckets(bytes, [&](size_t from, size_t to, int64_t) {
    std::vector<Tensor> parts;
    for (size_t i = from; i < to; i++)
      parts.push_back(grads[i].reshape({-1}));
    flats.push_back(at::cat(parts).to(wire.device()));
    wire.begin(flats.back(), Wire::Op::kSum);
  });
  wire.settle();
  size_t bucket = 0;
  in_buckets(bytes, [&](size_t from, size_t to, int64_t) {
    const Tensor &flat = flats[bucket++];
    int64_t at = 0;
    for (size_t i = from; i < to; i++) {
      grads[i].copy_(flat.narrow(0, at, grads[i].numel()).view(grads[i].sizes()));
      at += grads[i].numel();
    }
  });
}

char *dn_group_sum_grads(void *group, void **params, int n) {
  GUARD({
    at::NoGradGuard no_grad;
    if (n == 0)
      return nullptr;
    const auto [grads, all_plain] = grads_of_all(G(group), params, n);
    if (!grads.empty() && !(all_plain && G(group).sum_shared(grads)))
      sum_in_buckets(*G(group).wire, grads);
  })
}

#endif
