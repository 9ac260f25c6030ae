// What detnas calls of NCCL, looked up in what libtorch has loaded. The types and numbers
// are those of NCCL's C interface, as its documentation has them; they have been the same
// since 2.4, and every release of 2 loads where an older one was linked.
#ifndef DETNAS_GROUP_NCCL_CALLS_H
#define DETNAS_GROUP_NCCL_CALLS_H

#include <ATen/ATen.h>
#include <dlfcn.h>
#include <string>

namespace detnas {

using NcclComm = void *; // ncclComm_t

struct NcclId { // ncclUniqueId
  char bytes[128];
};

constexpr int kNcclSum = 0, kNcclMax = 2;          // ncclRedOp_t
constexpr int kNcclSuccess = 0, kNcclUnderWay = 7; // ncclResult_t; ncclInProgress

class NcclCalls {
public:
  int (*unique)(NcclId *) = nullptr;
  int (*init)(NcclComm *, int, NcclId, int) = nullptr; // of how many, which
  int (*all_reduce)(const void *, void *, size_t, int, int, NcclComm, void *) = nullptr;
  int (*broadcast)(const void *, void *, size_t, int, int, NcclComm, void *) = nullptr;
  int (*abort)(NcclComm) = nullptr;

  // The NCCL that is there; throws where there is none.
  static NcclCalls found() {
    NcclCalls n;
    void *from = RTLD_DEFAULT; // within libtorch, or beside it
    if (dlsym(from, "ncclAllReduce") == nullptr)
      if (void *library = dlopen("libnccl.so.2", RTLD_NOW | RTLD_LOCAL))
        from = library;
    const bool all = take(from, "ncclGetUniqueId", &n.unique) && take(from, "ncclCommInitRank", &n.init) &&
                     take(from, "ncclAllReduce", &n.all_reduce) && take(from, "ncclBroadcast", &n.broadcast) &&
                     take(from, "ncclCommAbort", &n.abort) && take(from, "ncclCommGetAsyncError", &n.async_) &&
                     take(from, "ncclGetErrorString", &n.text_);
    TORCH_CHECK(all, "NCCL, by which the ranks of this build add up, is not there: libtorch brings none; take the PyTorch for CUDA that pip installs");
    take(from, "ncclGetLastError", &n.last_); // from 2.13 on
    return n;
  }

  // trouble is what has gone wrong of a group since it was opened.
  int trouble(NcclComm comm) const {
    int code = kNcclSuccess;
    const int asked = async_(comm, &code);
    return asked != kNcclSuccess ? asked : code == kNcclUnderWay ? kNcclSuccess : code;
  }

  std::string why(int code, NcclComm comm) const {
    const char *text = text_(code), *last = last_ != nullptr ? last_(comm) : nullptr;
    std::string why = text != nullptr ? text : "error " + std::to_string(code);
    if (last != nullptr && *last != 0)
      why += std::string(" (") + last + ")";
    for (char &c : why) // one line
      if (c == '\n')
        c = ' ';
    return why;
  }

  void check(int code, const char *doing, NcclComm comm) const {
    TORCH_CHECK(code == kNcclSuccess, "NCCL: cannot ", doing, ": ", why(code, comm));
  }

  // The number of an element's type, ncclDataType_t.
  static int type(at::ScalarType type) {
    switch (type) {
    case at::kByte: return 1;
    case at::kLong: return 4;
    case at::kFloat: return 7;
    case at::kDouble: return 8;
    default: TORCH_CHECK(false, "NCCL: ranks do not add up ", type);
    }
  }

private:
  template <class F> static bool take(void *from, const char *name, F *to) {
    *to = reinterpret_cast<F>(dlsym(from, name));
    return *to != nullptr;
  }

  int (*async_)(NcclComm, int *) = nullptr;
  const char *(*text_)(int) = nullptr;
  const char *(*last_)(NcclComm) = nullptr;
};

} // namespace detnas
#endif
