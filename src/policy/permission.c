/* permission.c - one permission, made ready to be asked often. */
#include "policy/permission.h"

#include <stdlib.h>

#include "policy/pattern.h"
#include "wire/glob.h"

void permission_compile(struct permission *p, struct slice pattern)
{
    struct slice head = slice_sub(pattern, 0, pattern.len ? pattern.len - 1 : 0);
    struct err_info e = {0};

    p->models = p->pattern = pattern;
    if (glob_validate(pattern, &e) != ERR_NONE) {
        p->permit = PERMIT_NOTHING;
    } else if (slice_eq(pattern, SLICE("*"))) {
        p->permit = PERMIT_ALL;
    } else if (glob_is_literal(pattern)) {
        p->permit = PERMIT_LITERAL;
    } else if (slice_ends(pattern, SLICE("*")) && glob_is_literal(head)) {
        p->permit = PERMIT_PREFIX;
        p->models = head;
    } else {
        p->permit = PERMIT_GLOB;
    }
}

static bool matches(const struct permission *p, struct slice name)
{
    switch (p->permit) {
    case PERMIT_NOTHING: return false;
    case PERMIT_ALL: return true;
    case PERMIT_LITERAL: return slice_eq(name, p->models);
    case PERMIT_PREFIX: return slice_starts(name, p->models);
    case PERMIT_GLOB: return glob_match(p->models, name);
    }
    return false;
}

bool permission_admits(const struct permission *p, const struct provider *provider,
                       struct slice name, struct slice bare)
{
    if (p->provider && provider && p->provider != provider)
        return false;
    return matches(p, name) || (p->provider && bare.ptr && matches(p, bare));
}

struct slice permission_strip(const struct provider *provider, struct slice name)
{
    size_t len = provider->name.len;

    if (slice_starts(name, provider->name) && name.len > len && name.ptr[len] == '/')
        return slice_after(name, len + 1);
    return (struct slice){0};
}

struct provider_patterns {
    const struct provider *provider; // NULL: of permissions that name none
    const struct pattern_set *patterns;
};

struct permission_set {
    const struct pattern_set *everywhere;  // of all permissions
    struct provider_patterns *by_provider; // [count], in order of name, NULL first
    size_t count;
};

static int compare(const void *a, const void *b)
{
    const struct permission *x = *(const struct permission *const *)a;
    const struct permission *y = *(const struct permission *const *)b;

    if (!x->provider || !y->provider)
        return (x->provider != NULL) - (y->provider != NULL);
    return slice_cmp(x->provider->name, y->provider->name);
}

/* Of permissions that all are of one provider. */
static const struct pattern_set *patterns_of(struct arena *a, const struct permission **list,
                                             size_t count, uint64_t seed)
{
    struct slice *patterns = arena_array(a, struct slice, count);

    for (size_t i = 0; i < count; i++)
        patterns[i] = list[i]->pattern;
    return pattern_set_new(a, patterns, count, seed);
}

const struct permission_set *permission_set_new(struct arena *a, const struct permission *list,
                                                size_t count, uint64_t seed)
{
    struct permission_set *set = arena_new(a, struct permission_set);
    const struct permission **order = arena_array(a, const struct permission *, count);
    size_t live = 0;

    for (size_t i = 0; i < count; i++) {
        if (list[i].permit != PERMIT_NOTHING)
            order[live++] = &list[i];
    }
    if (live)
        qsort(order, live, sizeof(const struct permission *), compare);
    set->everywhere = patterns_of(a, order, live, seed);
    set->by_provider = arena_array(a, struct provider_patterns, live);
    for (size_t from = 0, to; from < live; from = to) {
        for (to = from + 1; to < live && order[to]->provider == order[from]->provider;)
            to++;
        set->by_provider[set->count++] = (struct provider_patterns){
            order[from]->provider, patterns_of(a, order + from, to - from, seed)};
    }
    return set;
}

/* Of the permissions that name that provider, by its name; NULL: there are none. */
static const struct provider_patterns *find(const struct permission_set *set, struct slice name)
{
    size_t low = set->count && !set->by_provider[0].provider, high = set->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = slice_cmp(set->by_provider[middle].provider->name, name);
        if (order == 0)
            return &set->by_provider[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

bool permission_set_admits(const struct permission_set *set, const struct provider *provider,
                           struct slice name, struct slice bare)
{
    const struct provider_patterns *own = find(set, provider->name);

    if (set->count && !set->by_provider[0].provider &&
        pattern_set_any(set->by_provider[0].patterns, name))
        return true;
    return own && own->provider == provider &&
           (pattern_set_any(own->patterns, name) ||
            (bare.ptr && pattern_set_any(own->patterns, bare)));
}

bool permission_set_admits_anywhere(const struct permission_set *set, struct slice name)
{
    struct slice bare, head = slice_cut(name, '/', &bare);
    const struct provider_patterns *own = head.len < name.len ? find(set, head) : NULL;

    return pattern_set_any(set->everywhere, name) || (own && pattern_set_any(own->patterns, bare));
}
