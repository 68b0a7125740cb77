/*
 * Faults in the system calls of a real process, by LD_PRELOAD. The calls on files below the directory
 * UNDER are counted, over all threads; calls on other files are left alone.
 *
 *   FAIL_SYNC_AT=n           the n-th fsync or fdatasync fails with EIO
 *   DROP_SYNC=1              fsync and fdatasync do nothing and report success
 *   TEAR_AT=n TEAR_BYTES=b   the n-th pwrite writes b bytes at most, and the process dies with code 137
 *
 * cc -shared -fPIC -O2 -o fault-injection.so fault-injection.c -ldl
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_int syncs, writes;

static int number(const char *name, int otherwise) {
  const char *text = getenv(name);
  return text ? atoi(text) : otherwise;
}

static int is_ours(int fd) {
  const char *under = getenv("UNDER");
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (!under || length < 0) return 0;
  path[length] = 0;
  return strncmp(path, under, strlen(under)) == 0;
}

static int synced(int fd, const char *name) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
  if (!is_ours(fd)) return real(fd);
  if (atomic_fetch_add(&syncs, 1) + 1 == number("FAIL_SYNC_AT", -1)) {
    errno = EIO;
    return -1;
  }
  return getenv("DROP_SYNC") ? 0 : real(fd);
}

int fdatasync(int fd) { return synced(fd, "fdatasync"); }

int fsync(int fd) { return synced(fd, "fsync"); }

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
  static ssize_t (*real)(int, const void *, size_t, off64_t);
  if (!real) real = (ssize_t (*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64");
  if (!is_ours(fd) || atomic_fetch_add(&writes, 1) + 1 != number("TEAR_AT", -1)) return real(fd, bytes, count, offset);
  size_t torn = number("TEAR_BYTES", 512);
  if (real(fd, bytes, torn < count ? torn : count, offset) < 0) _exit(1);
  _exit(137);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) { return pwrite64(fd, bytes, count, offset); }
