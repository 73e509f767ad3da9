/* account_test_kit.h - a small world for tests of accounts. */
#ifndef POLICY_ACCOUNT_TEST_KIT_H
#define POLICY_ACCOUNT_TEST_KIT_H

#include "base/array.h"
#include "base/clock.h"
#include "policy/account.h"
#include "policy/rows_test.h"

/*
 * Users alice (1) and bob (2); keys of alice: "laptop" (1) and one without a label (2); of
 * bob: "bob's" (3).  Providers a and b (1, 2).
 */
#define WORLD                                                                               \
    "'provider': [{'name': 'a', 'channel': 'openai'}, {'name': 'b', 'channel': 'openai'}]," \
    "'user': [{'name': 'alice'}, {'name': 'bob'}],"                                         \
    "'key': [{'user': 1, 'digest': '1', 'prefix': 'p', 'label': 'laptop'},"                 \
    " {'user': 1, 'digest': '2', 'prefix': 'p'},"                                           \
    " {'user': 2, 'digest': '3', 'prefix': 'p', 'label': 'bobs'}]"

struct world {
    struct policy_state *state;
    struct snapshot *s;
    struct arena a;
};

/* The snapshot of the rows, in place of the one before. */
static inline void world_build(struct world *w, const char *rows)
{
    char json[4096];
    struct row_set set;
    struct arena a;

    arena_init(&a, 0);
    snprintf(json, sizeof(json), "{%s%s%s}", WORLD, rows[0] ? ", " : "", rows);
    set = rows_from_json(&a, json);
    snapshot_unref(w->s);
    w->s = snapshot_build(&set, w->state, 1, 42, NULL, NULL);
    arena_release(&a);
}

static inline struct world world_new(const char *rows)
{
    struct world w = {.state = policy_state_new()};

    arena_init(&w.a, 0);
    world_build(&w, rows);
    return w;
}

static inline void world_free(struct world *w)
{
    snapshot_unref(w->s);
    policy_state_free(w->state);
    arena_release(&w->a);
}

/* "asked" or "asked@provider/model": without it, provider a has the model of that name. */
static inline struct reserve_ask world_ask(const struct world *w, int64_t key_id, const char *names)
{
    struct slice at, provider, model, asked = slice_cut(slice_str(names), '@', &at);

    provider = slice_cut(at, '/', &model);
    return (struct reserve_ask){
        .key = snapshot_key(w->s, key_id),
        .asked_model = asked,
        .provider = table_get(&w->s->providers, at.len ? provider : SLICE("a")),
        .model = at.len ? model : asked,
        .is_priced = true,
    };
}

static inline int64_t unix_ms(const char *time)
{
    int64_t ms;

    if (!clock_parse(slice_str(time), &ms))
        fail_msg("no time: %s", time);
    return ms;
}

#endif
