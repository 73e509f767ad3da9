/*
 * flaky.c - a disk that fails now and then: for LD_PRELOAD.  The file that FLAKY_FILE names
 * holds numbers of four bytes, which may change at any time: how many of a thousand calls fail
 * with EIO; whether msync() is held until it is 0 again; how many of a thousand msync() fail
 * (those that are not there are 0).  Of writes that fail, some have written a part.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

static const volatile int32_t *rate; // of all calls, hold, of msync
static _Atomic uint64_t calls;

__attribute__((constructor)) static void begin(void)
{
    const char *name = getenv("FLAKY_FILE");
    int fd = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    void *at = fd >= 0 ? mmap(NULL, sizeof(*rate), PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;

    if (fd >= 0)
        close(fd);
    if (at != MAP_FAILED)
        rate = at;
}

static uint64_t draw(void)
{
    uint64_t z = atomic_fetch_add(&calls, 1) * 0x9e3779b97f4a7c15ULL;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

static bool fails_at(uint64_t n, int which)
{
    if (!rate || n % 1000 >= (uint64_t)rate[which])
        return false;
    errno = EIO;
    return true;
}

static bool fails(uint64_t n)
{
    return fails_at(n, 0);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define WRITES(name, offset_type)                                       \
    ssize_t name(int fd, const void *bytes, size_t len, offset_type at) \
    {                                                                   \
        static __typeof__(&name) real;                                  \
        uint64_t n = draw();                                            \
        if (!real)                                                      \
            real = REAL(name);                                          \
        if (!fails(n))                                                  \
            return real(fd, bytes, len, at);                            \
        if (n % 3 == 0 && len > 1)                                      \
            return real(fd, bytes, len / 2, at);                        \
        if (n % 3 == 1 && len > 1)                                      \
            (void)!real(fd, bytes, len / 2, at);                        \
        errno = EIO;                                                    \
        return -1;                                                      \
    }

#define SYNCS(name)                           \
    int name(int fd)                          \
    {                                         \
        static __typeof__(&name) real;        \
        if (!real)                            \
            real = REAL(name);                \
        return fails(draw()) ? -1 : real(fd); \
    }

WRITES(pwrite, off_t)
WRITES(pwrite64, off64_t)
SYNCS(fsync)
SYNCS(fdatasync)

int msync(void *at, size_t len, int flags)
{
    static __typeof__(&msync) real;

    if (!real)
        real = REAL(msync);
    while (rate && rate[1])
        usleep(1000);
    return fails(draw()) || fails_at(draw(), 2) ? -1 : real(at, len, flags);
}

int ftruncate(int fd, off_t len)
{
    static __typeof__(&ftruncate) real;

    if (!real)
        real = REAL(ftruncate);
    return fails(draw()) ? -1 : real(fd, len);
}
