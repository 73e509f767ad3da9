/* panic.h - the end, when going on would be worse. */
#ifndef BASE_PANIC_H
#define BASE_PANIC_H

/** Says why on standard error and aborts.  For our own bugs and for no memory left. */
_Noreturn void panic(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
