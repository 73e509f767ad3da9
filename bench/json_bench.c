/*
 * json_bench.c - how fast json/ goes, against the figures of design.md, 6.
 *
 *     meson setup build-bench -Dbench=true && ninja -C build-bench json-bench
 *     taskset -c 1 build-bench/bench/json-bench
 *
 * or by hand, from the root of the tree:
 *
 *     cc -O3 -std=c11 -D_GNU_SOURCE -DNDEBUG -Isrc bench/json_bench.c src/json/[a-z]*[a-z].c ...
 *
 * Each figure is the best of several rounds; texts are made here, with a fixed seed.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/buf.h"
#include "base/clock.h"
#include "json/scan.h"

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
    static const char *const words[] = {"the ",   "function ", "return ", "value", "\\n    ", "(x, y)",
                                        "\\\"id\\\": ", "of ",       "struct ", "and ",  "caf\xC3\xA9 ",
                                        "test_",  "= ",        "it is ",  "json ", "context "};
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
        buf_printf(b, "\"},{\"type\":\"tool_use\",\"id\":\"toolu_%08u\",\"name\":\"tool_3\",\"input\":{", i);
        buf_append_str(b, "\"path\":\"/src/main.c\",\"offset\":12,\"limit\":200}}");
    } else {
        buf_printf(b, "{\"type\":\"tool_result\",\"tool_use_id\":\"toolu_%08u\",\"content\":\"", i);
        put_text(b, 1000 + dice(4000));
        buf_append_str(b, "\"}");
    }
    buf_append_str(b, "]}");
}

static void make_body(struct buf *b, size_t len)
{
    buf_append_str(b, "{\"model\":\"claude-sonnet-4-5\",\"max_tokens\":32000,\"stream\":true,\"tools\":[");
    for (unsigned i = 0; buf_len(b) < len / 4; i++)
        put_tool(b, i);
    buf_append_str(b, "],\"messages\":[");
    for (unsigned i = 0; buf_len(b) < len - 200; i++)
        put_message(b, i);
    buf_append_str(b, "],\"metadata\":{\"user_id\":\"u\"},\"temperature\":0.7}\n");
}

static const struct json_want wants[] = {
    {SLICE("model"), true},       {SLICE("stream"), true},   {SLICE("messages"), true},
    {SLICE("stream_options"), true}, {SLICE("max_tokens"), true}, {SLICE("metadata"), false},
    {SLICE("temperature"), false},
};

static void run_scan(struct slice text)
{
    struct json_span spans[ARRAY_LEN(wants)];
    struct err_info e = {0};

    if (json_scan(text, wants, ARRAY_LEN(wants), spans, &e) != ERR_NONE) {
        fprintf(stderr, "%s\n", err_info_text(&e));
        exit(1);
    }
}

static void measure(const char *what, struct slice text, void (*run)(struct slice text))
{
    size_t times = 1 + (4 << 20) / text.len;
    int64_t best = INT64_MAX;

    for (int round = 0; round < ROUNDS; round++) {
        int64_t from = clock_mono_ns(), took;
        for (size_t i = 0; i < times; i++)
            run(text);
        took = clock_mono_ns() - from;
        if (took < best)
            best = took;
    }
    printf("%-24s %7zu bytes %10.0f ns %7.2f GB/s\n", what, text.len,
           (double)best / (double)times, (double)text.len * (double)times / (double)best);
}

int main(void)
{
    static const size_t sizes[] = {1500, 20000, 200000};

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct buf body = {0};

        make_body(&body, sizes[i]);
        measure("scan", buf_peek(&body), run_scan);
        buf_release(&body);
    }
    return 0;
}
