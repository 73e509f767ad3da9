/*
 * translate_golden_test.c - every fixture, from every dialect to every other: requests, whole
 * answers and streams, held to what was reviewed in tests/golden/translate.
 *
 *     CHAT_GOLDEN_ACCEPT=1 writes the files anew (tools/golden --accept); the diff is reviewed.
 *
 * Beyond the bytes it holds that a translated stream, folded, is the translated whole answer,
 * and that the secrets of a conversation come back to their maker and reach nobody else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/array.h"
#include "chat/translate.h"
#include "wire/sse.h"

#define NOW_UNIX 1767225600

static const char *const cases[] = {
    "01-plain",          "02-system",       "03-multi-turn",       "04-tool-call",
    "05-parallel-calls", "06-tool-results", "07-thinking-tools",   "08-image",
    "09-structured",     "10-cached-usage", "11-length",           "12-filter",
    "13-error",          "14-stream-error", "15-no-argument-tool",
};

static const enum dialect dialects[] = {DIALECT_OPENAI_CHAT, DIALECT_OPENAI_RESPONSES,
                                        DIALECT_ANTHROPIC, DIALECT_GEMINI};

static const char *const formats[] = {"chat", "responses", "anthropic", "gemini"}; // of fixtures

static struct key_hasher hasher;
static const struct chat_seal seal = {
    .hasher = &hasher, .tenant = {"1", 1}
};

/* ---- files ---- */

static bool read_file(const char *path, struct buf *out)
{
    FILE *file = fopen(path, "rb");
    size_t len;

    if (!file)
        return false;
    while ((len = fread(buf_reserve(out, 4096), 1, 4096, file)) > 0)
        buf_grew(out, len);
    fclose(file);
    return true;
}

/* Fixtures are indented for people; on the wire nothing is. */
static struct slice compact(struct arena *a, struct slice json)
{
    char *out = arena_alloc_raw(a, json.len + 1, 1), *to = out;
    bool in_string = false;

    for (size_t i = 0; i < json.len; i++) {
        char c = json.ptr[i];
        if (c == '"')
            in_string = !in_string;
        if (in_string && c == '\\')
            *to++ = json.ptr[i++];
        if (in_string || !strchr(" \n\r\t", c))
            *to++ = json.ptr[i];
    }
    return slice_of(out, (size_t)(to - out));
}

static const struct json *fixture(struct arena *a, const char *name, size_t d)
{
    struct err_info e = {0};
    struct buf text = {0};
    struct json *tree;
    char path[512];

    snprintf(path, sizeof(path), "%s/tests/golden/fixtures/%s.%s.json", SOURCE_ROOT, name,
             formats[d]);
    if (!read_file(path, &text))
        fail_msg("no fixture %s", path);
    if (json_parse(a, compact(a, buf_peek(&text)), &tree, &e) != ERR_NONE)
        fail_msg("%s: %s", path, e.text);
    buf_release(&text);
    return tree;
}

/* ---- translating ---- */

struct pair {
    size_t client, upstream;
    struct arena *arena;
    struct chat_request request; // of the last request() call
};

static struct chat_target target_of(const struct pair *p, bool stream)
{
    return (struct chat_target){.dialect = dialects[p->upstream],
                                .model = SLICE("test-model"),
                                .gates =
                                    chat_model_find(dialects[p->upstream], SLICE("test-model")),
                                .stream = stream};
}

static void write_notes(const struct chat_request *r, struct buf *out)
{
    list_for_each(at, &r->notes) {
        const struct chat_note *n = list_entry(at, struct chat_note, link);
        buf_printf(out, "%s %.*s\n", n->degraded ? "degraded" : "dropped", SLICE_ARG(n->field));
    }
}

static void request(struct pair *p, struct slice body, bool stream, struct buf *out)
{
    struct chat_target t = target_of(p, stream);
    struct err_info e = {0};

    if (translate_read(dialects[p->client], body, &seal, p->arena, &p->request, &e) ||
        translate_write(&p->request, &t, out, &e))
        buf_printf(out, "%s: %s", err_name(e.code), e.text);
    buf_append_byte(out, '\n');
}

static void begin(struct translation *t, struct pair *p, enum framing framing, struct buf *out)
{
    struct translation_options o = {
        .client = dialects[p->client],
        .upstream = dialects[p->upstream],
        .decode = {.now_unix = NOW_UNIX, .id = SLICE("exchange-1"), .upstream_model = SLICE("m")},
        .encode = { .request = &p->request,
                   .framing = framing,
                   .id = SLICE("exchange-1"),
                   .model = SLICE("test-model"),
                   .now_unix = NOW_UNIX,
                   .seal = &seal,
                   .limit_bytes = 1 << 20},
    };

    translation_init(t, &o);
    t->out = out;
}

static void write_error(const struct translation *t, struct buf *out)
{
    if (t->error.code)
        buf_printf(out, "%s: %s", err_name(t->error.code), t->error.text);
}

static void answer(struct pair *p, struct slice body, struct buf *out)
{
    struct translation t;

    begin(&t, p, FRAMING_BODY, out);
    translation_whole(&t, body);
    assert_true(t.ended);
    write_error(&t, out);
    translation_release(&t);
    buf_append_byte(out, '\n');
}

static void feed_sse(struct translation *t, struct slice text)
{
    struct sse_cutter cutter = {0};
    struct sse_event ev;

    while (sse_next(&cutter, text, &ev) == SSE_EVENT) {
        if (ev.has_data)
            translation_feed(t, ev.name, ev.data);
        text = slice_after(text, ev.raw.len);
    }
    sse_cutter_release(&cutter);
    translation_end(t);
}

static void stream(struct pair *p, struct slice text, struct buf *out)
{
    struct translation t;

    begin(&t, p, FRAMING_SSE, out);
    feed_sse(&t, text);
    assert_true(t.ended);
    write_error(&t, out);
    translation_release(&t);
}

/* ---- a translated stream, folded, is the translated whole ---- */

/* Parts by index: deltas are joined, pings and the order of usage do not count. */
struct fold {
    struct chat_grammar grammar;
    struct buf parts[64], rest, usage;
    const char *broken;
};

static void fold_take(void *ctx, const struct chat_event *ev)
{
    struct fold *f = ctx;
    const char *wrong = chat_grammar_check(&f->grammar, ev);
    struct buf *part = &f->parts[ev->index % ARRAY_LEN(f->parts)];

    if (wrong && !f->broken)
        f->broken = wrong;
    switch (ev->type) {
    case CHAT_DELTA: text_append_plain(part, ev->delta.text); break;
    case CHAT_OPEN:
    case CHAT_CLOSE: chat_event_print(part, ev); break;
    case CHAT_USAGE:
        buf_clear(&f->usage);
        chat_event_print(&f->usage, ev);
        break;
    case CHAT_PING: break;
    case CHAT_START:
    case CHAT_CITE:
    case CHAT_FINISH:
    case CHAT_END:
    case CHAT_ERROR: chat_event_print(&f->rest, ev); break;
    }
}

static void fold_end(struct fold *f, struct buf *out)
{
    for (size_t i = 0; i < ARRAY_LEN(f->parts); i++) {
        buf_append(out, buf_peek(&f->parts[i]));
        buf_release(&f->parts[i]);
    }
    buf_append(out, buf_peek(&f->rest));
    buf_append(out, buf_peek(&f->usage));
    buf_release(&f->rest);
    buf_release(&f->usage);
}

/* What the client's own decoder hears in what the client got. */
static void fold(size_t client, struct slice text, bool is_stream, struct buf *out)
{
    const struct codec *c = codec_find(dialects[client]);
    struct codec_decode_options o = {
        .now_unix = NOW_UNIX, .id = SLICE("x"), .upstream_model = SLICE("m"), .text_secrets = true};
    struct fold *f = calloc(1, sizeof(*f));
    struct chat_sink sink = {fold_take, f};
    void *decoder = calloc(1, c->decoder_size + 1);
    struct sse_cutter cutter = {0};
    struct sse_event ev;

    c->decoder_init(decoder, &o);
    if (!is_stream)
        c->decode_whole(decoder, text, &sink);
    while (is_stream && sse_next(&cutter, text, &ev) == SSE_EVENT) {
        if (ev.has_data)
            c->decode(decoder, ev.name, ev.data, &sink);
        text = slice_after(text, ev.raw.len);
    }
    if (is_stream)
        c->decode_end(decoder, &sink);
    sse_cutter_release(&cutter);
    c->decoder_release(decoder);
    free(decoder);
    if (f->broken)
        buf_printf(out, "broken: %s\n", f->broken);
    fold_end(f, out);
    free(f);
}

static void expect_same_fold(const char *name, const struct pair *p, struct slice whole,
                             struct slice sse)
{
    struct buf a = {0}, b = {0};

    fold(p->client, whole, false, &a);
    fold(p->client, sse, true, &b);
    if (!slice_eq(buf_peek(&a), buf_peek(&b)) ||
        slice_find_slice(buf_peek(&a), SLICE("broken:")) != SIZE_MAX)
        fail_msg("%s, %s to %s: whole and stream differ:\n%.*s---\n%.*s", name,
                 formats[p->upstream], formats[p->client], SLICE_ARG(buf_peek(&a)),
                 SLICE_ARG(buf_peek(&b)));
    buf_release(&a);
    buf_release(&b);
}

/* ---- goldens ---- */

static void expect_golden(const char *name, const struct pair *p, struct slice got, size_t *wrong)
{
    struct buf want = {0};
    char path[512];
    FILE *file;

    snprintf(path, sizeof(path), "%s/tests/golden/translate/%s.%s-%s.txt", SOURCE_ROOT, name,
             formats[p->client], formats[p->upstream]);
    if (getenv("CHAT_GOLDEN_ACCEPT")) {
        file = fopen(path, "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(got.ptr, 1, got.len, file), got.len);
        fclose(file);
        return;
    }
    if (!read_file(path, &want) || !slice_eq(buf_peek(&want), got)) {
        print_error("%s is not what was reviewed; tools/golden shows how\n", path);
        (*wrong)++;
    }
    buf_release(&want);
}

static void one(const char *name, struct pair *p, size_t *wrong)
{
    const struct json *mine = fixture(p->arena, name, p->client);
    const struct json *theirs = fixture(p->arena, name, p->upstream);
    const struct json *body = json_member(json_member(theirs, SLICE("response")), SLICE("body"));
    const struct json *text = json_member(json_member(theirs, SLICE("stream")), SLICE("text"));
    struct buf out = {0}, whole = {0}, sse = {0};

    buf_append_str(&out, "== request\n");
    request(p, json_member(mine, SLICE("request"))->source, false, &out);
    write_notes(&p->request, &out);
    if (body) {
        answer(p, body->source, &whole);
        buf_append_str(&out, "== answer\n");
        buf_append(&out, buf_peek(&whole));
    }
    p->request.include_usage = true; // as the fixtures' stream_fields have it
    if (text) {
        stream(p, json_str(p->arena, text), &sse);
        buf_append_str(&out, "== stream\n");
        buf_append(&out, buf_peek(&sse));
    }
    if (body && text)
        expect_same_fold(name, p, buf_peek(&whole), buf_peek(&sse));
    expect_golden(name, p, buf_peek(&out), wrong);
    buf_release(&out);
    buf_release(&whole);
    buf_release(&sse);
}

static void test_goldens(void **state)
{
    size_t wrong = 0;

    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(dialects); c++) {
        for (size_t u = 0; u < ARRAY_LEN(dialects); u++) {
            for (size_t i = 0; c != u && i < ARRAY_LEN(cases); i++) {
                struct arena arena;
                struct pair p = {.client = c, .upstream = u, .arena = &arena};
                arena_init(&arena, 0);
                one(cases[i], &p, &wrong);
                arena_release(&arena);
            }
        }
    }
    assert_int_equal(wrong, 0);
}

/* ---- the next turn ---- */

/* The secret as each vendor's fixture gives it, and the field that carries it to a client. */
static const struct {
    const char *secret, *field;
} secrets[] = {
    {NULL,                   "reasoning_details"},
    {"ZW5jLW5hdGl2ZS0x",     "encrypted_content"},
    {"c2lnLW5hdGl2ZS0x",     "signature"        },
    {"dHNpZy1uYXRpdmUtMQ==", "thoughtSignature" },
};

/* The first value of that key, anywhere, raw; walks the tree without recursion. */
static struct slice find_value(const struct json *v, const char *key)
{
    const struct json *top = v;

    while (v) {
        if (v->key.ptr && slice_eq(v->key, slice_str(key)))
            return v->source;
        if (v->first) {
            v = v->first;
            continue;
        }
        while (v && v != top && !v->next)
            v = v->parent;
        v = v && v != top ? v->next : NULL;
    }
    return (struct slice){0};
}

static void replace(struct slice text, struct slice from, struct slice to, struct buf *out)
{
    size_t at;

    while (from.len && (at = slice_find_slice(text, from)) != SIZE_MAX) {
        buf_append(out, slice_sub(text, 0, at));
        buf_append(out, to);
        text = slice_after(text, at + from.len);
    }
    buf_append(out, text);
}

static bool has(const struct buf *text, const char *what)
{
    return slice_find_slice(buf_peek(text), slice_str(what)) != SIZE_MAX;
}

/*
 * The answer of case 07 goes to the client; what the client got as the secret stands in its next
 * request, which goes to each upstream: its maker gets the secret back, byte for byte, and
 * nobody else gets anything.
 */
static void follow(struct pair *p)
{
    const struct json *mine = fixture(p->arena, "07-thinking-tools", p->client);
    const struct json *theirs = fixture(p->arena, "07-thinking-tools", p->upstream);
    const struct json *next = json_member(mine, SLICE("followup_request"));
    struct buf ask = {0}, got = {0}, again = {0};
    struct slice old, new;
    struct err_info e = {0};
    struct json *tree;

    request(p, json_member(mine, SLICE("request"))->source, false, &ask);
    answer(p, json_member(json_member(theirs, SLICE("response")), SLICE("body"))->source, &got);
    assert_int_equal(json_parse(p->arena, arena_dup(p->arena, buf_peek(&got)), &tree, &e),
                     ERR_NONE);
    old = find_value(next, secrets[p->client].field);
    new = find_value(tree, secrets[p->client].field);
    if (!new.len && p->client == 2) // nothing was said aloud: redacted_thinking
        new = find_value(tree, "data");
    if (!old.len || !new.len)
        fail_msg("%s from %s: no secret came: %.*s", formats[p->client], formats[p->upstream],
                 SLICE_ARG(buf_peek(&got)));
    replace(next->source, old, new, &again);
    for (size_t u = 0; u < ARRAY_LEN(dialects); u++) {
        struct pair to = {.client = p->client, .upstream = u, .arena = p->arena};
        struct buf sent = {0};
        if (u == p->client)
            continue;
        request(&to, buf_peek(&again), false, &sent);
        if (u == p->upstream && secrets[u].secret && !has(&sent, secrets[u].secret))
            fail_msg("%s to %s: the secret did not come back: %.*s", formats[p->client], formats[u],
                     SLICE_ARG(buf_peek(&sent)));
        for (size_t v = 0; v < ARRAY_LEN(secrets); v++) {
            if (v != u && u != 0 && secrets[v].secret && has(&sent, secrets[v].secret))
                fail_msg("%s to %s: a secret of %s: %.*s", formats[p->client], formats[u],
                         formats[v], SLICE_ARG(buf_peek(&sent)));
        }
        assert_false(has(&sent, "pxs1."));
        assert_false(has(&sent, "cHhzMS5"));
        buf_release(&sent);
    }
    buf_release(&ask);
    buf_release(&got);
    buf_release(&again);
}

static void test_secrets_return(void **state)
{
    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(dialects); c++) {
        for (size_t u = 0; u < ARRAY_LEN(dialects); u++) {
            struct arena arena;
            struct pair p = {.client = c, .upstream = u, .arena = &arena};
            if (c == u || !secrets[u].secret)
                continue;
            arena_init(&arena, 0);
            follow(&p);
            arena_release(&arena);
        }
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_goldens),
        cmocka_unit_test(test_secrets_return),
    };
    unsigned char subkey[32] = {7};

    key_hasher_init(&hasher, subkey, sizeof(subkey));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
