/*
 * embed_fuzz.c - any bytes as a request for embeddings, or as an answer.  The first byte chooses
 * the client and how many vectors are expected; what is written is JSON, in proportion.
 */
#include <assert.h>

#include "chat/embed.h"
#include "json/scan.h"

#define LIMIT_BYTES ((size_t)1 << 20)

static void check_json(struct buf *out, size_t limit)
{
    struct err_info e = {0};

    assert(json_scan(buf_peek(out), NULL, 0, NULL, &e) == ERR_NONE);
    assert(buf_len(out) <= limit);
}

static void ask(enum dialect client, struct slice body)
{
    struct err_info e = {0};
    struct chat_request r;
    struct buf out = {0};
    struct embed embed;
    struct arena a;

    arena_init(&a, LIMIT_BYTES);
    chat_request_init(&r, &a, client);
    if (embed_write_request(&r, body, SLICE("m"), &embed, &out, &e) == ERR_NONE) {
        check_json(&out, 100 + 200 * body.len); // one request for every two bytes at most
        assert(embed.count > 0 && embed.count <= EMBED_MAX_INPUTS);
        assert(embed.text_bytes >= 0 && embed.text_bytes <= (int64_t)(2 * body.len));
        assert(embed.to_gemini == (client == DIALECT_OPENAI));
    } else {
        assert(e.code == ERR_BAD_REQUEST || e.code == ERR_TOO_LARGE);
    }
    buf_release(&out);
    arena_release(&a);
}

static void answer(const struct embed *embed, struct slice body)
{
    enum usage_source source;
    struct chat_usage usage;
    struct err_info e = {0};
    struct buf out = {0};

    if (embed_write_answer(embed, body, SLICE("m"), &out, &usage, &source, &e) == ERR_NONE) {
        check_json(&out, 200 + 50 * body.len);
        assert(source == USAGE_UPSTREAM || source == USAGE_ESTIMATED);
        for (int i = 0; i < USAGE_KIND_COUNT; i++)
            assert(usage.tokens[i] >= 0);
    } else {
        assert(e.code == ERR_UPSTREAM_BROKEN);
    }
    buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct embed embed = {0};
    struct slice body;

    if (!size || size > 5000)
        return 0;
    body = slice_of((const char *)data + 1, size - 1);
    ask(data[0] & 1 ? DIALECT_GEMINI : DIALECT_OPENAI, body);
    embed.to_gemini = data[0] & 1;
    embed.as_base64 = embed.to_gemini && data[0] & 2;
    embed.is_one = !embed.to_gemini && data[0] & 2;
    embed.count = embed.is_one ? 1 : 1 + data[0] / 64;
    answer(&embed, body);
    return 0;
}
