/* resume_request.c - the request that asks upstream to go on: the one before, and a piece more. */
#include "chat/peek.h"
#include "chat/resume.h"
#include "json/raw.h"

/* The body was written by one of our codecs, so it is looked at and not judged. */

/* Everything in `sent` before, and from, a place in it. */
static void append_before(struct buf *out, struct slice sent, const char *at)
{
    buf_append(out, slice_sub(sent, 0, (size_t)(at - sent.ptr)));
}

static void append_from(struct buf *out, struct slice sent, const char *at)
{
    buf_append(out, slice_after(sent, (size_t)(at - sent.ptr)));
}

/* A member more, the first one of the object `sent`. */
static void append_with(struct buf *out, struct slice sent, struct slice key, struct slice value)
{
    buf_append(out, SLICE("{\""));
    buf_append(out, key);
    buf_append(out, SLICE("\":"));
    buf_append(out, value);
    if (!peek_is_empty(sent))
        buf_append_byte(out, ',');
    buf_append(out, slice_after(sent, 1));
}

static void write_gemini(struct slice sent, struct slice token, struct buf *out)
{
    struct slice before = peek_get(sent, SLICE("continuationToken"));

    if (!before.ptr) {
        append_with(out, sent, SLICE("continuationToken"), token);
        return;
    }
    append_before(out, sent, before.ptr);
    buf_append(out, token);
    append_from(out, sent, before.ptr + before.len);
}

/* An array's last item; a NULL pointer: it has none. */
static struct slice last_of(struct slice array)
{
    struct slice last = {0}, key, item;
    struct peek p = peek_into(array);

    while (peek_next(&p, &key, &item))
        last = item;
    return last;
}

static bool is_assistant(struct slice message)
{
    return slice_eq(peek_get(message, SLICE("role")), SLICE("\"assistant\""));
}

/* The last turn is upstream's own, as it is from the second round on: it goes on there. */
static void extend_turn(struct slice sent, struct slice content, struct slice blocks,
                        struct buf *out)
{
    append_before(out, sent, content.ptr);
    if (json_is_string(content)) {
        buf_append(out, SLICE("[{\"type\":\"text\",\"text\":"));
        buf_append(out, content);
        buf_append(out, SLICE("},"));
    } else {
        buf_append(out, slice_sub(content, 0, content.len - 1));
        if (!peek_is_empty(content))
            buf_append_byte(out, ',');
    }
    buf_append(out, slice_after(blocks, 1)); // without its bracket
    append_from(out, sent, content.ptr + content.len);
}

static void add_turn(struct slice sent, struct slice messages, struct slice blocks, struct buf *out)
{
    const char *end = messages.ptr + messages.len - 1; // its bracket

    append_before(out, sent, end);
    if (!peek_is_empty(messages))
        buf_append_byte(out, ',');
    buf_append(out, SLICE("{\"role\":\"assistant\",\"content\":"));
    buf_append(out, blocks);
    buf_append_byte(out, '}');
    append_from(out, sent, end);
}

static void write_turn(struct slice sent, struct slice blocks, struct buf *out)
{
    struct slice messages = peek_get(sent, SLICE("messages")), last = last_of(messages);
    struct slice content = peek_get(last, SLICE("content"));

    if (is_assistant(last) && (json_is_array(content) || json_is_string(content)))
        extend_turn(sent, content, blocks, out);
    else if (json_is_array(messages))
        add_turn(sent, messages, blocks, out);
    else
        buf_append(out, sent);
}

static void write_anthropic(struct slice sent, struct slice wanted, struct buf *out)
{
    struct slice container = peek_get(wanted, SLICE("container"));
    struct slice blocks = peek_get(wanted, SLICE("content"));
    struct buf with_container = {0};

    if (container.ptr && !peek_get(sent, SLICE("container")).ptr) {
        append_with(&with_container, sent, SLICE("container"), container);
        sent = buf_peek(&with_container);
    }
    write_turn(sent, blocks, out);
    buf_release(&with_container);
}

void resume_write_request(enum dialect upstream, struct slice sent, struct slice wanted,
                          struct buf *out)
{
    if (upstream == DIALECT_GEMINI)
        write_gemini(sent, wanted, out);
    else
        write_anthropic(sent, wanted, out);
}
