/* rule_find.c - which rules are for this request, without asking all of them. */
#include <stdlib.h>

#include "base/table.h"
#include "policy/rule_inside.h"
#include "wire/glob.h"

/*
 * A rule whose models are all literal stands under each of them; else one whose users are, under
 * these; the rest is asked one by one.  So a request looks at the rules that name its model or
 * its user, and at those that name nobody.
 */
struct rule_run {
    const struct rule **rules;
    size_t count, cap;
};

struct rule_index {
    struct table models, users; // name -> struct rule_run
    struct rule_run rest;
};

struct rule_list {
    struct rule_index by_phase[2];
};

static void run_add(struct rule_run *run, const struct rule *r, struct arena *a)
{
    if (run->count && run->rules[run->count - 1] == r)
        return; // named twice in one filter
    if (run->count == run->cap) {
        size_t cap = run->cap ? 2 * run->cap : 2;
        const struct rule **more = arena_array(a, const struct rule *, cap);
        if (run->count)
            memcpy(more, run->rules, run->count * sizeof(*more));
        run->rules = more;
        run->cap = cap;
    }
    run->rules[run->count++] = r;
}

static bool all_literal(const struct slice *globs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!glob_is_literal(globs[i]))
            return false;
    }
    return count > 0;
}

static void put_under(struct table *t, const struct slice *names, size_t count,
                      const struct rule *r, struct arena *a)
{
    for (size_t i = 0; i < count; i++) {
        struct rule_run *run = table_get(t, names[i]);
        if (!run) {
            run = arena_new(a, struct rule_run);
            table_put(t, names[i], run);
        }
        run_add(run, r, a);
    }
}

static void list_release(void *arg)
{
    struct rule_list *l = arg;

    for (size_t i = 0; i < 2; i++) {
        table_release(&l->by_phase[i].models);
        table_release(&l->by_phase[i].users);
    }
}

const struct rule_list *rule_list_new(const struct rule *const *rules, size_t count, uint64_t seed,
                                      struct arena *a)
{
    struct rule_list *l;

    if (!count)
        return NULL;
    l = arena_new(a, struct rule_list);
    for (size_t i = 0; i < 2; i++) {
        table_init(&l->by_phase[i].models, seed);
        table_init(&l->by_phase[i].users, seed);
    }
    arena_defer(a, list_release, l);
    for (size_t i = 0; i < count; i++) {
        const struct rule *r = rules[i];
        struct rule_index *x = &l->by_phase[r->phase];
        if (all_literal(r->filter.models, r->filter.model_count))
            put_under(&x->models, r->filter.models, r->filter.model_count, r, a);
        else if (all_literal(r->filter.users, r->filter.user_count))
            put_under(&x->users, r->filter.users, r->filter.user_count, r, a);
        else
            run_add(&x->rest, r, a);
    }
    return l;
}

/* ---- finding ---- */

static void look(struct rule_run *found, const struct rule_run *run, const struct rule_request *q,
                 size_t *considered, struct arena *a)
{
    if (!run)
        return;
    *considered += run->count;
    for (size_t i = 0; i < run->count; i++) {
        if (rule_filter_admits(&run->rules[i]->filter, q))
            run_add(found, run->rules[i], a);
    }
}

static int order(const void *left, const void *right)
{
    const struct rule *a = *(const struct rule *const *)left;
    const struct rule *b = *(const struct rule *const *)right;

    if (a->ordinal != b->ordinal)
        return a->ordinal < b->ordinal ? -1 : 1;
    if (a->scope != b->scope)
        return a->scope < b->scope ? -1 : 1;
    return (a->id > b->id) - (a->id < b->id);
}

struct rule_matches rules_find(const struct rule_list *const lists[3],
                               const struct rule_request *request, struct arena *a)
{
    struct rule_run found = {NULL, 0, 0};
    size_t considered = 0;

    for (size_t i = 0; i < 3; i++) {
        const struct rule_index *x = lists[i] ? &lists[i]->by_phase[request->phase] : NULL;
        if (!x)
            continue;
        if (x->models.live)
            look(&found, table_get(&x->models, request->model), request, &considered, a);
        if (x->users.live)
            look(&found, table_get(&x->users, request->user), request, &considered, a);
        look(&found, &x->rest, request, &considered, a);
    }
    if (found.count > 1)
        qsort(found.rules, found.count, sizeof(struct rule *), order);
    return (struct rule_matches){
        .count = found.count, .rules = found.rules, .considered = considered};
}
