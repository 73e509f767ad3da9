/* shape_cache.c - marks of prompt caching, where the target has them and as many as it takes. */
#include "chat/shape_item.h"

/*
 * mapping.md 2.13.  The prompt is tools, system, turns, in this order; a mark stands behind one
 * of them and means all that came before.  So a mark whose thing cannot carry it moves to the
 * one before, and of too many the last are the ones that matter.
 */

#define MARKS_MAX 4

/* The marks to keep, in the order of the prompt. */
struct marks {
    enum chat_cache *at[MARKS_MAX + 1];
    size_t count, max;
};

struct cache_step {
    struct chat_request *r;
    const struct chat_target *t;
    struct marks marks;
    enum chat_cache *before; // the last place so far that can carry a mark; NULL: none
    bool dropped, degraded;
};

/* Marks in the target's own durations. */
static enum chat_cache convert(const struct chat_target *t, enum chat_cache mark)
{
    bool half_day = t->dialect == DIALECT_OPENAI_RESPONSES;

    switch (mark) {
    case CACHE_NONE: break;
    case CACHE_5M: return t->dialect == DIALECT_ANTHROPIC ? CACHE_5M : CACHE_30M;
    case CACHE_30M: return t->dialect == DIALECT_ANTHROPIC ? CACHE_5M : CACHE_30M;
    case CACHE_1H:
        return t->dialect == DIALECT_ANTHROPIC ? CACHE_1H : half_day ? CACHE_12H : CACHE_30M;
    case CACHE_12H: return t->dialect == DIALECT_ANTHROPIC ? CACHE_1H : CACHE_12H;
    }
    return CACHE_NONE;
}

/* A place of the prompt; `carries`: a mark may stay here. */
static void visit(struct cache_step *s, enum chat_cache *place, bool carries)
{
    enum chat_cache mark = *place;

    if (carries)
        s->before = place;
    if (mark == CACHE_NONE)
        return;
    *place = CACHE_NONE;
    if (!s->before) {
        s->dropped = true;
        return;
    }
    s->degraded |= s->before != place;
    place = s->before;
    if (s->marks.count && s->marks.at[s->marks.count - 1] == place) {
        if (*place < mark)
            *place = mark;
        return;
    }
    *place = mark;
    s->marks.at[s->marks.count++] = place;
    if (s->marks.count <= s->marks.max)
        return;
    *s->marks.at[0] = CACHE_NONE;
    s->degraded = true;
    s->marks.count--;
    memmove(s->marks.at, s->marks.at + 1, s->marks.count * sizeof(s->marks.at[0]));
}

/* Parts of a result are within it: Anthropic marks the whole, OpenAI its last part. */
static void visit_result(struct cache_step *s, struct chat_item *item)
{
    struct list *items = &item->result.items;
    enum chat_cache mark = item->cache;

    list_for_each(at, items) {
        struct chat_item *part = list_entry(at, struct chat_item, link);
        if (part->cache > mark)
            mark = part->cache;
        part->cache = CACHE_NONE;
    }
    item->cache = CACHE_NONE;
    if (s->t->dialect != DIALECT_ANTHROPIC) {
        if (list_is_empty(items)) {
            item->cache = mark;
            visit(s, &item->cache, false);
            return;
        }
        item = list_entry(items->prev, struct chat_item, link);
    }
    item->cache = mark;
    visit(s, &item->cache, true);
}

/* What can carry a mark: with Anthropic all but reasoning, with OpenAI parts of content. */
static bool carries(const struct chat_target *t, enum chat_role role, const struct chat_item *item)
{
    switch (item->kind) {
    case CHAT_REASONING: return false;
    case CHAT_CALL:
    case CHAT_SERVER: return t->dialect == DIALECT_ANTHROPIC;
    case CHAT_TEXT:
    case CHAT_REFUSAL:
        if (t->dialect == DIALECT_ANTHROPIC)
            return !text_is_empty(item->text);
        return t->dialect == DIALECT_OPENAI_CHAT || role != CHAT_ASSISTANT;
    case CHAT_IMAGE:
    case CHAT_FILE:
    case CHAT_AUDIO:
    case CHAT_VIDEO:
    case CHAT_RESULT: return true;
    }
    return false;
}

static void visit_items(struct cache_step *s, enum chat_role role, struct list *items)
{
    list_for_each(at, items) {
        struct chat_item *item = list_entry(at, struct chat_item, link);
        if (item->kind == CHAT_RESULT)
            visit_result(s, item);
        else
            visit(s, &item->cache, carries(s->t, role, item));
    }
}

static void visit_all(struct cache_step *s)
{
    list_for_each(at, &s->r->tools) {
        struct chat_tool *tool = list_entry(at, struct chat_tool, link);
        visit(s, &tool->cache, s->t->dialect == DIALECT_ANTHROPIC && !tool->withheld);
    }
    visit_items(s, CHAT_SYSTEM, &s->r->system);
    list_for_each(at, &s->r->turns) {
        struct chat_turn *turn = list_entry(at, struct chat_turn, link);
        visit_items(s, turn->role, &turn->items);
    }
}

/* What is to be kept for an hour stands before what is kept for minutes, or is refused. */
static void order_durations(struct cache_step *s)
{
    bool is_short = false;

    for (size_t i = 0; i <= s->marks.count; i++) {
        enum chat_cache *mark = i < s->marks.count ? s->marks.at[i] : &s->r->auto_cache;
        if (*mark == CACHE_1H && is_short) {
            *mark = CACHE_5M;
            s->degraded = true;
        }
        is_short |= *mark == CACHE_5M;
    }
}

static void clear_items(struct cache_step *s, struct list *items)
{
    list_for_each(at, items) {
        struct chat_item *item = list_entry(at, struct chat_item, link);
        s->dropped |= item->cache != CACHE_NONE;
        item->cache = CACHE_NONE;
        if (item->kind != CHAT_RESULT)
            continue;
        list_for_each(in, &item->result.items) {
            struct chat_item *part = list_entry(in, struct chat_item, link);
            s->dropped |= part->cache != CACHE_NONE;
            part->cache = CACHE_NONE;
        }
    }
}

static void clear_all(struct cache_step *s)
{
    list_for_each(at, &s->r->tools) {
        struct chat_tool *tool = list_entry(at, struct chat_tool, link);
        s->dropped |= tool->cache != CACHE_NONE;
        tool->cache = CACHE_NONE;
    }
    clear_items(s, &s->r->system);
    list_for_each(at, &s->r->turns) {
        clear_items(s, &list_entry(at, struct chat_turn, link)->items);
    }
}

/* Caching without marks: of Anthropic one asks for it, the others do it by themselves. */
static void fit_automatic(struct cache_step *s)
{
    if (s->t->dialect != DIALECT_ANTHROPIC) {
        s->degraded |= s->r->auto_cache != CACHE_NONE;
        s->r->auto_cache = CACHE_NONE;
        return;
    }
    if (s->t->auto_cache && !s->marks.count && s->r->auto_cache == CACHE_NONE)
        s->r->auto_cache = CACHE_5M;
    order_durations(s);
}

enum err shape_cache(struct chat_request *r, const struct chat_target *t, struct err_info *e)
{
    struct cache_step s = {.r = r, .t = t, .marks.max = MARKS_MAX};
    bool openai = r->dialect == DIALECT_OPENAI_CHAT || r->dialect == DIALECT_OPENAI_RESPONSES;
    const char *field = openai ? "prompt_cache_breakpoint" : "cache_control";

    (void)e;
    r->auto_cache = convert(t, r->auto_cache);
    if (t->dialect == DIALECT_ANTHROPIC && r->auto_cache != CACHE_NONE)
        s.marks.max--; // it is one of the four
    if (t->dialect == DIALECT_ANTHROPIC ||
        (shape_is_openai(t) && chat_model_has(t->gates, TRAIT_BREAKPOINTS))) {
        visit_all(&s);
        for (size_t i = 0; i < s.marks.count; i++)
            *s.marks.at[i] = convert(t, *s.marks.at[i]);
    } else {
        clear_all(&s);
    }
    fit_automatic(&s);
    if (s.dropped)
        chat_note(r, field);
    else if (s.degraded)
        chat_note_degraded(r, field);
    return ERR_NONE;
}
