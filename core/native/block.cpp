// The blocks of a ShuffleNetV2-like network (Ma et al., 2018) and the units between
// them as one operator each, with its gradient. units.h says what that saves.
#include "ops.h"
#include "group.hpp"
#include "guard.h"
#include "layout.h"
#include "units_run.h"

#include <ATen/Parallel.h>
#include <cstring>
#include <torch/csrc/autograd/custom_function.h>

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using units::Maps;
using units::Unit;

namespace {

// Plan is how a block's two halves lie in what goes in and comes out. Without a side
// and halves everything goes through main.
struct Plan {
  std::vector<Unit> side, main; // in a block of stride 1 the side half passes as it is
  int order;                    // DN_WHOLE and so on, ops.h
  units::Total total;           // over the ranks that share the batch
};

// Ends are the channels of a tensor that belong to the two halves.
struct Ends {
  Maps side, main;
};

Ends ends_in(const Tensor &x, const Plan &p) {
  const int64_t c = x.size(1), half = c / 2;
  const bool two = p.order != DN_WHOLE && p.side.empty();
  if (!two)
    return {units::maps(x, 0, 1, c), units::maps(x, 0, 1, c)};
  if (p.order == DN_PAIRS_FIRST)
    return {units::maps(x, 0, 2, half), units::maps(x, 1, 2, half)};
  Ends e = {units::maps(x, 0, 1, half), units::maps(x, half, 1, half)};
  if (p.order == DN_SHUFFLE_FIRST) { // the channels of a shuffle in two groups, in turn
    const Maps all = units::maps(x, 0, 1, c);
    for (int64_t i = 0; i < half; i++) {
      e.side.channel[i] = all.channel[i % 2 * half + i / 2];
      e.main.channel[i] = all.channel[(i + half) % 2 * half + (i + half) / 2];
    }
  }
  return e;
}

Ends ends_out(const Tensor &y, const Plan &p, int64_t main) {
  const int64_t side = y.size(1) - main;
  if (p.order == DN_SHUFFLE_LAST)
    return {units::maps(y, 0, 2, side), units::maps(y, 1, 2, main)};
  return {units::maps(y, 0, 1, side), units::maps(y, side, 1, main)};
}

void copy(const Maps &to, const Maps &from, const units::Shape &s) {
  at::parallel_for(0, s.runs() * to.count(), units::grain(s.run()), [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; i++) {
      const int64_t n = i / to.count(), c = i % to.count();
      std::memcpy(to.at(n, c), from.at(n, c), sizeof(float) * s.run());
    }
  });
}

units::Shape shape_of(const Tensor &x) { return {x.size(0), x.size(2), x.size(3), layout::in_rows(x)}; }

int64_t width(const std::vector<Unit> &units) { return units.back().gamma.size(0); }

struct Result {
  Tensor out;
  std::vector<units::Kept> side, main;
};

Result run(const Tensor &x, const Plan &p, bool keep) {
  const units::Shape in = shape_of(x), after = units::after(p.main, in);
  const Ends from = ends_in(x, p);
  const int64_t main = width(p.main);
  const int64_t side = p.order == DN_WHOLE ? 0 : p.side.empty() ? from.side.count() : width(p.side);
  Result r;
  r.out = layout::empty(after, side + main);
  const Ends to = ends_out(r.out, p, main);
  if (!p.side.empty())
    r.side = units::forward(p.side, from.side, in, to.side, keep, p.total);
  else if (side > 0)
    copy(to.side, from.side, in);
  r.main = units::forward(p.main, from.main, in, to.main, keep, p.total);
  return r;
}

// list adds the parameters of units in the order in which autograd is told of them.
void list(variable_list &all, const std::vector<Unit> &units) {
  for (const Unit &u : units) {
    if (u.weight.defined())
      all.push_back(u.weight);
    all.insert(all.end(), {u.gamma, u.beta});
  }
}

void give(variable_list &all, const std::vector<Unit> &units, const std::vector<units::Grads> &grads) {
  for (size_t i = 0; i < units.size(); i++) {
    if (units[i].weight.defined())
      all.push_back(grads[i].weight);
    all.insert(all.end(), {grads[i].gamma, grads[i].beta});
  }
}

void save(variable_list &all, const std::vector<units::Kept> &kept) {
  for (const units::Kept &k : kept)
    all.insert(all.end(), {k.raw, k.norm});
}

std::vector<units::Kept> unsave(const Tensor *&at, size_t n) {
  std::vector<units::Kept> kept(n);
  for (units::Kept &k : kept) {
    k.raw = *at++;
    k.norm = *at++;
  }
  return kept;
}

void resume(std::vector<Unit> &units, const Tensor *&at) {
  for (Unit &u : units) {
    if (u.weight.defined())
      u.weight = *at++;
    u.gamma = *at++;
    u.beta = *at++;
  }
}

// Held carries a plan from the forward to the backward pass; its parameters are saved
// apart, as autograd wants.
struct Held : torch::CustomClassHolder {
  Plan plan;
};

struct Block : torch::autograd::Function<Block> {
  static Tensor forward(AutogradContext *ctx, at::TensorList inputs, const c10::intrusive_ptr<Held> &held) {
    Result r = run(inputs[0], held->plan, true);
    variable_list all(inputs.begin(), inputs.end());
    save(all, r.side);
    save(all, r.main);
    ctx->save_for_backward(all);
    ctx->saved_data["plan"] = c10::IValue::make_capsule(held);
    return r.out;
  }

  static variable_list backward(AutogradContext *ctx, variable_list grad_out) {
    variable_list saved = ctx->get_saved_variables();
    Plan p = c10::static_intrusive_pointer_cast<Held>(ctx->saved_data["plan"].toCapsule())->plan;
    const Tensor x = saved[0], g = layout::lie(grad_out[0], layout::in_rows(x));
    const Tensor *at = &saved[1];
    resume(p.side, at);
    resume(p.main, at);
    const std::vector<units::Kept> side = unsave(at, p.side.size()), main = unsave(at, p.main.size());
    const units::Shape in = shape_of(x);
    const Tensor dx = x.requires_grad() ? layout::empty(shape_of(x), x.size(1)) : Tensor();
    const Ends from = ends_in(x, p), top = ends_out(g, p, width(p.main));
    const Ends to = dx.defined() ? ends_in(dx, p) : Ends{};
    variable_list grads = {dx};
    const std::vector<units::Grads> of_main = units::backward(p.main, from.main, in, main, top.main, to.main, false, p.total);
    if (!p.side.empty())
      give(grads, p.side, units::backward(p.side, from.side, in, side, top.side, to.side, true, p.total));
    else if (p.order != DN_WHOLE && dx.defined())
      copy(to.side, top.side, in);
    give(grads, p.main, of_main);
    grads.emplace_back(); // the plan
    return grads;
  }
};

const Tensor &T(void *p) { return *static_cast<Tensor *>(p); }

std::vector<Unit> units_of(const dn_unit *u, int n) {
  std::vector<Unit> all;
  for (; n > 0; n--, u++)
    all.push_back({u->weight ? T(u->weight) : Tensor(), T(u->gamma), T(u->beta), T(u->mean), T(u->variance), u->momentum,
                   u->eps, u->kernel, u->stride, u->depthwise != 0, u->relu != 0, u->batch != 0});
  return all;
}

bool takes(const Tensor &t) { return t.device().is_cpu() && t.scalar_type() == at::kFloat; }

bool fits(const Tensor &t) { return !t.defined() || (takes(t) && t.is_contiguous()); }

units::Total total_of(void *group) {
  if (!group)
    return {};
#ifdef DETNAS_NO_GROUPS
  TORCH_CHECK(false, DETNAS_NO_GROUPS);
#else
  return [group](std::vector<double> &values) { static_cast<detnas::Group *>(group)->sum(values); };
#endif
}

// check refuses what the loops would read beyond its end.
void check(const std::vector<Unit> &units, int64_t channels) {
  for (size_t i = 0; i < units.size(); i++) {
    const Unit &u = units[i];
    const int64_t out = u.gamma.numel();
    for (const Tensor &t : {u.weight, u.gamma, u.beta, u.mean, u.variance})
      TORCH_CHECK(fits(t), "block: a parameter of unit ", i, " is not a contiguous float tensor of the CPU");
    TORCH_CHECK(u.beta.numel() == out && u.mean.numel() == out && u.variance.numel() == out, "block: BN of unit ", i,
                " has ", out, " channels, and ", u.beta.numel(), ", ", u.mean.numel(), ", ", u.variance.numel());
    if (u.kernel == 0) {
      TORCH_CHECK(i == 0 && out == channels, "block: unit ", i, " is BN of ", out, " channels for ", channels);
    } else {
      const std::vector<int64_t> want = {out, u.depthwise ? 1 : channels, u.kernel, u.kernel};
      TORCH_CHECK(u.weight.defined() && u.weight.sizes() == at::IntArrayRef(want) && (!u.depthwise || out == channels) &&
                      (u.depthwise ? u.kernel % 2 == 1 && u.kernel <= DN_WIDEST_KERNEL && (u.stride == 1 || u.stride == 2) : u.kernel == 1 && u.stride == 1),
                  "block: unit ", i, " cannot take ", channels, " channels to ", out, " by ", u.kernel, "x", u.kernel,
                  " with stride ", u.stride);
    }
    channels = out;
  }
}

} // namespace

char *dn_block(void **out, void *group, void *input, const dn_unit *side, int sides, const dn_unit *main, int mains, int order) {
  GUARD({
    const Tensor &given = T(input);
    TORCH_CHECK(given.dim() == 4 && given.numel() > 0 && takes(given) && mains > 0, "block of ", given.sizes());
    const Tensor x = layout::laid(given, layout::suits_rows(shape_of(given)));
    auto held = c10::make_intrusive<Held>();
    Plan &p = held->plan;
    p.side = units_of(side, sides);
    p.main = units_of(main, mains);
    p.order = order;
    p.total = total_of(group);
    const bool halves = order != DN_WHOLE && sides == 0;
    TORCH_CHECK(!halves || x.size(1) % 2 == 0, "block: ", x.size(1), " channels have no half");
    check(p.side, x.size(1));
    check(p.main, halves ? x.size(1) / 2 : x.size(1));
    if (sides > 0)
      TORCH_CHECK(units::after(p.side, shape_of(x)).same(units::after(p.main, shape_of(x))),
                  "block: its two halves end in other sizes");
    if (order == DN_SHUFFLE_LAST) {
      const int64_t left = halves ? x.size(1) / 2 : width(p.side);
      TORCH_CHECK(left == width(p.main), "block: its halves have ", left, " and ", width(p.main), " channels");
    }
    variable_list inputs = {x};
    list(inputs, p.side);
    list(inputs, p.main);
    bool grad = false;
    for (const Tensor &t : inputs)
      grad = grad || (t.defined() && t.requires_grad());
    if (!grad || !at::GradMode::is_enabled()) {
      *out = new Tensor(run(x, p, false).out);
      return nullptr;
    }
    *out = new Tensor(Block::apply(at::TensorList(inputs), held));
  })
}
