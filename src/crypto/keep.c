/* keep.c - secrets in an arena, wiped when it goes. */
#include "crypto/keep.h"

struct room {
    size_t len;
    char bytes[];
};

static void wipe(void *arg)
{
    struct room *r = arg;
    secret_wipe(r->bytes, r->len);
}

char *secret_room(struct arena *a, size_t len)
{
    struct room *r = arena_alloc_raw(a, sizeof(*r) + len + 1, _Alignof(struct room));

    r->len = len;
    r->bytes[len] = '\0';
    arena_defer(a, wipe, r);
    return r->bytes;
}

struct secret secret_dup(struct arena *a, struct secret s)
{
    struct slice from = secret_reveal(s);
    char *to;

    if (!from.ptr)
        return s;
    to = secret_room(a, from.len);
    memcpy(to, from.ptr, from.len);
    return secret_of(slice_of(to, from.len));
}
