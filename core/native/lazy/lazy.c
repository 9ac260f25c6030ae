// Puts off loading libtorch until something is computed. Debian's libtorch
// brings 287 libraries, whose constructors take half a second: too long before
// a help text or the first frame of the screen, and most are there for nothing (see
// unused). So lazy.sh links the compiled
// C++ into a shared library of its own, this file carries it inside the program,
// and the functions that Go calls are jumps that load it when the first of them
// is called.
//
// It is compiled once for each library, with UNIT, its name, LIBRARY, its path, and
// EMPTY, that of a library that has nothing; lazy.sh makes the jumps and the two tables
// that it fills.
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
        "lazy_empty: .incbin " TEXT(EMPTY) "\n"
        "lazy_empty_end: .byte 0\n"
        ".previous\n");
extern const char lazy_image[], lazy_image_end[], lazy_empty[], lazy_empty_end[];

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

// What Debian's libtorch 1.13 names as needed and takes nothing from: OpenCV, FFmpeg and
// two stores of Caffe2's, with which come GDAL, Qt, Poppler and 200 more, 0.2 s of
// constructors and 60 MB. The loader takes a library for the needed one if it is loaded
// already and calls itself so, and one that is empty will do. Where libtorch is another
// one, whose libraries have other names, these are for nothing.
static const char *const unused[] = {
    "libopencv_calib3d.so.406",   "libopencv_core.so.406",    "libopencv_dnn.so.406",
    "libopencv_features2d.so.406", "libopencv_flann.so.406",   "libopencv_highgui.so.406",
    "libopencv_imgcodecs.so.406", "libopencv_imgproc.so.406", "libopencv_optflow.so.406",
    "libopencv_video.so.406",     "libopencv_videoio.so.406", "libopencv_ximgproc.so.406",
    "libavcodec.so.59",           "libavformat.so.59",        "libavutil.so.57",
    "libswresample.so.4",         "libswscale.so.6",          "libleveldb.so.1d",
    "liblmdb.so.0",               "libzmq.so.5"};
enum { unused_n = sizeof unused / sizeof *unused };

// The name of the empty library, as lazy.sh has made it, is as long as any.
static const char empty_name[] = "detnas-empty-0123456789abcdef";

static int write_all(int fd, const char *at, const char *end) {
  while (at < end) {
    ssize_t n = write(fd, at, (size_t)(end - at));
    if (n < 0 && errno != EINTR)
      return -1;
    if (n > 0)
      at += n;
  }
  return 0;
}

// open_memory opens what lies from at to end as a library, or says why not.
static void *open_memory(const char *at, const char *end) {
  int fd = memfd_create("detnas-" TEXT(UNIT), MFD_CLOEXEC);
  if (fd < 0 || write_all(fd, at, end) != 0) {
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

// stand_in loads an empty library of that name, if none is there yet.
static void *stand_in(const char *name) {
  if (dlopen(name, RTLD_NOW | RTLD_NOLOAD))
    return NULL;
  const size_t bytes = (size_t)(lazy_empty_end - lazy_empty);
  char *copy = malloc(bytes);
  if (!copy)
    return NULL;
  memcpy(copy, lazy_empty, bytes);
  char *at = memmem(copy, bytes, empty_name, sizeof empty_name);
  void *library = NULL;
  if (at && strlen(name) < sizeof empty_name) {
    strcpy(at, name);
    library = open_memory(copy, copy + bytes);
  }
  free(copy);
  return library;
}

// open_image opens the unit's library with stand-ins for what is unused, and without
// them where it fails so: another build of libtorch might use it.
static void *open_image(void) {
  void *held[unused_n];
  for (int i = 0; i < unused_n; i++)
    held[i] = stand_in(unused[i]);
  failure[0] = 0;
  void *library = open_memory(lazy_image, lazy_image_end);
  if (library)
    return library;
  int others = 0;
  for (int i = 0; i < unused_n; i++)
    if (held[i]) {
      others++;
      dlclose(held[i]);
    }
  if (!others)
    return NULL;
  failure[0] = 0;
  return open_memory(lazy_image, lazy_image_end);
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
