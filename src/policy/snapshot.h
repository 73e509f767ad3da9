/* snapshot.h - the control plane, frozen: what an exchange is decided by. */
#ifndef POLICY_SNAPSHOT_H
#define POLICY_SNAPSHOT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/slice.h"
#include "base/table.h"
#include "channel/channel.h"
#include "chat/model.h"
#include "crypto/key.h" // KEY_DIGEST_BYTES
#include "policy/catalogue.h"
#include "policy/limits.h"
#include "policy/period.h"
#include "policy/price.h"
#include "policy/routing.h"
#include "policy/row.h"
#include "policy/rule.h"
#include "wire/url.h"

struct credential {
    int64_t id;
    struct slice label;
    struct secret api_key; // empty where the channel needs none
    int64_t weight;
    struct slice proxy;    // URL; empty: the provider's
    struct slice pool_key; // equal ones may share upstream connections
};

/* What models cost that have no price of their own: a row of prices. */
struct price_rule {
    struct slice models;       // glob, of upstream ids
    const struct price *price; // NULL: the row is bad, these models are unpriced
};

struct price_rules {
    struct price_rule *rules; // [count]
    size_t count, room;
    const struct pattern_set *patterns; // the same, by what they match
};

struct provider {
    int64_t id;
    struct slice name;
    const struct channel *channel;
    struct url base;                // scheme, host, port, path prefix; zero for local channels
    struct routing routing;         // what it does with each operation and dialect
    bool strict_translation;        // what a translation would drop is refused
    bool auto_cache;                // Anthropic: prompts of other dialects are marked for caching
    bool magic_strings;             // Anthropic: clients mark prompts by strings in their texts
    struct credential *credentials; // enabled ones, those of weight 0 last; one of id 0 without a
                                    // key where none is configured and the channel needs none
    size_t credential_count;
    size_t regular_count; // of these take turns: the others are for when those have failed
    uint16_t *turns;      // indices into `credentials`, round and round: policy/provider.h
    size_t turn_count;
    struct table models;          // upstream id -> struct model, enabled ones
    struct table disabled_models; // upstream id -> something: switched off, by any name
    bool declared_models_only;
    struct slice proxy; // URL; empty: none
    struct timeouts timeouts;
    struct slice organization, project; // OpenAI's headers, empty: not sent
    bool insecure_skip_verify;
    struct slice ca_file;
    struct price_rules prices;     // rows for this provider alone
    struct slice price_vendor;     // whose prices of the catalogue hold; empty: nobody's
    atomic_uint *next_credential;  // counts turns; outlives the snapshot
    const struct rule_list *rules; // for requests that go there; NULL: none
    int64_t created_unix_ms;
};

struct model {
    struct slice id, display_name;
    struct provider *provider;
    struct model *same_id;     // the next provider's of the same bare id, or NULL
    const struct price *price; // its own, or what was found for it; NULL: unpriced
    const char *price_source;  // "model", "prices", "catalogue"; NULL: unpriced
    const struct chat_model *gates[DIALECT_COUNT]; // by what upstream speaks
    int64_t created_unix_ms;
    int64_t context_window; // 0: not known
};

struct alias_target {
    struct provider *provider;
    struct slice model;
    const struct model *row; // NULL: not declared
    int64_t weight, tier;
};

struct alias {
    struct slice name;
    struct alias_target *targets; // of enabled providers, in tier order; there may be none left
    size_t target_count;
    bool weighted;                 // the first of each tier is chosen by weight
    bool strict;                   // as a provider's strict_translation
    const struct price *price;     // of its requests, whichever target answers; NULL: the target's
    atomic_uint *turn;             // counts requests, for that; outlives the snapshot
    const struct rule_list *rules; // for requests by this name; NULL: none
    int64_t created_unix_ms;
};

/* What the pattern of a permission amounts to, so that most need no matcher. */
enum permit {
    PERMIT_NOTHING, // a bad row, or a provider that is disabled: it still narrows a key
    PERMIT_ALL,     // "*"
    PERMIT_LITERAL,
    PERMIT_PREFIX, // "gpt-*": `models` holds what stands before the asterisk
    PERMIT_GLOB,
};

struct permission {
    enum permit permit;
    const struct provider *provider; // NULL: any
    struct slice models;             // glob
    struct slice pattern;            // as in the row
};

struct permission_set; // policy/permission.h
struct pattern_set;    // policy/pattern.h

/* What outlives snapshots, all of it in policy_state (policy/account.h). */
struct account; // of a user
struct meter;   // of a rate_limit row: what it counted
struct purse;   // of a user or a key: what was spent

/* What a rate_limit row may limit. */
enum limit_figure {
    FIGURE_RPM,
    FIGURE_RPD,
    FIGURE_TPM,
    FIGURE_TPD,
    FIGURE_CONCURRENT,
    FIGURE_COUNT,
};

struct rate_limit {
    int64_t id;
    struct slice models;           // pattern
    int64_t figures[FIGURE_COUNT]; // -1: no limit
    struct meter *meter;
};

struct quota {
    int64_t id;
    enum quota_period period;
    int64_t usd_nusd, adjustment_nusd;
    int64_t adjusted_index; // of the period that the adjustment is in (period_index())
    bool is_bad;            // the row is not valid: nothing may be spent
};

/* What a user or a key may do and spend. */
struct allowance {
    struct rate_limit *limits; // in order of id
    size_t limit_count;
    const struct pattern_set *patterns; // of the limits, by the same index
    bool limits_tokens;                 // some row does
    int64_t bad_limit_id;               // of a row that is not valid: nothing may be done; 0: none
    struct quota *quotas;
    size_t quota_count;
    struct purse *purse;
};

struct user {
    int64_t id;
    struct slice name;
    bool enabled, admin;
    struct permission *permissions;
    size_t permission_count;
    const struct permission_set *permission_set; // of a long list, else NULL
    const struct provider **file_providers;      // where the user may keep files, by address
    size_t file_provider_count;
    struct account *account;
    struct allowance allowance;
};

struct key {
    int64_t id;
    const struct user *user;
    struct slice label;
    unsigned char digest[KEY_DIGEST_BYTES];
    bool enabled;
    int64_t expires_unix_ms;        // 0: never
    struct permission *permissions; // narrow the user's when there are any
    size_t permission_count;
    const struct permission_set *permission_set; // of a long list, else NULL
    struct allowance allowance;                  // narrows the user's
};

struct snapshot {
    atomic_uint refs;
    uint64_t version;
    struct arena arena;
    struct table keys;        // digest -> struct key
    struct table providers;   // name -> struct provider, enabled ones
    struct table aliases;     // name -> struct alias, enabled ones
    struct table models;      // bare id -> struct model, the first of all that have it (`same_id`)
    struct table users_by_id; // int64_t -> struct user
    struct table keys_by_id;  // int64_t -> struct key
    const struct rule_list *rules; // for all requests; NULL: none
    struct price_rules prices;     // of any provider
    struct catalogue *catalogue;   // NULL: none
    struct limits limits;
    size_t user_count;
};

/** Whoever has that id, or NULL. */
const struct user *snapshot_user(const struct snapshot *s, int64_t id);
const struct key *snapshot_key(const struct snapshot *s, int64_t id);

/*
 * What outlives snapshots: whose turn it is, and what was used and spent (account.h).  One
 * per process, used by whoever builds snapshots, one at a time; goes after the last snapshot.
 * All is kept by the id of its row, for as long as the process runs.
 */
struct policy_state;
struct policy_state *policy_state_new(void);
void policy_state_free(struct policy_state *state);

/** Snapshots built from now on charge by it; takes a reference.  NULL: by no catalogue. */
void policy_state_use_catalogue(struct policy_state *state, struct catalogue *catalogue);

/* Rows that had to be left out, for the log and `gproxy check`. */
typedef void snapshot_complain_fn(void *ctx, enum row_type type, int64_t id, const char *reason);

/**
 * Builds a snapshot with one reference; never fails as a whole: a bad row is
 * reported and skipped, and never in a way that allows more than the row would have.
 * `seed` is for the hash tables, so that nobody chooses colliding names.  The rows may
 * go afterwards; their secrets have been opened by the store.
 */
struct snapshot *snapshot_build(const struct row_set *rows, struct policy_state *state,
                                uint64_t version, uint64_t seed, snapshot_complain_fn *complain,
                                void *ctx);

/**
 * What a model without a price of its own costs on `p`: by a row of prices, else by the
 * catalogue.  NULL: it is unpriced; `source` says which ("prices", "catalogue", NULL).
 */
const struct price *snapshot_find_price(const struct snapshot *s, const struct provider *p,
                                        struct slice model, const char **source);

/** What the catalogue says about a model of `p`, or NULL. */
const struct catalogue_entry *snapshot_find_entry(const struct snapshot *s,
                                                  const struct provider *p, struct slice model);

typedef void snapshot_price_fn(void *ctx, const struct price *price);

/** All prices that something may be charged by, some of them more than once. */
void snapshot_each_price(const struct snapshot *s, snapshot_price_fn *fn, void *ctx);

struct snapshot *snapshot_ref(struct snapshot *s);
void snapshot_unref(struct snapshot *s); // NULL is fine; wipes secrets with the last one

#endif
