/* arena.c - memory for everything that dies together. */
#include "base/arena.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/panic.h"

/* An exchange needs some hundred bytes; a snapshot many MiB: chunks double up to the last figure. */
#define FIRST_CHUNK_BYTES ((size_t)512)
#define LAST_CHUNK_BYTES  ((size_t)1 << 20)

struct arena_chunk {
    struct arena_chunk *older;
    char *at;  // next free byte
    char *end; // one past the last
    char bytes[];
};

struct arena_defer {
    struct arena_defer *older;
    void (*call)(void *arg);
    void *arg;
};

void arena_init(struct arena *a, size_t limit)
{
    *a = (struct arena){.limit = limit, .chunk_bytes = FIRST_CHUNK_BYTES};
}

static size_t chunk_size(const struct arena_chunk *c)
{
    return (size_t)(c->end - (const char *)c);
}

void arena_reset(struct arena *a, size_t keep_bytes)
{
    struct arena_chunk *kept = NULL, *drop;

    while (a->defers) {
        struct arena_defer *d = a->defers;
        a->defers = d->older;
        d->call(d->arg);
    }
    while (a->newest) {
        drop = a->newest;
        a->newest = drop->older;
        if (chunk_size(drop) <= keep_bytes && (!kept || chunk_size(drop) > chunk_size(kept))) {
            struct arena_chunk *smaller = kept;
            kept = drop;
            drop = smaller;
        }
        free(drop);
    }
    a->used = 0;
    a->chunk_bytes = FIRST_CHUNK_BYTES;
    if (!kept)
        return;
    *kept = (struct arena_chunk){.at = kept->bytes, .end = kept->end};
    a->newest = kept;
    while (a->chunk_bytes <= chunk_size(kept))
        a->chunk_bytes *= 2;
}

void arena_release(struct arena *a)
{
    arena_reset(a, 0);
}

static char *align_up(char *p, size_t align)
{
    return p + ((0 - (uintptr_t)p) & (align - 1));
}

static struct arena_chunk *chunk_add(struct arena *a, size_t need)
{
    size_t size = a->chunk_bytes;
    struct arena_chunk *c;

    if (size < need + sizeof(*c))
        size = need + sizeof(*c);
    else if (a->chunk_bytes < LAST_CHUNK_BYTES)
        a->chunk_bytes *= 2;
    c = malloc(size);
    if (!c)
        return NULL;
    c->at = c->bytes;
    c->end = (char *)c + size;
    /* A chunk made to measure for one big thing goes behind the one still in use. */
    if (a->newest && size - need - sizeof(*c) < (size_t)(a->newest->end - a->newest->at)) {
        c->older = a->newest->older;
        a->newest->older = c;
    } else {
        c->older = a->newest;
        a->newest = c;
    }
    return c;
}

void *arena_try_alloc_raw(struct arena *a, size_t size, size_t align)
{
    struct arena_chunk *c = a->newest;
    char *at;

    assert(align && (align & (align - 1)) == 0);
    if (size > SIZE_MAX / 2 || (a->limit && (size > a->limit || a->used > a->limit - size)))
        return NULL;
    at = c ? align_up(c->at, align) : NULL;
    if (!c || at > c->end || (size_t)(c->end - at) < size) {
        c = chunk_add(a, size + align);
        if (!c)
            return NULL;
        at = align_up(c->at, align);
    }
    a->used += (size_t)(at - c->at) + size;
    c->at = at + size;
    return at;
}

void *arena_try_alloc(struct arena *a, size_t size, size_t align)
{
    void *p = arena_try_alloc_raw(a, size, align);
    return p ? memset(p, 0, size) : NULL;
}

void *arena_alloc_raw(struct arena *a, size_t size, size_t align)
{
    size_t limit = a->limit;
    void *p;

    a->limit = 0; // our own needs are not what the limit is for
    p = arena_try_alloc_raw(a, size, align);
    a->limit = limit;
    if (!p)
        panic("out of memory: %zu bytes", size);
    return p;
}

void *arena_alloc(struct arena *a, size_t size, size_t align)
{
    return memset(arena_alloc_raw(a, size, align), 0, size);
}

void *arena_alloc_array(struct arena *a, size_t count, size_t size, size_t align)
{
    if (size && count > SIZE_MAX / 2 / size)
        panic("out of memory: %zu times %zu bytes", count, size);
    return arena_alloc(a, count * size, align);
}

struct slice arena_dup(struct arena *a, struct slice s)
{
    char *p = arena_alloc_raw(a, s.len + 1, 1);

    if (s.len)
        memcpy(p, s.ptr, s.len);
    p[s.len] = '\0';
    return slice_of(p, s.len);
}

struct slice arena_printf(struct arena *a, const char *format, ...)
{
    va_list args, again;
    char *p;
    int len;

    va_start(args, format);
    va_copy(again, args);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    assert(len >= 0);
    p = arena_alloc_raw(a, (size_t)len + 1, 1);
    vsnprintf(p, (size_t)len + 1, format, again);
    va_end(again);
    return slice_of(p, (size_t)len);
}

void arena_defer(struct arena *a, void (*call)(void *arg), void *arg)
{
    struct arena_defer *d = arena_new(a, struct arena_defer);

    *d = (struct arena_defer){.older = a->defers, .call = call, .arg = arg};
    a->defers = d;
}
