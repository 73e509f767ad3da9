/* pattern_fuzz.c - a set of patterns answers as its patterns do, one by one. */
#include <assert.h>

#include "policy/pattern.h"
#include "wire/glob.h"

#define MOST 64 // patterns of a set: linear ones and others

struct check {
    const struct slice *patterns;
    struct slice name;
    size_t next;
};

/* Those before it that were left out do not match. */
static void on_match(void *ctx, size_t index)
{
    struct check *c = ctx;

    for (; c->next < index; c->next++)
        assert(!glob_match(c->patterns[c->next], c->name));
    assert(glob_match(c->patterns[c->next++], c->name));
}

/* The first line is a name, each other a pattern. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice patterns[MOST], rest,
        name = slice_cut(slice_of((const char *)data, size), '\n', &rest);
    struct check c = {.patterns = patterns, .name = name};
    const struct pattern_set *set;
    size_t count = 0;
    struct arena a;
    bool any;

    while (rest.len && count < MOST)
        patterns[count++] = slice_cut(rest, '\n', &rest);
    arena_init(&a, 0);
    set = pattern_set_new(&a, patterns, count, 0x9e3779b97f4a7c15);
    pattern_set_each(set, name, on_match, &c);
    any = c.next > 0;
    for (; c.next < count; c.next++)
        assert(!glob_match(patterns[c.next], name));
    assert(pattern_set_any(set, name) == any);
    assert((pattern_set_best(set, &name, 1) >= 0) == any);
    assert(!any || pattern_set_matches(set, (size_t)pattern_set_best(set, &name, 1), name));
    arena_release(&a);
    return 0;
}
