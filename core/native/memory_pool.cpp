// Where tensors on the CPU live. libtorch asks malloc, which gives large blocks back to
// Linux as soon as they are free and has them faulted in again, page by page, in the
// next step. Here they come from chunks that stay, of pages of 2 MiB where Linux has
// such. A chunk that nothing is in goes back when more is held than was lately in use.
#include "ops.h"
#include "guard.h"

#include <algorithm>
#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/util/Exception.h>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <set>
#include <sys/mman.h>

namespace {

constexpr size_t kPage = 4096, kHuge = 2 << 20;
constexpr size_t kLarge = 64 << 10; // smaller blocks are malloc's
constexpr size_t kSmallChunk = 16 << 20, kLargeChunk = 64 << 20;
constexpr size_t kAlign = 64;         // as libtorch's own
constexpr uint64_t kWindow = 1 << 14; // blocks asked for; "lately" is one to two of these

size_t up(size_t n, size_t to) { return (n + to - 1) / to * to; }

// map_chunk maps whole large pages, which Linux fills as they are first written to.
char *map_chunk(size_t bytes) {
  void *p = mmap(nullptr, bytes + kHuge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED)
    return nullptr;
  char *begin = static_cast<char *>(p);
  char *at = reinterpret_cast<char *>(up(reinterpret_cast<size_t>(p), kHuge));
  if (at > begin)
    munmap(begin, at - begin);
  if (at - begin < static_cast<ptrdiff_t>(kHuge))
    munmap(at + bytes, kHuge - (at - begin));
#ifdef MADV_HUGEPAGE
  madvise(at, bytes, MADV_HUGEPAGE);
#endif
  return at;
}

class Pool {
public:
  void *take(size_t wanted) {
    const size_t bytes = up(wanted, kPage);
    std::lock_guard<std::mutex> lock(mutex);
    if (++asked % kWindow == 0) {
      before = recent;
      recent = used;
      trim();
    }
    auto fit = free.lower_bound({bytes, nullptr}); // the tightest, and of those the lowest
    if (fit == free.end()) {
      if (!grow(bytes))
        return nullptr;
      fit = free.lower_bound({bytes, nullptr});
    }
    char *at = fit->second;
    const auto block = blocks.find(at);
    free.erase(fit);
    if (block->second.bytes > bytes) {
      const Block rest = {block->second.bytes - bytes, block->second.chunk, true};
      blocks.emplace(at + bytes, rest);
      free.emplace(rest.bytes, at + bytes);
      block->second.bytes = bytes;
    }
    block->second.idle = false;
    used += bytes;
    recent = std::max(recent, used);
    return at;
  }

  // give reports whether p is one of the pool's.
  bool give(void *p) {
    std::lock_guard<std::mutex> lock(mutex);
    auto at = blocks.find(static_cast<char *>(p));
    if (at == blocks.end())
      return false;
    used -= at->second.bytes;
    at->second.idle = true;
    const auto next = std::next(at);
    if (joins(at, next)) {
      free.erase({next->second.bytes, next->first});
      at->second.bytes += next->second.bytes;
      blocks.erase(next);
    }
    if (at != blocks.begin() && joins(std::prev(at), at)) {
      const auto last = std::prev(at);
      free.erase({last->second.bytes, last->first});
      last->second.bytes += at->second.bytes;
      blocks.erase(at);
      at = last;
    }
    free.emplace(at->second.bytes, at->first);
    if (spare() >= chunks[at->second.chunk])
      release(at);
    return true;
  }

  void tally(uint64_t *all, uint64_t *maps, uint64_t *in_use, uint64_t *idle) {
    std::lock_guard<std::mutex> lock(mutex);
    *all = asked;
    *maps = mapped;
    *in_use = used;
    *idle = held - used;
  }

private:
  struct Block {
    size_t bytes;
    char *chunk;
    bool idle;
  };
  using Blocks = std::map<char *, Block>;

  bool joins(Blocks::iterator a, Blocks::iterator b) const {
    return b != blocks.end() && a->second.idle && b->second.idle && a->second.chunk == b->second.chunk;
  }

  // spare is how much more is held than what was lately in use, and some.
  size_t spare() const {
    const size_t enough = std::max(before, recent);
    return held - std::min(held, enough + enough / 8);
  }

  // trim gives back what is spare of chunks that nothing is in: after a peak most are
  // not touched again, and no give would come by them.
  void trim() {
    for (auto it = chunks.begin(); it != chunks.end();) {
      const auto next = std::next(it);
      if (spare() >= it->second)
        release(blocks.find(it->first));
      it = next;
    }
  }

  // grow maps a chunk: a quarter of what there is, since in small chunks large blocks find
  // no room, and of a few large ones much stays empty. Where there is no memory for it, it
  // is one that is no larger than it must be.
  bool grow(size_t bytes) {
    size_t size = up(std::max(bytes, std::min(kLargeChunk, std::max(kSmallChunk, held / 4))), kHuge);
    char *at = map_chunk(size);
    if (at == nullptr) {
      for (auto it = blocks.begin(); it != blocks.end();) {
        const auto next = std::next(it);
        release(it);
        it = next;
      }
      size = up(bytes, kHuge);
      at = map_chunk(size);
    }
    if (at == nullptr)
      return false;
    mapped++;
    held += size;
    chunks[at] = size;
    blocks.emplace(at, Block{size, at, true});
    free.emplace(size, at);
    return true;
  }

  // release gives a chunk back to Linux if this is all of it.
  void release(Blocks::iterator it) {
    const size_t bytes = it->second.bytes;
    char *at = it->first;
    if (!it->second.idle || chunks[it->second.chunk] != bytes)
      return;
    munmap(at, bytes);
    held -= bytes;
    chunks.erase(at);
    free.erase({bytes, at});
    blocks.erase(it);
  }

  std::mutex mutex;
  Blocks blocks;                           // all of all chunks, by address
  std::set<std::pair<size_t, char *>> free; // the idle ones
  std::map<char *, size_t> chunks;
  size_t used = 0, held = 0;
  size_t recent = 0, before = 0; // the most that was in use in this window and the last
  uint64_t asked = 0, mapped = 0;
};

// It outlives every tensor, those of static variables too.
Pool &pool() {
  static Pool *p = new Pool;
  return *p;
}

void give_back(void *p) {
  if (p == nullptr)
    return;
  // The pool's blocks begin at a page; few others do.
  if (reinterpret_cast<size_t>(p) % kPage != 0 || !pool().give(p))
    std::free(p);
}

struct PoolAllocator final : c10::Allocator {
  // libtorch's declaration is const in some versions and not in others.
  c10::DataPtr allocate(size_t n) const { return make(n); }
  c10::DataPtr allocate(size_t n) { return make(n); }
  c10::DeleterFnPtr raw_deleter() const override { return &give_back; }
  void copy_data(void *to, const void *from, size_t n) const { std::memcpy(to, from, n); } // from 2.2 on

private:
  static c10::DataPtr make(size_t n) {
    void *p = nullptr;
    if (n >= kLarge)
      p = pool().take(n);
    else if (n > 0 && posix_memalign(&p, kAlign, n) != 0)
      p = nullptr;
    TORCH_CHECK(p != nullptr || n == 0, "can't allocate memory: you tried to allocate ", n, " bytes.");
    return {p, p, &give_back, c10::Device(c10::DeviceType::CPU)};
  }
};

} // namespace

// It is asked for at every start of a thread that computes; the first sets it.
void dn_use_pool(void) {
  static std::once_flag once;
  std::call_once(once, [] { c10::SetCPUAllocator(new PoolAllocator, 1); });
}

void dn_pool_tally(uint64_t *blocks, uint64_t *maps, uint64_t *in_use, uint64_t *idle) {
  pool().tally(blocks, maps, in_use, idle);
}
