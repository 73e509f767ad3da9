/* request.c - what a client asks for, in no dialect's words. */
#include "chat/request.h"

#include "base/array.h"
#include "wire/base64.h"

void chat_request_init(struct chat_request *r, struct arena *a, enum dialect client)
{
    *r = (struct chat_request){.arena = a, .dialect = client};
    r->reasoning.budget = r->reasoning.sent_budget = BUDGET_UNSET;
    list_init(&r->system);
    list_init(&r->turns);
    list_init(&r->tools);
    list_init(&r->exts);
    list_init(&r->echoes);
    list_init(&r->notes);
}

struct chat_turn *chat_turn_new(struct chat_request *r, enum chat_role role)
{
    struct chat_turn *turn = arena_new(r->arena, struct chat_turn);

    turn->role = role;
    list_init(&turn->items);
    list_push_back(&r->turns, &turn->link);
    return turn;
}

struct chat_item *chat_item_new(struct arena *a, struct list *items, enum chat_item_kind kind)
{
    struct chat_item *item = arena_new(a, struct chat_item);

    item->kind = kind;
    if (kind == CHAT_RESULT)
        list_init(&item->result.items);
    list_init(&item->link);
    if (items)
        list_push_back(items, &item->link);
    return item;
}

struct chat_item *chat_item_text(struct arena *a, struct list *items, struct chat_text text)
{
    struct chat_item *item = chat_item_new(a, items, CHAT_TEXT);

    item->text = text;
    return item;
}

struct chat_tool *chat_tool_new(struct chat_request *r, enum chat_tool_kind kind)
{
    struct chat_tool *tool = arena_new(r->arena, struct chat_tool);

    tool->kind = kind;
    list_push_back(&r->tools, &tool->link);
    return tool;
}

struct chat_tool *chat_tool_find(const struct chat_request *r, struct slice name)
{
    list_for_each(at, &r->tools) {
        struct chat_tool *tool = list_entry(at, struct chat_tool, link);
        if (slice_eq(tool->name, name))
            return tool;
    }
    return NULL;
}

void chat_tool_table(const struct chat_request *r, struct table *out)
{
    table_init(out, (uint64_t)(uintptr_t)r); // clients choose the names
    list_for_each(at, &r->tools) {
        struct chat_tool *tool = list_entry(at, struct chat_tool, link);
        if (!table_get(out, tool->name))
            table_put(out, tool->name, tool);
    }
}

static struct chat_note *note_find(const struct chat_request *r, struct slice field)
{
    list_for_each(at, &r->notes) {
        struct chat_note *n = list_entry(at, struct chat_note, link);
        if (slice_eq(n->field, field))
            return n;
    }
    return NULL;
}

/* A client can send any number of unknown fields: beyond some they are no longer told apart. */
static void note(struct chat_request *r, const char *field, bool degraded)
{
    struct chat_note *n = note_find(r, slice_str(field));

    if (n)
        return;
    if (r->note_count > CHAT_NOTES_MAX) {
        n = list_entry(r->notes.prev, struct chat_note, link);
        n->degraded = n->degraded && degraded;
        return;
    }
    n = arena_new(r->arena, struct chat_note);
    if (r->note_count == CHAT_NOTES_MAX)
        field = CHAT_NOTES_MORE;
    n->field = arena_dup(r->arena, slice_str(field));
    n->degraded = degraded;
    list_push_back(&r->notes, &n->link);
    r->note_count++;
}

void chat_note(struct chat_request *r, const char *field)
{
    note(r, field, false);
}

void chat_note_degraded(struct chat_request *r, const char *field)
{
    note(r, field, true);
}

void chat_ext_add(struct chat_request *r, enum dialect d, struct slice key, struct slice raw)
{
    struct chat_ext *ext = arena_new(r->arena, struct chat_ext);

    *ext = (struct chat_ext){.dialect = d, .key = key, .raw = raw};
    list_push_back(&r->exts, &ext->link);
}

struct slice chat_ext_get(const struct chat_request *r, enum dialect d, struct slice key)
{
    list_for_each(at, &r->exts) {
        const struct chat_ext *ext = list_entry(at, struct chat_ext, link);
        if (ext->dialect == d && slice_eq(ext->key, key))
            return ext->raw;
    }
    return (struct slice){0};
}

static const char *const efforts[EFFORT_COUNT] = {
    [EFFORT_NONE] = "none",     [EFFORT_MINIMAL] = "minimal", [EFFORT_LOW] = "low",
    [EFFORT_MEDIUM] = "medium", [EFFORT_HIGH] = "high",       [EFFORT_XHIGH] = "xhigh",
    [EFFORT_MAX] = "max",
};

const char *chat_effort_name(enum chat_effort e)
{
    return efforts[e];
}

bool chat_effort_parse(struct slice name, enum chat_effort *out)
{
    for (size_t i = EFFORT_NONE; i < EFFORT_COUNT; i++) {
        if (slice_eq_nocase(name, slice_str(efforts[i]))) {
            *out = (enum chat_effort)i;
            return true;
        }
    }
    return false;
}

void chat_media_from_url(struct arena *a, struct chat_text url, struct chat_media *out)
{
    struct slice head, rest, mime, parameter;
    struct slice text = url.s;

    out->source = SOURCE_URL;
    out->data = url;
    if (!slice_starts_nocase(text, SLICE("data:")))
        return;
    if (url.escaped && slice_find(text, '\\') != SIZE_MAX) // "data:image\/png", legal and rare
        url = text_plain(text = text_str(a, url));
    head = slice_cut(slice_after(text, 5), ',', &rest);
    mime = slice_cut(head, ';', &parameter);
    if (!slice_ends(head, SLICE("base64")))
        return;
    out->source = SOURCE_BASE64;
    out->data = (struct chat_text){rest.ptr ? rest : SLICE(""), url.escaped};
    out->mime = mime.len ? mime : chat_media_sniff(rest);
}

static bool begins(const unsigned char *bytes, size_t len, const char *magic, size_t magic_len)
{
    return len >= magic_len && memcmp(bytes, magic, magic_len) == 0;
}

struct slice chat_media_sniff(struct slice base64)
{
    struct buf head = {0};
    const unsigned char *p;
    struct slice mime = {0};
    size_t len;

    if (!base64_decode(slice_sub(base64, 0, 16), BASE64_STANDARD, BASE64_EITHER, &head)) {
        buf_release(&head);
        return mime;
    }
    p = (const unsigned char *)buf_peek(&head).ptr;
    len = buf_len(&head);
    if (begins(p, len, "\x89PNG", 4))
        mime = SLICE("image/png");
    else if (begins(p, len, "\xff\xd8\xff", 3))
        mime = SLICE("image/jpeg");
    else if (begins(p, len, "GIF8", 4))
        mime = SLICE("image/gif");
    else if (begins(p, len, "RIFF", 4) && len >= 12 && memcmp(p + 8, "WEBP", 4) == 0)
        mime = SLICE("image/webp");
    else if (begins(p, len, "%PDF", 4))
        mime = SLICE("application/pdf");
    buf_release(&head);
    return mime;
}
