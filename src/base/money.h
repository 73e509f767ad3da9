/* money.h - exact amounts: decimal strings outside, billionths of a dollar inside. */
#ifndef BASE_MONEY_H
#define BASE_MONEY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

#define NUSD_PER_USD 1000000000LL

/** "0.75" -> 750000000.  At most nine decimals; no sign, exponent or space; false otherwise. */
bool money_parse_usd(struct slice text, int64_t *nusd);

/** 750000000 -> "0.75", without trailing zeros, at least one digit before the point; may be negative. */
#define MONEY_TEXT_BYTES 32
struct slice money_format_usd(int64_t nusd, char out[MONEY_TEXT_BYTES]);

#endif
