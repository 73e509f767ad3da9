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

#endif
