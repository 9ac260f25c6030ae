// GUARD runs a block and turns a C++ exception into a message for Go: the first
// line of what libtorch says, without the stack that follows it.
#ifndef DETNAS_GUARD_H
#define DETNAS_GUARD_H

#include <cstdlib>
#include <cstring>
#include <exception>

static inline char *message_of(const char *what) {
  const char *end = std::strchr(what, '\n');
  char *text = strndup(what, end ? static_cast<size_t>(end - what) : std::strlen(what));
  if (text == nullptr)
    std::abort(); // no memory for a message, and without one nothing would have failed
  return text;
}

#define GUARD(...)                                                             \
  try {                                                                        \
    __VA_ARGS__                                                                \
    return nullptr;                                                            \
  } catch (const std::exception &e) {                                          \
    return message_of(e.what());                                               \
  } catch (...) {                                                              \
    return message_of("an unknown C++ exception");                             \
  }

#endif
