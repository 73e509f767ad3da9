/* snapshot_limits.c - what users and keys may do and spend, out of their rows. */
#include "policy/account.h"
#include "policy/builder.h"
#include "policy/pattern.h"
#include "policy/state.h"

/* Whose row it is. */
struct owner {
    struct allowance *allowance; // NULL: nobody's
    struct account *account;
};

static struct owner user_of(const struct builder *b, int64_t id)
{
    struct user *u = builder_find(b, ROW_USER, id);

    return u ? (struct owner){&u->allowance, u->account} : (struct owner){0};
}

static struct owner key_of(const struct builder *b, int64_t id)
{
    struct key *k = builder_find(b, ROW_KEY, id);

    return k ? (struct owner){&k->allowance, k->user->account} : (struct owner){0};
}

/* Of a row that is not valid: it may name both a user and a key, and then holds both back. */
static void block(const struct builder *b, int64_t user_id, int64_t key_id, int64_t row_id)
{
    struct owner owners[] = {user_of(b, user_id), key_of(b, key_id)};

    for (size_t i = 0; i < 2; i++) {
        if (owners[i].allowance && !owners[i].allowance->bad_limit_id)
            owners[i].allowance->bad_limit_id = row_id;
    }
}

static struct owner owner_of(struct builder *b, enum row_type type, int64_t row_id, int64_t user_id,
                             int64_t key_id)
{
    bool of_key = key_id != ROW_NULL_INT;
    struct owner owner = of_key ? key_of(b, key_id) : user_of(b, user_id);

    if (!owner.allowance)
        builder_skip(b, type, row_id, "there is no %s %lld", of_key ? "key" : "user",
                     (long long)(of_key ? key_id : user_id));
    return owner;
}

static void add_limit(struct builder *b, const struct rate_limit_row *row, struct owner owner)
{
    struct rate_limit *out = &owner.allowance->limits[owner.allowance->limit_count++];
    const int64_t figures[FIGURE_COUNT] = {row->rpm, row->rpd, row->tpm, row->tpd,
                                           row->max_concurrent};

    out->id = row->head.id;
    out->models = builder_dup(b, row->models);
    for (int f = 0; f < FIGURE_COUNT; f++)
        out->figures[f] = figures[f] == ROW_NULL_INT ? -1 : figures[f];
    out->meter = policy_state_meter(b->state, owner.account, out->id, out->figures);
    owner.allowance->limits_tokens |=
        out->figures[FIGURE_TPM] >= 0 || out->figures[FIGURE_TPD] >= 0;
}

static void make_patterns(struct builder *b, struct allowance *of)
{
    struct arena *a = &b->snapshot->arena;
    struct slice *patterns;

    if (of->limit_count == 0)
        return;
    patterns = arena_array(a, struct slice, of->limit_count);
    for (size_t i = 0; i < of->limit_count; i++)
        patterns[i] = of->limits[i].models;
    of->patterns = pattern_set_new(a, patterns, of->limit_count, b->seed);
}

/* Counts, makes the arrays, fills them. */
static void build_rate_limits(struct builder *b)
{
    const struct rate_limit_row *rows = ROWS(b->rows, ROW_RATE_LIMIT, struct rate_limit_row);
    size_t count = b->rows->counts[ROW_RATE_LIMIT];
    struct owner *owners;
    struct arena scratch;

    arena_init(&scratch, 0);
    owners = arena_array(&scratch, struct owner, count);
    for (size_t i = 0; i < count; i++) {
        if (builder_accepts(b, ROW_RATE_LIMIT, &rows[i].head))
            owners[i] =
                owner_of(b, ROW_RATE_LIMIT, rows[i].head.id, rows[i].user_id, rows[i].key_id);
        else
            block(b, rows[i].user_id, rows[i].key_id, rows[i].head.id);
        if (owners[i].allowance)
            owners[i].allowance->limit_count++;
    }
    for (size_t i = 0; i < count; i++) {
        struct allowance *of = owners[i].allowance;
        if (of && !of->limits) {
            of->limits = arena_array(&b->snapshot->arena, struct rate_limit, of->limit_count);
            of->limit_count = 0;
        }
        if (of)
            add_limit(b, &rows[i], owners[i]);
    }
    for (size_t i = 0; i < count; i++) {
        if (owners[i].allowance && !owners[i].allowance->patterns)
            make_patterns(b, owners[i].allowance);
    }
    arena_release(&scratch);
}

static struct quota quota_of(const struct quota_row *row)
{
    struct quota q = {
        .id = row->head.id,
        .usd_nusd = row->usd_nusd,
        .adjustment_nusd = row->adjustment_nusd == ROW_NULL_INT ? 0 : row->adjustment_nusd,
        .adjusted_index = INT64_MIN,
    };

    period_parse(row->period, &q.period);
    if (row->adjusted_unix_ms != ROW_NULL_INT || q.period == PERIOD_TOTAL)
        q.adjusted_index = period_index(q.period, row->adjusted_unix_ms);
    return q;
}

/* A row as it is to be, and the one whose it is; of one that is not valid there may be two. */
struct owned_quota {
    struct quota quota;
    struct allowance *owners[2]; // NULL: none
};

static struct owned_quota take_quota(struct builder *b, const struct quota_row *row)
{
    struct owned_quota q = {
        .quota = {.id = row->head.id, .is_bad = true}
    };

    if (builder_accepts(b, ROW_QUOTA, &row->head)) {
        q.quota = quota_of(row);
        q.owners[0] = owner_of(b, ROW_QUOTA, row->head.id, row->user_id, row->key_id).allowance;
    } else {
        q.owners[0] = user_of(b, row->user_id).allowance;
        q.owners[1] = key_of(b, row->key_id).allowance;
    }
    return q;
}

static void put_quota(struct builder *b, struct allowance *of, const struct quota *q)
{
    if (!of->quotas) {
        of->quotas = arena_array(&b->snapshot->arena, struct quota, of->quota_count);
        of->quota_count = 0;
    }
    of->quotas[of->quota_count++] = *q;
}

static void build_quotas(struct builder *b)
{
    const struct quota_row *rows = ROWS(b->rows, ROW_QUOTA, struct quota_row);
    size_t count = b->rows->counts[ROW_QUOTA];
    struct owned_quota *all;
    struct arena scratch;

    arena_init(&scratch, 0);
    all = arena_array(&scratch, struct owned_quota, count);
    for (size_t i = 0; i < count; i++) {
        all[i] = take_quota(b, &rows[i]);
        for (int o = 0; o < 2; o++) {
            if (all[i].owners[o])
                all[i].owners[o]->quota_count++;
        }
    }
    for (size_t i = 0; i < count; i++) {
        for (int o = 0; o < 2; o++) {
            if (all[i].owners[o])
                put_quota(b, all[i].owners[o], &all[i].quota);
        }
    }
    arena_release(&scratch);
}

void build_allowances(struct builder *b)
{
    build_rate_limits(b);
    build_quotas(b);
}
