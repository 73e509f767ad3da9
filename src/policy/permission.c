/* permission.c - one permission, made ready to be asked often. */
#include "policy/permission.h"

#include "wire/glob.h"

void permission_compile(struct permission *p, struct slice pattern)
{
    struct slice head = slice_sub(pattern, 0, pattern.len ? pattern.len - 1 : 0);
    struct err_info e = {0};

    p->models = pattern;
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
