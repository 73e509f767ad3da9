/* scan.c - is this text JSON, and where in it do a few top-level values stand. */
#include "json/scan.h"

#include "json/walk.h"

#define NOT_WANTED SIZE_MAX

static size_t want_find(const struct json_want *wants, size_t count, struct slice literal)
{
    struct slice inside;

    if (!json_string_plain(literal, &inside)) {
        for (size_t i = 0; i < count; i++) {
            if (json_string_eq(literal, wants[i].key))
                return i;
        }
        return NOT_WANTED;
    }
    for (size_t i = 0; i < count; i++) {
        if (slice_eq(wants[i].key, inside))
            return i;
    }
    return NOT_WANTED;
}

static enum err refuse_duplicate(struct slice key, size_t at, struct err_info *e)
{
    return err_set(e, ERR_BAD_REQUEST, "duplicate key \"%.*s\" at byte %zu", SLICE_ARG(key), at);
}

enum err json_scan(struct slice text, const struct json_want *wants, size_t count,
                   struct json_span *spans, struct err_info *e)
{
    struct json_walk w;
    size_t want = NOT_WANTED; // whose value comes next or is open
    size_t opened_at = 0;

    if (count)
        memset(spans, 0, count * sizeof(*spans));
    json_walk_init(&w, text);
    for (;;) {
        enum json_token token = json_walk_next(&w);

        if (token == JSON_TOKEN_END)
            return ERR_NONE;
        if (token == JSON_TOKEN_FAIL)
            return json_walk_error(&w, e);
        if (token == JSON_TOKEN_OPEN && w.depth == 2)
            opened_at = w.start;
        if (w.depth != 1 || token == JSON_TOKEN_OPEN)
            continue;
        if (token == JSON_TOKEN_KEY) {
            want = want_find(wants, count, slice_sub(text, w.start, w.end - w.start));
            if (want != NOT_WANTED && wants[want].no_duplicate && spans[want].end)
                return refuse_duplicate(wants[want].key, w.start, e);
        } else if (want != NOT_WANTED) {
            spans[want].start = token == JSON_TOKEN_CLOSE ? opened_at : w.start;
            spans[want].end = w.end;
            want = NOT_WANTED;
        }
    }
}

struct slice json_span_slice(struct slice text, struct json_span s)
{
    return s.end ? slice_sub(text, s.start, s.end - s.start) : slice_of(NULL, 0);
}

enum err json_get(struct slice object, struct slice key, struct slice *value)
{
    const struct json_want want = {.key = key};
    struct json_span span;
    struct err_info e = {0};
    enum err err = json_scan(object, &want, 1, &span, &e);

    *value = err == ERR_NONE ? json_span_slice(object, span) : slice_of(NULL, 0);
    return err;
}
