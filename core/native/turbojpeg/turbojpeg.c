// libjpeg-turbo through its TurboJPEG API, version 2, which needs no headers: the
// few functions and constants are declared here. The library is optional, so it is
// loaded by name.
#include "turbojpeg.h"

#include <dlfcn.h>
#include <pthread.h>

enum { FORMAT_RGB = 0, COLOURS_CMYK = 3 }; // TJPF_RGB; TJCS_CMYK and TJCS_YCCK are 3 and 4

static void *(*init)(void);
static int (*header)(void *, const unsigned char *, unsigned long, int *, int *, int *, int *);
static int (*decompress)(void *, const unsigned char *, unsigned long, unsigned char *, int, int, int, int, int);
static int (*destroy)(void *);

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int there;

static void load(void) {
  void *lib = dlopen("libturbojpeg.so.0", RTLD_NOW | RTLD_LOCAL);
  if (lib == NULL)
    return;
  *(void **)&init = dlsym(lib, "tjInitDecompress");
  *(void **)&header = dlsym(lib, "tjDecompressHeader3");
  *(void **)&decompress = dlsym(lib, "tjDecompress2");
  *(void **)&destroy = dlsym(lib, "tjDestroy");
  there = init && header && decompress && destroy;
}

int turbojpeg_there(void) {
  pthread_once(&once, load);
  return there;
}

int turbojpeg_decode(const unsigned char *jpg, size_t size, int w, int h, unsigned char *rgb) {
  if (!turbojpeg_there())
    return 0;
  void *handle = init();
  if (handle == NULL)
    return 0;
  int width, height, sampling, colours;
  // Flags 0: the accurate DCT and smooth upsampling, as Pillow decodes. A warning is
  // a result that is not 0, too.
  int ok = header(handle, jpg, size, &width, &height, &sampling, &colours) == 0 && width == w && height == h &&
           colours < COLOURS_CMYK && decompress(handle, jpg, size, rgb, w, 3 * w, h, FORMAT_RGB, 0) == 0;
  destroy(handle);
  return ok;
}
