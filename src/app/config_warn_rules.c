/* config_warn_rules.c - rules that can never match. */
#include "app/config_row.h"
#include "app/config_warning.h"
#include "wire/glob.h"
#include "json/tree.h"

static bool matches_user(const struct warn *w, struct slice pattern)
{
    if (!w->c->declared[ROW_USER])
        return true;
    for (const struct config_row *r = w->c->rows[ROW_USER]; r; r = r->next) {
        if (glob_match(pattern, config_name(ROW_USER, r->row)))
            return true;
    }
    return false;
}

static struct place place_in_filter(const struct config_row *r, const char *key)
{
    const struct yaml_node *filter = yaml_get(r->node, "filter");
    const struct yaml_node *n = filter && filter->kind == YAML_MAP ? yaml_get(filter, key) : NULL;

    return n ? n->place : r->node->place;
}

/* Each of a key's patterns: a text, or a list of them. */
static void warn_patterns(struct warn *w, const struct config_row *r, const struct json *filter,
                          const char *key)
{
    struct arena *a = w->c->problems->arena;
    const struct json *value = json_member(filter, slice_str(key));
    const struct json *item = value && json_is(value, JSON_ARRAY) ? value->first : value;
    bool users = slice_eq(slice_str(key), SLICE("users"));

    for (; item; item = item == value ? NULL : item->next) {
        struct slice pattern = json_str(a, item);
        if (users && !matches_user(w, pattern))
            problem_warn(w->c->problems, place_in_filter(r, key),
                         "\"%.*s\" is no user who is declared here", SLICE_ARG(pattern));
        if (!users && !warn_matches(w, pattern, NULL))
            warn_no_match(w, place_in_filter(r, key), pattern);
    }
}

static void warn_filter(struct warn *w, const struct config_row *r)
{
    struct slice text = ((const struct rule_row *)r->row)->filter;
    struct err_info ignored = {.code = ERR_NONE};
    struct json *filter;

    if (!text.ptr || json_parse(w->c->problems->arena, text, &filter, &ignored))
        return;
    warn_patterns(w, r, filter, "models");
    warn_patterns(w, r, filter, "users");
}

/* The alias that the rule is of, by name or by nesting. */
static const struct config_row *alias_of(const struct warn *w, const struct config_row *r)
{
    if (r->parent)
        return r->parent;
    for (const struct config_row *a = r->alias.name.ptr ? w->c->rows[ROW_ALIAS] : NULL; a;
         a = a->next) {
        if (slice_eq(config_name(ROW_ALIAS, a->row), r->alias.name))
            return a;
    }
    return NULL;
}

static void warn_rule(struct warn *w, const struct config_row *r)
{
    const struct rule_row *rule = r->row;
    const struct config_row *provider = warn_provider_of(w, r->provider.name);
    const struct config_row *alias = alias_of(w, r);

    if (!rule->enabled)
        return;
    if (provider && !((const struct provider_row *)provider->row)->enabled)
        problem_warn(w->c->problems, r->provider.place,
                     "this rule can never match: the provider \"%.*s\" is disabled",
                     SLICE_ARG(r->provider.name));
    else if (alias && !((const struct alias_row *)alias->row)->enabled)
        problem_warn(w->c->problems, r->node->place,
                     "this rule can never match: the alias \"%.*s\" is disabled",
                     SLICE_ARG(config_name(ROW_ALIAS, alias->row)));
    else
        warn_filter(w, r);
}

void warn_rules(struct warn *w)
{
    for (const struct config_row *r = w->c->rows[ROW_RULE]; r; r = r->next)
        warn_rule(w, r);
}
