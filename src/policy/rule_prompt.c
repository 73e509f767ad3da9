/* rule_prompt.c - the blocks of an Anthropic prompt, and which of them are marked for caching. */
#include "policy/rule_prompt.h"

#include "chat/peek.h"
#include "json/raw.h"

#define BLOCKS_FEW 32

static void add(struct prompt *p, struct prompt_block block)
{
    if (p->count == p->cap) {
        size_t cap = p->cap ? 2 * p->cap : BLOCKS_FEW;
        struct prompt_block *more = arena_array(p->w->arena, struct prompt_block, cap);
        if (p->count)
            memcpy(more, p->blocks, p->count * sizeof(*more));
        p->blocks = more;
        p->cap = cap;
    }
    p->marks += block.ttl != RULE_TTL_NONE;
    p->blocks[p->count++] = block;
}

static enum rule_ttl ttl_of(struct slice mark)
{
    struct peek p = peek_into(mark);
    struct slice key, value;
    enum rule_ttl ttl = RULE_TTL_5M;

    if (!json_is_object(mark))
        return RULE_TTL_NONE;
    while (peek_next(&p, &key, &value)) {
        if (rule_key_is(key, SLICE("ttl")) && json_string_eq(value, SLICE("1h")))
            ttl = RULE_TTL_1H;
    }
    return ttl;
}

/* What matters in a block; the last of members with one name. */
struct block_fields {
    struct slice type, text, mark, content, defer;
};

static struct block_fields read_fields(struct slice block)
{
    struct block_fields f = {
        {NULL, 0},
        {NULL, 0},
        {NULL, 0},
        {NULL, 0},
        {NULL, 0}
    };
    struct peek p = peek_into(block);
    struct slice key, value;

    while (peek_next(&p, &key, &value)) {
        if (rule_key_is(key, SLICE("type")))
            f.type = value;
        else if (rule_key_is(key, SLICE("text")))
            f.text = value;
        else if (rule_key_is(key, SLICE("cache_control")))
            f.mark = value;
        else if (rule_key_is(key, SLICE("content")))
            f.content = value;
        else if (rule_key_is(key, SLICE("defer_loading")))
            f.defer = value;
    }
    return f;
}

static bool is_blank_text(struct slice literal)
{
    return !json_is_string(literal) || literal.len == 2;
}

static bool can_carry(const struct block_fields *f, enum rule_target target)
{
    if (target == RULE_TOOLS)
        return !json_is_true(f->defer); // what is loaded later is not part of the prompt
    if (!json_is_string(f->type) || json_string_eq(f->type, SLICE("thinking")) ||
        json_string_eq(f->type, SLICE("redacted_thinking")))
        return false;
    return !json_string_eq(f->type, SLICE("text")) || !is_blank_text(f->text);
}

// NOLINTNEXTLINE(misc-no-recursion): once, for what is inside a tool's result
static void read_block(struct prompt *p, struct slice item, enum rule_target target, bool is_inside)
{
    struct block_fields f = read_fields(item);
    struct peek inner = peek_into(f.content);
    struct slice key, value;

    if (target == RULE_MESSAGES && !is_inside && json_is_array(f.content)) {
        while (peek_next(&inner, &key, &value))
            read_block(p, value, target, true);
    }
    add(p, (struct prompt_block){
               .item = item,
               .text = json_string_eq(f.type, SLICE("text")) ? f.text : slice_of(NULL, 0),
               .mark = f.mark,
               .target = target,
               .ttl = ttl_of(f.mark),
               .is_inside = is_inside,
               .carries = json_is_object(item) && !is_inside && can_carry(&f, target),
           });
}

/* A list of blocks, or a string that stands for one text. */
static void read_list(struct prompt *p, struct slice list, enum rule_target target)
{
    struct peek at = peek_into(list);
    struct slice key, value;

    if (json_is_string(list) && target != RULE_TOOLS)
        add(p, (struct prompt_block){
                   .item = list,
                   .text = list,
                   .target = target,
                   .is_string = true,
                   .carries = !is_blank_text(list),
               });
    while (json_is_array(list) && peek_next(&at, &key, &value))
        read_block(p, value, target, false);
}

void prompt_read(struct prompt *p, struct rule_work *w)
{
    struct slice key, message, mark;
    struct peek at;

    *p = (struct prompt){.w = w};
    p->tools = rule_member(w, w->top, SLICE("tools"));
    p->system = rule_member(w, w->top, SLICE("system"));
    p->messages = rule_member(w, w->top, SLICE("messages"));
    mark = rule_member(w, w->top, SLICE("cache_control"));
    read_list(p, p->tools, RULE_TOOLS);
    read_list(p, p->system, RULE_SYSTEM_BLOCKS);
    at = peek_into(p->messages);
    while (json_is_array(p->messages) && peek_next(&at, &key, &message))
        read_list(p, read_fields(message).content, RULE_MESSAGES);
    add(p, (struct prompt_block){
               .item = w->top,
               .mark = mark,
               .target = RULE_TOP_LEVEL,
               .ttl = ttl_of(mark),
               .carries = true,
           });
}

static bool is_hour(enum rule_ttl ttl)
{
    return ttl == RULE_TTL_1H;
}

/* The request's own mark is put on the last block: there may be none of the other kind there. */
static bool clashes_at_end(const struct prompt *p, size_t at, enum rule_ttl ttl)
{
    size_t last = p->count - 1, other = at == last ? last - 1 : last;

    if (p->count < 2 || at + 2 < p->count)
        return false;
    return p->blocks[other].ttl != RULE_TTL_NONE && is_hour(p->blocks[other].ttl) != is_hour(ttl);
}

static bool is_out_of_order(const struct prompt *p, size_t at, enum rule_ttl ttl)
{
    for (size_t i = 0; i < p->count; i++) {
        enum rule_ttl other = p->blocks[i].ttl;
        if (other == RULE_TTL_NONE || is_hour(other) == is_hour(ttl))
            continue;
        if (is_hour(ttl) ? i < at : i > at)
            return true;
    }
    return false;
}

const char *prompt_mark(struct prompt *p, size_t at, enum rule_ttl ttl)
{
    struct prompt_block *block = &p->blocks[at];

    if (block->ttl != RULE_TTL_NONE)
        return "there is a cache mark already";
    if (!block->carries || block->is_cut)
        return "the block can carry no cache mark";
    if (p->marks == PROMPT_MARKS_MAX)
        return "there are four cache marks already";
    if (is_out_of_order(p, at, ttl) || clashes_at_end(p, at, ttl))
        return "marks of an hour must come before those of five minutes";
    block->ttl = ttl;
    block->is_planned = true;
    p->marks++;
    return NULL;
}

static struct slice mark_text(enum rule_ttl ttl)
{
    switch (ttl) {
    case RULE_TTL_NONE:
    case RULE_TTL_AUTO: break;
    case RULE_TTL_5M: return SLICE("{\"type\":\"ephemeral\",\"ttl\":\"5m\"}");
    case RULE_TTL_1H: return SLICE("{\"type\":\"ephemeral\",\"ttl\":\"1h\"}");
    }
    return SLICE("{\"type\":\"ephemeral\"}");
}

void prompt_write(struct prompt *p)
{
    struct slice key = SLICE("cache_control");

    for (size_t i = 0; i < p->count; i++) {
        const struct prompt_block *b = &p->blocks[i];
        struct slice mark = mark_text(b->ttl);
        if (!b->is_planned)
            continue;
        if (!b->is_string) {
            rule_put(p->w, b->item, rule_member(p->w, b->item, key), key, mark);
            continue;
        }
        rule_bytes(p->w, slice_sub(b->item, 0, 0), SLICE("[{\"type\":\"text\",\"text\":"));
        /* The quote is replaced: behind it, a new member of the request might begin. */
        rule_bytes(p->w, slice_sub(b->item, b->item.len - 1, 1),
                   arena_printf(p->w->arena, "\",\"cache_control\":%.*s}]", SLICE_ARG(mark)));
    }
}
