/* Stands between a process and its disk, its sockets and its clock: writes down what passes, and lets it fail.

   Preloaded (LD_PRELOAD) by load_tests/shim.py, which also says what the environment variables and the layouts mean.
   What must live here: system calls, one record each. What must not: any idea of what they are for.

   A record is appended with one write(2) to a file opened O_APPEND, so the records of all threads and processes are in
   one order. It is written before a write, a name's change or an answer takes place and after a sync has: a record
   never says that something is safe before it is. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define MAX_FD 4096
#define MAX_PATH 512
#define MAX_ANSWER 1024

struct record {                 /* followed by `names` bytes of paths and `size` bytes of data */
    uint8_t kind;               /* see KINDS in shim.py */
    uint8_t unused[3];
    int32_t error;
    uint64_t inode;
    uint64_t offset;
    uint32_t names;
    uint32_t size;
};

struct fault {                  /* shared with shim.py, which changes it while we run */
    uint32_t armed;
    uint32_t calls;             /* 1: writes, 2: syncs, 4: truncations */
    uint32_t error;
    uint32_t spare;             /* so many calls succeed first */
    uint32_t hits;
    char suffix[64];            /* of the path */
};

static int trace = -1;
static const char *root;
static size_t root_length;
static int64_t clock_ahead_s;
static volatile struct fault *fault;
static char paths[MAX_FD][MAX_PATH];    /* of descriptors below the root; "" for others */

#define REAL(name) real_##name
#define LOOK_UP(result, name, ...) static result (*REAL(name))(__VA_ARGS__)
LOOK_UP(int, open64, const char *, int, ...);
LOOK_UP(int, close, int);
LOOK_UP(ssize_t, write, int, const void *, size_t);
LOOK_UP(ssize_t, pwrite64, int, const void *, size_t, off64_t);
LOOK_UP(ssize_t, writev, int, const struct iovec *, int);
LOOK_UP(ssize_t, sendmsg, int, const struct msghdr *, int);
LOOK_UP(int, fsync, int);
LOOK_UP(int, fdatasync, int);
LOOK_UP(int, ftruncate64, int, off64_t);
LOOK_UP(int, rename, const char *, const char *);
LOOK_UP(int, link, const char *, const char *);
LOOK_UP(int, unlink, const char *);
LOOK_UP(int, mkdir, const char *, mode_t);
LOOK_UP(int, clock_gettime, clockid_t, struct timespec *);

__attribute__((constructor)) static void begin(void) {
#define FIND(name) REAL(name) = dlsym(RTLD_NEXT, #name)
    FIND(open64); FIND(close); FIND(write); FIND(pwrite64); FIND(writev); FIND(sendmsg); FIND(fsync); FIND(fdatasync);
    FIND(ftruncate64); FIND(rename); FIND(link); FIND(unlink); FIND(mkdir); FIND(clock_gettime);
    const char *ahead = getenv("SHIM_CLOCK_AHEAD_S"), *file = getenv("SHIM_TRACE"), *faults = getenv("SHIM_FAULT");
    clock_ahead_s = ahead ? atoll(ahead) : 0;
    root = getenv("SHIM_ROOT");
    root_length = root ? strlen(root) : 0;
    if (file) trace = REAL(open64)(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (faults) {
        int shared = REAL(open64)(faults, O_RDWR | O_CLOEXEC);
        void *page = mmap(NULL, sizeof *fault, PROT_READ | PROT_WRITE, MAP_SHARED, shared, 0);
        REAL(close)(shared);
        if (page != MAP_FAILED) fault = page;
    }
}

static int watched(const char *path) {
    return root && strlen(path) < MAX_PATH && strncmp(path, root, root_length) == 0;
}

static const char *path_of(int fd) { return fd >= 0 && fd < MAX_FD && paths[fd][0] ? paths[fd] : NULL; }

static uint64_t inode_of(int fd) {
    struct stat found;
    return fstat(fd, &found) == 0 ? found.st_ino : 0;
}

static uint64_t inode_at(const char *path) {
    struct stat found;
    return stat(path, &found) == 0 ? found.st_ino : 0;
}

static void note(char kind, uint64_t inode, uint64_t offset, int error, const char *one, const char *other,
                 const void *data, size_t size) {
    if (trace < 0) return;
    int before = errno;
    char names[2 * MAX_PATH + 1];
    size_t length = strlen(one);
    memcpy(names, one, length);
    if (other) {
        names[length++] = '\n';
        memcpy(names + length, other, strlen(other));
        length += strlen(other);
    }
    struct record head = {.kind = kind, .error = error, .inode = inode, .offset = offset, .names = length, .size = size};
    struct iovec parts[] = {{&head, sizeof head}, {names, length}, {(void *)data, size}};
    if (REAL(writev)(trace, parts, 3) != (ssize_t)(sizeof head + length + size)) abort();
    errno = before;
}

static int fails(const char *path, uint32_t call) {
    if (!fault || !fault->armed || !(fault->calls & call)) return 0;
    size_t length = strlen(path), suffix = strlen((const char *)fault->suffix);
    if (length < suffix || strcmp(path + length - suffix, (const char *)fault->suffix) != 0) return 0;
    if (fault->spare) { fault->spare--; return 0; }
    fault->hits++;
    errno = fault->error;
    return 1;
}

/* Files ------------------------------------------------------------------------------------------------------------ */

static int opened(int directory, const char *path, int flags, mode_t mode) {
    int mine = directory == AT_FDCWD && watched(path);
    int fresh = mine && (flags & O_CREAT) && access(path, F_OK) != 0;
    int fd = syscall(SYS_openat, directory, path, flags, mode);
    if (fd >= 0 && fd < MAX_FD) paths[fd][0] = 0;
    if (fd >= 0 && fd < MAX_FD && mine) {
        strcpy(paths[fd], path);
        if (fresh) note('C', inode_of(fd), 0, 0, path, NULL, NULL, 0);
        else if (flags & O_TRUNC) note('T', inode_of(fd), 0, 0, path, NULL, NULL, 0);
    }
    return fd;
}

#define MODE_OF(flags) mode_t mode = 0; \
    if ((flags) & (O_CREAT | __O_TMPFILE)) { va_list more; va_start(more, flags); mode = va_arg(more, mode_t); va_end(more); }
int open(const char *path, int flags, ...) { MODE_OF(flags) return opened(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE_OF(flags) return opened(AT_FDCWD, path, flags | O_LARGEFILE, mode); }
int openat(int at, const char *path, int flags, ...) { MODE_OF(flags) return opened(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE_OF(flags) return opened(at, path, flags | O_LARGEFILE, mode); }

int close(int fd) {
    if (fd >= 0 && fd < MAX_FD) paths[fd][0] = 0;
    return REAL(close) ? REAL(close)(fd) : (int)syscall(SYS_close, fd);    /* a library may close before we begin */
}

static int answers(int fd, const void *data, size_t size) {
    struct stat found;
    return trace >= 0 && size > 9 && memcmp(data, "HTTP/1.", 7) == 0 && fstat(fd, &found) == 0 && S_ISSOCK(found.st_mode);
}

static void note_answer(int fd, const void *data, size_t size) {
    if (answers(fd, data, size)) note('A', 0, 0, 0, "", NULL, data, size < MAX_ANSWER ? size : MAX_ANSWER);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) {
    const char *path = path_of(fd);
    if (path) {
        if (fails(path, 1)) return -1;
        note('W', inode_of(fd), offset, 0, path, NULL, data, size);
    }
    return REAL(pwrite64)(fd, data, size, offset);
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) { return pwrite64(fd, data, size, offset); }

ssize_t write(int fd, const void *data, size_t size) {
    const char *path = path_of(fd);
    if (path) {
        if (fails(path, 1)) return -1;
        note('W', inode_of(fd), lseek(fd, 0, SEEK_CUR), 0, path, NULL, data, size);
    } else {
        note_answer(fd, data, size);
    }
    return REAL(write)(fd, data, size);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    if (count > 0) note_answer(fd, parts[0].iov_base, parts[0].iov_len);
    return REAL(writev)(fd, parts, count);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    if (message->msg_iovlen > 0) note_answer(fd, message->msg_iov[0].iov_base, message->msg_iov[0].iov_len);
    return REAL(sendmsg)(fd, message, flags);
}

static int synced(int fd, int (*sync)(int)) {
    const char *path = path_of(fd);
    if (!path) return sync(fd);
    note('S', inode_of(fd), 0, 0, path, NULL, NULL, 0);
    int result = fails(path, 2) ? -1 : sync(fd);
    note('E', inode_of(fd), 0, result ? errno : 0, path, NULL, NULL, 0);
    return result;
}
int fsync(int fd) { return synced(fd, REAL(fsync)); }
int fdatasync(int fd) { return synced(fd, REAL(fdatasync)); }

int ftruncate64(int fd, off64_t length) {
    const char *path = path_of(fd);
    if (path) {
        if (fails(path, 4)) return -1;
        note('T', inode_of(fd), length, 0, path, NULL, NULL, 0);
    }
    return REAL(ftruncate64)(fd, length);
}
int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

/* Names ------------------------------------------------------------------------------------------------------------ */

int rename(const char *old, const char *new) {
    if (watched(new)) note('R', inode_at(old), 0, 0, old, new, NULL, 0);
    return REAL(rename)(old, new);
}

int link(const char *old, const char *new) {
    if (watched(new) && access(new, F_OK) != 0) note('L', inode_at(old), 0, 0, old, new, NULL, 0);
    return REAL(link)(old, new);
}

int unlink(const char *path) {
    if (watched(path) && access(path, F_OK) == 0) note('U', inode_at(path), 0, 0, path, NULL, NULL, 0);
    return REAL(unlink)(path);
}

int mkdir(const char *path, mode_t mode) {
    int result = REAL(mkdir)(path, mode);
    if (result == 0 && watched(path)) note('M', inode_at(path), 0, 0, path, NULL, NULL, 0);
    return result;
}

/* The clock -------------------------------------------------------------------------------------------------------- */

int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = REAL(clock_gettime) ? REAL(clock_gettime)(clock, now) : syscall(SYS_clock_gettime, clock, now);
    if (result == 0 && clock == CLOCK_REALTIME) now->tv_sec += clock_ahead_s;
    return result;
}
