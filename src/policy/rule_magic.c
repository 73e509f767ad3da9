/* rule_magic.c - strings that clients write into a text to have it cached. */
#include "base/array.h"
#include "chat/peek.h"
#include "policy/rule_prompt.h"
#include "json/raw.h"

/*
 * An interface that other software is written for.  Nothing in them is ever escaped in JSON, and
 * none is the beginning of an escape, so they are looked for in the raw text.
 */
#define MAGIC "GPROXY_MAGIC_STRING_TRIGGER_CACHING_CREATE_"

static const struct {
    struct slice text;
    enum rule_ttl ttl;
} magic[] = {
    {SLICE_INIT(MAGIC "7D9ASD7A98SD7A9S8D79ASC98A7FNKJBVV80SCMSHDSIUCH"), RULE_TTL_AUTO},
    {SLICE_INIT(MAGIC "49VA1S5V19GR4G89W2V695G9W9GV52W95V198WV5W2FC9DF"), RULE_TTL_5M  },
    {SLICE_INIT(MAGIC "1FAS5GV9R5H29T5Y2J9584K6O95M2NBVW52C95CX984FRJY"), RULE_TTL_1H  },
};

bool rule_magic_occurs(struct slice text)
{
    return slice_find_slice(text, SLICE(MAGIC)) != SIZE_MAX;
}

/* The next of them in `text`; which, or a NULL pointer. */
static struct slice find(struct slice text, enum rule_ttl *ttl)
{
    while (text.len) {
        size_t at = slice_find_slice(text, SLICE(MAGIC));
        if (at == SIZE_MAX)
            break;
        text = slice_after(text, at);
        for (size_t i = 0; i < ARRAY_LEN(magic); i++) {
            if (!slice_starts(text, magic[i].text))
                continue;
            *ttl = magic[i].ttl;
            return slice_sub(text, 0, magic[i].text.len);
        }
        text = slice_after(text, 1);
    }
    return slice_of(NULL, 0);
}

/* Nothing but white space, as it is written inside a string. */
static bool is_blank(struct slice raw)
{
    for (size_t i = 0; i < raw.len; i++) {
        bool escaped = raw.ptr[i] == '\\' && i + 1 < raw.len &&
                       (raw.ptr[i + 1] == 'n' || raw.ptr[i + 1] == 't' || raw.ptr[i + 1] == 'r');
        if (escaped)
            i++;
        else if (raw.ptr[i] != ' ')
            return false;
    }
    return true;
}

/* Whether white space alone is left without them; the first one's kind. */
static bool look(struct slice literal, enum rule_ttl *ttl)
{
    struct slice rest = slice_sub(literal, 1, literal.len - 2), found;
    enum rule_ttl other;
    bool blank = true;

    *ttl = RULE_TTL_NONE;
    while ((found = find(rest, &other)).ptr) {
        blank = blank && is_blank(slice_of(rest.ptr, (size_t)(found.ptr - rest.ptr)));
        rest = slice_after(rest, (size_t)(found.ptr - rest.ptr) + found.len);
        if (*ttl == RULE_TTL_NONE)
            *ttl = other;
    }
    return blank && is_blank(rest);
}

static void strip(struct rule_work *w, struct slice literal)
{
    struct slice rest = literal, found;
    enum rule_ttl ttl;

    while ((found = find(rest, &ttl)).ptr) {
        rule_bytes(w, found, slice_of(NULL, 0));
        rest = slice_after(rest, (size_t)(found.ptr - rest.ptr) + found.len);
    }
}

/* On this block or, where it goes or cannot, on the nearest one before it. */
static const char *mark(struct prompt *p, size_t at, enum rule_ttl ttl)
{
    for (size_t i = at + 1; i-- > 0;) {
        const struct prompt_block *b = &p->blocks[i];
        if (b->carries && !b->is_cut)
            return prompt_mark(p, i, ttl);
    }
    return "there is no block before it that can carry a cache mark";
}

/* ---- what has become empty goes ---- */

/* Items of one list, as they are passed: those that go take a comma with them. */
struct cutting {
    const char *leading; // where the first of the items that go began, while none has stayed
    const char *end;     // of the item before; NULL: none has stayed
};

static void cut_item(struct rule_work *w, struct cutting *c, struct slice item, bool goes)
{
    const char *end = item.ptr + item.len;

    if (goes && c->end) {
        rule_bytes(w, slice_of(c->end, (size_t)(end - c->end)), slice_of(NULL, 0));
    } else if (goes && !c->leading) {
        c->leading = item.ptr;
    } else if (!goes && c->leading) {
        rule_bytes(w, slice_of(c->leading, (size_t)(item.ptr - c->leading)), slice_of(NULL, 0));
        c->leading = NULL;
    }
    if (!goes || c->end)
        c->end = end;
}

/* Whether the block goes; blocks are asked for in their order, `next` counts along. */
static bool is_cut(const struct prompt *p, size_t *next, struct slice item)
{
    while (p->blocks[*next].item.ptr != item.ptr || p->blocks[*next].is_inside)
        ++*next;
    return p->blocks[(*next)++].is_cut;
}

/* Whether all that it holds goes; a list that holds nothing has nothing to lose. */
static bool goes_whole(const struct prompt *p, size_t next, struct slice list)
{
    struct peek at = peek_into(list);
    struct slice key, item;
    bool whole = !peek_is_empty(list);

    if (json_is_string(list))
        return is_cut(p, &next, list);
    while (json_is_array(list) && peek_next(&at, &key, &item))
        whole = is_cut(p, &next, item) && whole;
    return json_is_array(list) && whole;
}

/* Cuts items, unless the whole list goes; `next` moves behind it. */
static void cut_list(struct prompt *p, size_t *next, struct slice list, bool whole)
{
    struct peek at = peek_into(list);
    struct cutting c = {NULL, NULL};
    struct slice key, item;

    if (json_is_string(list))
        (void)is_cut(p, next, list);
    while (json_is_array(list) && peek_next(&at, &key, &item)) {
        bool goes = is_cut(p, next, item);
        if (!whole)
            cut_item(p->w, &c, item, goes);
    }
}

static struct slice content_of(struct slice message)
{
    struct peek p = peek_into(message);
    struct slice key, value, content = {NULL, 0};

    while (peek_next(&p, &key, &value)) {
        if (rule_key_is(key, SLICE("content")))
            content = value;
    }
    return content;
}

/* A message of which nothing is left goes, too.  False: then nothing would be left at all. */
static bool cut_messages(struct prompt *p, size_t next, bool try_only)
{
    struct peek at = peek_into(p->messages);
    struct cutting c = {NULL, NULL};
    struct slice key, message;
    bool any_left = false;

    while (json_is_array(p->messages) && peek_next(&at, &key, &message)) {
        struct slice content = content_of(message);
        bool whole = goes_whole(p, next, content);
        any_left = any_left || !whole;
        cut_list(p, &next, content, whole || try_only);
        if (!try_only)
            cut_item(p->w, &c, message, whole);
    }
    return any_left;
}

static void cut_empty(struct prompt *p)
{
    bool whole = goes_whole(p, 0, p->system);
    size_t next = 0;

    cut_list(p, &next, p->system, whole);
    if (whole)
        rule_drop(p->w, p->system);
    cut_messages(p, next, false);
}

/* Looks for them in the block; true when it goes.  A mark of the client's on it moves, too. */
static bool look_at_block(struct prompt *p, struct prompt_block *b, enum rule_ttl *found)
{
    if (b->is_inside || b->target == RULE_TOOLS || !json_is_string(b->text))
        return false;
    b->is_cut = look(b->text, found) && *found != RULE_TTL_NONE;
    if (b->is_cut && b->ttl != RULE_TTL_NONE) {
        *found = b->ttl;
        b->ttl = RULE_TTL_NONE;
        p->marks--;
    }
    return b->is_cut;
}

void rule_work_magic(struct rule_work *w)
{
    enum rule_ttl *found;
    bool any_cut = false;
    struct prompt p;

    if (w->dialect != DIALECT_ANTHROPIC || !rule_is_talk(w))
        return;
    prompt_read(&p, w);
    found = arena_array(w->arena, enum rule_ttl, p.count);
    for (size_t i = 0; i < p.count; i++)
        any_cut = look_at_block(&p, &p.blocks[i], &found[i]) || any_cut;
    if (any_cut && !cut_messages(&p, 0, true)) {
        rule_say(w, "nothing else would be left of the messages");
        return;
    }
    for (size_t i = 0; i < p.count; i++) {
        const char *why = found[i] == RULE_TTL_NONE ? NULL : mark(&p, i, found[i]);
        if (why)
            rule_say(w, why);
        if (found[i] != RULE_TTL_NONE && !p.blocks[i].is_cut)
            strip(w, p.blocks[i].text);
    }
    prompt_write(&p);
    if (any_cut)
        cut_empty(&p);
}
