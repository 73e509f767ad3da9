/* route.h - from a key and a model name to what may answer. */
#ifndef POLICY_ROUTE_H
#define POLICY_ROUTE_H

#include "policy/snapshot.h"

/**
 * The key with that digest, checked: user and key enabled, not expired.  NULL
 * otherwise, after the same work whatever is wrong (hardening.md T2).
 */
const struct key *route_authenticate(const struct snapshot *s,
                                     const unsigned char digest[KEY_DIGEST_BYTES],
                                     int64_t now_unix_ms);

/* One way to serve a request. */
struct candidate {
    const struct provider *provider;
    struct slice model;          // the upstream's id
    const struct model *row;     // NULL: not declared, so unpriced
};

#define ROUTE_MAX_CANDIDATES 16

struct route {
    struct candidate candidates[ROUTE_MAX_CANDIDATES]; // best first
    size_t count;
    const struct alias *alias; // NULL: none was used
    bool renamed;              // the upstream's id differs from the name the client sent
};

/**
 * Steps 2 and 4 of spec.md 4: permission on the name that the client sent, then
 * alias, bare model, provider/model.  `scope` is the provider named by the path,
 * or NULL.  Fails with ERR_FORBIDDEN, ERR_MODEL_NOT_FOUND (names close matches) or
 * ERR_BAD_REQUEST (two providers with the same bare id: names both).
 */
enum err route_resolve(const struct snapshot *s, const struct key *key,
                       const struct provider *scope, struct slice name, struct route *out,
                       struct err_info *e);

/** Whether `key` may use `name` on `provider` (NULL: on any): for model lists. */
bool route_permits(const struct key *key, const struct provider *provider, struct slice name);

/** The provider that a path's first segment names, or NULL. */
const struct provider *route_provider(const struct snapshot *s, struct slice name);

#endif
