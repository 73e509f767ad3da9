/* trim.c - when memory goes back to the system. */
#include "app/trim.h"

#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#define KEPT_BYTES  (16 << 20) // at a heap's end; beyond it, it shrinks
#define LARGE_BYTES (2 << 20)  // what is as large has a mapping of its own, and goes at once

/* Read-only segments are clean copies of their file: dropping them loses nothing. */
static int drop_segments(struct dl_phdr_info *info, size_t size, void *ctx)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

    (void)size;
    (void)ctx;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        uintptr_t from = info->dlpi_addr + p->p_vaddr, to = from + p->p_memsz;
        if (p->p_type != PT_LOAD || (p->p_flags & PF_W))
            continue;
        from = from / page * page;
        to = to / page * page;
        if (to > from)
            madvise((void *)from, to - from, MADV_DONTNEED);
    }
    return 0;
}

void trim_keep_some(void)
{
    mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
    mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
}

void trim_memory(void)
{
    malloc_trim(0);
    dl_iterate_phdr(drop_segments, NULL);
}
