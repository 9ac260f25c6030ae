// Puts off loading libtorch until something is computed. Debian's libtorch
// brings 287 libraries, whose constructors take half a second: too long before
// a help text or the first frame of the screen. So lazy.sh links the compiled
// C++ into a shared library of its own, this file carries it inside the program,
// and the functions that Go calls are jumps that load it when the first of them
// is called.
//
// It is compiled once for each library, with UNIT, its name, and LIBRARY, its
// path; lazy.sh makes the jumps and the two tables that it fills.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define TEXT_(a) #a
#define TEXT(a) TEXT_(a)

__asm__(".section .rodata\n"
        ".balign 16\n"
        "lazy_image: .incbin " TEXT(LIBRARY) "\n"
        "lazy_image_end: .byte 0\n"
        ".previous\n");
extern const char lazy_image[], lazy_image_end[];

// Of the jumps: the functions' names, ended by NULL, and where each leads.
extern const char *const lazy_names[];
extern void *lazy_targets[];

static pthread_once_t once = PTHREAD_ONCE_INIT;
static char failure[1024];

// How the threads of OpenMP and OpenBLAS wait for work. By default they spin,
// and when anything else wants a core (the loader, another run, a neighbour on
// the machine) the spinning takes it from the very thread they wait for: a
// training step can take 30 times as long. A short spin and then sleep costs a
// quiet machine next to nothing. The libraries read this from the environment
// as they are loaded; what the user has set is left as it is.
static void settle_waiting(void) {
  setenv("GOMP_SPINCOUNT", "10000", 0);
  setenv("OPENBLAS_THREAD_TIMEOUT", "16", 0); // 2^16 cycles
}

static int write_image(int fd) {
  const char *at = lazy_image;
  while (at < lazy_image_end) {
    ssize_t n = write(fd, at, (size_t)(lazy_image_end - at));
    if (n < 0 && errno != EINTR)
      return -1;
    if (n > 0)
      at += n;
  }
  return 0;
}

static void *open_image(void) {
  int fd = memfd_create("detnas-" TEXT(UNIT), MFD_CLOEXEC);
  if (fd < 0 || write_image(fd) != 0) {
    snprintf(failure, sizeof failure, "no memory file: %s", strerror(errno));
    return NULL;
  }
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  // Global, so that what it brings (a BLAS, say) is found by name.
  void *library = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
  if (!library) {
    const char *why = dlerror();
    snprintf(failure, sizeof failure, "%s", why ? why : "unknown");
  }
  // The file stays open: the next library's would have the same name, and be
  // taken for this one.
  return library;
}

static void load(void) {
  settle_waiting();
  void *library = open_image();
  if (!library)
    return;
  for (int i = 0; lazy_names[i]; i++) {
    lazy_targets[i] = dlsym(library, lazy_names[i]);
    if (!lazy_targets[i]) {
      snprintf(failure, sizeof failure, "%s is not in it", lazy_names[i]);
      return;
    }
  }
}

// detnas_load_UNIT loads the library, and returns why it cannot, or NULL.
const char *JOIN(detnas_load_, UNIT)(void) {
  pthread_once(&once, load);
  return failure[0] ? failure : NULL;
}

// lazy_load is what a jump does the first time. Whoever wants an error in place
// of the end calls detnas_load_UNIT before.
__attribute__((visibility("hidden"), used)) void lazy_load(void) {
  const char *why = JOIN(detnas_load_, UNIT)();
  if (why) {
    fprintf(stderr, "detnas: libtorch cannot be loaded: %s\n", why);
    abort();
  }
}
