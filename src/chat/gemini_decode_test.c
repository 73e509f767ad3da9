/* gemini_decode_test.c - answers of generateContent as events. */
#include "chat/gemini_decode.h"
#include "chat/gemini_test_kit.h"
#include "wire/sse.h"

/* Events as lines; `folded` without the cuts of a stream and what is said on the way. */
struct heard {
    struct chat_grammar grammar;
    struct buf lines;
    bool folded;
    uint32_t part; // whose delta the last line is
    bool in_delta;
};

static void hear(void *ctx, const struct chat_event *ev)
{
    struct heard *h = ctx;
    const char *wrong = chat_grammar_check(&h->grammar, ev);

    if (wrong)
        fail_msg("%s, behind\n%.*s", wrong, SLICE_ARG(buf_peek(&h->lines)));
    if (h->folded && ev->type == CHAT_USAGE && ev->usage.source == USAGE_PARTIAL)
        return;
    if (h->folded && ev->type == CHAT_DELTA && h->in_delta && h->part == ev->index) {
        h->lines.end -= 2; // the quote and the line's end
        text_append_escaped(&h->lines, ev->delta.text);
        buf_append(&h->lines, SLICE("\"\n"));
        return;
    }
    h->in_delta = ev->type == CHAT_DELTA;
    h->part = ev->index;
    chat_event_print(&h->lines, ev);
}

static const struct codec_decode_options options = {
    .now_unix = 1767225600, .id = SLICE_INIT("exchange"), .upstream_model = SLICE_INIT("asked")};

static void decode_stream(struct heard *h, struct slice text, size_t cut, bool text_secrets)
{
    struct codec_decode_options o = options;
    struct chat_sink sink = {hear, h};
    struct gemini_decoder d = {0};
    struct sse_cutter cutter = {0};
    struct buf unread = {0};
    struct sse_event event;

    o.text_secrets = text_secrets;
    gemini_decoder_init(&d, &o);
    for (size_t i = 0; i < 2; i++) {
        buf_append(&unread, i ? slice_after(text, cut) : slice_sub(text, 0, cut));
        while (sse_next(&cutter, buf_peek(&unread), &event) == SSE_EVENT) {
            if (event.has_data)
                gemini_decode(&d, event.name, event.data, &sink);
            buf_consume(&unread, event.raw.len);
        }
    }
    gemini_decode_end(&d, &sink);
    gemini_decode_end(&d, &sink);
    gemini_decode(&d, SLICE(""), SLICE("{}"), &sink); // of no effect behind the end
    gemini_decoder_release(&d);
    sse_cutter_release(&cutter);
    buf_release(&unread);
}

static void decode_whole(struct heard *h, struct slice body)
{
    struct chat_sink sink = {hear, h};
    struct gemini_decoder d = {0};

    gemini_decoder_init(&d, &options);
    gemini_decode_whole(&d, body, &sink);
    gemini_decode_end(&d, &sink);
    gemini_decoder_release(&d);
}

static struct json *stream_of(const struct json *fixture)
{
    return json_member(json_member(fixture, SLICE("stream")), SLICE("text"));
}

static struct json *body_of(const struct json *fixture)
{
    return json_member(json_member(fixture, SLICE("response")), SLICE("body"));
}

static void assert_lines(const char *why, const struct buf *got, struct slice wanted)
{
    if (!slice_eq(buf_peek(got), wanted))
        fail_msg("%s:\n%.*swanted:\n%.*s", why, SLICE_ARG(buf_peek(got)), SLICE_ARG(wanted));
}

/* A whole answer is the same events as its stream. */
static void test_fixtures(void **state)
{
    size_t both = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(fixtures); i++) {
        struct heard stream = {.folded = true}, whole = {.folded = true};
        const struct json *fixture;
        struct arena a;

        arena_init(&a, 0);
        fixture = fixture_read(&a, fixtures[i]);
        if (stream_of(fixture))
            decode_stream(&stream, json_str(&a, stream_of(fixture)), 0, false);
        if (body_of(fixture))
            decode_whole(&whole, body_of(fixture)->source);
        if (stream_of(fixture) && body_of(fixture)) {
            assert_lines(fixtures[i], &stream.lines, buf_peek(&whole.lines));
            assert_true(slice_ends(buf_peek(&stream.lines), SLICE("END\n")));
            both++;
        }
        buf_release(&stream.lines);
        buf_release(&whole.lines);
        arena_release(&a);
    }
    assert_int_equal(both, ARRAY_LEN(fixtures) - 2);
}

static void test_any_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(fixtures); i++) {
        struct heard once = {0};
        const struct json *fixture;
        struct slice text;
        struct arena a;

        arena_init(&a, 0);
        fixture = fixture_read(&a, fixtures[i]);
        text = json_str(&a, stream_of(fixture));
        if (text.ptr)
            decode_stream(&once, text, 0, false);
        for (size_t cut = 1; cut < text.len; cut++) {
            struct heard again = {0};

            decode_stream(&again, text, cut, false);
            assert_lines(fixtures[i], &again.lines, buf_peek(&once.lines));
            buf_release(&again.lines);
        }
        buf_release(&once.lines);
        arena_release(&a);
    }
}

/* Payloads, one a line, and the events that they are. */
static const struct {
    const char *why;
    bool text_secrets;
    const char *payloads, *events;
} streams[] = {
#include "chat/gemini_decode_test.def"
};

static void test_streams(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(streams); i++) {
        struct slice rest = slice_str(streams[i].payloads);
        struct heard h = {0};
        struct buf text = {0};

        while (rest.len)
            sse_write(&text, SLICE(""), slice_cut(rest, '\n', &rest));
        decode_stream(&h, buf_peek(&text), 0, streams[i].text_secrets);
        assert_lines(streams[i].why, &h.lines, slice_str(streams[i].events));
        buf_release(&h.lines);
        buf_release(&text);
    }
}

static const struct {
    const char *why, *body, *events;
} wholes[] = {
    {"nothing at all",                             "",                                              "ERROR UPSTREAM_BROKEN \"an answer that is no JSON\"\n"                         },
    {"half a document",                            "{\"candidates\":[",
     "ERROR UPSTREAM_BROKEN \"an answer that is no JSON\"\n"                                                                                                                        },
    {"no object",                                  "7",                                             "ERROR UPSTREAM_BROKEN \"an answer that is no JSON object\"\n"                  },
    {"an empty object",                            "{}",                                            "ERROR UPSTREAM_BROKEN \"no answer\"\n"                                         },
    {"no candidates",                              "{\"candidates\":[],\"responseId\":\"r\"}",
     "START id=\"r\" model=\"asked\"\nERROR UPSTREAM_BROKEN \"an answer without a candidate\"\n"                                                                                    },
    {"a reason is not said, but there is text",
     "\n {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}\n",                        "START model=\"asked\"\nOPEN 0 text\nDELTA 0 \"a\"\nCLOSE 0\nFINISH stop\nEND\n"},
    {"nor is there any",                           "{\"candidates\":[{\"content\":{}}]}",
     "START model=\"asked\"\nERROR UPSTREAM_BROKEN \"an answer without an end\"\n"                                                                                                  },
    {"a stream's array as a body",
     "[{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}],\"responseId\":\"r\"},\n"
     "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"b\"}]},\"finishReason\":\"STOP\"}]}]",  "START id=\"r\" model=\"asked\"\nOPEN 0 text\nDELTA 0 \"a\"\nDELTA 0 \"b\"\nCLOSE 0\n"
     "FINISH stop\nEND\n"                                                         },
    {"places in the second part of two, in bytes",
     "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"18 °C \"},{\"text\":\"in Köln.\"}]},"
     "\"finishReason\":\"STOP\",\"groundingMetadata\":{\"webSearchQueries\":[\"k\"],"
     "\"groundingChunks\":[{\"web\":{\"uri\":\"https://x\",\"title\":\"X\"}},"
     "{\"maps\":{\"uri\":\"https://y\"}}],\"groundingSupports\":[{\"segment\":{\"partIndex\":1,"
     "\"startIndex\":3,\"endIndex\":8,\"text\":\"Köln\"},\"groundingChunkIndices\":[0,1,7]}]}}]}", "START model=\"asked\"\nOPEN 0 text\nDELTA 0 \"18 °C \"\nDELTA 0 \"in Köln.\"\n"
     "CITE 0 url=\"https://x\" title=\"X\" 9..13\nCITE 0 url=\"https://y\" 9..13\nCLOSE 0\n"
     "OPEN 1 search\nDELTA 1 \"k\"\nCLOSE 1\nFINISH stop\nEND\n"                 },
};

static void test_wholes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wholes); i++) {
        struct heard h = {0};

        decode_whole(&h, slice_str(wholes[i].body));
        assert_lines(wholes[i].why, &h.lines, slice_str(wholes[i].events));
        buf_release(&h.lines);
    }
}

/* Whatever was cut off or overwritten, the grammar holds and there is an end. */
static void test_damage(void **state)
{
    static const char damage[] = "\0\"{}[]:,\\x\xff";

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wholes); i++) {
        struct slice body = slice_str(wholes[i].body);
        char copy[1024];

        assert_in_range(body.len, 0, sizeof(copy));
        for (size_t at = 0; at < body.len; at++) {
            for (size_t with = 0; with < sizeof(damage) - 1; with++) {
                struct heard h = {0};

                memcpy(copy, body.ptr, body.len);
                copy[at] = damage[with];
                decode_whole(&h, slice_of(copy, body.len));
                assert_true(h.grammar.ended);
                buf_release(&h.lines);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fixtures), cmocka_unit_test(test_any_cut),
        cmocka_unit_test(test_streams),  cmocka_unit_test(test_wholes),
        cmocka_unit_test(test_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
