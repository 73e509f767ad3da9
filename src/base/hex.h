/* hex.h - hexadecimal digits. */
#ifndef BASE_HEX_H
#define BASE_HEX_H

/** 0 to 15; -1 for what is no hexadecimal digit. */
static inline int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

#endif
