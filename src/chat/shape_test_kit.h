/* shape_test_kit.h - conversations as short text, for the tests of shape's steps. */
#ifndef CHAT_SHAPE_TEST_KIT_H
#define CHAT_SHAPE_TEST_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/buf.h"
#include "chat/model.h"
#include "chat/request.h"
#include "chat/shape.h"

/*
 *     S['be brief'] T[f g@5m] u['hi' image(b64:AA,image/png)@1h] a/final['well' call(c1,f,'{}')]
 *     u[result(c1)['done' image(url:https://x/a.png)] error(c2,g)['no'] 'thanks'] s['be polite']
 *
 * Lists: S is the request's system, T its tools, u, a and s are turns; a/x has phase x.
 * Items:
 *     'text'   "escaped text" as it stands in JSON   !'refusal'
 *     image(SOURCE,mime,name,detail), and file, audio, video.  SOURCE is b64:data, url:url,
 *       text:text, or vendor:id, where a vendor is openai, anthropic, gemini
 *     summary(text,vendor:secret,id,model), and raw, redacted
 *     call(id,name,arguments)   custom(id,name,text)
 *     result(id,name)[items]   error(id,name)[items]
 *     server(vendor,raw)
 * An argument is bare, up to one of ,)@[] or a space, or 'quoted'.  Absent ones at the end are
 * left out; an empty one is absent.  @5m, @30m, @1h, @12h is a cache mark.
 *
 * What is printed is of the same form, texts in single quotes, items divided by one space.
 */

#define KIT __attribute__((unused)) static

struct kit_reader {
    struct chat_request *r;
    const char *at;
};

static const char *const kit_vendors[] = {"none", "openai", "anthropic", "gemini"};
static const char *const kit_marks[] = {"", "5m", "30m", "1h", "12h"};
static const char *const kit_details[] = {"", "auto", "low", "high", "original"};
static const char *const kit_kinds[] = {"",      "",    "image", "file",   "audio",
                                        "video", "raw", "call",  "result", "server"};
static const char *const kit_thoughts[] = {"summary", "raw", "redacted"};

/* Where `name` stands among `names`; the test fails when it does not. */
static size_t kit_index(const char *const *names, size_t count, struct slice name)
{
    for (size_t i = 0; i < count; i++)
        if (slice_eq(slice_str(names[i]), name))
            return i;
    fail_msg("kit: unknown word '%.*s'", SLICE_ARG(name));
    return 0;
}

#define KIT_INDEX(names, name) kit_index(names, ARRAY_LEN(names), name)

static bool kit_take(struct kit_reader *k, char c)
{
    if (*k->at != c)
        return false;
    k->at++;
    return true;
}

static void kit_spaces(struct kit_reader *k)
{
    while (*k->at == ' ' || *k->at == '\n')
        k->at++;
}

static void kit_expect(struct kit_reader *k, char c)
{
    if (!kit_take(k, c))
        fail_msg("kit: expected %c at: %s", c, k->at);
}

static struct slice kit_until(struct kit_reader *k, const char *ends)
{
    size_t len = strcspn(k->at, ends);
    struct slice s = arena_dup(k->r->arena, slice_of(k->at, len));

    k->at += len;
    return s;
}

/* One of a list of arguments; the pointer is NULL when it is empty or there is none. */
static struct slice kit_argument(struct kit_reader *k)
{
    struct slice s = {0};

    if (kit_take(k, '\'')) {
        s = kit_until(k, "'");
        kit_expect(k, '\'');
    } else if (*k->at != ')') {
        s = kit_until(k, ",)");
        if (!s.len)
            s.ptr = NULL;
    }
    kit_take(k, ',');
    return s;
}

static struct chat_text kit_text(struct slice s)
{
    return (struct chat_text){s, false};
}

static void kit_media(struct kit_reader *k, struct chat_media *m)
{
    struct slice rest, source;

    source = slice_cut(kit_argument(k), ':', &rest);
    if (slice_eq(source, SLICE("b64"))) {
        m->source = SOURCE_BASE64;
    } else if (slice_eq(source, SLICE("url"))) {
        m->source = SOURCE_URL;
    } else if (slice_eq(source, SLICE("text"))) {
        m->source = SOURCE_TEXT;
    } else {
        m->source = SOURCE_FILE_ID;
        m->vendor = (enum chat_vendor)KIT_INDEX(kit_vendors, source);
    }
    m->data = kit_text(rest);
    m->mime = kit_argument(k);
    m->name = kit_text(kit_argument(k));
    m->detail = (enum chat_detail)KIT_INDEX(kit_details, kit_argument(k));
}

static void kit_reasoning(struct kit_reader *k, struct slice kind, struct chat_reasoning *out)
{
    struct slice vendor;

    out->kind = (enum chat_reasoning_kind)KIT_INDEX(kit_thoughts, kind);
    out->text = kit_text(kit_argument(k));
    vendor = slice_cut(kit_argument(k), ':', &out->secret);
    if (vendor.len)
        out->vendor = (enum chat_vendor)KIT_INDEX(kit_vendors, vendor);
    out->id = kit_argument(k);
    out->model = kit_argument(k);
}

static void kit_quoted(struct kit_reader *k, struct list *items)
{
    struct chat_item *item = chat_item_new(k->r->arena, items, CHAT_TEXT);

    if (kit_take(k, '!'))
        item->kind = CHAT_REFUSAL;
    if (kit_take(k, '"')) {
        item->text = (struct chat_text){kit_until(k, "\""), true};
        kit_expect(k, '"');
    } else {
        kit_expect(k, '\'');
        item->text = kit_text(kit_until(k, "'"));
        kit_expect(k, '\'');
    }
}

static void kit_items(struct kit_reader *k, struct list *items);

static void kit_result(struct kit_reader *k, bool is_error, struct chat_item *item)
{
    item->kind = CHAT_RESULT;
    item->result.is_error = is_error;
    item->result.call_id = kit_argument(k);
    item->result.name = kit_argument(k);
    list_init(&item->result.items);
    kit_expect(k, ')');
    kit_items(k, &item->result.items);
}

static void kit_named(struct kit_reader *k, struct list *items)
{
    struct slice word = kit_until(k, "(");
    struct chat_item *item = chat_item_new(k->r->arena, items, CHAT_TEXT);

    kit_expect(k, '(');
    if (slice_eq(word, SLICE("result")) || slice_eq(word, SLICE("error"))) {
        kit_result(k, word.ptr[0] == 'e', item);
        return;
    }
    if (slice_eq(word, SLICE("call")) || slice_eq(word, SLICE("custom"))) {
        item->kind = CHAT_CALL;
        item->call.custom = word.ptr[1] == 'u';
        item->call.id = kit_argument(k);
        item->call.name = kit_argument(k);
        item->call.arguments = kit_text(kit_argument(k));
    } else if (slice_eq(word, SLICE("server"))) {
        item->kind = CHAT_SERVER;
        item->server.vendor = (enum chat_vendor)KIT_INDEX(kit_vendors, kit_argument(k));
        item->server.raw = kit_argument(k);
    } else if (slice_eq(word, SLICE("summary")) || slice_eq(word, SLICE("raw")) ||
               slice_eq(word, SLICE("redacted"))) {
        item->kind = CHAT_REASONING;
        kit_reasoning(k, word, &item->reasoning);
    } else {
        item->kind = (enum chat_item_kind)KIT_INDEX(kit_kinds, word);
        kit_media(k, &item->media);
    }
    kit_expect(k, ')');
}

static enum chat_cache kit_mark(struct kit_reader *k)
{
    return kit_take(k, '@') ? (enum chat_cache)KIT_INDEX(kit_marks, kit_until(k, " ]"))
                            : CACHE_NONE;
}

/* "[...]" */
static void kit_items(struct kit_reader *k, struct list *items)
{
    kit_expect(k, '[');
    for (kit_spaces(k); !kit_take(k, ']'); kit_spaces(k)) {
        if (*k->at == '\'' || *k->at == '"' || *k->at == '!')
            kit_quoted(k, items);
        else
            kit_named(k, items);
        list_entry(items->prev, struct chat_item, link)->cache = kit_mark(k);
    }
}

static void kit_tools(struct kit_reader *k)
{
    kit_expect(k, '[');
    for (kit_spaces(k); !kit_take(k, ']'); kit_spaces(k)) {
        struct chat_tool *tool = chat_tool_new(k->r, TOOL_FUNCTION);
        tool->name = kit_until(k, "@ ]");
        tool->cache = kit_mark(k);
    }
}

static void kit_turn(struct kit_reader *k, char role)
{
    struct chat_turn *turn = chat_turn_new(k->r, role == 'u'   ? CHAT_USER
                                                 : role == 'a' ? CHAT_ASSISTANT
                                                               : CHAT_SYSTEM);

    if (kit_take(k, '/'))
        turn->phase = kit_until(k, "[");
    kit_items(k, &turn->items);
}

/** Adds what `text` says to `r`, which has been initialised; everything is copied. */
KIT void kit_read(struct chat_request *r, const char *text)
{
    struct kit_reader k = {r, text};

    for (kit_spaces(&k); *k.at; kit_spaces(&k)) {
        char head = *k.at++;
        if (head == 'S')
            kit_items(&k, &r->system);
        else if (head == 'T')
            kit_tools(&k);
        else if (head == 'u' || head == 'a' || head == 's')
            kit_turn(&k, head);
        else
            fail_msg("kit: no list begins so: %s", k.at - 1);
    }
}

/* One argument, and the comma before it; those that are absent come out with the next one. */
static void kit_put(struct buf *out, size_t *skipped, struct slice s, bool quoted)
{
    if (!s.ptr || (!s.len && !quoted)) {
        (*skipped)++;
        return;
    }
    for (size_t i = 0; i < *skipped; i++)
        buf_append_byte(out, ',');
    *skipped = 1;
    if (quoted)
        buf_append_byte(out, '\'');
    buf_append(out, s);
    if (quoted)
        buf_append_byte(out, '\'');
}

static void kit_put_text(struct buf *out, size_t *skipped, struct chat_text t)
{
    struct buf plain = {0};

    text_append_plain(&plain, t);
    kit_put(out, skipped,
            text_is_absent(t) ? t.s
            : buf_len(&plain) ? buf_peek(&plain)
                              : SLICE(""),
            true);
    buf_release(&plain);
}

static void kit_print_media(const struct chat_media *m, struct buf *out)
{
    static const char *const sources[] = {"b64", "url", NULL, "text"};
    size_t skipped = 1;

    buf_append_str(out, m->source == SOURCE_FILE_ID ? kit_vendors[m->vendor] : sources[m->source]);
    buf_append_byte(out, ':');
    text_append_plain(out, m->data);
    kit_put(out, &skipped, m->mime, false);
    kit_put_text(out, &skipped, m->name);
    kit_put(out, &skipped, slice_str(kit_details[m->detail]), false);
}

static void kit_print_reasoning(const struct chat_reasoning *v, struct buf *out)
{
    size_t skipped = 0;

    kit_put_text(out, &skipped, v->text);
    if (v->secret.len) {
        for (size_t i = 0; i < skipped; i++)
            buf_append_byte(out, ',');
        buf_append_str(out, kit_vendors[v->vendor]);
        buf_append_byte(out, ':');
        buf_append(out, v->secret);
        skipped = 0;
    }
    skipped++;
    kit_put(out, &skipped, v->id, false);
    kit_put(out, &skipped, v->model, false);
}

static void kit_print_items(const struct list *items, struct buf *out);

static void kit_print_item(const struct chat_item *item, struct buf *out)
{
    const char *word = kit_kinds[item->kind];
    size_t skipped = 0;

    if (item->kind == CHAT_TEXT || item->kind == CHAT_REFUSAL) {
        if (item->kind == CHAT_REFUSAL)
            buf_append_byte(out, '!');
        kit_put_text(out, &skipped, text_is_absent(item->text) ? kit_text(SLICE("")) : item->text);
        return;
    }
    if (item->kind == CHAT_REASONING)
        word = kit_thoughts[item->reasoning.kind];
    else if (item->kind == CHAT_CALL && item->call.custom)
        word = "custom";
    else if (item->kind == CHAT_RESULT && item->result.is_error)
        word = "error";
    buf_append_str(out, word);
    buf_append_byte(out, '(');
    switch (item->kind) {
    case CHAT_TEXT:
    case CHAT_REFUSAL: break;
    case CHAT_IMAGE:
    case CHAT_FILE:
    case CHAT_AUDIO:
    case CHAT_VIDEO: kit_print_media(&item->media, out); break;
    case CHAT_REASONING: kit_print_reasoning(&item->reasoning, out); break;
    case CHAT_CALL:
        kit_put(out, &skipped, item->call.id, false);
        kit_put(out, &skipped, item->call.name, false);
        kit_put_text(out, &skipped, item->call.arguments);
        break;
    case CHAT_RESULT:
        kit_put(out, &skipped, item->result.call_id, false);
        kit_put(out, &skipped, item->result.name, false);
        break;
    case CHAT_SERVER:
        buf_append_str(out, kit_vendors[item->server.vendor]);
        skipped = 1;
        kit_put(out, &skipped, item->server.raw, true);
        break;
    }
    buf_append_byte(out, ')');
    if (item->kind == CHAT_RESULT)
        kit_print_items(&item->result.items, out);
}

static void kit_print_mark(enum chat_cache mark, struct buf *out)
{
    if (mark != CACHE_NONE)
        buf_printf(out, "@%s", kit_marks[mark]);
}

static void kit_print_items(const struct list *items, struct buf *out)
{
    buf_append_byte(out, '[');
    list_for_each(at, items) {
        const struct chat_item *item = list_entry(at, struct chat_item, link);
        if (at != items->next)
            buf_append_byte(out, ' ');
        kit_print_item(item, out);
        kit_print_mark(item->cache, out);
    }
    buf_append_byte(out, ']');
}

static void kit_print_tools(const struct list *tools, struct buf *out)
{
    buf_append_byte(out, 'T');
    buf_append_byte(out, '[');
    list_for_each(at, tools) {
        const struct chat_tool *tool = list_entry(at, struct chat_tool, link);
        if (at != tools->next)
            buf_append_byte(out, ' ');
        buf_append(out, tool->name);
        kit_print_mark(tool->cache, out);
    }
    buf_append_byte(out, ']');
}

/** System, tools and turns as text, in place of what `out` held; NUL terminated. */
KIT const char *kit_print(const struct chat_request *r, struct buf *out)
{
    buf_clear(out);
    if (!list_is_empty(&r->system)) {
        buf_append_byte(out, 'S');
        kit_print_items(&r->system, out);
    }
    if (!list_is_empty(&r->tools)) {
        if (buf_len(out))
            buf_append_byte(out, ' ');
        kit_print_tools(&r->tools, out);
    }
    list_for_each(at, &r->turns) {
        const struct chat_turn *turn = list_entry(at, struct chat_turn, link);
        if (buf_len(out))
            buf_append_byte(out, ' ');
        buf_append_byte(out, turn->role == CHAT_USER        ? 'u'
                             : turn->role == CHAT_ASSISTANT ? 'a'
                                                            : 's');
        if (turn->phase.len) {
            buf_append_byte(out, '/');
            buf_append(out, turn->phase);
        }
        kit_print_items(&turn->items, out);
    }
    buf_append_byte(out, '\0');
    return buf_peek(out).ptr;
}

/** The notes, "field" dropped and "~field" degraded, divided by spaces; NUL terminated. */
KIT const char *kit_print_notes(const struct chat_request *r, struct buf *out)
{
    buf_clear(out);
    list_for_each(at, &r->notes) {
        const struct chat_note *n = list_entry(at, struct chat_note, link);
        if (buf_len(out))
            buf_append_byte(out, ' ');
        if (n->degraded)
            buf_append_byte(out, '~');
        buf_append(out, n->field);
    }
    buf_append_byte(out, '\0');
    return buf_peek(out).ptr;
}

/**
 * "A claude-opus-4-8": a dialect (C, R, A, G) and a model; "C/compatible x", "G/vertex x" name
 * the host.
 */
KIT struct chat_target kit_target(const char *text)
{
    static const char *const dialects[] = {"C", "R", "A", "G"};
    static const enum dialect values[] = {DIALECT_OPENAI_CHAT, DIALECT_OPENAI_RESPONSES,
                                          DIALECT_ANTHROPIC, DIALECT_GEMINI};
    static const char *const hosts[] = {"", "compatible", "vertex"};
    struct chat_target t = {0};
    struct slice host, head = slice_cut(slice_str(text), ' ', &t.model);

    head = slice_cut(head, '/', &host);
    t.dialect = values[KIT_INDEX(dialects, head)];
    t.host = (enum chat_host)KIT_INDEX(hosts, host);
    t.gates = chat_model_find(t.dialect, t.model);
    return t;
}

/* A conversation, what one step or more make of it, and what they note. */
struct kit_case {
    const char *why;
    enum dialect client;
    const char *target, *in;
    const char *out;   // "400 ...": refused, with a text that holds what follows
    const char *notes; // as kit_print_notes()
};

typedef enum err kit_step(struct chat_request *r, const struct chat_target *t, struct err_info *e);

KIT void kit_run(const struct kit_case *cases, size_t count, kit_step *step)
{
    struct buf out = {0};

    for (size_t i = 0; i < count; i++) {
        const struct kit_case *c = &cases[i];
        struct chat_target t = kit_target(c->target);
        struct err_info e = {0};
        struct chat_request r;
        struct arena a;

        print_message("%s\n", c->why);
        arena_init(&a, 0);
        chat_request_init(&r, &a, c->client);
        kit_read(&r, c->in);
        if (step(&r, &t, &e) != ERR_NONE) {
            assert_int_equal(e.code, ERR_BAD_REQUEST);
            assert_memory_equal(c->out, "400 ", 4);
            if (!strstr(e.text, c->out + 4))
                assert_string_equal(e.text, c->out + 4);
        } else {
            assert_string_equal(kit_print(&r, &out), c->out);
            assert_string_equal(kit_print_notes(&r, &out), c->notes);
        }
        arena_release(&a);
    }
    buf_release(&out);
}

#define C DIALECT_OPENAI_CHAT
#define R DIALECT_OPENAI_RESPONSES
#define A DIALECT_ANTHROPIC
#define G DIALECT_GEMINI

#endif
