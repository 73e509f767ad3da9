/* event.c - an answer's events: their order, and how they look to people. */
#include "chat/event.h"

static bool bit(const unsigned char *bits, uint32_t i)
{
    return (bits[i / 8] >> (i % 8)) & 1;
}

static void set_bit(unsigned char *bits, uint32_t i, bool on)
{
    unsigned mask = 1U << (i % 8);
    bits[i / 8] = (unsigned char)(on ? bits[i / 8] | mask : bits[i / 8] & ~mask);
}

static bool any_open(const struct chat_grammar *g)
{
    for (size_t i = 0; i < sizeof(g->open); i++) {
        if (g->open[i])
            return true;
    }
    return false;
}

static const char *check_part(struct chat_grammar *g, const struct chat_event *ev)
{
    if (ev->choice >= 8 * sizeof(g->finished))
        return "a choice beyond what is followed";
    if (bit(g->finished, ev->choice))
        return "a part of a choice that is finished";
    if (ev->type == CHAT_OPEN && ev->index != g->next_index)
        return "a part is not opened in order";
    if (ev->type == CHAT_OPEN)
        g->next_index++;
    if (ev->index >= CHAT_GRAMMAR_PARTS)
        return NULL; // beyond what is followed
    if (ev->type == CHAT_OPEN)
        set_bit(g->open, ev->index, true);
    else if (ev->type == CHAT_CITE)
        return NULL;
    else if (!bit(g->open, ev->index))
        return "a part that is not open";
    if (ev->type == CHAT_DELTA && !ev->delta.text.s.len)
        return "an empty delta";
    if (ev->type == CHAT_CLOSE)
        set_bit(g->open, ev->index, false);
    return NULL;
}

const char *chat_grammar_check(struct chat_grammar *g, const struct chat_event *ev)
{
    if (g->ended)
        return "something behind the end";
    if (ev->type == CHAT_ERROR) {
        g->ended = true;
        return NULL;
    }
    if (ev->type == CHAT_START) {
        if (g->started)
            return "a second START";
        g->started = true;
        return NULL;
    }
    if (!g->started)
        return "something before START";
    switch (ev->type) {
    case CHAT_OPEN:
    case CHAT_DELTA:
    case CHAT_CLOSE:
    case CHAT_CITE: return check_part(g, ev);
    case CHAT_FINISH:
        if (ev->choice >= 8 * sizeof(g->finished) || bit(g->finished, ev->choice))
            return "a second FINISH";
        set_bit(g->finished, ev->choice, true);
        g->finished_choices++;
        return NULL;
    case CHAT_END:
        g->ended = true;
        if (!g->finished_choices)
            return "an END without FINISH";
        return any_open(g) ? "an END with an open part" : NULL;
    case CHAT_START:
    case CHAT_USAGE:
    case CHAT_PING:
    case CHAT_ERROR: break;
    }
    return NULL;
}

static const char *const kinds[] = {
    [PART_TEXT] = "text", [PART_REASONING] = "reasoning", [PART_REFUSAL] = "refusal",
    [PART_CALL] = "call", [PART_IMAGE] = "image",         [PART_SEARCH] = "search",
};

static const char *const reasons[] = {
    [FINISH_STOP] = "stop",       [FINISH_STOP_SEQUENCE] = "stop_sequence",
    [FINISH_TOOLS] = "tools",     [FINISH_LENGTH] = "length",
    [FINISH_CONTEXT] = "context", [FINISH_FILTER] = "filter",
    [FINISH_PAUSE] = "pause",
};

static const char *const vendors[] = {
    [VENDOR_NONE] = "nobody",
    [VENDOR_OPENAI] = "openai",
    [VENDOR_ANTHROPIC] = "anthropic",
    [VENDOR_GEMINI] = "gemini",
};

static void print_text(struct buf *out, const char *name, struct chat_text t)
{
    if (text_is_absent(t))
        return;
    buf_printf(out, " %s\"", name);
    text_append_escaped(out, t);
    buf_append_byte(out, '"');
}

static void print_slice(struct buf *out, const char *name, struct slice s)
{
    if (s.len)
        print_text(out, name, text_plain(s));
}

static void print_usage(struct buf *out, const struct chat_event *ev)
{
    for (size_t i = 0; i < USAGE_KIND_COUNT; i++) {
        if (ev->usage.usage.tokens[i])
            buf_printf(out, " %s=%lld", usage_kind_name((enum usage_kind)i),
                       (long long)ev->usage.usage.tokens[i]);
    }
    if (ev->usage.tier)
        buf_printf(out, " tier=%d", (int)ev->usage.tier);
}

static void print_open(struct buf *out, const struct chat_event *ev)
{
    buf_printf(out, " %s", kinds[ev->open.kind]);
    print_slice(out, "id=", ev->open.call_id);
    print_slice(out, "tool=", ev->open.tool);
    print_slice(out, "mime=", ev->open.mime);
    if (ev->open.custom)
        buf_append_str(out, " custom");
}

static void print_close(struct buf *out, const struct chat_event *ev)
{
    if (!ev->close.secret.len)
        return;
    buf_printf(out, " %s", vendors[ev->close.vendor]);
    print_slice(out, "secret=", ev->close.secret);
    print_slice(out, "id=", ev->close.id);
}

void chat_event_print(struct buf *out, const struct chat_event *ev)
{
    static const char *const names[] = {"START", "OPEN", "DELTA",  "CLOSE", "CITE",
                                        "USAGE", "PING", "FINISH", "END",   "ERROR"};

    buf_append_str(out, names[ev->type]);
    if (ev->choice)
        buf_printf(out, " choice=%u", ev->choice);
    if (ev->type >= CHAT_OPEN && ev->type <= CHAT_CITE)
        buf_printf(out, " %u", ev->index);
    switch (ev->type) {
    case CHAT_START:
        print_slice(out, "id=", ev->start.id);
        print_slice(out, "model=", ev->start.model);
        break;
    case CHAT_OPEN: print_open(out, ev); break;
    case CHAT_DELTA:
        print_text(out, "", ev->delta.text);
        if (ev->delta.logprobs.len)
            buf_printf(out, " logprobs=%.*s", SLICE_ARG(ev->delta.logprobs));
        break;
    case CHAT_CLOSE: print_close(out, ev); break;
    case CHAT_CITE:
        print_text(out, "url=", ev->cite.url);
        print_text(out, "title=", ev->cite.title);
        buf_printf(out, " %lld..%lld", (long long)ev->cite.start, (long long)ev->cite.end);
        break;
    case CHAT_USAGE: print_usage(out, ev); break;
    case CHAT_FINISH:
        buf_printf(out, " %s", reasons[ev->finish.reason]);
        print_text(out, "explanation=", ev->finish.explanation);
        print_text(out, "sequence=", ev->finish.sequence);
        if (ev->finish.resume.len)
            buf_printf(out, " resume=%.*s after %lld", SLICE_ARG(ev->finish.resume),
                       (long long)ev->finish.characters);
        break;
    case CHAT_ERROR:
        buf_printf(out, " %s", err_name(ev->error.code));
        print_slice(out, "", ev->error.message);
        break;
    case CHAT_PING:
    case CHAT_END: break;
    }
    buf_append_byte(out, '\n');
}
