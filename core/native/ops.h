// The C interface between core/native's Go and C++ halves. A tensor is a pointer
// to an at::Tensor, as in gotch's libtch. Functions that can fail return NULL or
// a message that the caller frees.
#ifndef DETNAS_OPS_H
#define DETNAS_OPS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

const char *dn_torch_version(void);
const char *dn_blas(void); // path of the library that sgemm_ comes from
int dn_cuda_devices(void);
char *dn_repeatable(void); // CUDA's results, and fp32 in full; for the process, and warnings of this thread
int dn_get_threads(void);
void dn_set_threads(int n); // this OS thread's intra-op team, and BLAS's pool

char *dn_reserve_blas(int n); // buffers for n threads

void dn_use_pool(void); // has tensors on the CPU live in memory_pool.cpp's
// dn_count_operators has libtorch's operators counted from the first call on, and returns
// how many there were.
uint64_t dn_count_operators(void);
// Large blocks asked for since the start, chunks of Linux that they came from, and the
// bytes in use and idle.
void dn_pool_tally(uint64_t *blocks, uint64_t *maps, uint64_t *in_use, uint64_t *idle);

char *dn_from_data(void **out, const void *data, const int64_t *dims, int ndims,
                   int dtype, int device);
char *dn_to_data(void *t, void *data, size_t bytes);
char *dn_scale(void **out, void *t, double by);
char *dn_shift(void **out, void *t, double by);
char *dn_full(void **out, const int64_t *dims, int ndims, double value,
              int dtype, int device);
char *dn_fill(void *t, double value);
char *dn_item(void *t, double *value);
char *dn_all_finite(void *t, int *yes);
char *dn_not_finite(void **tensors, int n, int grads, int *place); // *place = -1 when all are
char *dn_assign(void *dst, void *src);
char *dn_copy(void **dst, void **src, int n);
char *dn_lerp(void **dst, void **src, const uint8_t *which, int n, double weight);
char *dn_swap(void **a, void **b, int n);
char *dn_parameter(void *t, int requires_grad);
char *dn_grad(void **out, void *t); // *out = NULL when there is none
char *dn_backward(void *loss);
int dn_grad_mode(int on); // returns the mode before
int dn_autocast(int on, int cuda); // to bfloat16, on this thread; returns what it was
void dn_autocast_clear(void);      // forgets the weights that were cast

void dn_drop_grads(void **params, int n);
char *dn_clip_grads(void **params, int n, double max_norm, double *norm);
char *dn_sgd(void **params, void **momenta, const double *decay, int n,
             double lr, double momentum, uint8_t *moved); // moved[i]: had a gradient

char *dn_roi_align(void **out, void **features, const double *scales, int levels,
                   const float *rois, const int32_t *roi_level, int64_t n,
                   int pooled, int sampling, int aligned, int by_bags);
char *dn_focal_loss(void **out, void *logits, void *labels, double alpha,
                    double gamma, int plain);

// A convolution without bias, its BN and ReLU; see units.h.
typedef struct {
  void *weight; // NULL where kernel is 0
  void *gamma, *beta, *mean, *variance;
  double momentum, eps;
  int32_t kernel, stride, depthwise, relu, batch;
} dn_unit;

// The widest depthwise kernel of a unit: rows are buffered with room for no more.
#define DN_WIDEST_KERNEL 15

// How the halves of a block lie in it.
enum {
  DN_WHOLE,         // there is one path, through main
  DN_CONCAT,        // one after the other
  DN_SHUFFLE_LAST,  // side and main in turn in what comes out
  DN_SHUFFLE_FIRST, // as a shuffle in two groups leaves them, in what goes in
  DN_PAIRS_FIRST,   // in turn in what goes in
};

// dn_block runs x through a block of the CPU in float: without units on the side, the
// first half of the channels passes by and the second goes through main. With a group
// (group.h) BN of the batch goes by the statistics of all its ranks.
char *dn_block(void **out, void *group, void *x, const dn_unit *side, int sides, const dn_unit *main,
               int mains, int order);

#ifdef __cplusplus
}
#endif
#endif
