/*
 * count_alloc.c - how often each thread of a process allocates.  To be preloaded:
 *
 *     COUNT_ALLOC=FILE LD_PRELOAD=libcount-alloc.so PROGRAM
 *
 * FILE then holds one struct of three 64-bit numbers per thread, as it goes: the thread's
 * id, what it has taken (malloc, calloc, realloc and their kin), what it has given back.
 * Only with glibc, whose own names for these functions are called below.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define THREADS 256

struct slot {
    uint64_t thread, taken, given;
};

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *p, size_t size);
extern void *__libc_memalign(size_t align, size_t size);
extern void __libc_free(void *p);

static struct slot unwatched, *slots;
static atomic_size_t slot_count;
static _Thread_local struct slot *mine __attribute__((tls_model("initial-exec")));

__attribute__((constructor)) static void open_file(void)
{
    const char *path = getenv("COUNT_ALLOC");
    void *at;
    int fd;

    if (!path || (fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600)) < 0)
        return;
    if (ftruncate(fd, THREADS * sizeof(struct slot)) == 0) {
        at = mmap(NULL, THREADS * sizeof(struct slot), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (at != MAP_FAILED)
            slots = at;
    }
    close(fd);
}

/* This thread's slot; what is taken before the file is open is not counted. */
static struct slot *slot(void)
{
    size_t i;

    if (mine)
        return mine;
    if (!slots)
        return &unwatched;
    i = atomic_fetch_add(&slot_count, 1);
    mine = i < THREADS ? &slots[i] : &unwatched;
    mine->thread = (uint64_t)syscall(SYS_gettid);
    return mine;
}

void *malloc(size_t size)
{
    slot()->taken++;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    slot()->taken++;
    return __libc_calloc(count, size);
}

void *realloc(void *p, size_t size)
{
    slot()->taken++;
    return __libc_realloc(p, size);
}

void *aligned_alloc(size_t align, size_t size)
{
    slot()->taken++;
    return __libc_memalign(align, size);
}

int posix_memalign(void **out, size_t align, size_t size)
{
    slot()->taken++;
    *out = __libc_memalign(align, size);
    return *out ? 0 : ENOMEM;
}

void free(void *p)
{
    slot()->given++;
    __libc_free(p);
}
