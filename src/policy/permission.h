/* permission.h - one permission, made ready to be asked often. */
#ifndef POLICY_PERMISSION_H
#define POLICY_PERMISSION_H

#include <stdbool.h>

#include "base/slice.h"
#include "policy/snapshot.h"

/**
 * Sets `permit` and `models` from a pattern, whose bytes are borrowed.  What is no valid
 * pattern permits nothing.
 */
void permission_compile(struct permission *p, struct slice pattern);

/**
 * Whether it admits `name`, as the client sent it, on `provider` (NULL: on any).  A permission
 * that names a provider speaks of that provider's own names, so its pattern may also match
 * `bare`: the name without the "provider/" in front that selected it (a NULL pointer: there
 * was none).
 */
bool permission_admits(const struct permission *p, const struct provider *provider,
                       struct slice name, struct slice bare);

/** `name` without "provider/" in front; a NULL pointer when it does not begin so. */
struct slice permission_strip(const struct provider *provider, struct slice name);

/* So many permissions are tried one by one; a longer list is made a set of. */
#define PERMISSION_LIST_MOST 8

/*
 * A list of permissions, ready for any length: what a name is held against does not grow
 * with the list.  Answers as its permissions would, one by one.
 */
struct permission_set;

/** Lives in `a`, like the patterns and providers of the list, which it borrows. */
const struct permission_set *permission_set_new(struct arena *a, const struct permission *list,
                                                size_t count, uint64_t seed);

/** Whether any admits the name there; `provider` is not NULL, `bare` as above. */
bool permission_set_admits(const struct permission_set *set, const struct provider *provider,
                           struct slice name, struct slice bare);

/** Whether any admits the name on any provider; each strips its own provider's name. */
bool permission_set_admits_anywhere(const struct permission_set *set, struct slice name);

#endif
