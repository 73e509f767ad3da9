/* rule_find.c - which rules are for this request, without asking all of them. */
#include <stdlib.h>

#include "policy/pattern.h"
#include "policy/rule_inside.h"

/*
 * A rule that names models stands under their patterns; else one that names users, under theirs;
 * the rest is asked one by one.  So a request looks at rules that are for its model or its
 * user, and at those that name nobody.
 */
struct rule_run {
    const struct rule **rules;
    size_t count, cap;
};

struct rule_names {
    const struct pattern_set *set;
    const struct rule **owners; // of the patterns, by index
};

struct rule_index {
    struct rule_names models, users;
    struct rule_run rest;
};

struct rule_list {
    struct rule_index by_phase[2];
};

static void run_add(struct rule_run *run, const struct rule *r, struct arena *a)
{
    if (run->count == run->cap) {
        size_t cap = run->cap ? 2 * run->cap : 4;
        const struct rule **more = arena_array(a, const struct rule *, cap);
        if (run->count)
            // NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers
            memcpy(more, run->rules, run->count * sizeof(*more));
        run->rules = more;
        run->cap = cap;
    }
    run->rules[run->count++] = r;
}

/* ---- the index ---- */

/* The patterns that the rule is found by; none: it is asked always. */
static const struct slice *patterns_of(const struct rule *r, bool by_model, size_t *count)
{
    bool names_models = r->filter.model_count > 0;

    *count = by_model ? r->filter.model_count : names_models ? 0 : r->filter.user_count;
    return by_model ? r->filter.models : r->filter.users;
}

static struct rule_names names_new(const struct rule *const *rules, size_t count,
                                   enum rule_phase phase, bool by_model, uint64_t seed,
                                   struct arena *a)
{
    struct rule_names names = {NULL, NULL};
    size_t total = 0, of_one;
    struct slice *patterns;

    for (size_t i = 0; i < count; i++) {
        patterns_of(rules[i], by_model, &of_one);
        total += rules[i]->phase == phase ? of_one : 0;
    }
    if (!total)
        return names;
    patterns = arena_array(a, struct slice, total);
    names.owners = arena_array(a, const struct rule *, total);
    total = 0;
    for (size_t i = 0; i < count; i++) {
        const struct slice *more = patterns_of(rules[i], by_model, &of_one);
        for (size_t j = 0; rules[i]->phase == phase && j < of_one; j++) {
            patterns[total] = more[j];
            names.owners[total++] = rules[i];
        }
    }
    names.set = pattern_set_new(a, patterns, total, seed);
    return names;
}

const struct rule_list *rule_list_new(const struct rule *const *rules, size_t count, uint64_t seed,
                                      struct arena *a)
{
    struct rule_list *l;

    if (!count)
        return NULL;
    l = arena_new(a, struct rule_list);
    for (int phase = RULE_INBOUND; phase <= RULE_OUTBOUND; phase++) {
        struct rule_index *x = &l->by_phase[phase];
        x->models = names_new(rules, count, (enum rule_phase)phase, true, seed, a);
        x->users = names_new(rules, count, (enum rule_phase)phase, false, seed, a);
        for (size_t i = 0; i < count; i++) {
            const struct rule_filter *f = &rules[i]->filter;
            if (rules[i]->phase == (enum rule_phase)phase && !f->model_count && !f->user_count)
                run_add(&x->rest, rules[i], a);
        }
    }
    return l;
}

/* ---- finding ---- */

struct finding {
    const struct rule_request *request;
    const struct rule_names *names;
    const struct rule *last; // a rule may be found by several of its patterns, one after another
    struct rule_run found;
    size_t considered;
    struct arena *arena;
};

static void consider(struct finding *f, const struct rule *r)
{
    if (r == f->last)
        return;
    f->last = r;
    f->considered++;
    if (rule_filter_admits(&r->filter, f->request))
        run_add(&f->found, r, f->arena);
}

static void on_pattern(void *ctx, size_t index)
{
    struct finding *f = ctx;

    consider(f, f->names->owners[index]);
}

static void look(struct finding *f, const struct rule_names *names, struct slice name)
{
    f->names = names;
    pattern_set_each(names->set, name, on_pattern, f);
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
    struct finding f = {.request = request, .arena = a};

    for (size_t i = 0; i < 3; i++) {
        const struct rule_index *x = lists[i] ? &lists[i]->by_phase[request->phase] : NULL;
        if (!x)
            continue;
        look(&f, &x->models, request->model);
        look(&f, &x->users, request->user);
        for (size_t j = 0; j < x->rest.count; j++)
            consider(&f, x->rest.rules[j]);
    }
    if (f.found.count > 1)
        qsort(f.found.rules, f.found.count, sizeof(struct rule *), order);
    return (struct rule_matches){
        .count = f.found.count,
        .rules = f.found.rules,
        .considered = f.considered,
    };
}
