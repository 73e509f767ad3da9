/* edit.c - the few bytes of a request body that change on its way upstream. */
#include "exchange/edit.h"

#include "base/buf.h"
#include "loop/stream.h"
#include "json/tree.h"
#include "json/write.h"

static int apply_in_pieces(struct slice body, const struct edit *edits, size_t count,
                           struct iovec *parts)
{
    size_t at = 0;
    int n = 0;

    for (size_t i = 0; i < count; i++) {
        if (edits[i].start > at)
            parts[n++] = iovec_of(slice_sub(body, at, edits[i].start - at));
        if (edits[i].text.len)
            parts[n++] = iovec_of(edits[i].text);
        at = edits[i].end;
    }
    if (at < body.len)
        parts[n++] = iovec_of(slice_after(body, at));
    return n;
}

int edit_apply(struct arena *a, struct slice body, const struct edit *edits, size_t count,
               struct iovec parts[EDIT_MAX_PARTS], size_t *len)
{
    struct buf whole = {0};
    size_t at = 0;

    *len = body.len;
    for (size_t i = 0; i < count; i++)
        *len += edits[i].text.len - (edits[i].end - edits[i].start);
    if (count <= 2)
        return apply_in_pieces(body, edits, count, parts);
    for (size_t i = 0; i < count; i++) {
        buf_append(&whole, slice_sub(body, at, edits[i].start - at));
        buf_append(&whole, edits[i].text);
        at = edits[i].end;
    }
    buf_append(&whole, slice_after(body, at));
    parts[0] = iovec_of(arena_dup(a, buf_peek(&whole)));
    buf_release(&whole);
    return 1;
}

struct slice edit_string(struct arena *a, struct slice text)
{
    struct buf out = {0};
    struct slice literal;

    json_write_string(&out, text);
    literal = arena_dup(a, buf_peek(&out));
    buf_release(&out);
    return literal;
}

struct edit edit_include_usage(struct slice body, struct json_span span)
{
    struct slice options = json_span_slice(body, span), value;
    struct edit e;

    if (!options.ptr) {
        /* The request is an object with a model in it, so a member goes before its last brace. */
        e.start = e.end = slice_find_last(body, '}');
        e.text = SLICE(",\"stream_options\":{\"include_usage\":true}");
    } else if (!json_is_object(options)) {
        e = (struct edit){span.start, span.end, SLICE("{\"include_usage\":true}")};
    } else if (json_get(options, SLICE("include_usage"), &value) == ERR_NONE && value.ptr) {
        e.start = (size_t)(value.ptr - body.ptr);
        e.end = e.start + value.len;
        e.text = SLICE("true");
    } else {
        struct slice inside = slice_sub(options, 1, options.len - 2);
        bool empty = true;
        for (size_t i = 0; i < inside.len; i++)
            empty = empty && (inside.ptr[i] == ' ' || inside.ptr[i] == '\t' ||
                              inside.ptr[i] == '\n' || inside.ptr[i] == '\r');
        e.start = e.end = span.start + 1;
        e.text = empty ? SLICE("\"include_usage\":true") : SLICE("\"include_usage\":true,");
    }
    return e;
}

static size_t edit_one(struct arena *a, struct slice body, const struct json *object,
                       struct slice model, struct edit *out)
{
    const struct json *value = json_member(object, SLICE("model"));
    struct slice name;

    if (!value || value->type != JSON_STRING)
        return 0;
    name = json_str(a, value);
    if (slice_starts(name, SLICE("models/")))
        name = slice_after(name, 7);
    if (slice_eq(name, model))
        return 0;
    *out = (struct edit){
        .start = (size_t)(value->source.ptr - body.ptr),
        .end = (size_t)(value->source.ptr - body.ptr) + value->source.len,
        .text = edit_string(a, arena_printf(a, "models/%.*s", SLICE_ARG(model))),
    };
    return 1;
}

size_t edit_gemini_models(struct arena *a, struct slice body, struct slice model,
                          struct edit **edits)
{
    struct err_info ignored = {0};
    const struct json *requests, *inner;
    struct json *root;
    size_t count = 0;

    if (json_parse(a, body, &root, &ignored) != ERR_NONE)
        return 0;
    requests = json_member(root, SLICE("requests"));
    inner = json_member(root, SLICE("generateContentRequest"));
    *edits = arena_array(a, struct edit, 2 + (requests ? requests->count : 0));
    count += edit_one(a, body, root, model, *edits + count);
    count += edit_one(a, body, inner, model, *edits + count);
    json_for_each(at, requests)
        count += edit_one(a, body, at, model, *edits + count);
    /* In order of their places: the three kinds do not mix in requests that make sense. */
    for (size_t i = 1; i < count; i++) {
        struct edit e = (*edits)[i];
        size_t j = i;
        for (; j && (*edits)[j - 1].start > e.start; j--)
            (*edits)[j] = (*edits)[j - 1];
        (*edits)[j] = e;
    }
    return count;
}
