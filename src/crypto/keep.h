/* keep.h - secrets in an arena, wiped when it goes. */
#ifndef CRYPTO_KEEP_H
#define CRYPTO_KEEP_H

#include <stddef.h>

#include "base/arena.h"
#include "base/secret.h"

/** Room for `len` bytes and a NUL, which is there already; all are wiped in arena_release(). */
char *secret_room(struct arena *a, size_t len);

/** A copy in such room; absent stays absent. */
struct secret secret_dup(struct arena *a, struct secret s);

#endif
