/* base64.h - bytes as text (RFC 4648, 4 and 5). */
#ifndef WIRE_BASE64_H
#define WIRE_BASE64_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/slice.h"

enum base64_alphabet { BASE64_STANDARD, BASE64_URL };

enum base64_padding {
    BASE64_PADDED,
    BASE64_BARE,   // no '='
    BASE64_EITHER, // decoding: both are fine; encoding: as BASE64_PADDED
};

void base64_encode(struct slice bytes, enum base64_alphabet alphabet, enum base64_padding padding,
                   struct buf *out);

/** Strict: no white space, no left-over bits.  False: `out` is as it was. */
bool base64_decode(struct slice text, enum base64_alphabet alphabet, enum base64_padding padding,
                   struct buf *out);

#endif
