/* snapshot.c - the control plane, frozen. */
#include "policy/snapshot.h"

#include <assert.h>
#include <stdarg.h>

#include "base/panic.h"
#include "policy/builder.h"
#include "policy/state.h"

void builder_complain(struct builder *b, enum row_type type, int64_t id, const struct err_info *e)
{
    if (b->complain)
        b->complain(b->ctx, type, id, err_info_text(e));
}

void builder_skip(struct builder *b, enum row_type type, int64_t id, const char *format, ...)
{
    struct err_info e = {0};
    va_list args;

    va_start(args, format);
    err_setv(&e, ERR_BAD_REQUEST, format, args);
    va_end(args);
    builder_complain(b, type, id, &e);
}

bool builder_accepts(struct builder *b, enum row_type type, const struct row_head *row)
{
    struct err_info e = {0};

    if (row_validate(type, row, &e) == ERR_NONE)
        return true;
    builder_complain(b, type, row->id, &e);
    return false;
}

static struct slice id_key(const int64_t *id)
{
    return slice_of((const char *)id, sizeof(*id));
}

void builder_keep(struct builder *b, enum row_type type, const struct row_head *row, void *built)
{
    table_put(&b->by_id[type], id_key(&row->id), built);
}

void builder_keep_id(struct builder *b, enum row_type type, const int64_t *id, void *built)
{
    table_put(&b->by_id[type], id_key(id), built);
}

void *builder_find(const struct builder *b, enum row_type type, int64_t id)
{
    return table_get(&b->by_id[type], id_key(&id));
}

struct slice builder_dup(struct builder *b, struct slice s)
{
    return s.ptr ? arena_dup(&b->snapshot->arena, s) : s;
}

static struct snapshot *snapshot_new(uint64_t version, uint64_t seed)
{
    struct snapshot *s = calloc(1, sizeof(*s));

    if (!s)
        panic("out of memory: snapshot");
    atomic_init(&s->refs, 1);
    s->version = version;
    arena_init(&s->arena, 0);
    table_init(&s->keys, seed);
    table_init(&s->providers, seed);
    table_init(&s->aliases, seed);
    table_init(&s->models, seed);
    limits_set_defaults(&s->limits);
    return s;
}

static void build_limits(struct builder *b)
{
    const struct setting_row *rows = ROWS(b->rows, ROW_SETTING, struct setting_row);

    for (size_t i = 0; i < b->rows->counts[ROW_SETTING]; i++) {
        struct err_info e = {0};
        if (limits_set(&b->snapshot->limits, rows[i].name, rows[i].value, &b->snapshot->arena, &e))
            builder_complain(b, ROW_SETTING, rows[i].head.id, &e);
    }
}

/* Its keys are in what was built, and so stay. */
static struct table take_table(struct table *t)
{
    struct table taken = *t;

    table_init(t, 0);
    return taken;
}

struct snapshot *snapshot_build(const struct row_set *rows, struct policy_state *state,
                                uint64_t version, uint64_t seed, snapshot_complain_fn *complain,
                                void *ctx)
{
    struct builder b = {
        .rows = rows,
        .snapshot = snapshot_new(version, seed),
        .state = state,
        .seed = seed,
        .complain = complain,
        .ctx = ctx,
    };

    for (int type = 0; type < ROW_TYPE_COUNT; type++)
        table_init(&b.by_id[type], seed);
    b.snapshot->catalogue = policy_state_catalogue(state);
    build_limits(&b);
    build_providers(&b);
    build_aliases(&b);
    build_rules(&b);
    build_users(&b);
    build_allowances(&b);
    b.snapshot->users_by_id = take_table(&b.by_id[ROW_USER]);
    b.snapshot->keys_by_id = take_table(&b.by_id[ROW_KEY]);
    for (int type = 0; type < ROW_TYPE_COUNT; type++)
        table_release(&b.by_id[type]);
    return b.snapshot;
}

const struct user *snapshot_user(const struct snapshot *s, int64_t id)
{
    return table_get(&s->users_by_id, id_key(&id));
}

const struct key *snapshot_key(const struct snapshot *s, int64_t id)
{
    return table_get(&s->keys_by_id, id_key(&id));
}

struct snapshot *snapshot_ref(struct snapshot *s)
{
    unsigned before = atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);

    assert(before > 0);
    (void)before;
    return s;
}

/* Secrets are wiped by the arena, where snapshot_providers.c put them. */
static void snapshot_free(struct snapshot *s)
{
    const struct table_entry *entry;

    for (size_t at = 0; (entry = table_next(&s->providers, &at));) {
        struct provider *p = entry->value;
        table_release(&p->models);
        table_release(&p->disabled_models);
    }
    table_release(&s->keys);
    table_release(&s->providers);
    table_release(&s->aliases);
    table_release(&s->models);
    table_release(&s->users_by_id);
    table_release(&s->keys_by_id);
    catalogue_unref(s->catalogue);
    arena_release(&s->arena);
    free(s);
}

void snapshot_unref(struct snapshot *s)
{
    if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
        return;
    snapshot_free(s);
}
