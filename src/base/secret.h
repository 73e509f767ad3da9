/* secret.h - bytes that must not reach a log line or an answer. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/slice.h"

/*
 * A struct of its own, so that no formatter accepts it and every place that
 * opens it says so: secret_reveal() is easy to search for.  Borrows, as a
 * slice does; who owns the bytes wipes them.
 */
struct secret {
    struct slice hidden;
};

static inline struct secret secret_of(struct slice s)
{
    return (struct secret){s};
}

static inline struct slice secret_reveal(struct secret s)
{
    return s.hidden;
}

/** Overwrites `len` bytes in a way the compiler keeps. */
static inline void secret_wipe(void *bytes, size_t len)
{
    explicit_bzero(bytes, len);
}

#endif
