/*
 * json_bench.c - how fast json/ goes, against the figures of design.md, 6.
 *
 * From the root of the tree:
 *
 *     cc -O3 -DNDEBUG -std=c11 -D_GNU_SOURCE -Isrc -o /tmp/json-bench bench/json_bench.c \
 *         $(ls src/json/[a-z]*.c src/base/[a-z]*.c | grep -v _test) -lm && taskset -c 1 /tmp/json-bench
 *
 * Texts are made here, with a fixed seed: bodies as coding agents send them.  Each
 * figure is the best of several rounds.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/buf.h"
#include "base/clock.h"
#include "json/scan.h"
#include "json/splice.h"
#include "json/tree.h"
#include "json/watch.h"
#include "json/write.h"

#define ROUNDS 15

static uint64_t seed = 42;

static unsigned dice(unsigned sides)
{
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)(seed >> 33) % sides;
}

/* A string's inside: prose or code, with the escapes that these have. */
static void put_text(struct buf *b, size_t len)
{
    static const char *const words[] = {"the ",    "function ", "return ",      "value",
                                        "\\n    ", "(x, y)",    "\\\"id\\\": ", "of ",
                                        "struct ", "and ",      "caf\xC3\xA9 ", "test_",
                                        "= ",      "it is ",    "json ",        "context "};
    size_t end = buf_len(b) + len;

    while (buf_len(b) < end)
        buf_append_str(b, words[dice(ARRAY_LEN(words))]);
}

static void put_tool(struct buf *b, unsigned i)
{
    buf_printf(b, "%s{\"name\":\"tool_%u\",\"description\":\"", i ? "," : "", i);
    put_text(b, 300 + dice(900));
    buf_append_str(b, "\",\"input_schema\":{\"type\":\"object\",\"properties\":{");
    for (unsigned p = 0; p < 5; p++) {
        buf_printf(b, "%s\"field_%u\":{\"type\":\"%s\",\"description\":\"", p ? "," : "", p,
                   p % 2 ? "string" : "integer");
        put_text(b, 40 + dice(80));
        buf_append_str(b, "\"}");
    }
    buf_append_str(b, "},\"required\":[\"field_0\",\"field_1\"],\"additionalProperties\":false}}");
}

static void put_message(struct buf *b, unsigned i)
{
    buf_printf(b, "%s{\"role\":\"%s\",\"content\":[", i ? "," : "", i % 2 ? "assistant" : "user");
    if (i % 2) {
        buf_append_str(b, "{\"type\":\"text\",\"text\":\"");
        put_text(b, 100 + dice(300));
        buf_printf(
            b, "\"},{\"type\":\"tool_use\",\"id\":\"toolu_%08u\",\"name\":\"tool_3\",\"input\":{",
            i);
        buf_append_str(b, "\"path\":\"/src/main.c\",\"offset\":12,\"limit\":200}}");
    } else {
        buf_printf(b, "{\"type\":\"tool_result\",\"tool_use_id\":\"toolu_%08u\",\"content\":\"", i);
        put_text(b, 1000 + dice(4000));
        buf_append_str(b, "\"}");
    }
    buf_append_str(b, "]}");
}

static void make_body(struct buf *b, size_t len, bool tools)
{
    buf_append_str(
        b, "{\"model\":\"claude-sonnet-4-5\",\"max_tokens\":32000,\"stream\":true,\"tools\":[");
    for (unsigned i = 0; tools && buf_len(b) < len / 4; i++)
        put_tool(b, i);
    buf_append_str(b, "],\"messages\":[");
    if (tools) {
        for (unsigned i = 0; buf_len(b) < len - 200; i++)
            put_message(b, i);
    } else {
        buf_append_str(b, "{\"role\":\"system\",\"content\":\"");
        put_text(b, len / 2);
        buf_append_str(b, "\"},{\"role\":\"user\",\"content\":\"");
        put_text(b, len - 100 - buf_len(b));
        buf_append_str(b, "\"}");
    }
    buf_append_str(b, "],\"metadata\":{\"user_id\":\"u\"},\"temperature\":0.7}\n");
}

static void refused(const struct err_info *e)
{
    fprintf(stderr, "%s\n", err_info_text(e));
    exit(1);
}

static void run_scan(struct slice text)
{
    const struct json_want wants[] = {
        {SLICE("model"),          true },
        {SLICE("stream"),         true },
        {SLICE("messages"),       true },
        {SLICE("max_tokens"),     false},
        {SLICE("metadata"),       false},
        {SLICE("stream_options"), true },
        {SLICE("input"),          true },
        {SLICE("contents"),       true },
    };
    struct json_span spans[ARRAY_LEN(wants)];
    struct err_info e = {0};

    if (json_scan(text, wants, ARRAY_LEN(wants), spans, &e) != ERR_NONE)
        refused(&e);
}

/* Scan, another model, one more member, out to a buffer. */
static void run_splice(struct slice text)
{
    static struct buf out;
    const struct json_want want = {SLICE("model"), true};
    struct json_span span;
    struct err_info e = {0};
    struct json_splice s;
    struct arena a;

    arena_init(&a, 0);
    if (json_scan(text, &want, 1, &span, &e) != ERR_NONE)
        refused(&e);
    json_splice_init(&s, &a, text);
    json_splice_put(&s, json_splice_top(&s), span, SLICE("model"), SLICE("\"claude-opus-4-1\""));
    json_splice_put(&s, json_splice_top(&s), (struct json_span){0, 0}, SLICE("top_k"), SLICE("5"));
    buf_clear(&out);
    json_splice_to_buf(&s, &out);
    arena_release(&a);
}

static void run_parse(struct slice text)
{
    struct err_info e = {0};
    struct json *top;
    struct arena a;

    arena_init(&a, 0);
    if (json_parse(&a, text, &top, &e) != ERR_NONE)
        refused(&e);
    arena_release(&a);
}

/* A tree in which something deep in every message has changed. */
static void run_edit(struct slice text)
{
    static struct buf out;
    struct err_info e = {0};
    struct json *top;
    struct arena a;

    arena_init(&a, 0);
    if (json_parse(&a, text, &top, &e) != ERR_NONE)
        refused(&e);
    json_set(top, SLICE("model"), json_new_string(&a, SLICE("claude-opus-4-1")));
    json_for_each(message, json_member(top, SLICE("messages")))
        json_set(message, SLICE("role"), json_new_string(&a, SLICE("other")));
    buf_clear(&out);
    json_write_tree(&out, top);
    arena_release(&a);
}

static void run_write(struct slice text)
{
    static struct buf out;

    buf_clear(&out);
    json_write_string(&out, text);
}

static void on_report(void *ctx, const struct json_watch_report *report)
{
    (void)ctx;
    (void)report;
}

/* In pieces, as they come from the network. */
static void run_watch(struct slice text)
{
    const struct slice keys[] = {SLICE("model"), SLICE("metadata")};
    struct json_watch w;

    json_watch_init(&w, keys, ARRAY_LEN(keys), 16384);
    for (size_t at = 0; at < text.len; at += 8192)
        json_watch_feed(&w, slice_sub(text, at, 8192), on_report, NULL);
    json_watch_release(&w);
}

static void measure(const char *what, struct slice text, void (*run)(struct slice text))
{
    size_t times = 1 + ((size_t)4 << 20) / text.len;
    int64_t best = INT64_MAX;

    for (int round = 0; round < ROUNDS; round++) {
        int64_t from = clock_mono_ns(), took;

        for (size_t i = 0; i < times; i++)
            run(text);
        took = clock_mono_ns() - from;
        if (took < best)
            best = took;
    }
    printf("%-32s %7zu bytes %8.0f ns %6.2f GB/s\n", what, text.len, (double)best / (double)times,
           (double)text.len * (double)times / (double)best);
}

int main(void)
{
    static const struct {
        size_t len;
        bool tools;
    } texts[] = {
        {1500,   false},
        {1500,   true },
        {20000,  true },
        {200000, true },
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct buf body = {0};

        make_body(&body, texts[i].len, texts[i].tools);
        printf("%s\n", texts[i].tools ? "an agent's request" : "a chat request");
        measure("scan", buf_peek(&body), run_scan);
        measure("scan + splice + write", buf_peek(&body), run_splice);
        measure("parse", buf_peek(&body), run_parse);
        measure("parse + edit tree + write", buf_peek(&body), run_edit);
        measure("watch", buf_peek(&body), run_watch);
        measure("write as a string", buf_peek(&body), run_write);
        buf_release(&body);
    }
    return 0;
}
