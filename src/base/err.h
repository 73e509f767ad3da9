/* err.h - why something failed, and what follows from it. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#define ERR_TEXT_BYTES 256

enum failover {
    FAILOVER_STOP,       // the client's affair: no other candidate would do better
    FAILOVER_CREDENTIAL, // this credential's affair: the next one may do
    FAILOVER_TARGET,     // this target's affair: the next candidate may do
};

enum err {
#define ERR(name, http, failover, text) ERR_##name,
#include "base/err.def"
#undef ERR
    ERR_COUNT
};

/*
 * Filled where a failure is first seen.  The text is for the client or the
 * operator and holds no secret.  Zeroed storage means "nothing failed".
 */
struct err_info {
    enum err code;
    int64_t retry_after_ms;    // 0: nothing known
    char text[ERR_TEXT_BYTES]; // NUL terminated, cut at the end when too long
};

/** Keeps the first reason and returns it: `return err_set(e, ERR_X, "...")`. */
enum err err_set(struct err_info *e, enum err code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
enum err err_setv(struct err_info *e, enum err code, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

const char *err_name(enum err code); // "BAD_REQUEST"
int err_http_status(enum err code);  // of our own answer
enum failover err_failover(enum err code);
const char *err_text(enum err code); // when there is nothing better to say

/** The text of `e`, or its code's when it has none. */
const char *err_info_text(const struct err_info *e);

#endif
