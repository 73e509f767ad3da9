/* problems.h - everything wrong with a file, each with its place. */
#ifndef APP_PROBLEMS_H
#define APP_PROBLEMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/slice.h"

/* From 1; 0: of the file as a whole. */
struct place {
    unsigned line, column;
};

struct problem {
    struct place place;
    bool warning; // worth saying, and no reason to refuse
    struct slice text;
    struct problem *next;
};

/* Zeroed storage with `file` and `arena` set holds none. */
struct problems {
    const char *file; // as messages name it
    struct arena *arena;
    struct problem *first, *last;
    size_t errors, warnings;
};

#define PROBLEMS_MAX 100 // kept; further ones are only counted

void problem_add(struct problems *p, struct place at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void problem_warn(struct problems *p, struct place at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** One line each, "file:line:column: message", in the order of the file. */
void problems_print(const struct problems *p, FILE *out);

/**
 * The one of `names` that `name` is most likely meant to be, or NULL when none is
 * near enough to be worth proposing.
 */
const char *suggest(struct slice name, const char *const *names, size_t count);

#endif
