/* money.c - exact amounts: decimal strings outside, billionths of a dollar inside. */
#include "base/money.h"

#include <stdio.h>

#define DECIMALS 9

bool money_parse_usd(struct slice text, int64_t *nusd)
{
    struct slice fraction, whole = slice_cut(text, '.', &fraction);
    uint64_t dollars, parts = 0;

    if (!slice_to_u64(whole, &dollars) || dollars > INT64_MAX / NUSD_PER_USD - 1)
        return false;
    if (whole.len != text.len) {
        if (fraction.len > DECIMALS || !slice_to_u64(fraction, &parts))
            return false;
        for (size_t i = fraction.len; i < DECIMALS; i++)
            parts *= 10;
    }
    *nusd = (int64_t)(dollars * NUSD_PER_USD + parts);
    return true;
}

struct slice money_format_usd(int64_t nusd, char out[MONEY_TEXT_BYTES])
{
    uint64_t amount = nusd < 0 ? 0 - (uint64_t)nusd : (uint64_t)nusd;
    int len = snprintf(out, MONEY_TEXT_BYTES, "%s%llu.%09llu", nusd < 0 ? "-" : "",
                       (unsigned long long)(amount / NUSD_PER_USD),
                       (unsigned long long)(amount % NUSD_PER_USD));

    while (out[len - 1] == '0')
        len--;
    if (out[len - 1] == '.')
        len--;
    out[len] = '\0';
    return slice_of(out, (size_t)len);
}
