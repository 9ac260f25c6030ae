// Whether a process of this machine lives, by more than its number: one that was killed
// keeps that until its parent asks for it, and numbers are given out again.
#ifndef DETNAS_ALIVE_H
#define DETNAS_ALIVE_H

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

namespace detnas {

constexpr uint64_t kNotSaid = UINT64_MAX; // there is no /proc, or it hides the process

// born is when a process was started, in ticks since the machine was (proc(5), field 22 of
// stat), or 0 where it has ended.
inline uint64_t born(pid_t pid) {
  char text[1024];
  std::snprintf(text, sizeof text, "/proc/%d/stat", static_cast<int>(pid));
  const int fd = ::open(text, O_RDONLY | O_CLOEXEC);
  const ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
  if (fd >= 0)
    close(fd);
  if (n <= 0)
    return kNotSaid;
  text[n] = 0;
  const char *after = std::strrchr(text, ')'); // of the program's name, which may hold anything
  char state = 0;
  unsigned long long ticks = 0;
  if (!after || std::sscanf(after + 1, " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu", &state, &ticks) != 2)
    return kNotSaid;
  return state == 'Z' || state == 'X' || state == 'x' ? 0 : ticks;
}

// lives reports whether the process of that number is the one that was born then, and has
// not ended.
inline bool lives(pid_t pid, uint64_t then) {
  const uint64_t now = born(pid);
  if (now == kNotSaid)
    return kill(pid, 0) == 0 || errno == EPERM;
  return now != 0 && (now == then || then == kNotSaid);
}

} // namespace detnas
#endif
