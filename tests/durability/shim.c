/* Replaces the C library's file functions in a server, for the files of one folder:
 *
 * - fails them as the file named by NEARHIT_SHIM_FAULT lists, while that file exists: lines "CALL
 *   ERRNO [BYTES]", where CALL is write, sync, rename or truncate, and a write fails after so many
 *   more bytes of all files together; if the error is HANG, the call waits until the line is
 *   removed;
 * - appends to the file named by NEARHIT_SHIM_JOURNAL what is on the disk for certain: "INODE
 *   LENGTH" when a file was synced.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define REAL(type, name, ...) \
  static type (*real)(__VA_ARGS__); \
  if (!real) *(void **)&real = dlsym(RTLD_NEXT, name)

static long long written; /* bytes let through since the fault began */

static int inside(const char *path) {
  const char *folder = getenv("NEARHIT_SHIM_FOLDER");
  return folder && *folder && strncmp(path, folder, strlen(folder)) == 0;
}

/* The path of an open file of the folder; 0 if it is another. */
static int path_of(int fd, char *path) {
  char link[64];
  struct stat status;
  if (fstat(fd, &status) || !S_ISREG(status.st_mode)) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, PATH_MAX - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return inside(path);
}

#define HANG (-1)

static int number_of(const char *name) {
  if (strcmp(name, "HANG") == 0) return HANG;
  return strcmp(name, "ENOSPC") == 0 ? ENOSPC : strcmp(name, "EIO") == 0 ? EIO : EINVAL;
}

/* The same, HANG included. */
static int fault_now(const char *call, long long *room) {
  const char *name = getenv("NEARHIT_SHIM_FAULT");
  char text[512], which[16], error[16];
  int saved = errno, found = 0;
  long long after = 0;
  *room = 0;
  int fd = name ? (int)syscall(SYS_openat, AT_FDCWD, name, O_RDONLY | O_CLOEXEC) : -1;
  if (fd < 0) {
    __atomic_store_n(&written, 0, __ATOMIC_SEQ_CST);
    errno = saved;
    return 0;
  }
  ssize_t length = syscall(SYS_read, fd, text, sizeof text - 1);
  syscall(SYS_close, fd);
  text[length < 0 ? 0 : length] = 0;
  char *rest = text;
  for (char *line; !found && (line = strtok_r(rest, "\n", &rest));) {
    after = 0;
    if (sscanf(line, "%15s %15s %lld", which, error, &after) >= 2 && strcmp(which, call) == 0) found = number_of(error);
  }
  long long left = after - __atomic_load_n(&written, __ATOMIC_SEQ_CST);
  *room = left > 0 ? left : 0;
  errno = saved;
  return found;
}

/* The error that a call must fail with now, 0 if none; how many bytes are let through before. */
static int fault(const char *call, long long *room) {
  const struct timespec pause = {0, 5000000};
  int error;
  while ((error = fault_now(call, room)) == HANG && *room == 0) nanosleep(&pause, 0);
  return error == HANG ? 0 : error;
}

static void note(const char *text) {
  const char *name = getenv("NEARHIT_SHIM_JOURNAL");
  int saved = errno;
  int fd = name ? (int)syscall(SYS_openat, AT_FDCWD, name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644) : -1;
  if (fd >= 0) {
    syscall(SYS_write, fd, text, strlen(text));
    syscall(SYS_close, fd);
  }
  errno = saved;
}

/* How many of so many bytes may be written: all, fewer, or -1 and errno. */
static ssize_t allowed(int fd, size_t count) {
  char path[PATH_MAX];
  long long room;
  if (!path_of(fd, path)) return (ssize_t)count;
  int error = fault("write", &room);
  if (!error) return (ssize_t)count;
  if (room == 0 && count > 0) {
    errno = error;
    return -1;
  }
  size_t part = (long long)count > room ? (size_t)room : count;
  __atomic_add_fetch(&written, (long long)part, __ATOMIC_SEQ_CST);
  return (ssize_t)part;
}

ssize_t write(int fd, const void *bytes, size_t count) {
  REAL(ssize_t, "write", int, const void *, size_t);
  ssize_t part = allowed(fd, count);
  return part < 0 ? part : real(fd, bytes, (size_t)part);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
  REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
  ssize_t part = allowed(fd, count);
  return part < 0 ? part : real(fd, bytes, (size_t)part, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) { return pwrite64(fd, bytes, count, at); }

/* Where not all may be written, the first piece alone is: callers must expect that. */
ssize_t writev(int fd, const struct iovec *pieces, int count) {
  REAL(ssize_t, "writev", int, const struct iovec *, int);
  size_t total = 0;
  for (int i = 0; i < count; i++) total += pieces[i].iov_len;
  ssize_t part = allowed(fd, total);
  if (part < 0) return part;
  if ((size_t)part == total) return real(fd, pieces, count);
  struct iovec first = pieces[0];
  if ((size_t)part < first.iov_len) first.iov_len = (size_t)part;
  return real(fd, &first, 1);
}

static int sync_with(int (*real)(int), int fd) {
  char path[PATH_MAX], line[64];
  struct stat status;
  long long room;
  if (!path_of(fd, path)) return real(fd);
  int error = fault("sync", &room);
  if (error) {
    errno = error;
    return -1;
  }
  /* The length before: what is written meanwhile need not be on the disk. */
  if (fstat(fd, &status)) return -1;
  int outcome = real(fd);
  if (outcome == 0) {
    snprintf(line, sizeof line, "%llu %lld\n", (unsigned long long)status.st_ino, (long long)status.st_size);
    note(line);
  }
  return outcome;
}

int fsync(int fd) {
  REAL(int, "fsync", int);
  return sync_with(real, fd);
}

int fdatasync(int fd) {
  REAL(int, "fdatasync", int);
  return sync_with(real, fd);
}

int ftruncate64(int fd, off64_t length) {
  REAL(int, "ftruncate64", int, off64_t);
  char path[PATH_MAX];
  long long room;
  int error = path_of(fd, path) ? fault("truncate", &room) : 0;
  if (error) {
    errno = error;
    return -1;
  }
  return real(fd, length);
}

int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

int rename(const char *old, const char *new) {
  REAL(int, "rename", const char *, const char *);
  char from[PATH_MAX];
  /* Paths may be relative to the folder. */
  if (!realpath(old, from) || !inside(from)) return real(old, new);
  long long room;
  int error = fault("rename", &room);
  if (error) {
    errno = error;
    return -1;
  }
  return real(old, new);
}
