/* control.h - what a terminal would act on, in text from outside. */
#ifndef BASE_CONTROL_H
#define BASE_CONTROL_H

#include "base/slice.h"

/**
 * How many bytes at the front of a text are one control character: C0, DEL, or C1 in UTF-8,
 * which terminals take for the beginning of a sequence too; 0: none.
 */
static inline size_t control_len(struct slice s)
{
    unsigned char c = s.len ? (unsigned char)s.ptr[0] : ' ';

    if (c < ' ' || c == 0x7f)
        return 1;
    return c == 0xc2 && s.len > 1 && ((unsigned char)s.ptr[1] & 0xe0) == 0x80 ? 2 : 0;
}

#endif
