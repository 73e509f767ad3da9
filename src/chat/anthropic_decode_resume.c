/* anthropic_decode_resume.c - an answer as it came, for the day that it pauses and goes back. */
#include "base/array.h"
#include "chat/anthropic_inside.h"
#include "chat/peek.h"
#include "json/scan.h"

#define MAX_KEPT ((size_t)16 << 20) // bytes of one answer

/* What a delta adds to, and how. */
enum addition { ADDS_TEXT, ADDS_JSON, ADDS_ITEMS };

static const struct {
    struct slice delta, field; // the delta's type, and what of it is added
    struct slice member;       // of the block
    enum addition how;
} additions[] = {
    {SLICE_INIT("text_delta"),       SLICE_INIT("text"),         SLICE_INIT("text"),      ADDS_TEXT },
    {SLICE_INIT("thinking_delta"),   SLICE_INIT("thinking"),     SLICE_INIT("thinking"),  ADDS_TEXT },
    {SLICE_INIT("signature_delta"),  SLICE_INIT("signature"),    SLICE_INIT("signature"), ADDS_TEXT },
    {SLICE_INIT("input_json_delta"), SLICE_INIT("partial_json"), SLICE_INIT("input"),     ADDS_JSON },
    {SLICE_INIT("citations_delta"),  SLICE_INIT("citation"),     SLICE_INIT("citations"), ADDS_ITEMS},
};

_Static_assert(ARRAY_LEN(additions) == ARRAY_LEN(((struct anthropic_kept *)0)->pieces),
               "a buffer for each");

void anthropic_kept_release(struct anthropic_kept *k)
{
    buf_release(&k->start);
    buf_release(&k->content);
    buf_release(&k->container);
    for (size_t i = 0; i < ARRAY_LEN(k->pieces); i++)
        buf_release(&k->pieces[i]);
    k->is_open = false;
}

static void lose(struct anthropic_kept *k)
{
    anthropic_kept_release(k);
    k->lost = true;
}

static bool has_room(struct anthropic_kept *k, size_t len)
{
    size_t used = buf_len(&k->start) + buf_len(&k->content);

    for (size_t i = 0; i < ARRAY_LEN(k->pieces); i++)
        used += buf_len(&k->pieces[i]);
    if (!k->lost && used + len > MAX_KEPT)
        lose(k);
    return !k->lost;
}

/* Text of nothing but blanks, which Anthropic writes and does not take. */
static bool is_blank(struct slice block)
{
    struct slice inside = {0};

    if (!slice_eq(anthropic_word_of(peek_get(block, SLICE("type"))), SLICE("text")))
        return false;
    json_string_plain(peek_get(block, SLICE("text")), &inside);
    for (size_t i = 0; i < inside.len; i++) {
        if (inside.ptr[i] == '\\' && i + 1 < inside.len && strchr("nrt", inside.ptr[i + 1]))
            i++;
        else if (inside.ptr[i] != ' ')
            return false;
    }
    return true;
}

void anthropic_keep_block(struct anthropic_kept *k, struct slice block)
{
    if (!has_room(k, block.len + 1) || is_blank(block))
        return;
    buf_append(&k->content, block);
    buf_append_byte(&k->content, ',');
}

void anthropic_keep_container(struct anthropic_kept *k, struct slice container)
{
    struct slice id = peek_get(container, SLICE("id"));

    if (!json_is_string(id) || !has_room(k, id.len))
        return;
    buf_clear(&k->container);
    buf_append(&k->container, id);
}

/* ---- a block that comes in pieces ---- */

void anthropic_keep_open(struct anthropic_kept *k, int64_t upstream, struct slice block)
{
    anthropic_keep_stop(k); // of one that was not stopped
    if (!has_room(k, block.len))
        return;
    buf_append(&k->start, block);
    k->upstream = upstream;
    k->is_open = true;
}

static size_t addition_of(struct slice delta)
{
    struct slice type = anthropic_word_of(peek_get(delta, SLICE("type")));
    size_t i = 0;

    while (i < ARRAY_LEN(additions) && !slice_eq(type, additions[i].delta))
        i++;
    return i;
}

/* What is not understood, or not in order, would not go back as it came. */
void anthropic_keep_delta(struct anthropic_kept *k, int64_t upstream, struct slice delta)
{
    size_t i = addition_of(delta);
    struct slice value, text = {0};

    if (k->lost)
        return;
    if (i == ARRAY_LEN(additions) || !k->is_open || k->upstream != upstream) {
        lose(k);
        return;
    }
    value = peek_get(delta, additions[i].field);
    if (!has_room(k, value.len + 1))
        return;
    json_string_plain(value, &text);
    if (additions[i].how != ADDS_ITEMS) {
        buf_append(&k->pieces[i], text);
    } else if (json_is_object(value)) {
        buf_append(&k->pieces[i], value);
        buf_append_byte(&k->pieces[i], ',');
    }
}

/* The comma behind the last item goes. */
static void append_items(struct buf *out, struct slice items)
{
    buf_append(out, slice_sub(items, 0, items.len - 1));
}

/* False when the pieces make no object. */
static bool append_json(struct buf *out, struct slice pieces)
{
    struct err_info e = {0};
    struct buf quoted = {0}, json = {0};
    bool good;

    buf_append_byte(&quoted, '"');
    buf_append(&quoted, pieces);
    buf_append_byte(&quoted, '"');
    good = json_string_decode(buf_peek(&quoted), &json) &&
           json_scan(buf_peek(&json), NULL, 0, NULL, &e) == ERR_NONE &&
           json_is_object(slice_trim(buf_peek(&json)));
    if (good)
        buf_append(out, buf_peek(&json));
    buf_release(&quoted);
    buf_release(&json);
    return good;
}

/* `before`: the member's value at the block's start; a NULL pointer: none. */
static bool append_added(struct buf *out, enum addition how, struct slice before,
                         struct slice pieces)
{
    struct slice inside = {0};

    switch (how) {
    case ADDS_TEXT:
        json_string_plain(before, &inside);
        buf_append_byte(out, '"');
        buf_append(out, inside);
        buf_append(out, pieces);
        buf_append_byte(out, '"');
        return true;
    case ADDS_JSON: return append_json(out, pieces); // says all of the input, again
    case ADDS_ITEMS:
        buf_append_byte(out, '[');
        if (json_is_array(before) && !peek_is_empty(before)) {
            buf_append(out, slice_sub(before, 1, before.len - 2));
            buf_append_byte(out, ',');
        }
        append_items(out, pieces);
        buf_append_byte(out, ']');
        return true;
    }
    return false;
}

static bool append_member(struct buf *out, struct anthropic_kept *k, struct slice key,
                          struct slice value)
{
    buf_append(out, slice_ends(buf_peek(out), SLICE("{")) ? SLICE("\"") : SLICE(",\""));
    buf_append(out, key);
    buf_append(out, SLICE("\":"));
    for (size_t i = 0; i < ARRAY_LEN(additions); i++) {
        struct slice pieces = buf_peek(&k->pieces[i]);
        if (!pieces.len || !slice_eq(key, additions[i].member))
            continue;
        if (!append_added(out, additions[i].how, value, pieces))
            return false;
        buf_clear(&k->pieces[i]);
        return true;
    }
    buf_append(out, value);
    return true;
}

/* The block with all that was added to it. */
static bool append_block(struct buf *out, struct anthropic_kept *k)
{
    struct peek p = peek_into(buf_peek(&k->start));
    struct slice key, value, none = {0};

    if (!json_is_object(buf_peek(&k->start)))
        return false;
    buf_append_byte(out, '{');
    while (peek_next(&p, &key, &value)) {
        if (!append_member(out, k, key, value))
            return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(additions); i++) { // to members that were not there
        if (buf_len(&k->pieces[i]) && !append_member(out, k, additions[i].member, none))
            return false;
    }
    buf_append_byte(out, '}');
    return true;
}

void anthropic_keep_stop(struct anthropic_kept *k)
{
    struct buf block = {0};

    if (!k->is_open)
        return;
    k->is_open = false;
    if (append_block(&block, k)) {
        buf_clear(&k->start);
        anthropic_keep_block(k, buf_peek(&block));
    } else {
        lose(k);
    }
    buf_release(&block);
}

struct slice anthropic_kept_answer(struct anthropic_kept *k)
{
    struct buf *out = &k->start;

    anthropic_keep_stop(k);
    if (k->lost || !buf_len(&k->content))
        return (struct slice){0};
    buf_clear(out);
    buf_append_byte(out, '{');
    if (buf_len(&k->container)) {
        buf_append(out, SLICE("\"container\":"));
        buf_append(out, buf_peek(&k->container));
        buf_append_byte(out, ',');
    }
    buf_append(out, SLICE("\"content\":["));
    append_items(out, buf_peek(&k->content));
    buf_append(out, SLICE("]}"));
    return buf_peek(out);
}
