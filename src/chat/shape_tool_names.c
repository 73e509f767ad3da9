/* shape_tool_names.c - names that fit, and history's calls as their tools are called now. */
#include "base/table.h"
#include "chat/shape_tools.h"
#include "json/scan.h"

#define NAME_MAX_BYTES 64
#define NAME_CUT       55 // and "_" and eight digits of a hash

/* Of one name that the client uses: a tool's, or one that only history knows. */
struct known {
    struct slice sent; // empty: as it is
    struct chat_tool *tool;
};

struct naming {
    struct chat_request *r;
    const struct chat_target *t;
    struct table known; // by the client's name
    struct table taken; // upstream's names
};

static bool is_good(enum dialect target, char c, bool first)
{
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';

    if (target == DIALECT_GEMINI && first)
        return letter;
    if (target == DIALECT_GEMINI && (c == '.' || c == ':'))
        return true;
    return letter || (c >= '0' && c <= '9') || c == '-';
}

static bool fits(enum dialect target, struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (!is_good(target, name.ptr[i], i == 0))
            return false;
    }
    return name.len <= NAME_MAX_BYTES;
}

/* The n-th name that will do for `name`: as near to it as can be, then told apart by a hash. */
static struct slice name_made(const struct naming *n, struct slice name, uint64_t attempt)
{
    struct slice kept = slice_sub(name, 0, NAME_MAX_BYTES);
    char *out;

    if (attempt > 0 || name.len > NAME_MAX_BYTES) {
        kept = arena_printf(n->r->arena, "%.*s_%08x", SLICE_ARG(slice_sub(name, 0, NAME_CUT)),
                            (unsigned)(hash_bytes(attempt, name) & 0xffffffff));
    }
    out = arena_alloc_raw(n->r->arena, kept.len + 1, 1);
    for (size_t i = 0; i < kept.len; i++)
        out[i] = is_good(n->t->dialect, kept.ptr[i], i == 0) ? kept.ptr[i] : '_';
    return slice_of(out, kept.len);
}

static void take_as_is(struct naming *n, struct slice name, struct chat_tool *tool)
{
    struct known *known;

    if (!fits(n->t->dialect, name) || table_get(&n->known, name))
        return;
    known = arena_new(n->r->arena, struct known);
    known->tool = tool;
    table_put(&n->known, name, known);
    table_put(&n->taken, name, known);
}

static struct known *known_of(struct naming *n, struct slice name)
{
    struct known *known = table_get(&n->known, name);

    if (known)
        return known;
    known = arena_new(n->r->arena, struct known);
    for (uint64_t i = 0; !known->sent.len || table_get(&n->taken, known->sent); i++)
        known->sent = name_made(n, name, i);
    table_put(&n->known, name, known);
    table_put(&n->taken, known->sent, known);
    return known;
}

static struct slice *name_of(struct chat_item *item)
{
    if (item->kind == CHAT_CALL)
        return &item->call.name;
    return item->kind == CHAT_RESULT ? &item->result.name : NULL;
}

/* {"input": text}, or {"value": arguments} */
static struct chat_text wrapped(struct arena *a, const struct chat_call *call)
{
    struct err_info ignored = {0};
    struct buf json = {0}, out = {0};
    struct json_writer w = {.out = &out};
    struct slice kept;

    json_open_object(&w);
    if (call->custom) {
        json_key(&w, SLICE("input"));
        json_value_text(&w,
                        text_is_absent(call->arguments) ? text_plain(SLICE("")) : call->arguments);
    } else {
        text_append_plain(&json, call->arguments);
        json_key(&w, SLICE("value"));
        if (json_scan(buf_peek(&json), NULL, 0, NULL, &ignored) == ERR_NONE)
            json_value_raw(&w, buf_peek(&json));
        else
            json_value_string(&w, buf_peek(&json));
    }
    json_close_object(&w);
    kept = arena_dup(a, buf_peek(&out));
    buf_release(&json);
    buf_release(&out);
    return text_plain(kept);
}

static void fit_call(struct naming *n, struct chat_call *call, const struct chat_tool *tool)
{
    bool as_function = call->custom && !shape_takes_custom(n->t);

    if (!as_function && (!tool || !tool->wrapped || text_is_absent(call->arguments)))
        return;
    call->arguments = wrapped(n->r->arena, call);
    call->custom = false;
}

static void fit_item(struct naming *n, struct chat_item *item)
{
    struct slice *name = name_of(item);
    const struct known *known = name && name->len ? known_of(n, *name) : NULL;

    if (known && known->sent.len)
        *name = known->sent;
    if (item->kind == CHAT_CALL)
        fit_call(n, &item->call, known ? known->tool : NULL);
    else if (item->kind == CHAT_RESULT && !shape_takes_custom(n->t))
        item->result.custom = false;
}

typedef void item_fn(struct naming *n, struct chat_item *item);

static void each_item(struct naming *n, item_fn *call)
{
    list_for_each(at, &n->r->turns) {
        struct chat_turn *turn = list_entry(at, struct chat_turn, link);

        list_for_each(in, &turn->items)
            call(n, list_entry(in, struct chat_item, link));
    }
}

static void take_item(struct naming *n, struct chat_item *item)
{
    const struct slice *name = name_of(item);

    if (name && name->len)
        take_as_is(n, *name, NULL);
}

/* Names that fit go first, so that none is lost to one that had to be made. */
void shape_tool_names(struct chat_request *r, const struct chat_target *t)
{
    struct naming n = {.r = r, .t = t};

    table_init(&n.known, shape_table_seed(r));
    table_init(&n.taken, shape_table_seed(r));
    list_for_each(at, &r->tools) {
        struct chat_tool *tool = list_entry(at, struct chat_tool, link);
        if (tool->kind == TOOL_FUNCTION || tool->kind == TOOL_CUSTOM)
            take_as_is(&n, tool->name, tool);
    }
    each_item(&n, take_item);
    list_for_each(at, &r->tools) {
        struct chat_tool *tool = list_entry(at, struct chat_tool, link);
        struct known *known;

        if (tool->kind != TOOL_FUNCTION && tool->kind != TOOL_CUSTOM)
            continue;
        known = known_of(&n, tool->name);
        known->tool = tool;
        tool->sent_name = known->sent;
    }
    each_item(&n, fit_item);
    table_release(&n.known);
    table_release(&n.taken);
}
