/* replay.c - conversations of Responses for upstreams that keep none. */
#include "chat/replay.h"

#include "json/raw.h"
#include "json/scan.h"
#include "json/tree.h"
#include "json/write.h"

/* The id of a conversation stands alone or in an object. */
static struct slice conversation_id(const struct json *v, struct arena *a)
{
    return json_str(a, json_is(v, JSON_OBJECT) ? json_member(v, SLICE("id")) : v);
}

/* Vercel's SDK sends what it has had an id for as nothing but that, unless told not to. */
static bool is_reference(const struct json *item)
{
    const struct json *type = json_member(item, SLICE("type"));

    return json_is(type, JSON_STRING) && json_string_eq(type->source, SLICE("item_reference"));
}

static bool has_reference(const struct json *input)
{
    json_for_each(item, input) {
        if (is_reference(item))
            return true;
    }
    return false;
}

enum err replay_read(struct slice body, struct arena *a, struct replay *out, struct err_info *e)
{
    const struct json *previous, *conversation, *store;
    struct json *tree;

    *out = (struct replay){.keeps = true};
    if (json_parse(a, body, &tree, e) != ERR_NONE)
        return e->code;
    previous = json_member(tree, SLICE("previous_response_id"));
    conversation = json_member(tree, SLICE("conversation"));
    store = json_member(tree, SLICE("store"));
    out->previous = json_str(a, previous);
    out->conversation = conversation_id(conversation, a);
    out->keeps = !json_is(store, JSON_FALSE);
    out->refers = has_reference(json_member(tree, SLICE("input")));
    if (previous && !json_is(previous, JSON_NULL) && !out->previous.len)
        return err_set(e, ERR_BAD_REQUEST, "previous_response_id: expected the id of a response");
    if (conversation && !json_is(conversation, JSON_NULL) && !out->conversation.len)
        return err_set(e, ERR_BAD_REQUEST, "conversation: expected the id of a conversation");
    if (out->previous.len && out->conversation.len)
        return err_set(e, ERR_BAD_REQUEST,
                       "previous_response_id: cannot be used together with conversation");
    return ERR_NONE;
}

/* What stands between the brackets of an array. */
static struct slice inside(struct slice array)
{
    struct slice s = slice_sub(array, 1, array.len - 2);

    while (s.len && (s.ptr[0] == ' ' || s.ptr[0] == '\n' || s.ptr[0] == '\r' || s.ptr[0] == '\t'))
        s = slice_after(s, 1);
    return s;
}

static void append_items(struct buf *out, struct slice items)
{
    if (!items.len)
        return;
    if (buf_len(out))
        buf_append_byte(out, ',');
    buf_append(out, items);
}

/* A string is one message of the user's. */
static void append_input(struct buf *out, const struct json *input)
{
    struct buf message = {0};

    if (json_is(input, JSON_ARRAY)) {
        append_items(out, inside(input->source));
    } else if (json_is(input, JSON_STRING)) {
        buf_append(&message, SLICE("{\"type\":\"message\",\"role\":\"user\",\"content\":"));
        buf_append(&message, input->source);
        buf_append_byte(&message, '}');
        append_items(out, buf_peek(&message));
        buf_release(&message);
    }
}

enum err replay_expand(struct slice body, struct slice items, struct arena *a, struct buf *out,
                       struct err_info *e)
{
    struct json *tree, *array;
    struct buf input = {0};
    enum err err;

    if (json_parse(a, body, &tree, e) != ERR_NONE)
        return e->code;
    append_items(&input, items);
    append_input(&input, json_member(tree, SLICE("input")));
    err = json_parse(a, arena_printf(a, "[%.*s]", SLICE_ARG(buf_peek(&input))), &array, e);
    buf_release(&input);
    if (err != ERR_NONE)
        return err;
    json_set(tree, SLICE("input"), array);
    json_remove(tree, SLICE("previous_response_id"));
    json_remove(tree, SLICE("conversation"));
    json_write_tree(out, tree);
    return ERR_NONE;
}

enum err replay_resolve(struct slice body, replay_find_fn *find, void *ctx, struct arena *a,
                        struct buf *out, struct err_info *e)
{
    struct json *tree, *item, *next, *value;
    struct slice kept;

    if (json_parse(a, body, &tree, e) != ERR_NONE)
        return e->code;
    for (item = json_first(json_member(tree, SLICE("input"))); item; item = next) {
        next = item->next;
        if (!is_reference(item) ||
            !find(ctx, a, json_str(a, json_member(item, SLICE("id"))), &kept))
            continue;
        if (json_parse(a, kept, &value, e) != ERR_NONE)
            return e->code;
        json_replace(item, value);
    }
    json_write_tree(out, tree);
    return ERR_NONE;
}

void replay_each(struct slice response, struct arena *a, replay_item_fn *fn, void *ctx)
{
    struct err_info ignored = {0};
    struct json *answer;

    if (json_parse(a, response, &answer, &ignored) != ERR_NONE)
        return;
    json_for_each(item, json_member(answer, SLICE("output"))) {
        struct slice id = json_str(a, json_member(item, SLICE("id")));
        if (id.len)
            fn(ctx, id, item->source);
    }
}

bool replay_keep(struct slice body, struct slice response, struct arena *a, struct slice *id,
                 struct buf *out)
{
    struct err_info ignored = {0};
    struct json *request, *answer;
    const struct json *output;

    if (json_parse(a, body, &request, &ignored) != ERR_NONE ||
        json_parse(a, response, &answer, &ignored) != ERR_NONE)
        return false;
    output = json_member(answer, SLICE("output"));
    *id = json_str(a, json_member(answer, SLICE("id")));
    if (!id->len || !json_is(output, JSON_ARRAY))
        return false;
    append_input(out, json_member(request, SLICE("input")));
    append_items(out, inside(output->source));
    return true;
}

/* The data of the last event. */
static struct slice last_data(struct slice tail)
{
    struct slice data = {0};

    while (tail.len) {
        struct slice line = slice_cut(tail, '\n', &tail);
        if (slice_starts(line, SLICE("data: {")))
            data = slice_after(line, 6);
    }
    return data;
}

struct slice replay_response(struct slice tail)
{
    struct slice response = {0}, data;

    if (tail.len && tail.ptr[0] == '{')
        return tail;
    data = last_data(tail);
    if (data.len)
        json_get(data, SLICE("response"), &response);
    return response;
}
