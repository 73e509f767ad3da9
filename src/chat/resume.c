/* resume.c - the rounds of an answer that pauses, as one answer. */
#include "chat/resume.h"

#define ANTHROPIC_ROUNDS 10                 // beyond the first
#define GEMINI_ROUNDS    16                 //
#define MAX_RETURNED     ((size_t)16 << 20) // bytes that go back upstream, over all rounds

bool resume_is_possible(enum dialect upstream, const struct chat_request *request)
{
    if (upstream != DIALECT_ANTHROPIC)
        return upstream == DIALECT_GEMINI;
    list_for_each(at, &request->tools) {
        const struct chat_tool *tool = list_entry(at, struct chat_tool, link);
        switch (tool->kind) {
        case TOOL_WEB_SEARCH:
        case TOOL_WEB_FETCH:
        case TOOL_CODE_EXECUTION:
        case TOOL_SERVER:
            if (!tool->withheld)
                return true;
            break;
        case TOOL_FUNCTION:
        case TOOL_CUSTOM: break;
        }
    }
    return false;
}

void resume_init(struct resume *r, enum dialect upstream, struct chat_sink sink)
{
    *r = (struct resume){.upstream = upstream, .sink = sink};
}

void resume_release(struct resume *r)
{
    buf_release(&r->wanted);
}

/* A token that came before would only bring the same round again. */
static bool is_stuck(const struct resume *r, struct slice wanted)
{
    return r->upstream == DIALECT_GEMINI && slice_eq(wanted, buf_peek(&r->wanted));
}

static bool may_go_on(const struct resume *r, const struct chat_event *ev)
{
    unsigned limit = r->upstream == DIALECT_ANTHROPIC ? ANTHROPIC_ROUNDS : GEMINI_ROUNDS;
    struct slice wanted = ev->finish.resume;

    return ev->finish.reason == FINISH_PAUSE && r->rounds < limit && wanted.len &&
           wanted.len <= MAX_RETURNED - r->returned && !is_stuck(r, wanted);
}

/* ---- parts ---- */

/*
 * Gemini is cut off anywhere, so the last part is not closed before it is known whether the
 * next round goes on in it.  What has its secret is over.
 */
static bool may_be_cut(const struct resume *r, const struct chat_event *close)
{
    return r->upstream == DIALECT_GEMINI && close->index + 1 == r->parts &&
           !close->close.secret.len &&
           (r->newest.kind == PART_TEXT || r->newest.kind == PART_REASONING);
}

static void close_newest(struct resume *r)
{
    struct chat_event close = {
        .type = CHAT_CLOSE, .choice = r->newest.choice, .index = r->parts - 1};

    if (!r->newest.is_closing)
        return;
    r->newest.is_closing = false;
    chat_emit(&r->sink, &close);
}

/* The first part of a round goes on where the one before was cut off. */
static bool goes_on(const struct resume *r, const struct chat_event *open)
{
    return r->newest.is_closing && r->rounds && open->index == r->base &&
           open->choice == r->newest.choice && open->open.kind == r->newest.kind &&
           open->open.reasoning == r->newest.reasoning;
}

static void take_open(struct resume *r, const struct chat_event *ev)
{
    if (goes_on(r, ev)) {
        r->newest.is_closing = false;
        r->base--;
        return;
    }
    close_newest(r);
    r->parts++;
    r->called = r->called || ev->open.kind == PART_CALL;
    r->newest.choice = ev->choice;
    r->newest.kind = ev->open.kind;
    r->newest.reasoning = ev->open.reasoning;
    chat_emit(&r->sink, ev);
}

static void take_close(struct resume *r, const struct chat_event *ev)
{
    if (may_be_cut(r, ev))
        r->newest.is_closing = true;
    else
        chat_emit(&r->sink, ev);
}

static void take_cite(struct resume *r, struct chat_event *ev)
{
    bool known = ev->cite.start >= 0 && r->characters >= 0;

    ev->cite.start = known ? ev->cite.start + r->characters : -1;
    ev->cite.end = known ? ev->cite.end + r->characters : -1;
    chat_emit(&r->sink, ev);
}

/* ---- ends ---- */

static void emit_usage(struct resume *r, enum usage_source source)
{
    struct chat_event sum = r->usage;

    for (size_t i = 0; i < USAGE_KIND_COUNT; i++)
        sum.usage.usage.tokens[i] += r->spent.tokens[i];
    sum.usage.source = source;
    chat_emit(&r->sink, &sum);
}

static void take_usage(struct resume *r, const struct chat_event *ev)
{
    r->usage = *ev;
    r->was_used = true;
    emit_usage(r, r->pausing ? USAGE_PARTIAL : ev->usage.source);
}

static void take_finish(struct resume *r, struct chat_event *ev)
{
    enum chat_finish *reason = &ev->finish.reason;

    if (may_go_on(r, ev)) {
        buf_clear(&r->wanted);
        buf_append(&r->wanted, ev->finish.resume);
        r->returned += ev->finish.resume.len;
        r->characters = r->characters < 0 || ev->finish.characters < 0
                            ? -1
                            : r->characters + ev->finish.characters;
        r->pausing = true;
        return;
    }
    close_newest(r);
    if (r->called && r->rounds && (*reason == FINISH_STOP || *reason == FINISH_STOP_SEQUENCE))
        *reason = FINISH_TOOLS; // called in a round before this one
    chat_emit(&r->sink, ev);
}

/* What was said to be the final figures is not. */
static void take_end(struct resume *r, const struct chat_event *ev)
{
    if (!r->pausing) {
        chat_emit(&r->sink, ev);
        return;
    }
    if (r->was_used)
        emit_usage(r, USAGE_PARTIAL);
    r->paused = true;
}

void resume_take(void *resume, const struct chat_event *ev)
{
    struct resume *r = resume;
    struct chat_event shifted = *ev;

    shifted.index += r->base;
    switch (ev->type) {
    case CHAT_START:
        if (!r->rounds)
            chat_emit(&r->sink, ev);
        break;
    case CHAT_OPEN: take_open(r, &shifted); break;
    case CHAT_CLOSE: take_close(r, &shifted); break;
    case CHAT_CITE: take_cite(r, &shifted); break;
    case CHAT_USAGE: take_usage(r, ev); break;
    case CHAT_FINISH: take_finish(r, &shifted); break;
    case CHAT_END: take_end(r, ev); break;
    case CHAT_DELTA: chat_emit(&r->sink, &shifted); break;
    case CHAT_PING:
    case CHAT_ERROR: chat_emit(&r->sink, ev); break;
    }
}

void resume_next(struct resume *r, struct slice sent, struct buf *out)
{
    resume_write_request(r->upstream, sent, buf_peek(&r->wanted), out);
    for (size_t i = 0; r->was_used && i < USAGE_KIND_COUNT; i++)
        r->spent.tokens[i] += r->usage.usage.usage.tokens[i];
    r->was_used = r->paused = r->pausing = false;
    r->rounds++;
    r->base = r->parts;
}
