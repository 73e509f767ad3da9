/* route_fuzz.c - whatever name is sent and whatever is permitted, nobody gets more than that. */
#include <assert.h>

#include "base/array.h"
#include "policy/permission.h"
#include "policy/route.h"
#include "wire/glob.h"

/*
 * Input: lines of a name (behind a tab: what rules made of it), the user's pattern, the key's
 * pattern.  Of each pattern the first byte says whether it is bound to a provider: '0' to none,
 * '1' and '2' to that one, and what is neither makes it absent.
 */
struct world {
    struct provider_row providers[2];
    struct model_row models[5];
    struct alias_row aliases[1];
    struct alias_target_row targets[2];
    struct user_row users[1];
    struct key_row keys[1];
    struct permission_row permissions[2];
    char digest[KEY_DIGEST_BYTES];
};

struct rule {
    bool present;
    int64_t provider; // 0: any
    struct slice models;
};

static const char *const ids[] = {"m", "shared", "shared", "a/m", "b"};

static void fill_kind(enum row_type type, void *rows, size_t count, struct row_set *set)
{
    const struct row_kind *k = row_kind(type);

    for (size_t i = 0; i < count; i++) {
        char *row = (char *)rows + i * k->size;
        row_set_defaults(k, row);
        ((struct row_head *)(void *)row)->id = (int64_t)i + 1;
    }
    set->rows[type] = rows;
    set->counts[type] = count;
}

static void fill(struct world *w, struct row_set *set)
{
    fill_kind(ROW_PROVIDER, w->providers, 2, set);
    fill_kind(ROW_MODEL, w->models, ARRAY_LEN(ids), set);
    fill_kind(ROW_ALIAS, w->aliases, 1, set);
    fill_kind(ROW_ALIAS_TARGET, w->targets, 2, set);
    fill_kind(ROW_USER, w->users, 1, set);
    fill_kind(ROW_KEY, w->keys, 1, set);
    fill_kind(ROW_PERMISSION, w->permissions, 2, set);
    w->providers[0].name = SLICE("a");
    w->providers[1].name = SLICE("b");
    w->providers[0].channel = w->providers[1].channel = SLICE("openai");
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        w->models[i].model = slice_str(ids[i]);
        w->models[i].provider_id = i == 0 || i == 1 ? 1 : 2;
    }
    w->aliases[0].name = SLICE("fast");
    for (size_t i = 0; i < 2; i++) {
        w->targets[i].alias_id = 1;
        w->targets[i].provider_id = (int64_t)i + 1;
        w->targets[i].model = SLICE("m");
    }
    w->users[0].name = SLICE("u");
    w->keys[0].user_id = 1;
    w->keys[0].prefix = SLICE("p");
    w->keys[0].digest = slice_of(w->digest, sizeof(w->digest));
}

static struct rule read_rule(struct slice line)
{
    struct rule r = {.models = slice_after(line, 1)};

    r.present = line.len > 1 && line.ptr[0] >= '0' && line.ptr[0] <= '2';
    r.provider = r.present ? line.ptr[0] - '0' : 0;
    return r;
}

/* Puts those that are present first, and hides the rest. */
static void add_rule(struct world *w, struct row_set *set, struct rule r, bool of_key)
{
    struct permission_row *row = &w->permissions[set->counts[ROW_PERMISSION]];

    if (!r.present)
        return;
    *(of_key ? &row->key_id : &row->user_id) = 1;
    row->provider_id = r.provider ? r.provider : ROW_NULL_INT;
    row->models = r.models;
    set->counts[ROW_PERMISSION]++;
}

/* The rule in spec.md's words: no shortcuts, nothing compiled. */
static bool rule_allows(struct rule r, const struct provider *p, struct slice name)
{
    struct err_info e = {0};
    struct slice rest;

    if (!r.present || glob_validate(r.models, &e) || (r.provider && r.provider != p->id))
        return false;
    if (glob_match(r.models, name))
        return true;
    return r.provider && slice_eq(slice_cut(name, '/', &rest), p->name) && rest.ptr &&
           glob_match(r.models, rest);
}

/* Permission goes by the name that was asked for, whatever rules have made of it. */
static void check(const struct snapshot *s, const struct key *key, const struct provider *scope,
                  struct slice line, struct rule user, struct rule own)
{
    struct slice made, asked = slice_cut(line, '\t', &made);
    struct slice name = asked.len < line.len ? made : asked;
    struct err_info e = {0};
    struct route r;

    if (route_resolve(s, key, scope, asked, name, &r, &e)) {
        assert(r.count == 0 && e.text[0]);
        return;
    }
    assert(r.count > 0 && r.count <= ROUTE_MAX_CANDIDATES);
    for (size_t i = 0; i < r.count; i++) {
        const struct candidate *c = &r.candidates[i];
        assert(rule_allows(user, c->provider, asked));
        assert(!own.present || rule_allows(own, c->provider, asked));
        assert(route_permits(key, c->provider, asked));
        assert(!scope || c->provider == scope);
        assert(c->model.len > 0);
        assert(!c->row || (c->row->provider == c->provider && slice_eq(c->row->id, c->model)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest, name = slice_cut(slice_of((const char *)data, size), '\n', &rest);
    struct rule user = read_rule(slice_cut(rest, '\n', &rest)), own = read_rule(rest);
    struct policy_state *state = policy_state_new();
    struct row_set set = {0};
    const struct key *key;
    struct snapshot *s;
    struct world w = {0};

    fill(&w, &set);
    set.counts[ROW_PERMISSION] = 0;
    add_rule(&w, &set, user, false);
    add_rule(&w, &set, own, true);
    s = snapshot_build(&set, state, 1, size, NULL, NULL);
    key = route_authenticate(s, (const unsigned char *)w.digest, 0);
    assert(key);
    check(s, key, NULL, name, user, own);
    check(s, key, route_provider(s, SLICE("a")), name, user, own);
    check(s, key, route_provider(s, SLICE("b")), name, user, own);
    snapshot_unref(s);
    policy_state_free(state);
    return 0;
}
