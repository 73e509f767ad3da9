/* restore.c - calls come back under the names, and in the form, that the client knows. */
#include "chat/restore.h"

#include <stdlib.h>

#include "base/panic.h"
#include "chat/unwrap.h"

static bool was_changed(const struct chat_tool *tool)
{
    return tool->sent_name.len || tool->as_function || tool->wrapped || tool->is_format;
}

void restore_init(struct restore *r, const struct chat_request *request, struct chat_sink sink)
{
    *r = (struct restore){.request = request, .sink = sink};
    table_init(&r->tools, (uint64_t)(uintptr_t)request);
    list_for_each(at, &request->tools) {
        struct chat_tool *tool = list_entry(at, struct chat_tool, link);
        if (was_changed(tool) && !tool->withheld)
            table_put(&r->tools, tool->sent_name.len ? tool->sent_name : tool->name, tool);
    }
    r->idle = !r->tools.live && !request->format.wrapped;
}

static struct unwrap *part_of(const struct restore *r, uint32_t index)
{
    return index < r->part_cap ? r->parts[index] : NULL;
}

static void part_free(struct restore *r, uint32_t index)
{
    unwrap_release(r->parts[index]);
    free(r->parts[index]);
    r->parts[index] = NULL;
}

void restore_release(struct restore *r)
{
    for (size_t i = 0; i < r->part_cap; i++) {
        if (r->parts[i])
            part_free(r, (uint32_t)i);
    }
    free(r->parts);
    table_release(&r->tools);
    *r = (struct restore){0};
}

static void part_new(struct restore *r, uint32_t index, enum unwrap_kind kind)
{
    size_t cap = r->part_cap ? r->part_cap : 8;
    struct unwrap *part = malloc(sizeof(*part));

    if (part_of(r, index))
        part_free(r, index);
    while (cap <= index)
        cap *= 2;
    if (cap != r->part_cap) {
        r->parts = realloc(r->parts, cap * sizeof(struct unwrap *));
        if (r->parts)
            memset(r->parts + r->part_cap, 0, (cap - r->part_cap) * sizeof(struct unwrap *));
        r->part_cap = cap;
    }
    if (!part || !r->parts)
        panic("out of memory: a part that is unwrapped");
    unwrap_init(part, kind);
    r->parts[index] = part;
}

/* More choices than bits come from no upstream that is asked for so many. */
static uint64_t choice_bit(uint32_t choice)
{
    return (uint64_t)1 << (choice % 64);
}

static void take_open(struct restore *r, const struct chat_event *ev)
{
    const struct chat_tool *tool = NULL;
    struct chat_event changed = *ev;

    if (ev->open.kind == PART_TEXT && r->request->format.wrapped)
        part_new(r, ev->index, UNWRAP_VALUE);
    if (ev->open.kind == PART_CALL)
        tool = table_get(&r->tools, ev->open.tool);
    if (tool && (tool->as_function || tool->wrapped))
        part_new(r, ev->index, tool->as_function ? UNWRAP_TEXT : UNWRAP_VALUE);
    if (tool && tool->is_format) {
        changed.open.kind = PART_TEXT;
        changed.open.call_id = changed.open.tool = (struct slice){0};
        r->formatted |= choice_bit(ev->choice);
    } else if (tool) {
        changed.open.tool = tool->name;
        changed.open.custom = ev->open.custom || tool->as_function;
    }
    if (changed.open.kind == PART_CALL)
        r->called |= choice_bit(ev->choice);
    chat_emit(&r->sink, &changed);
}

static void emit_delta(struct restore *r, const struct chat_event *ev, struct chat_text text)
{
    struct chat_event delta = {.type = CHAT_DELTA, .choice = ev->choice, .index = ev->index};

    delta.delta.text = text;
    if (text.s.len)
        chat_emit(&r->sink, &delta);
}

static void give_up(struct restore *r)
{
    struct chat_event error = {.type = CHAT_ERROR};

    error.error.code = ERR_UPSTREAM_BROKEN;
    error.error.message = SLICE("the arguments of a call are too large");
    r->ended = true;
    chat_emit(&r->sink, &error);
}

static void take_delta(struct restore *r, const struct chat_event *ev)
{
    struct unwrap *part = part_of(r, ev->index);

    if (!part) {
        chat_emit(&r->sink, ev);
        return;
    }
    emit_delta(r, ev, unwrap_feed(part, ev->delta.text));
    if (unwrap_overflows(part))
        give_up(r);
}

static void take_close(struct restore *r, const struct chat_event *ev)
{
    struct unwrap *part = part_of(r, ev->index);

    if (part) {
        emit_delta(r, ev, unwrap_end(part));
        part_free(r, ev->index);
    }
    chat_emit(&r->sink, ev);
}

static void take_finish(struct restore *r, const struct chat_event *ev)
{
    struct chat_event changed = *ev;
    uint64_t bit = choice_bit(ev->choice);

    if (ev->finish.reason == FINISH_TOOLS && (r->formatted & bit) && !(r->called & bit))
        changed.finish.reason = FINISH_STOP;
    chat_emit(&r->sink, &changed);
}

void restore_take(void *restore, const struct chat_event *ev)
{
    struct restore *r = restore;

    if (r->ended)
        return;
    if (r->idle) {
        chat_emit(&r->sink, ev);
        return;
    }
    switch (ev->type) {
    case CHAT_OPEN: take_open(r, ev); break;
    case CHAT_DELTA: take_delta(r, ev); break;
    case CHAT_CLOSE: take_close(r, ev); break;
    case CHAT_FINISH: take_finish(r, ev); break;
    case CHAT_START:
    case CHAT_CITE:
    case CHAT_USAGE:
    case CHAT_PING:
    case CHAT_END:
    case CHAT_ERROR: chat_emit(&r->sink, ev); break;
    }
}
