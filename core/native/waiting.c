// How the threads of OpenMP and OpenBLAS wait for work. By default they spin,
// and when anything else wants a core (the loader, another run, a neighbour on
// the machine) the spinning takes it from the very thread they wait for: a
// training step can take 30 times as long. A short spin and then sleep costs a
// quiet machine next to nothing.
//
// The libraries read the variables that say so in their constructors, from the
// environment that the process began with; changing it later is too late. So a
// program that begins without them is started anew, in the same process, before
// those constructors have run. What the user has set is left as it is. Where
// libtorch is loaded lazily (lazy/lazy.c) there is no need of this.
#ifndef DETNAS_LAZY
#define _GNU_SOURCE
#include <string.h>
#include <unistd.h>

static const char *const wanted[] = {
    "GOMP_SPINCOUNT=10000",
    "OPENBLAS_THREAD_TIMEOUT=16", // 2^16 cycles
};
enum { WANTED = sizeof wanted / sizeof wanted[0], MOST = 4096 };

static const char *env[MOST + WANTED + 1];

static int set_already(char **envp, const char *assignment) {
  size_t n = (size_t)(strchr(assignment, '=') - assignment) + 1;
  for (; *envp; envp++)
    if (strncmp(*envp, assignment, n) == 0)
      return 1;
  return 0;
}

static void settle_waiting(int argc, char **argv, char **envp) {
  (void)argc;
  int n = 0, added = 0;
  while (envp[n] && n < MOST) {
    env[n] = envp[n];
    n++;
  }
  if (envp[n])
    return; // an environment of that size is not worth the trouble
  for (int i = 0; i < WANTED; i++)
    if (!set_already(envp, wanted[i]))
      env[n + added++] = wanted[i];
  if (added > 0)
    execve("/proc/self/exe", argv, (char *const *)env);
  // Where it cannot be started anew, it runs as it is, only slower.
}

// .preinit_array of an executable runs before the constructors of its libraries.
__attribute__((section(".preinit_array"), used)) static void (*const preinit)(int, char **, char **) = settle_waiting;
#endif
