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
    struct slice model;        // the upstream's id; may borrow from the name that was asked for
    const struct model *row;   // NULL: not declared
    const struct price *price; // what is charged by; NULL: it is unpriced
    const char *price_source;  // "alias", "model", "prices", "catalogue", or NULL
};

#define ROUTE_MAX_CANDIDATES 16

struct route {
    size_t count;
    const struct alias *alias; // NULL: none was used
    bool renamed;              // the upstream's id differs from the name the client sent
    struct candidate candidates[ROUTE_MAX_CANDIDATES]; // [count], best first
};

/**
 * Steps 2 and 4 of spec.md 4: permission on the name that the client sent, which is `asked`,
 * then alias, bare model, provider/model, by what rules have made of it, which is `name`.
 * `scope` is the provider named by the path,
 * or NULL: within a scope there are no aliases, and names are the upstream's own.
 *
 * Fails with ERR_FORBIDDEN (also for names that do not exist, so that nobody finds
 * out which do), ERR_MODEL_NOT_FOUND (names close matches, of those that the key may
 * use), ERR_BAD_REQUEST (two providers with the same bare id, both of which the key
 * may use: names both) or ERR_NO_CANDIDATE (an alias without an enabled target).
 * `out` holds nothing then.
 */
enum err route_resolve(const struct snapshot *s, const struct key *key,
                       const struct provider *scope, struct slice asked, struct slice name,
                       struct route *out, struct err_info *e);

/* A row of permission, and whether it admits a name. */
struct route_permission {
    bool of_key; // else of the user
    struct slice provider, models;
    bool matches;
};

typedef void route_permission_fn(void *ctx, const struct route_permission *p);

/** Every row that has a say about `name` of that key, on `provider` (NULL: on any). */
void route_each_permission(const struct key *key, const struct provider *provider,
                           struct slice name, route_permission_fn *each, void *ctx);

/**
 * Whether `key` may use `name` on `provider` (NULL: on any).  Both must allow it: a row
 * of the user, and a row of the key when the key has any.  A row without a provider is
 * held against the name as the client sent it, "provider/" included; one with a provider
 * also against what follows its own "provider/".
 */
bool route_permits(const struct key *key, const struct provider *provider, struct slice name);

/** Whether the key's user may keep files at that provider. */
bool route_permits_files(const struct key *key, const struct provider *provider);

/** The provider that a path's first segment names, or NULL. */
const struct provider *route_provider(const struct snapshot *s, struct slice name);

/* One line of a model list: an alias, or a model. */
struct route_name {
    const struct alias *alias; // or NULL
    const struct model *model; // or NULL
    bool with_provider;        // the name to list is "provider/id", not the bare id
};

typedef void route_list_fn(void *ctx, const struct route_name *name);

/**
 * What `key` may use, as step 4 would find it: aliases that have a target it may use, then
 * enabled models, each under a name that the key may send: with the provider in front, or
 * bare where its permissions only speak of bare names.  Only `scope`'s models, bare, when it
 * is given.
 */
void route_list(const struct snapshot *s, const struct key *key, const struct provider *scope,
                route_list_fn *each, void *ctx);

#endif
