/* arena.h - memory for everything that dies together. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

/*
 * An arena hands out memory that is never freed piece by piece: all of it goes
 * at once, in arena_release().  Each exchange owns one.  An arena belongs to
 * one worker thread; nothing here locks.
 *
 * Running out of memory ends the process, so arena_alloc() never answers NULL.
 * A size that a peer chose goes through arena_try_alloc(), which answers NULL
 * beyond `limit` and where memory has run out; the caller turns that into
 * ERR_TOO_LARGE.
 */
struct arena_chunk;
struct arena_defer;

struct arena {
    struct arena_chunk *newest;
    struct arena_defer *defers; // newest first
    size_t used;                // bytes handed out, padding included
    size_t limit;               // bytes; 0 means no limit
    size_t chunk_bytes;         // size of the next ordinary chunk
};

void arena_init(struct arena *a, size_t limit);

/** Runs the deferred calls, newest first, then returns every byte. */
void arena_release(struct arena *a);

/** The same, but its largest chunk of up to `keep_bytes` stays, for what comes next. */
void arena_reset(struct arena *a, size_t keep_bytes);

/** Zeroed storage, valid until arena_release().  `align` is a power of two. */
void *arena_alloc(struct arena *a, size_t size, size_t align);
void *arena_try_alloc(struct arena *a, size_t size, size_t align);

/** The same, not zeroed: for bytes that are written at once. */
void *arena_alloc_raw(struct arena *a, size_t size, size_t align);
void *arena_try_alloc_raw(struct arena *a, size_t size, size_t align);

#define arena_new(arena, type) ((type *)arena_alloc((arena), sizeof(type), _Alignof(type)))
#define arena_array(arena, type, count) \
    ((type *)arena_alloc_array((arena), (count), sizeof(type), _Alignof(type)))

/** Zeroed storage for `count` things of `size` bytes; ends the process on overflow. */
void *arena_alloc_array(struct arena *a, size_t count, size_t size, size_t align);

/** Copies `s` into the arena and puts a NUL after it, not counted in `len`. */
struct slice arena_dup(struct arena *a, struct slice s);

/** As printf; the result is NUL terminated, the NUL not counted. */
struct slice arena_printf(struct arena *a, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** `call(arg)` runs in arena_release(), before any memory goes. */
void arena_defer(struct arena *a, void (*call)(void *arg), void *arg);

#endif
