/* err.c - why something failed, and what follows from it. */
#include "base/err.h"

#include <assert.h>
#include <stdio.h>

struct err_row {
    const char *name;
    int http_status;
    enum failover failover;
    const char *text;
};

static const struct err_row rows[ERR_COUNT] = {
#define ERR(name, http, failover, text) {#name, http, failover, text},
#include "base/err.def"
#undef ERR
};

enum err err_setv(struct err_info *e, enum err code, const char *format, va_list args)
{
    assert(code != ERR_NONE);
    if (e->code == ERR_NONE) {
        e->code = code;
        vsnprintf(e->text, sizeof(e->text), format, args);
    }
    return e->code;
}

enum err err_set(struct err_info *e, enum err code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    code = err_setv(e, code, format, args);
    va_end(args);
    return code;
}

const char *err_name(enum err code)
{
    return rows[code].name;
}

int err_http_status(enum err code)
{
    return rows[code].http_status;
}

enum failover err_failover(enum err code)
{
    return rows[code].failover;
}

const char *err_text(enum err code)
{
    return rows[code].text;
}

const char *err_info_text(const struct err_info *e)
{
    return e->text[0] ? e->text : err_text(e->code);
}
