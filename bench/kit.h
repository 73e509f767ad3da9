/* kit.h - what the mock upstream and the load generator share. */
#ifndef BENCH_KIT_H
#define BENCH_KIT_H

#include <stddef.h>
#include <stdint.h>

/* The programs of bench/ end at the first thing that is wrong: nobody depends on them. */
_Noreturn void kit_die(const char *format, ...) __attribute__((format(printf, 1, 2)));

uint64_t kit_now_ns(void);

/** `text` as a number from 0 to `most`; `name` is for the complaint. */
uint64_t kit_number(const char *name, const char *text, uint64_t most);

/** Sockets on 127.0.0.1 that do not block, Nagle off.  kit_connect() answers -1 as connect(). */
int kit_listen(unsigned port);
int kit_connect(unsigned port);

/* Text that grows; the bytes are followed by a NUL. */
struct text {
    char *bytes;
    size_t len, cap;
};

void text_add(struct text *t, const char *bytes, size_t len);
void text_printf(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
