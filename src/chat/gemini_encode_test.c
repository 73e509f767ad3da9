/* gemini_encode_test.c - events as answers of generateContent. */
#include "chat/gemini_decode.h"
#include "chat/gemini_encode.h"
#include "chat/gemini_test_kit.h"
#include "wire/sse.h"

/* An encoder, and what it wrote. */
struct pen {
    struct gemini_encoder e;
    struct buf out;
    bool full;
};

static void pen_init(struct pen *p, enum framing framing, size_t limit_bytes)
{
    const struct codec_encode_options o = {.framing = framing,
                                           .id = SLICE("exchange"),
                                           .model = SLICE("test-model"),
                                           .seal = test_seal(),
                                           .limit_bytes = limit_bytes};

    *p = (struct pen){0};
    gemini_encoder_init(&p->e, &o);
}

static void pen_release(struct pen *p)
{
    gemini_encoder_release(&p->e);
    buf_release(&p->out);
}

static void put(void *ctx, const struct chat_event *ev)
{
    struct pen *p = ctx;

    if (!p->full)
        p->full = !gemini_encode(&p->e, ev, &p->out);
}

static void put_start(struct pen *p)
{
    put(p, &(struct chat_event){.type = CHAT_START});
}

static void put_open(struct pen *p, uint32_t index, enum chat_part_kind kind)
{
    put(p, &(struct chat_event){
               .type = CHAT_OPEN,
               .index = index,
               .open = {.kind = kind,
                        .call_id = kind == PART_CALL ? SLICE("c1") : SLICE(""),
                        .tool = kind == PART_CALL ? SLICE("f") : SLICE(""),
                        .mime = kind == PART_IMAGE ? SLICE("image/png") : SLICE("")}
    });
}

static void put_delta(struct pen *p, uint32_t index, const char *text)
{
    put(p, &(struct chat_event){
               .type = CHAT_DELTA, .index = index, .delta = {text_plain(slice_str(text)), {0}}
    });
}

static void put_close(struct pen *p, uint32_t index, const char *secret, enum chat_vendor vendor)
{
    put(p, &(struct chat_event){
               .type = CHAT_CLOSE,
               .index = index,
               .close = {.secret = slice_str(secret), .vendor = vendor}
    });
}

static void put_part(struct pen *p, uint32_t index, enum chat_part_kind kind, const char *text)
{
    put_open(p, index, kind);
    if (*text)
        put_delta(p, index, text);
    put_close(p, index, "", VENDOR_NONE);
}

static void put_end(struct pen *p, enum chat_finish reason)
{
    put(p, &(struct chat_event){.type = CHAT_FINISH, .finish = {.reason = reason}});
    put(p, &(struct chat_event){.type = CHAT_END});
}

static void decode_stream(const struct chat_sink *sink, struct slice text)
{
    const struct codec_decode_options o = {.text_secrets = true};
    struct gemini_decoder d = {0};
    struct sse_cutter cutter = {0};
    struct sse_event event;

    gemini_decoder_init(&d, &o);
    while (sse_next(&cutter, text, &event) == SSE_EVENT) {
        if (event.has_data)
            gemini_decode(&d, event.name, event.data, sink);
        text = slice_after(text, event.raw.len);
    }
    gemini_decode_end(&d, sink);
    gemini_decoder_release(&d);
    sse_cutter_release(&cutter);
}

static struct slice stream_of(struct arena *a, const struct json *fixture)
{
    return json_str(a, json_member(json_member(fixture, SLICE("stream")), SLICE("text")));
}

static struct json *body_of(const struct json *fixture)
{
    return json_member(json_member(fixture, SLICE("response")), SLICE("body"));
}

/* As a document, and as a stream that is read back and then written as a document. */
static void test_fixtures(void **state)
{
    size_t count = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(fixtures); i++) {
        const struct json *fixture;
        struct pen direct, stream, again;
        struct arena a;

        arena_init(&a, 0);
        fixture = fixture_read(&a, fixtures[i]);
        pen_init(&direct, FRAMING_BODY, 0);
        pen_init(&stream, FRAMING_SSE, 0);
        pen_init(&again, FRAMING_BODY, 0);
        if (stream_of(&a, fixture).ptr && body_of(fixture)) {
            decode_stream(&(struct chat_sink){put, &direct}, stream_of(&a, fixture));
            assert_same(&a, fixtures[i], buf_peek(&direct.out), body_of(fixture));
            decode_stream(&(struct chat_sink){put, &stream}, stream_of(&a, fixture));
            decode_stream(&(struct chat_sink){put, &again}, buf_peek(&stream.out));
            assert_same(&a, fixtures[i], buf_peek(&again.out), body_of(fixture));
            count++;
        }
        pen_release(&direct);
        pen_release(&stream);
        pen_release(&again);
        arena_release(&a);
    }
    assert_int_equal(count, ARRAY_LEN(fixtures) - 2);
}

/* An array's elements are a stream's payloads. */
static void test_array(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(fixtures); i++) {
        struct sse_cutter cutter = {0};
        const struct json *fixture, *element;
        struct pen stream, array;
        struct sse_event event;
        struct arena a;

        arena_init(&a, 0);
        fixture = fixture_read(&a, fixtures[i]);
        pen_init(&stream, FRAMING_SSE, 0);
        pen_init(&array, FRAMING_ARRAY, 0);
        decode_stream(&(struct chat_sink){put, &stream}, stream_of(&a, fixture));
        decode_stream(&(struct chat_sink){put, &array}, stream_of(&a, fixture));
        element = json_first(parse(&a, buf_peek(&array.out)));
        while (sse_next(&cutter, buf_peek(&stream.out), &event) == SSE_EVENT) {
            assert_non_null(element);
            assert_true(slice_eq(element->source, event.data));
            element = element->next;
            buf_consume(&stream.out, event.raw.len);
        }
        assert_null(element);
        sse_cutter_release(&cutter);
        pen_release(&stream);
        pen_release(&array);
        arena_release(&a);
    }
}

/* Byte for byte: what a client sees of a short stream. */
static void test_bytes(void **state)
{
    static const char wanted[] =
        "data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"Hi\"}]},"
        "\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":9,\"totalTokenCount\":9},"
        "\"modelVersion\":\"test-model\",\"responseId\":\"exchange\"}\r\n\r\n"
        "\r\n\r\n"
        "data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"\"}]},\"finishReason\":"
        "\"STOP\",\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":9,"
        "\"candidatesTokenCount\":4,\"totalTokenCount\":13},\"modelVersion\":\"test-model\","
        "\"responseId\":\"exchange\"}\r\n\r\n";
    struct chat_event usage = {.type = CHAT_USAGE};
    struct pen p;

    (void)state;
    pen_init(&p, FRAMING_SSE, 0);
    put_start(&p);
    usage.usage.usage.tokens[USAGE_INPUT] = 9;
    put(&p, &usage);
    put_open(&p, 0, PART_TEXT);
    put_delta(&p, 0, "Hi");
    put(&p, &(struct chat_event){.type = CHAT_PING});
    put_close(&p, 0, "", VENDOR_NONE);
    usage.usage.usage.tokens[USAGE_OUTPUT] = 4;
    put(&p, &usage);
    put_end(&p, FINISH_STOP);
    put(&p, &(struct chat_event){.type = CHAT_PING}); // of no effect
    assert_true(slice_eq(buf_peek(&p.out), slice_str(wanted)));
    pen_release(&p);
}

/* What a document's only candidate says of these parts. */
static const struct {
    const char *why;
    struct {
        enum chat_part_kind kind;
        const char *text, *secret;
    } parts[4];
    size_t count;
    enum chat_finish finish;
    const char *content; // of the candidate, as the parts' list
    const char *reason;
} documents[] = {
    {"arguments",
     {{PART_CALL, " {\"x\":\n \"a b\"}\n", ""}},
     1,                                                                             FINISH_TOOLS,
     "[{\"functionCall\":{\"id\":\"c1\",\"name\":\"f\",\"args\":{\"x\":\"a b\"}}}]",                                      "STOP"      },
    {"no arguments",
     {{PART_CALL, "", ""}},
     1,                                                                             FINISH_TOOLS,
     "[{\"functionCall\":{\"id\":\"c1\",\"name\":\"f\",\"args\":{}}}]",                                                   "STOP"      },
    {"no object",
     {{PART_CALL, "[1]", ""}},
     1,                                                                             FINISH_TOOLS,
     "[{\"functionCall\":{\"id\":\"c1\",\"name\":\"f\",\"args\":{\"_raw\":\"[1]\"}}}]",                                   "STOP"      },
    {"cut arguments",
     {{PART_TEXT, "so", ""}, {PART_CALL, "{\"x", ""}},
     2,                                                                             FINISH_LENGTH,
     "[{\"text\":\"so\"}]",                                                                                               "MAX_TOKENS"},
    {"cut behind them",
     {{PART_CALL, "{}", ""}},
     1,                                                                             FINISH_LENGTH,
     "[{\"functionCall\":{\"id\":\"c1\",\"name\":\"f\",\"args\":{}}}]",                                                   "MAX_TOKENS"},
    {"a refusal is a text",
     {{PART_REFUSAL, "no", ""}},
     1,                                                                             FINISH_STOP,
     "[{\"text\":\"no\"}]",                                                                                               "STOP"      },
    {"a picture",
     {{PART_IMAGE, "AAAA", ""}},
     1,                                                                             FINISH_STOP,
     "[{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"AAAA\"}}]",                                                 "STOP"      },
    {"a secret goes on the first call",
     {{PART_REASONING, "hm", "c2ln"},
      {PART_TEXT, "so", ""},
      {PART_CALL, "{}", ""},
      {PART_CALL, "{}", ""}},
     4,                                                                             FINISH_TOOLS,
     "[{\"text\":\"hm\",\"thought\":true},{\"text\":\"so\"},{\"functionCall\":{\"id\":\"c1\","
     "\"name\":\"f\",\"args\":{}},\"thoughtSignature\":\"c2ln\"},{\"functionCall\":{\"id\":\"c1\","
     "\"name\":\"f\",\"args\":{}}}]",                                                                                     "STOP"      },
    {"or on the last text",
     {{PART_REASONING, "", "c2ln"}, {PART_TEXT, "a", ""}, {PART_TEXT, "b", ""}},
     3,                                                                             FINISH_STOP,
     "[{\"text\":\"a\"},{\"text\":\"b\",\"thoughtSignature\":\"c2ln\"}]",                                                 "STOP"      },
    {"or on a text of its own",
     {{PART_REASONING, "a", "MQ=="}, {PART_REASONING, "b", "Mg=="}},
     2,                                                                             FINISH_STOP,
     "[{\"text\":\"a\",\"thought\":true},{\"text\":\"\",\"thoughtSignature\":\"MQ==\"},"
     "{\"text\":\"b\",\"thought\":true},{\"text\":\"\",\"thoughtSignature\":\"Mg==\"}]",                                  "STOP"      },
    {"a call that was cut carries none",
     {{PART_REASONING, "a", "MQ=="}, {PART_CALL, "{", ""}},
     2,                                                                             FINISH_CONTEXT,
     "[{\"text\":\"a\",\"thought\":true},{\"text\":\"\",\"thoughtSignature\":"
     "\"MQ==\"}]",                                                                                                        "MAX_TOKENS"},
    {"filtered",                         {{PART_TEXT, "a", ""}},                 1, FINISH_FILTER,  "[{\"text\":\"a\"}]", "SAFETY"    },
    {"a pause",                          {{PART_TEXT, "a", ""}},                 1, FINISH_PAUSE,   "[{\"text\":\"a\"}]", "STOP"      },
    {"nothing",                          {{PART_TEXT, "", ""}},                  0, FINISH_STOP,    "[]",                 "STOP"      },
};

static void put_document(struct pen *p, size_t i)
{
    put_start(p);
    for (size_t at = 0; at < documents[i].count; at++) {
        put_open(p, (uint32_t)at, documents[i].parts[at].kind);
        if (*documents[i].parts[at].text)
            put_delta(p, (uint32_t)at, documents[i].parts[at].text);
        put_close(p, (uint32_t)at, documents[i].parts[at].secret, VENDOR_GEMINI);
    }
    put_end(p, documents[i].finish);
}

/* The stream, read back, is the document. */
static void test_documents(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(documents); i++) {
        const struct json *candidate;
        struct pen whole, stream, again;
        struct arena a;

        arena_init(&a, 0);
        pen_init(&whole, FRAMING_BODY, 0);
        pen_init(&stream, FRAMING_SSE, 0);
        pen_init(&again, FRAMING_BODY, 0);
        put_document(&whole, i);
        candidate = json_first(json_member(parse(&a, buf_peek(&whole.out)), SLICE("candidates")));
        assert_same(&a, documents[i].why,
                    json_member(json_member(candidate, SLICE("content")), SLICE("parts"))->source,
                    parse(&a, slice_str(documents[i].content)));
        assert_true(slice_eq(json_str(&a, json_member(candidate, SLICE("finishReason"))),
                             slice_str(documents[i].reason)));
        put_document(&stream, i);
        assert_int_equal(slice_find_slice(buf_peek(&stream.out), SLICE("\n ")), SIZE_MAX);
        decode_stream(&(struct chat_sink){put, &again}, buf_peek(&stream.out));
        if (documents[i].count < 2 || documents[i].parts[1].kind != PART_TEXT ||
            documents[i].parts[2].kind != PART_TEXT) // two texts are one in a stream
            assert_same(&a, documents[i].why, buf_peek(&again.out),
                        parse(&a, buf_peek(&whole.out)));
        pen_release(&whole);
        pen_release(&stream);
        pen_release(&again);
        arena_release(&a);
    }
}

static struct slice payload_at(struct slice stream, size_t n)
{
    struct slice at = stream;

    while (n--)
        at = slice_after(at, slice_find_slice(at, SLICE("\r\n\r\n")) + 4);
    return slice_sub(at, 6, slice_find_slice(at, SLICE("\r\n\r\n")) - 6);
}

static struct json *only_part(struct arena *a, struct slice payload)
{
    const struct json *candidate = json_first(json_member(parse(a, payload), SLICE("candidates")));

    return json_first(json_member(json_member(candidate, SLICE("content")), SLICE("parts")));
}

/* Another vendor's secret comes back as it was, though the client saw but base64. */
static void test_envelope(void **state)
{
    struct chat_reasoning opened = {0};
    struct slice signature;
    struct arena a;
    struct pen p;

    (void)state;
    arena_init(&a, 0);
    pen_init(&p, FRAMING_SSE, 0);
    put_start(&p);
    put(&p,
        &(struct chat_event){
            .type = CHAT_OPEN, .open = {.kind = PART_REASONING, .reasoning = REASONING_REDACTED}
    });
    put(&p, &(struct chat_event){
                .type = CHAT_CLOSE, .close = {SLICE("s/+="), VENDOR_ANTHROPIC, SLICE("rs_1")}
    });
    put_part(&p, 1, PART_TEXT, "so");
    put_part(&p, 2, PART_CALL, "{}");
    put_end(&p, FINISH_TOOLS);
    assert_null(
        json_member(only_part(&a, payload_at(buf_peek(&p.out), 0)), SLICE("thoughtSignature")));
    signature = json_str(
        &a, json_member(only_part(&a, payload_at(buf_peek(&p.out), 1)), SLICE("thoughtSignature")));
    assert_true(envelope_open_base64(test_seal(), signature, &a, &opened));
    assert_true(slice_eq(opened.secret, SLICE("s/+=")));
    assert_true(slice_eq(opened.id, SLICE("rs_1")));
    assert_int_equal(opened.vendor, VENDOR_ANTHROPIC);
    assert_int_equal(opened.kind, REASONING_REDACTED);
    pen_release(&p);
    arena_release(&a);
}

/* In a stream a call without an object waits for the reason, a good one does not. */
static void test_broken_calls(void **state)
{
    static const struct {
        enum chat_finish reason;
        size_t chunks;
    } cases[] = {
        {FINISH_TOOLS,  3},
        {FINISH_LENGTH, 2},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t chunks = 0, before;
        struct slice rest;
        struct pen p;

        pen_init(&p, FRAMING_SSE, 0);
        put_start(&p);
        put_part(&p, 0, PART_CALL, "{\"half");
        assert_int_equal(buf_len(&p.out), 0);
        put_part(&p, 1, PART_CALL, "{}");
        before = buf_len(&p.out);
        assert_int_not_equal(before, 0);
        put_end(&p, cases[i].reason);
        for (rest = buf_peek(&p.out); rest.len; chunks++)
            rest = slice_after(rest, slice_find_slice(rest, SLICE("\r\n\r\n")) + 4);
        assert_int_equal(chunks, cases[i].chunks);
        pen_release(&p);
    }
}

static void put_cite(struct pen *p, const char *url, int64_t start, int64_t end)
{
    put(p, &(struct chat_event){
               .type = CHAT_CITE,
               .cite = {.url = text_plain(slice_str(url)),
                        .title = text_plain(SLICE("T")),
                        .start = start,
                        .end = end}
    });
}

/* Characters become bytes; in a document, those of a part. */
static void test_sources(void **state)
{
    static const struct {
        enum framing framing;
        const char *wanted;
    } cases[] = {
        {FRAMING_BODY,
         "{\"webSearchQueries\":[\"q\"],\"groundingChunks\":[{\"web\":{\"uri\":\"u\",\"title\":"
         "\"T\"}},{\"web\":{\"uri\":\"v\",\"title\":\"T\"}},{\"web\":{\"uri\":\"w\",\"title\":"
         "\"T\"}}],\"groundingSupports\":[{\"segment\":{\"partIndex\":1,\"startIndex\":0,"
         "\"endIndex\":5},\"groundingChunkIndices\":[0]},{\"segment\":{\"partIndex\":2,"
         "\"startIndex\":3,\"endIndex\":7},\"groundingChunkIndices\":[1]}]}"  },
        {FRAMING_SSE,
         "{\"webSearchQueries\":[\"q\"],\"groundingChunks\":[{\"web\":{\"uri\":\"u\",\"title\":"
         "\"T\"}},{\"web\":{\"uri\":\"v\",\"title\":\"T\"}},{\"web\":{\"uri\":\"w\",\"title\":"
         "\"T\"}}],\"groundingSupports\":[{\"segment\":{\"startIndex\":0,"
         "\"endIndex\":5},\"groundingChunkIndices\":[0]},{\"segment\":{"
         "\"startIndex\":10,\"endIndex\":14},\"groundingChunkIndices\":[1]}]}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct json *candidate;
        struct slice out;
        struct arena a;
        struct pen p;

        arena_init(&a, 0);
        pen_init(&p, cases[i].framing, 0);
        put_start(&p);
        put_part(&p, 0, PART_REASONING, "hm");
        put_part(&p, 1, PART_SEARCH, "q");
        put_part(&p, 2, PART_TEXT, "18 \xc2\xb0. ");
        put_part(&p, 3, PART_TEXT, "in Rome");
        put_cite(&p, "u", 0, 4);
        put_cite(&p, "v", 9, 13);
        put_cite(&p, "w", -1, -1);
        put_end(&p, FINISH_STOP);
        out = buf_peek(&p.out);
        candidate = json_first(
            json_member(parse(&a, cases[i].framing == FRAMING_BODY ? out : payload_at(out, 3)),
                        SLICE("candidates")));
        assert_same(&a, "sources", json_member(candidate, SLICE("groundingMetadata"))->source,
                    parse(&a, slice_str(cases[i].wanted)));
        pen_release(&p);
        arena_release(&a);
    }
}

static void put_choice(struct pen *p, uint32_t choice, const char *text)
{
    struct slice logprobs =
        SLICE("[{\"token\":\"a\",\"logprob\":-0.5,\"bytes\":null,\"top_logprobs\":[]}]");

    put(p, &(struct chat_event){.type = CHAT_OPEN, .choice = choice, .index = choice});
    put(p, &(struct chat_event){
               .type = CHAT_DELTA,
               .choice = choice,
               .index = choice,
               .delta = {text_plain(slice_str(text)), logprobs}
    });
    put(p, &(struct chat_event){.type = CHAT_CLOSE, .choice = choice, .index = choice});
    put(p, &(struct chat_event){.type = CHAT_FINISH, .choice = choice});
}

static void test_choices(void **state)
{
#define LIKELY(tops, chosen) "{\"topCandidates\":[" tops "],\"chosenCandidates\":[" chosen "]}"
#define CANDIDATE(n, text)                                                                    \
    "{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"" text "\"}]},\"finishReason\":" \
    "\"STOP\",\"logprobsResult\":" LIKELY(                                                    \
        "{\"candidates\":[]}", "{\"token\":\"a\",\"logProbability\":-0.5}") ",\"index\":" n "}"
    struct arena a;
    struct pen p;

    (void)state;
    arena_init(&a, 0);
    pen_init(&p, FRAMING_BODY, 0);
    put_start(&p);
    put_choice(&p, 0, "x");
    put_choice(&p, 1, "y");
    put(&p, &(struct chat_event){.type = CHAT_END});
    assert_same(
        &a, "choices", buf_peek(&p.out),
        parse(&a, SLICE("{\"candidates\":[" CANDIDATE("0", "x") "," CANDIDATE(
                      "1", "y") "],\"modelVersion\":\"test-model\",\"responseId\":\"exchange\"}")));
    pen_release(&p);
    arena_release(&a);
}

static void test_errors(void **state)
{
    static const struct {
        enum framing framing;
        bool late;
        const char *start, *end;
    } cases[] = {
        {FRAMING_SSE,   false, "data: {\"error\":{\"code\":429,\"message\":\"wait\",", "}}\n\n"},
        {FRAMING_SSE,   true,  "data: {\"candidates\":",                               "}}\n\n"},
        {FRAMING_ARRAY, false, "[{\"error\":{\"code\":429,\"message\":\"wait\",",      "}}]"   },
        {FRAMING_ARRAY, true,  "[{\"candidates\":",                                    "}}]"   },
        {FRAMING_BODY,  true,  "",                                                     ""      },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena a;
        struct pen p;

        arena_init(&a, 0);
        pen_init(&p, cases[i].framing, 0);
        if (cases[i].late) {
            put_start(&p);
            put_part(&p, 0, PART_TEXT, "a");
        }
        put(&p, &(struct chat_event){
                    .type = CHAT_ERROR, .error = {ERR_UPSTREAM_BUSY, SLICE("wait")}
        });
        put(&p, &(struct chat_event){.type = CHAT_END}); // of no effect
        assert_true(slice_starts(buf_peek(&p.out), slice_str(cases[i].start)));
        assert_true(slice_ends(buf_peek(&p.out), slice_str(cases[i].end)));
        if (cases[i].framing == FRAMING_ARRAY)
            assert_int_equal(parse(&a, buf_peek(&p.out))->count, cases[i].late ? 2 : 1);
        pen_release(&p);
        arena_release(&a);
    }
}

/* What is gathered has a limit, what flows has none. */
static void test_limit(void **state)
{
    static const struct {
        enum framing framing;
        enum chat_part_kind kind;
        bool full;
    } cases[] = {
        {FRAMING_SSE,  PART_TEXT, false},
        {FRAMING_SSE,  PART_CALL, true },
        {FRAMING_BODY, PART_TEXT, true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct pen p;

        pen_init(&p, cases[i].framing, 1000);
        put_start(&p);
        put_open(&p, 0, cases[i].kind);
        for (size_t n = 0; n < 200; n++)
            put_delta(&p, 0, "0123456789");
        assert_int_equal(p.full, cases[i].full);
        pen_release(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fixtures), cmocka_unit_test(test_array),
        cmocka_unit_test(test_bytes),    cmocka_unit_test(test_documents),
        cmocka_unit_test(test_envelope), cmocka_unit_test(test_broken_calls),
        cmocka_unit_test(test_sources),  cmocka_unit_test(test_choices),
        cmocka_unit_test(test_errors),   cmocka_unit_test(test_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
