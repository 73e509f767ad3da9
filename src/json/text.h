/* text.h - questions about runs of text, asked many bytes at a time. */
#ifndef JSON_TEXT_H
#define JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

/** Where `s` stops being UTF-8 (RFC 3629: no surrogates, nothing overlong); SIZE_MAX: nowhere. */
size_t json_utf8_fault(struct slice s);

/** How many bytes from the start a string takes as they are: no '"', '\' or control character. */
size_t json_plain_len(struct slice s);

#define JSON_BLOCK_BYTES 16

/** Is all of it ASCII, and plain?  Looks at whole blocks: what lies behind its end must be readable. */
bool json_is_plain_ascii(const char *at, size_t len);

/**
 * The bytes of the UTF-8 sequence at the start of `s`, 1 to 4; 0 when there is none.
 * `s` is not empty.
 */
size_t json_utf8_len(struct slice s);

/** Writes `rune` as UTF-8 and answers how many bytes that took. */
size_t json_utf8_put(uint32_t rune, char out[4]);

#endif
