/* ledger_figures.c - the numbers of a usage row as text. */
#include <string.h>

#include "store/ledger_inside.h"

/* Two digits at a time, from the end: rows are written by the thousand. */
static char *put_u64(char *out, uint64_t value)
{
    static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                                "25262728293031323334353637383940414243444546474849"
                                "50515253545556575859606162636465666768697071727374"
                                "75767778798081828384858687888990919293949596979899";
    char *end, *at;
    uint64_t rest;

    if (value < 10) { // as most are
        *out = (char)('0' + value);
        return out + 1;
    }
    for (end = out + 1, rest = value; rest >= 10; rest /= 10)
        end++;
    for (at = end; value >= 100; value /= 100)
        memcpy(at -= 2, pairs + value % 100 * 2, 2);
    if (value >= 10)
        memcpy(at - 2, pairs + value * 2, 2);
    else
        at[-1] = (char)('0' + value);
    return end;
}

static char *put_i64(char *out, int64_t value)
{
    if (value < 0)
        *out++ = '-';
    return put_u64(out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

static char *put_ms(char *out, int64_t ms)
{
    if (ms >= 0)
        return put_u64(out, (uint64_t)ms);
    memcpy(out, "null", 4);
    return out + 4;
}

size_t ledger_figures(const struct usage_record *r, char out[FIGURES_BYTES])
{
    const int64_t times[] = {r->connect_ms, r->first_byte_ms, r->total_ms};
    const int64_t sums[] = {r->request_bytes, r->response_bytes, r->cost_nusd};
    unsigned kinds = USAGE_KIND_COUNT;
    char *at = out;

    while (kinds && !r->usage.tokens[kinds - 1])
        kinds--;
    *at++ = '[';
    at = put_i64(at, r->started_unix_ms);
    for (size_t i = 0; i < 3; i++) {
        *at++ = ',';
        at = put_ms(at, times[i]);
    }
    for (size_t i = 0; i < 3; i++) {
        *at++ = ',';
        at = put_i64(at, sums[i]);
    }
    for (unsigned k = 0; k < kinds; k++) {
        *at++ = ',';
        at = put_i64(at, r->usage.tokens[k]);
    }
    *at++ = ']';
    return (size_t)(at - out);
}
