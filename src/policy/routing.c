/* routing.c - per operation and dialect: what a provider does with it. */
#include "policy/routing.h"

#include "base/array.h"
#include "json/tree.h"

static bool is_openai(enum dialect d)
{
    return d == DIALECT_OPENAI || d == DIALECT_OPENAI_CHAT || d == DIALECT_OPENAI_RESPONSES;
}

bool routing_speaks(enum dialect only, enum dialect d)
{
    if (only == DIALECT_COUNT || only == d)
        return true;
    /* One of the two is what all share, or stands for all. */
    return is_openai(only) && is_openai(d) && (only == DIALECT_OPENAI || d == DIALECT_OPENAI);
}

/* What there is a translation for, the best way first. */
static const struct {
    enum operation operation;
    enum dialect from, to;
} ways[] = {
#include "policy/routing_ways.def"
};

/* What can be answered here. */
static bool is_local(enum operation op, enum dialect d)
{
    return op == OP_COUNT_TOKENS && d != DIALECT_OPENAI_CHAT && d != DIALECT_OPENAI;
}

static bool is_native(const struct routing_rules *rules, enum operation op, enum dialect d)
{
    return routing_speaks(rules->only, d) && channel_route_find(rules->channel, op, d);
}

enum operation routing_operation(enum operation op)
{
    return op == OP_IMAGE || op == OP_COMPACT ? OP_GENERATE : op;
}

static bool is_way(enum operation op, enum dialect from, enum dialect to)
{
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        if (ways[i].operation == op && ways[i].from == from && ways[i].to == to)
            return true;
    }
    return false;
}

static struct cell cell_of(const struct routing_rules *rules, enum operation op, enum dialect d)
{
    if ((rules->channel->answer && op != OP_FILES) || is_native(rules, op, d))
        return (struct cell){CELL_PASSTHROUGH, d};
    if (rules->prefer_chat && is_way(op, d, DIALECT_OPENAI_CHAT) &&
        is_native(rules, routing_operation(op), DIALECT_OPENAI_CHAT))
        return (struct cell){CELL_TRANSFORM, DIALECT_OPENAI_CHAT};
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        if (ways[i].operation == op && ways[i].from == d &&
            is_native(rules, routing_operation(op), ways[i].to))
            return (struct cell){CELL_TRANSFORM, ways[i].to};
    }
    return (struct cell){is_local(op, d) ? CELL_LOCAL : CELL_UNSUPPORTED, d};
}

void routing_fill(const struct routing_rules *rules, struct routing *out)
{
    for (size_t op = 0; op < OP_COUNT; op++) {
        for (size_t d = 0; d < DIALECT_COUNT; d++)
            out->cells[op][d] = cell_of(rules, (enum operation)op, (enum dialect)d);
    }
}

static const struct {
    struct slice name;
    enum dialect only;
} templates[] = {
    {SLICE_INIT("chat-completions-only"), DIALECT_OPENAI_CHAT     },
    {SLICE_INIT("responses-only"),        DIALECT_OPENAI_RESPONSES},
    {SLICE_INIT("claude-only"),           DIALECT_ANTHROPIC       },
    {SLICE_INIT("gemini-only"),           DIALECT_GEMINI          },
};

static enum err read_template(const struct json *v, struct arena *a,
                              const struct routing_rules *rules, struct routing *out,
                              struct err_info *e)
{
    struct slice name = json_str(a, v);

    for (size_t i = 0; name.ptr && i < ARRAY_LEN(templates); i++) {
        struct routing_rules held = *rules;
        if (!slice_eq(name, templates[i].name))
            continue;
        held.only = templates[i].only;
        if (!is_native(&held, OP_GENERATE, held.only))
            return err_set(e, ERR_BAD_REQUEST, "routing.template: the channel %s does not speak %s",
                           rules->channel->name, dialect_name(held.only));
        routing_fill(&held, out);
        return ERR_NONE;
    }
    return err_set(e, ERR_BAD_REQUEST,
                   "routing.template: must be chat-completions-only, responses-only, claude-only "
                   "or gemini-only");
}

static bool operation_parse(struct slice name, enum operation *out)
{
    for (size_t op = 0; op < OP_COUNT; op++) {
        if (slice_eq(name, slice_str(operation_name((enum operation)op)))) {
            *out = (enum operation)op;
            return true;
        }
    }
    return false;
}

static enum err read_cell(const struct json *v, struct arena *a, const struct routing_rules *rules,
                          struct routing *out, struct err_info *e)
{
    struct slice rest, name = slice_cut(v->key, '/', &rest), value = json_str(a, v);
    enum operation op;
    enum dialect from, to;
    struct cell *cell;

    if (!operation_parse(name, &op) || !dialect_parse(rest, &from))
        return err_set(e, ERR_BAD_REQUEST,
                       "routing.%.*s: expected operation/dialect, such as generate/anthropic",
                       SLICE_ARG(slice_sub(v->key, 0, 64)));
    cell = &out->cells[op][from];
    if (slice_eq(value, SLICE("unsupported"))) {
        *cell = (struct cell){CELL_UNSUPPORTED, from};
    } else if (slice_eq(value, SLICE("local")) && is_local(op, from)) {
        *cell = (struct cell){CELL_LOCAL, from};
    } else if ((slice_eq(value, SLICE("passthrough")) ||
                (dialect_parse(value, &to) && to == from)) &&
               channel_route_find(rules->channel, op, from)) {
        *cell = (struct cell){CELL_PASSTHROUGH, from};
    } else if (dialect_parse(value, &to) && is_way(op, from, to) &&
               channel_route_find(rules->channel, routing_operation(op), to)) {
        *cell = (struct cell){CELL_TRANSFORM, to};
    } else {
        return err_set(e, ERR_BAD_REQUEST,
                       "routing.%.*s: the channel %s cannot do that; passthrough, local, "
                       "unsupported or a dialect that it speaks",
                       SLICE_ARG(slice_sub(v->key, 0, 64)), rules->channel->name);
    }
    return ERR_NONE;
}

enum err routing_read(struct slice json, const struct routing_rules *rules, struct routing *out,
                      struct err_info *e)
{
    const struct json *template;
    struct arena scratch;
    struct json *tree;

    routing_fill(rules, out);
    if (!json.ptr)
        return ERR_NONE;
    arena_init(&scratch, 0);
    if (json_parse(&scratch, json, &tree, e) == ERR_NONE && !json_is(tree, JSON_OBJECT))
        err_set(e, ERR_BAD_REQUEST, "routing: expected an object");
    template = e->code ? NULL : json_member(tree, SLICE("template"));
    if (template)
        read_template(template, &scratch, rules, out, e);
    for (struct json *v = e->code ? NULL : json_first(tree); v && !e->code; v = v->next) {
        if (!slice_eq(v->key, SLICE("template")))
            read_cell(v, &scratch, rules, out, e);
    }
    arena_release(&scratch);
    return e->code;
}
