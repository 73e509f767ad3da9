/* anthropic_encode_test.c - events, and the answers in Anthropic's Messages that they become. */
#include "chat/anthropic_test_kit.h"
#include "json/raw.h"
#include "json/scan.h"

struct encoding {
    void *encoder;
    struct buf out;
    bool fits;
};

static void encoding_begin(struct encoding *g, enum framing framing, size_t limit)
{
    struct codec_encode_options o = {.framing = framing,
                                     .id = SLICE("req_1"),
                                     .model = SLICE("test-model"),
                                     .seal = test_seal(),
                                     .limit_bytes = limit};

    *g = (struct encoding){.encoder = calloc(1, codec_anthropic.encoder_size), .fits = true};
    codec_anthropic.encoder_init(g->encoder, &o);
}

static void encoding_take(void *ctx, const struct chat_event *ev)
{
    struct encoding *g = ctx;

    if (g->fits)
        g->fits = codec_anthropic.encode(g->encoder, ev, &g->out);
}

/* What was written, in the arena and NUL terminated. */
static struct slice encoding_end(struct encoding *g, struct arena *a)
{
    struct slice said = arena_dup(a, buf_peek(&g->out));

    codec_anthropic.encoder_release(g->encoder);
    free(g->encoder);
    buf_release(&g->out);
    return said;
}

/* Streams and bodies come out as they were, byte for byte (but for blanks in bodies). */
static void test_fixtures(void **state)
{
    size_t bodies = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(fixtures); i++) {
        struct json *fixture;
        struct slice stream, body;
        struct encoding g;
        struct arena a;

        arena_init(&a, 0);
        fixture = fixture_read(&a, fixtures[i]);
        stream = fixture_stream(&a, fixture);
        body = fixture_body(fixture);
        if (stream.len && body.len) {
            encoding_begin(&g, FRAMING_SSE, 0);
            decode_stream(stream, stream.len, &(struct chat_sink){encoding_take, &g});
            assert_string_equal(encoding_end(&g, &a).ptr, arena_dup(&a, stream).ptr);
            for (int whole = 0; whole < 2; whole++) { // from either, the body
                encoding_begin(&g, FRAMING_BODY, 0);
                if (whole)
                    decode_body(body, &(struct chat_sink){encoding_take, &g});
                else
                    decode_stream(stream, stream.len, &(struct chat_sink){encoding_take, &g});
                assert_string_equal(compact(&a, encoding_end(&g, &a)), compact(&a, body));
                bodies++;
            }
        }
        arena_release(&a);
    }
    assert_int_equal(bodies, 2 * (ARRAY_LEN(fixtures) - 2));
}

/* An error in the middle: what went before it, then the error and nothing else. */
static void test_stream_error(void **state)
{
    struct encoding g;
    struct arena a;
    struct slice stream, said;

    (void)state;
    arena_init(&a, 0);
    stream = fixture_stream(&a, fixture_read(&a, "14-stream-error"));
    encoding_begin(&g, FRAMING_SSE, 0);
    decode_stream(stream, stream.len, &(struct chat_sink){encoding_take, &g});
    said = encoding_end(&g, &a);
    assert_true(
        slice_starts(said, slice_sub(stream, 0, slice_find_slice(stream, SLICE("event: error")))));
    assert_true(
        slice_ends(said, SLICE("event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":"
                               "\"overloaded_error\",\"message\":\"Overloaded.\"},"
                               "\"request_id\":\"req_1\"}\n\n")));
    encoding_begin(&g, FRAMING_BODY, 0);
    decode_stream(stream, stream.len, &(struct chat_sink){encoding_take, &g});
    assert_int_equal(encoding_end(&g, &a).len, 0);
    arena_release(&a);
}

/*
 * Events as short lines: "open text", "open call ID NAME", "custom", "refusal", "image",
 * "search", "reasoning", "redacted"; "0 escaped text" is a delta of part 0; "close 0",
 * "close 0 openai SECRET"; "use IN OUT"; "cite 0"; "ping"; "finish WORD TEXT"; "end"; "fail".
 */
struct script {
    struct chat_sink sink;
    uint32_t opened;
    uint32_t choice;
};

static uint32_t number(struct slice s)
{
    uint64_t n = 0;

    assert_true(slice_to_u64(s, &n));
    return (uint32_t)n;
}

static void play_open(struct script *p, struct slice rest)
{
    static const char *const kinds[] = {"text", "reasoning", "refusal", "call", "image", "search"};
    struct chat_event ev = {.type = CHAT_OPEN, .choice = p->choice, .index = p->opened++};
    struct slice kind = slice_cut(rest, ' ', &rest);

    ev.open.custom = slice_eq(kind, SLICE("custom"));
    if (ev.open.custom)
        kind = SLICE("call");
    if (slice_eq(kind, SLICE("redacted"))) {
        ev.open.reasoning = REASONING_REDACTED;
        kind = SLICE("reasoning");
    }
    ev.open.kind = (enum chat_part_kind)KIT_INDEX(kinds, kind);
    ev.open.call_id = slice_cut(rest, ' ', &ev.open.tool);
    chat_emit(&p->sink, &ev);
}

static void play_close(struct script *p, struct slice rest)
{
    struct chat_event ev = {.type = CHAT_CLOSE, .choice = p->choice};
    struct slice vendor;

    ev.index = number(slice_cut(rest, ' ', &rest));
    vendor = slice_cut(rest, ' ', &ev.close.secret);
    if (vendor.len)
        ev.close.vendor = (enum chat_vendor)KIT_INDEX(kit_vendors, vendor);
    chat_emit(&p->sink, &ev);
}

static void play_finish(struct script *p, struct slice rest)
{
    static const char *const words[] = {"stop",    "sequence", "tools", "length",
                                        "context", "filter",   "pause"};
    struct chat_event ev = {.type = CHAT_FINISH, .choice = p->choice};
    struct slice word = slice_cut(rest, ' ', &rest);
    struct chat_text said = {rest, true};

    ev.finish.reason = (enum chat_finish)KIT_INDEX(words, word);
    if (rest.len)
        *(ev.finish.reason == FINISH_FILTER ? &ev.finish.explanation : &ev.finish.sequence) = said;
    chat_emit(&p->sink, &ev);
}

static void play_usage(struct script *p, struct slice rest)
{
    struct chat_event ev = {.type = CHAT_USAGE};

    ev.usage.usage.tokens[USAGE_INPUT] = number(slice_cut(rest, ' ', &rest));
    ev.usage.usage.tokens[USAGE_OUTPUT] = number(rest);
    chat_emit(&p->sink, &ev);
}

static void play_line(struct script *p, struct slice line)
{
    struct slice rest, word = slice_cut(line, ' ', &rest);

    if (slice_eq(word, SLICE("open"))) {
        play_open(p, rest);
    } else if (slice_eq(word, SLICE("close"))) {
        play_close(p, rest);
    } else if (slice_eq(word, SLICE("finish"))) {
        play_finish(p, rest);
    } else if (slice_eq(word, SLICE("use"))) {
        play_usage(p, rest);
    } else if (slice_eq(word, SLICE("choice"))) {
        p->choice = number(rest);
    } else if (slice_eq(word, SLICE("cite"))) {
        chat_emit(&p->sink, &(struct chat_event){.type = CHAT_CITE, .index = number(rest)});
    } else if (slice_eq(word, SLICE("ping"))) {
        chat_emit(&p->sink, &(struct chat_event){.type = CHAT_PING});
    } else if (slice_eq(word, SLICE("fail"))) {
        chat_emit(&p->sink,
                  &(struct chat_event){.type = CHAT_ERROR, .error = {.code = ERR_UPSTREAM_BUSY}});
    } else {
        struct chat_event ev = {.type = CHAT_DELTA, .index = number(word)};
        ev.delta.text = (struct chat_text){rest, true};
        chat_emit(&p->sink, &ev);
    }
}

/* START, the lines, and END if there is a finish. */
static void play(const char *lines, struct chat_sink sink)
{
    struct chat_event start = {
        .type = CHAT_START, .start = {.id = SLICE("msg_up1"), .model = SLICE("gpt")}
    };
    struct script p = {.sink = sink};
    struct slice rest = slice_str(lines);

    chat_emit(&sink, &start);
    while (rest.len)
        play_line(&p, slice_cut(rest, '\n', &rest));
    if (strstr(lines, "finish"))
        chat_emit(&sink, &(struct chat_event){.type = CHAT_END});
}

/* Blocks are numbered from 0, one after another, and never overlap; names say what data says. */
static void check_frames(struct slice text)
{
    struct sse_cutter cutter = {0};
    struct sse_event event;
    int64_t blocks = 0, index;
    bool open = false;

    while (sse_next(&cutter, text, &event) == SSE_EVENT) {
        struct err_info e = {0};
        struct slice type = {0}, at = {0};
        assert_int_equal(json_scan(event.data, NULL, 0, NULL, &e), ERR_NONE);
        json_get(event.data, SLICE("type"), &type);
        json_get(event.data, SLICE("index"), &at);
        assert_true(json_string_eq(type, event.name));
        if (slice_eq(event.name, SLICE("content_block_start"))) {
            assert_false(open);
            open = true;
            assert_true(json_int(at, &index) && index == blocks++);
        } else if (slice_eq(event.name, SLICE("content_block_stop"))) {
            assert_true(open && json_int(at, &index) && index == blocks - 1);
            open = false;
        } else if (slice_eq(event.name, SLICE("content_block_delta"))) {
            assert_true(open && json_int(at, &index) && index == blocks - 1);
        }
        text = slice_after(text, event.raw.len);
    }
    assert_int_equal(text.len, 0);
    sse_cutter_release(&cutter);
}

static const struct {
    const char *why, *events;
    const char *heard;   // in the stream that they become
    const char *content; // of the document, and what ends it
} cases[] = {
#define CASE(why, events, heard, content) {why, events, heard, content},
#include "chat/anthropic_encode_test.def"
#undef CASE
};

/* What of a document the cases tell. */
static const char *told(struct arena *a, struct slice document)
{
    struct slice from = slice_after(document, slice_find_slice(document, SLICE("\"content\":")));
    size_t to = slice_find_slice(from, SLICE(",\"container\""));

    return document.len ? arena_dup(a, slice_sub(from, 0, to)).ptr : "";
}

static void check(const char *why, const char *got, const char *want)
{
    if (strcmp(got, want) != 0)
        fail_msg("%s:\n%s", why, got);
}

static void test_events(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena a;
        struct hearing h = {.a = &a};
        struct encoding g;
        struct slice text;

        arena_init(&a, 0);
        encoding_begin(&g, FRAMING_SSE, 0);
        play(cases[i].events, (struct chat_sink){encoding_take, &g});
        text = encoding_end(&g, &a);
        check_frames(text);
        decode_stream(text, text.len, &(struct chat_sink){hearing_take, &h});
        check(cases[i].why, hearing_end(&h), cases[i].heard);
        encoding_begin(&g, FRAMING_BODY, 0);
        play(cases[i].events, (struct chat_sink){encoding_take, &g});
        text = encoding_end(&g, &a);
        check(cases[i].why, told(&a, text), cases[i].content);
        arena_release(&a);
    }
}

/* A secret of another vendor goes in an envelope that opens again. */
static void test_envelope(void **state)
{
    static const char *const events[] = {
        "open reasoning\n0 hm\nclose 0 openai s3\nfinish stop",
        "open reasoning\nclose 0 openai s3\nfinish stop",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(events); i++) {
        struct chat_reasoning opened = {0};
        struct arena a;
        struct hearing h = {.a = &a};
        struct encoding g;
        struct slice said, text;

        arena_init(&a, 0);
        encoding_begin(&g, FRAMING_SSE, 0);
        play(events[i], (struct chat_sink){encoding_take, &g});
        text = encoding_end(&g, &a);
        assert_int_equal(slice_find_slice(text, SLICE("redacted_thinking")) != SIZE_MAX, i == 1);
        decode_stream(text, text.len, &(struct chat_sink){hearing_take, &h});
        said = slice_str(hearing_end(&h));
        said = slice_after(said, slice_find_slice(said, SLICE("pxs1.")));
        said = slice_cut(said, '"', &text);
        assert_true(envelope_open(test_seal(), said, &a, &opened));
        assert_true(slice_eq(opened.secret, SLICE("s3")));
        assert_true(slice_eq(opened.model, SLICE("gpt")));
        assert_int_equal(opened.vendor, VENDOR_OPENAI);
        arena_release(&a);
    }
}

/* What has to be gathered is bounded; what streams is not. */
static void test_limit(void **state)
{
    static const struct {
        const char *head;
        enum framing framing;
        bool fits;
    } limits[] = {
        {"open text",                                FRAMING_SSE,  true },
        {"open text",                                FRAMING_BODY, false},
        {"open call a f\nopen call b g\nclose 0",    FRAMING_SSE,  true },
        {"open text\nopen text\nclose 1\nopen text", FRAMING_SSE,  true },
        {"open call a f\nopen call b g",             FRAMING_SSE,  false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        bool second = strstr(limits[i].head, "open call b") != NULL;
        struct encoding g;
        struct arena a;
        struct chat_event ev = {.type = CHAT_DELTA, .index = second};

        arena_init(&a, 0);
        encoding_begin(&g, limits[i].framing, 4096);
        play(limits[i].head, (struct chat_sink){encoding_take, &g});
        assert_true(g.fits);
        ev.delta.text = text_plain(SLICE("0123456789abcdef"));
        for (size_t n = 0; n < 1000; n++)
            encoding_take(&g, &ev);
        assert_int_equal(g.fits, limits[i].fits);
        encoding_end(&g, &a);
        arena_release(&a);
    }
}

/* Input tokens that are known before the first part stand in message_start. */
static void test_usage(void **state)
{
    static const struct {
        const char *events, *start, *end;
    } usages[] = {
        {"use 7 1\nopen text\nuse 7 5\nclose 0\nfinish stop", "\"usage\":{\"input_tokens\":7,",
         "\"output_tokens\":5,"          },
        {"open text\nclose 0\nfinish stop\nuse 8 2",          "\"usage\":{\"input_tokens\":0,",
         "\"usage\":{\"input_tokens\":8,"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(usages); i++) {
        struct slice first, rest;
        struct encoding g;
        struct arena a;

        arena_init(&a, 0);
        encoding_begin(&g, FRAMING_SSE, 0);
        play(usages[i].events, (struct chat_sink){encoding_take, &g});
        rest = encoding_end(&g, &a);
        first = slice_sub(rest, 0, slice_find_slice(rest, SLICE("\n\n")));
        rest = slice_after(rest, slice_find_slice(rest, SLICE("event: message_delta")));
        assert_true(slice_find_slice(first, slice_str(usages[i].start)) != SIZE_MAX);
        assert_true(slice_find_slice(rest, slice_str(usages[i].end)) != SIZE_MAX);
        arena_release(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fixtures), cmocka_unit_test(test_stream_error),
        cmocka_unit_test(test_events),   cmocka_unit_test(test_envelope),
        cmocka_unit_test(test_limit),    cmocka_unit_test(test_usage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
