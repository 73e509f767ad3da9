/* channel.c - what all kinds of upstream have in common. */
#include "channel/channel.h"

#include "base/array.h"
#include "wire/url.h"

/* What a status means everywhere; other 4xx are the client's fault, other 5xx the upstream's. */
static const struct channel_verdict common[] = {
    {401, "", ERR_UPSTREAM_KEY    },
    {402, "", ERR_UPSTREAM_BILLING},
    {403, "", ERR_UPSTREAM_KEY    },
    {408, "", ERR_UPSTREAM_FAILED },
    {429, "", ERR_UPSTREAM_BUSY   },
    {503, "", ERR_UPSTREAM_FULL   },
    {529, "", ERR_UPSTREAM_FULL   },
};

const struct channel_route *channel_route_find(const struct channel *c, enum operation op,
                                               enum dialect d)
{
    for (size_t i = 0; i < c->route_count; i++)
        if (c->routes[i].operation == op && c->routes[i].dialect == d)
            return &c->routes[i];
    return NULL;
}

static enum err look_up(const struct channel_verdict *rows, size_t count, int http_status,
                        struct slice body)
{
    for (size_t i = 0; i < count; i++) {
        struct slice text = slice_str(rows[i].body_has);

        if (rows[i].http_status == http_status &&
            (text.len == 0 || slice_find_slice(body, text) != SIZE_MAX))
            return rows[i].err;
    }
    return ERR_NONE;
}

enum err channel_verdict(const struct channel *c, int http_status, struct slice body)
{
    enum err err;

    if (http_status >= 200 && http_status < 300)
        return ERR_NONE;
    if ((err = look_up(c->verdicts, c->verdict_count, http_status, body)) != ERR_NONE)
        return err;
    if ((err = look_up(common, ARRAY_LEN(common), http_status, body)) != ERR_NONE)
        return err;
    if (http_status >= 400 && http_status < 500)
        return ERR_UPSTREAM_REFUSED;
    if (http_status >= 500 && http_status < 600)
        return ERR_UPSTREAM_FAILED;
    return ERR_UPSTREAM_BROKEN; // 1xx, redirects (never followed), and what is no status at all
}

/* "v1", "v4", "v1beta", "v1beta1": a "v", digits, then letters and digits. */
static bool is_version(struct slice segment)
{
    if (segment.len < 2 || segment.ptr[0] != 'v' || segment.ptr[1] < '0' || segment.ptr[1] > '9')
        return false;
    for (size_t i = 2; i < segment.len; i++) {
        char c = segment.ptr[i];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')))
            return false;
    }
    return true;
}

static struct slice last_segment(struct slice path)
{
    size_t slash = slice_find_last(path, '/');

    return slash == SIZE_MAX ? path : slice_after(path, slash + 1);
}

/* Google's door for OpenAI's dialect stands at /v1beta/openai: its version is in front. */
static bool ends_in_version(struct slice path)
{
    if (slice_ends(path, SLICE("/openai")) &&
        is_version(last_segment(slice_sub(path, 0, path.len - strlen("/openai")))))
        return true;
    return is_version(last_segment(path));
}

static bool model_can_stand(struct slice model)
{
    struct slice rest = model, segment;

    for (size_t i = 0; i < model.len; i++)
        if ((unsigned char)model.ptr[i] < ' ' || model.ptr[i] == 0x7f)
            return false;
    do {
        bool is_last = slice_find(rest, '/') == SIZE_MAX;

        segment = slice_cut(rest, '/', &rest);
        if (segment.len == 0 || slice_eq(segment, SLICE(".")) || slice_eq(segment, SLICE("..")))
            return false;
        if (is_last)
            return true;
    } while (true);
}

static bool action_can_stand(struct slice action)
{
    for (size_t i = 0; i < action.len; i++)
        if (!((action.ptr[i] >= 'a' && action.ptr[i] <= 'z') ||
              (action.ptr[i] >= 'A' && action.ptr[i] <= 'Z')))
            return false;
    return action.len > 0;
}

/* Gemini's ids may come as "models/x"; the path has that already. */
static enum err put_model(struct slice before, struct slice model, struct buf *out,
                          struct err_info *e)
{
    if (slice_ends(before, SLICE("/models/")) && slice_starts(model, SLICE("models/")))
        model = slice_after(model, strlen("models/"));
    if (!model_can_stand(model))
        return err_set(e, ERR_BAD_REQUEST,
                       "the model id cannot be part of a path: no empty, \".\" or \"..\" segments "
                       "and no control characters");
    percent_encode(model, "/:@", out);
    return ERR_NONE;
}

static enum err put_action(struct slice action, struct buf *out, struct err_info *e)
{
    if (!action_can_stand(action))
        return err_set(e, ERR_BAD_REQUEST, "the action after the colon of the path is not known");
    buf_append(out, action);
    return ERR_NONE;
}

/* "/v1/messages" without its version, where the base path brings one. */
static struct slice join_at(struct slice base_path, struct slice path)
{
    struct slice rest, first = slice_cut(slice_after(path, 1), '/', &rest);

    if (is_version(first) && ends_in_version(base_path))
        return slice_after(path, 1 + first.len);
    return path;
}

enum err channel_path(const struct channel_route *route, struct slice base_path, struct slice model,
                      struct slice action, bool stream, struct slice query, struct buf *out,
                      struct err_info *e)
{
    struct slice rest = slice_str(stream && route->stream_path ? route->stream_path : route->path);
    enum err err = ERR_NONE;

    while (slice_ends(base_path, SLICE("/")))
        base_path.len--;
    buf_append(out, base_path);
    rest = join_at(base_path, rest);
    while (rest.len && err == ERR_NONE) {
        struct slice before = slice_cut(rest, '{', &rest), name = slice_cut(rest, '}', &rest);

        buf_append(out, before);
        if (slice_eq(name, SLICE("model")))
            err = put_model(before, model, out, e);
        else if (slice_eq(name, SLICE("action")))
            err = put_action(action, out, e);
        else if (slice_eq(name, SLICE("file")))
            buf_append(out, action); // checked by who made it
    }
    if (query.len) {
        buf_append_byte(out, '?');
        buf_append(out, query);
    }
    return err;
}
