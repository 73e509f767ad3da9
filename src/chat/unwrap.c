/* unwrap.c - the one value inside a JSON object, while the object still comes in pieces. */
#include "chat/unwrap.h"

#include "json/raw.h"
#include "json/scan.h"

#define ESCAPE_LEN 6 // of "\u0041"

static struct slice key_of(enum unwrap_kind kind)
{
    return kind == UNWRAP_TEXT ? SLICE("input") : SLICE("value");
}

/* What stands in front of the value; blanks may stand before and behind '{' and ':'. */
static struct slice head_of(enum unwrap_kind kind)
{
    return kind == UNWRAP_TEXT ? SLICE("{\"input\":\"") : SLICE("{\"value\":");
}

static bool blank_may_stand(unsigned matched)
{
    return matched <= 1 || matched == 8 || matched == 9; // 8: `{"input"`
}

void unwrap_init(struct unwrap *u, enum unwrap_kind kind)
{
    *u = (struct unwrap){.kind = kind};
}

void unwrap_release(struct unwrap *u)
{
    buf_release(&u->held);
    buf_release(&u->plain);
    buf_release(&u->joined);
}

bool unwrap_overflows(const struct unwrap *u)
{
    return buf_len(&u->held) > UNWRAP_LIMIT;
}

/* Does it end in the first half of a pair, as "\ud83d" does? */
static bool ends_in_half(struct slice s)
{
    size_t backslashes = 0, at;

    if (s.len < ESCAPE_LEN)
        return false;
    at = s.len - ESCAPE_LEN;
    if (s.ptr[at] != '\\' || s.ptr[at + 1] != 'u' || (s.ptr[at + 2] | 0x20) != 'd')
        return false;
    if (!strchr("89abAB", s.ptr[at + 3]) || !s.ptr[at + 3])
        return false;
    while (backslashes <= at && s.ptr[at - backslashes] == '\\')
        backslashes++;
    return backslashes % 2 == 1;
}

/* The fragment as JSON text, behind what the last one left of an escape. */
static struct slice json_of(struct unwrap *u, struct chat_text t)
{
    if (u->half_len) {
        buf_clear(&u->joined);
        buf_append(&u->joined, slice_of(u->half, u->half_len));
        text_append_escaped(&u->joined, t);
        t = (struct chat_text){buf_peek(&u->joined), true};
        u->half_len = 0;
    }
    if (t.escaped && ends_in_half(t.s)) {
        t.s.len -= ESCAPE_LEN;
        memcpy(u->half, t.s.ptr + t.s.len, ESCAPE_LEN);
        u->half_len = ESCAPE_LEN;
    }
    if (!u->escape_len && (!t.escaped || slice_find(t.s, '\\') == SIZE_MAX))
        return t.s;
    buf_clear(&u->plain);
    buf_append(&u->plain, slice_of(u->escape, u->escape_len));
    text_append_plain(&u->plain, t);
    u->escape_len = 0;
    return buf_peek(&u->plain);
}

/* Goes through the wrapping; answers what is behind it. */
static struct slice pass_head(struct unwrap *u, struct slice json)
{
    struct slice head = head_of(u->kind);
    size_t at = 0;

    while (at < json.len && u->matched < head.len) {
        char c = json.ptr[at++];

        if (c == head.ptr[u->matched]) {
            u->matched++;
        } else if (!json_is_blank(c) || !blank_may_stand(u->matched)) {
            u->state = UNWRAP_HELD;
            return (struct slice){0};
        }
    }
    if (u->matched == head.len)
        u->state = UNWRAP_INSIDE;
    return slice_after(json, at);
}

/* How long the escape at the beginning is; 0: it is cut. */
static size_t escape_len(struct slice s)
{
    size_t len = s.len > 1 && s.ptr[1] == 'u' ? ESCAPE_LEN : 2;
    return len <= s.len ? len : 0;
}

static struct chat_text take_text(struct unwrap *u, struct slice json)
{
    size_t at = 0;

    while (at < json.len) {
        struct slice rest = slice_after(json, at);
        size_t step = 1;

        if (rest.ptr[0] == '"') {
            u->state = UNWRAP_TAIL;
            break;
        }
        if (rest.ptr[0] == '\\' && (step = escape_len(rest)) == 0) {
            memcpy(u->escape, rest.ptr, rest.len);
            u->escape_len = rest.len;
            break;
        }
        at += step;
    }
    return (struct chat_text){slice_sub(json, 0, at), true};
}

static struct chat_text take_value(struct unwrap *u, struct slice json)
{
    size_t len;

    while (!u->extent.started && json.len && json_is_blank(json.ptr[0]))
        json = slice_after(json, 1);
    if (json_extent_feed(&u->extent, json, &len))
        u->state = UNWRAP_TAIL;
    return text_plain(slice_sub(json, 0, len));
}

struct chat_text unwrap_feed(struct unwrap *u, struct chat_text fragment)
{
    struct slice json = json_of(u, fragment);

    if (u->state == UNWRAP_HEAD || u->state == UNWRAP_HELD)
        buf_append(&u->held, json);
    if (u->state == UNWRAP_HEAD)
        json = pass_head(u, json);
    if (u->state != UNWRAP_INSIDE)
        return (struct chat_text){0};
    return u->kind == UNWRAP_TEXT ? take_text(u, json) : take_value(u, json);
}

struct chat_text unwrap_end(struct unwrap *u)
{
    struct slice json = slice_trim_lines(buf_peek(&u->held)), value = {0}, inside;

    if (u->state != UNWRAP_HELD)
        return (struct chat_text){0}; // cut within the wrapping, there is nothing to hand on
    json_get(json, key_of(u->kind), &value);
    if (u->kind == UNWRAP_TEXT && json_is_string(value))
        return text_of_literal(value);
    if (value.ptr)
        return text_plain(value);
    inside = slice_trim_lines(slice_sub(json, 1, json.len < 2 ? 0 : json.len - 2));
    if (json_is_object(json) && !inside.len)
        return (struct chat_text){0}; // {}: called without anything
    return text_plain(json);
}
