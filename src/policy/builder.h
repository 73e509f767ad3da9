/* builder.h - what the parts of building a snapshot share.  Private to this room. */
#ifndef POLICY_BUILDER_H
#define POLICY_BUILDER_H

#include "base/table.h"
#include "policy/row.h"
#include "policy/snapshot.h"

struct builder {
    const struct row_set *rows;
    struct snapshot *snapshot;
    struct policy_state *state;
    uint64_t seed;
    snapshot_complain_fn *complain;
    void *ctx;
    struct table by_id[ROW_TYPE_COUNT]; // id -> what was built of the row
    struct provider off;                // stands for providers and aliases that are disabled or bad
};

/** Reports the row, with the reason that `e` holds. */
void builder_complain(struct builder *b, enum row_type type, int64_t id, const struct err_info *e);

/** The same with a reason of its own. */
void builder_skip(struct builder *b, enum row_type type, int64_t id, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/** Whether row_validate() likes the row; reports it otherwise. */
bool builder_accepts(struct builder *b, enum row_type type, const struct row_head *row);

/** Remembers what was built of a row; the row outlives the builder. */
void builder_keep(struct builder *b, enum row_type type, const struct row_head *row, void *built);

/** The same by an id that stands in what was built, and so outlives the builder. */
void builder_keep_id(struct builder *b, enum row_type type, const int64_t *id, void *built);

/** What was kept under that id, or NULL. */
void *builder_find(const struct builder *b, enum row_type type, int64_t id);

/** The copy of `s` that the snapshot owns; absent stays absent. */
struct slice builder_dup(struct builder *b, struct slice s);

/** Providers, their credentials and models: snapshot_providers.c. */
void build_providers(struct builder *b);

/** Rows of prices, after the providers and before their models: snapshot_prices.c. */
void build_prices(struct builder *b);

/** Aliases and their targets, after the providers: snapshot_aliases.c. */
void build_aliases(struct builder *b);

/** Users, keys and permissions, after the providers: snapshot_users.c. */
void build_users(struct builder *b);

/** What users and keys may do and spend, after them: snapshot_limits.c. */
void build_allowances(struct builder *b);

/** Rules, after providers and aliases: snapshot_rules.c. */
void build_rules(struct builder *b);

#endif
