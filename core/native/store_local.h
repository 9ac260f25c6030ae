// The store at which the ranks of one machine meet, as c10d's stores are used: a
// client of what package core/ranks/local serves, whose comment has the protocol.
#ifndef DETNAS_STORE_LOCAL_H
#define DETNAS_STORE_LOCAL_H

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <mutex>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <torch/csrc/distributed/c10d/Store.hpp>
#include <unistd.h>
#include <vector>

namespace detnas {

using Bytes = std::vector<uint8_t>;

class LocalStore : public c10d::Store {
public:
  // Waits until the store of that socket, the name of which begins with @ for the zero
  // byte that it stands for, is served by a process of the same user.
  LocalStore(const std::string &address, std::chrono::milliseconds timeout);
  ~LocalStore() override;

  // Another connection to the same store; libtorch asks for one from 2.8 on.
  c10::intrusive_ptr<c10d::Store> clone() { return c10::make_intrusive<LocalStore>(address_, timeout_); }

  void set(const std::string &key, const Bytes &value) override;
  Bytes get(const std::string &key) override; // waits for the key
  int64_t add(const std::string &key, int64_t by) override;
  bool deleteKey(const std::string &key) override;
  bool check(const std::vector<std::string> &keys) override;
  int64_t getNumKeys() override;
  void wait(const std::vector<std::string> &keys) override { wait(keys, timeout_); }
  void wait(const std::vector<std::string> &keys, const std::chrono::milliseconds &timeout) override;

private:
  bool call(char op, const std::string &key, const Bytes &given, Bytes *answer);

  const std::string address_;
  std::mutex mutex_; // a call at a time
  int fd_ = -1;
};

using Clock = std::chrono::steady_clock;

// How often it is looked whether a store, or a key, is there, at first and at last.
constexpr std::chrono::milliseconds first_pause{1}, last_pause{50};

// Little-endian, as the machines are.
template <class T> void add_number(Bytes *to, T number) {
  const size_t at = to->size();
  to->resize(at + sizeof number);
  std::memcpy(to->data() + at, &number, sizeof number);
}

inline int64_t number_of(const Bytes &b) {
  int64_t n = 0;
  TORCH_CHECK(b.size() == sizeof n, "the store of the ranks answers with what is no number");
  std::memcpy(&n, b.data(), sizeof n);
  return n;
}

inline bool send_all(int fd, const uint8_t *from, size_t n) {
  while (n > 0) {
    const ssize_t done = send(fd, from, n, MSG_NOSIGNAL);
    if (done < 0 && errno == EINTR)
      continue;
    if (done <= 0)
      return false;
    from += done;
    n -= static_cast<size_t>(done);
  }
  return true;
}

inline bool receive_all(int fd, void *to, size_t n) {
  auto *at = static_cast<uint8_t *>(to);
  while (n > 0) {
    const ssize_t done = recv(fd, at, n, 0);
    if (done < 0 && errno == EINTR)
      continue;
    if (done <= 0)
      return false;
    at += done;
    n -= static_cast<size_t>(done);
  }
  return true;
}

// A connection to a socket, or -1 while nobody serves it.
inline int connection(const sockaddr_un &to, socklen_t length) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  TORCH_CHECK(fd >= 0, "socket: ", std::strerror(errno));
  if (connect(fd, reinterpret_cast<const sockaddr *>(&to), length) == 0)
    return fd;
  close(fd);
  return -1;
}

inline LocalStore::LocalStore(const std::string &address, std::chrono::milliseconds timeout) : Store(timeout), address_(address) {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  TORCH_CHECK(address.size() > 1 && address.size() <= sizeof to.sun_path, "a store's name is too long: ", address);
  std::memcpy(to.sun_path, address.data(), address.size());
  to.sun_path[0] = 0;
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.size());
  const auto until = Clock::now() + timeout;
  for (auto pause = first_pause; (fd_ = connection(to, length)) < 0; pause = std::min(2 * pause, last_pause)) {
    TORCH_CHECK(Clock::now() < until, "no process of this machine keeps it, after ", timeout.count() / 1000.0, " s");
    std::this_thread::sleep_for(pause);
  }
  ucred other{};
  socklen_t size = sizeof other;
  if (getsockopt(fd_, SOL_SOCKET, SO_PEERCRED, &other, &size) != 0 || other.uid != geteuid()) {
    close(fd_);
    TORCH_CHECK(false, "user ", other.uid, " keeps it");
  }
}

inline LocalStore::~LocalStore() { close(fd_); }

// Asks the store, and reports whether the key was there.
inline bool LocalStore::call(char op, const std::string &key, const Bytes &given, Bytes *answer) {
  Bytes request;
  add_number(&request, static_cast<uint32_t>(5 + key.size() + given.size()));
  request.push_back(static_cast<uint8_t>(op));
  add_number(&request, static_cast<uint32_t>(key.size()));
  request.insert(request.end(), key.begin(), key.end());
  request.insert(request.end(), given.begin(), given.end());
  const std::lock_guard<std::mutex> lock(mutex_);
  uint32_t n = 0;
  uint8_t there = 0;
  TORCH_CHECK(send_all(fd_, request.data(), request.size()) && receive_all(fd_, &n, sizeof n) && n > 0 &&
                  receive_all(fd_, &there, 1),
              "the process that keeps the store of the ranks has ended");
  Bytes rest(n - 1);
  TORCH_CHECK(receive_all(fd_, rest.data(), rest.size()), "the process that keeps the store of the ranks has ended");
  if (answer != nullptr)
    *answer = std::move(rest);
  return there != 0;
}

inline void LocalStore::set(const std::string &key, const Bytes &value) { call('s', key, value, nullptr); }

inline Bytes LocalStore::get(const std::string &key) {
  Bytes value;
  wait({key});
  call('g', key, {}, &value);
  return value;
}

inline int64_t LocalStore::add(const std::string &key, int64_t by) {
  Bytes given, sum;
  add_number(&given, by);
  call('a', key, given, &sum);
  return number_of(sum);
}

inline bool LocalStore::deleteKey(const std::string &key) { return call('d', key, {}, nullptr); }

inline bool LocalStore::check(const std::vector<std::string> &keys) {
  for (const auto &key : keys)
    if (!call('h', key, {}, nullptr))
      return false;
  return true;
}

inline int64_t LocalStore::getNumKeys() {
  Bytes n;
  call('n', "", {}, &n);
  return number_of(n);
}

inline void LocalStore::wait(const std::vector<std::string> &keys, const std::chrono::milliseconds &timeout) {
  const auto until = Clock::now() + timeout;
  for (auto pause = first_pause; !check(keys); pause = std::min(2 * pause, last_pause)) {
    TORCH_CHECK(Clock::now() < until, "the store of the ranks has no ", keys.front(), " after ", timeout.count() / 1000.0, " s");
    std::this_thread::sleep_for(pause);
  }
}

} // namespace detnas
#endif
