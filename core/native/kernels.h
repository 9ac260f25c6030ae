// The loops over rows of floats, for one set of instructions. processor.h
// includes this once for each set that it can choose from at run time, within a
// namespace and, on x86-64, a target of its own, with LANES (floats in a vector),
// ROWS and VECS (the block of a product that is held in registers) defined. So it
// includes nothing itself and calls nothing outside: what is inline elsewhere could
// end up compiled for the wrong processor.

typedef float vec __attribute__((vector_size(LANES * 4), aligned(4), may_alias));

inline vec load(const float *p) { return *reinterpret_cast<const vec *>(p); }
inline void store(float *p, vec v) { *reinterpret_cast<vec *>(p) = v; }

// pairs adds neighbours: those of a, then those of b.
inline vec pairs(vec a, vec b) {
#if LANES == 16
  return __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30) +
         __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
#elif LANES == 8
  return __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14) + __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15);
#else
  return __builtin_shufflevector(a, b, 0, 2, 4, 6) + __builtin_shufflevector(a, b, 1, 3, 5, 7);
#endif
}

// sum adds a vector's elements.
inline float sum(vec v) {
#pragma GCC unroll 4
  for (int n = LANES; n > 1; n /= 2)
    v = pairs(v, v);
  return v[0];
}

// sums are the sums of LANES vectors, in their order.
inline vec sums(const vec *v) {
  vec level[LANES];
#pragma GCC unroll 16
  for (int i = 0; i < LANES / 2; i++)
    level[i] = pairs(v[2 * i], v[2 * i + 1]);
#pragma GCC unroll 4
  for (int n = LANES / 4; n > 0; n /= 2)
#pragma GCC unroll 8
    for (int i = 0; i < n; i++)
      level[i] = pairs(level[2 * i], level[2 * i + 1]);
  return level[0];
}

// Relu as libtorch has it: NaN stays NaN.
inline float positive(float v) { return v < 0 ? 0 : v; }

// activate is BN and ReLU of a row: y = x*scale + shift.
void activate(float *y, const float *x, int64_t n, float scale, float shift, bool relu) {
  if (relu)
    for (int64_t i = 0; i < n; i++)
      y[i] = positive(x[i] * scale + shift);
  else
    for (int64_t i = 0; i < n; i++)
      y[i] = x[i] * scale + shift;
}

// activate_by_two is activate of every other element of x.
void activate_by_two(float *y, const float *x, int64_t n, float scale, float shift, bool relu) {
  for (int64_t i = 0; i < n; i++) {
    const float v = x[2 * i] * scale + shift;
    y[i] = relu ? positive(v) : v;
  }
}

// slope is the gradient of a row of x from that of BN and ReLU's result, g.
void slope(float *dx, const float *g, const float *x, int64_t n, const Slope &s) {
  if (s.relu)
    for (int64_t i = 0; i < n; i++)
      dx[i] = (x[i] * s.scale + s.shift <= 0 ? 0 : g[i]) * s.by + (x[i] * s.by_x + s.more);
  else
    for (int64_t i = 0; i < n; i++)
      dx[i] = g[i] * s.by + (x[i] * s.by_x + s.more);
}

void add(float *y, const float *x, int64_t n) {
  for (int64_t i = 0; i < n; i++)
    y[i] += x[i];
}

// moments are the mean of a row and the sum of the squared distances from it.
void moments(const float *x, int64_t n, double &mean, double &m2) {
  vec a = {}, b = {};
  int64_t i = 0;
  for (; i + 2 * LANES <= n; i += 2 * LANES) {
    a += load(x + i);
    b += load(x + i + LANES);
  }
  float total = sum(a + b);
  for (int64_t j = i; j < n; j++)
    total += x[j];
  const float m = total / static_cast<float>(n);
  a = b = vec{};
  for (i = 0; i + 2 * LANES <= n; i += 2 * LANES) {
    const vec u = load(x + i) - m, v = load(x + i + LANES) - m;
    a += u * u;
    b += v * v;
  }
  float squares = sum(a + b);
  for (; i < n; i++)
    squares += (x[i] - m) * (x[i] - m);
  mean = m;
  m2 = squares;
}

// gather_some is gather_sums of as many floats as may be summed in floats.
inline void gather_some(const float *g, const float *x, int64_t n, const Norm &f, double &s1, double &s2) {
  vec a = {}, b = {};
  float ta = 0, tb = 0;
  int64_t i = 0;
  for (; i + LANES <= n; i += LANES) {
    const vec u = load(x + i);
    vec v = load(g + i);
    if (f.relu)
      v = u * f.scale + f.shift <= 0 ? vec{} : v;
    a += v;
    b += v * (u - f.mean);
  }
  for (; i < n; i++) {
    const float v = f.relu && x[i] * f.scale + f.shift <= 0 ? 0 : g[i];
    ta += v;
    tb += v * (x[i] - f.mean);
  }
  s1 += sum(a) + ta;
  s2 += sum(b) + tb;
}

// gather_sums adds to s1 the sum of g where ReLU let x pass, and to s2 that of g
// times x's distance from the mean.
void gather_sums(const float *g, const float *x, int64_t n, const Norm &f, double &s1, double &s2) {
  constexpr int64_t kSome = 1024;
  for (int64_t i = 0; i < n; i += kSome)
    gather_some(g + i, x + i, n - i < kSome ? n - i : kSome, f, s1, s2);
}

template <int V>
inline void product_block(const float *w, const float *b, int64_t ldb, float *c, int64_t ldc, int64_t depth) {
  vec acc[ROWS][V] = {};
  for (int64_t k = 0; k < depth; k++, b += ldb, w += ROWS) {
    vec row[V];
#pragma GCC unroll 8
    for (int j = 0; j < V; j++)
      row[j] = load(b + j * LANES);
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 8
      for (int j = 0; j < V; j++)
        acc[r][j] += w[r] * row[j];
  }
#pragma GCC unroll 16
  for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 8
    for (int j = 0; j < V; j++)
      store(c + r * ldc + j * LANES, acc[r][j]);
}

// product is c [blocks*ROWS, n] = w times b [depth, n]. w is laid out by ROWS rows:
// [blocks][depth][ROWS]; n is a multiple of LANES.
void product(const float *w, const float *b, int64_t ldb, float *c, int64_t ldc, int64_t blocks, int64_t depth, int64_t n) {
  for (int64_t j = 0; j < n; j += VECS * LANES)
    for (int64_t r = 0; r < blocks; r++) {
      const float *wr = w + r * depth * ROWS;
      float *cr = c + r * ROWS * ldc + j;
      const int64_t left = (n - j) / LANES;
      if (left >= VECS)
        product_block<VECS>(wr, b + j, ldb, cr, ldc, depth);
      else if (left == 2)
        product_block<2>(wr, b + j, ldb, cr, ldc, depth);
      else
        product_block<1>(wr, b + j, ldb, cr, ldc, depth);
    }
}

// correlate adds a [rows, n] times the transpose of b [cols, n] to w [rows, ldw]. rows
// is a multiple of ROWS, cols of VECS, n of LANES.
void correlate(float *w, int64_t ldw, const float *a, int64_t lda, const float *b, int64_t ldb, int64_t rows, int64_t cols,
               int64_t n) {
  for (int64_t r = 0; r < rows; r += ROWS)
    for (int64_t c = 0; c < cols; c += VECS) {
      const float *ar = a + r * lda, *bc = b + c * ldb;
      constexpr int kSums = (ROWS * VECS + LANES - 1) / LANES * LANES;
      vec acc[kSums] = {};
      for (int64_t i = 0; i < n; i += LANES) {
        vec v[VECS];
#pragma GCC unroll 8
        for (int j = 0; j < VECS; j++)
          v[j] = load(bc + j * ldb + i);
#pragma GCC unroll 16
        for (int k = 0; k < ROWS; k++) {
          const vec u = load(ar + k * lda + i);
#pragma GCC unroll 8
          for (int j = 0; j < VECS; j++)
            acc[k * VECS + j] += u * v[j];
        }
      }
      float total[kSums];
#pragma GCC unroll 4
      for (int k = 0; k < kSums; k += LANES)
        store(total + k, sums(acc + k));
#pragma GCC unroll 16
      for (int k = 0; k < ROWS; k++)
#pragma GCC unroll 8
        for (int j = 0; j < VECS; j++)
          w[(r + k) * ldw + c + j] += total[k * VECS + j];
    }
}

// taps is y[i] = the sum over t of w[t] * x[at[t] + i], for n up to a multiple of
// 4*LANES: it reads and writes that far.
void taps(float *y, const float *x, const int32_t *at, const float *w, int count, int64_t n) {
  for (int64_t i = 0; i < n; i += 4 * LANES) {
    vec acc[4] = {};
    for (int t = 0; t < count; t++) {
      const float *p = x + at[t] + i;
#pragma GCC unroll 4
      for (int j = 0; j < 4; j++)
        acc[j] += w[t] * load(p + j * LANES);
    }
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++)
      store(y + i + j * LANES, acc[j]);
  }
}

template <int T> inline void tap_sums(float *w, const float *g, const float *x, const int32_t *at, int64_t n) {
  vec acc[T] = {};
  for (int64_t i = 0; i < n; i += LANES) {
    const vec v = load(g + i);
#pragma GCC unroll 8
    for (int t = 0; t < T; t++)
      acc[t] += v * load(x + at[t] + i);
  }
#pragma GCC unroll 8
  for (int t = 0; t < T; t++)
    w[t] += sum(acc[t]);
}

// tap_slopes adds to w[t] the sum over i of g[i] * x[at[t] + i]; g is zero from n on
// to a multiple of LANES.
void tap_slopes(float *w, const float *g, const float *x, const int32_t *at, int count, int64_t n) {
  int t = 0;
  for (; t + 8 <= count; t += 8)
    tap_sums<8>(w + t, g, x, at + t, n);
  for (; t < count; t++)
    tap_sums<1>(w + t, g, x, at + t, n);
}

// stencil is y[p*n + i] = the sum over t, from first[p] to first[p + 1], of
// w[tap[t]] * x[at[t] + i], for so many pixels p and each i below n.
void stencil(float *y, const float *x, const float *w, const int32_t *first, const int32_t *at, const int32_t *tap,
             int64_t pixels, int64_t n) {
  for (int64_t p = 0; p < pixels; p++, y += n) {
    const int32_t from = first[p], to = first[p + 1];
    int64_t i = 0;
    for (; i + 4 * LANES <= n; i += 4 * LANES) {
      vec acc[4] = {};
      for (int32_t t = from; t < to; t++)
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++)
          acc[j] += w[tap[t]] * load(x + at[t] + i + j * LANES);
#pragma GCC unroll 4
      for (int j = 0; j < 4; j++)
        store(y + i + j * LANES, acc[j]);
    }
    for (; i + LANES <= n; i += LANES) {
      vec acc = {};
      for (int32_t t = from; t < to; t++)
        acc += w[tap[t]] * load(x + at[t] + i);
      store(y + i, acc);
    }
    for (; i < n; i++) {
      float acc = 0;
      for (int32_t t = from; t < to; t++)
        acc += w[tap[t]] * x[at[t] + i];
      y[i] = acc;
    }
  }
}

// dot is the sum over i of a[i] * b[i].
float dot(const float *a, const float *b, int64_t n) {
  vec acc[4] = {};
  int64_t i = 0;
  for (; i + 4 * LANES <= n; i += 4 * LANES)
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++)
      acc[j] += load(a + i + j * LANES) * load(b + i + j * LANES);
  for (; i + LANES <= n; i += LANES)
    acc[0] += load(a + i) * load(b + i);
  float total = sum((acc[0] + acc[1]) + (acc[2] + acc[3]));
  for (; i < n; i++)
    total += a[i] * b[i];
  return total;
}
