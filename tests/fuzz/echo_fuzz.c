/*
 * echo_fuzz.c - any JSON as a request to the echo.  The first byte chooses dialect, operation and
 * framing.  What it answers is heard without fault, ends, and stays in proportion.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "channel/channel.h"
#include "chat/listener.h"
#include "wire/sse.h"
#include "json/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void hear_stream(struct listener *l, struct buf *out)
{
    struct sse_cutter cutter = {0};
    struct sse_event event;

    while (sse_next(&cutter, buf_peek(out), &event) == SSE_EVENT) {
        struct heard heard = listener_hear(l, event.name, event.data);

        assert(event.has_data && !heard.is_broken && !heard.is_error);
        buf_consume(out, event.raw.len);
    }
    assert(buf_len(out) == 0);
    assert(l->finished && (l->terminal || l->dialect == DIALECT_GEMINI));
    sse_cutter_release(&cutter);
}

static void hear_document(struct listener *l, struct slice out)
{
    struct err_info e = {0};

    assert(json_scan(out, NULL, 0, NULL, &e) == ERR_NONE);
    if (l->framing == FRAMING_ARRAY)
        return;
    assert(!listener_hear(l, slice_of(NULL, 0), out).is_error);
    assert(l->finished && l->terminal);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct channel_local_request request = {
        .model = SLICE("m"), .request_id = SLICE("id"), .now_unix_ms = 1};
    struct err_info e = {0};
    struct chat_usage usage;
    struct buf out = {0};
    struct listener l;
    const char *type;

    if (size == 0)
        return 0;
    request.dialect = (enum dialect)(data[0] % DIALECT_COUNT);
    request.operation = (enum operation)(data[0] / DIALECT_COUNT % OP_COUNT);
    if (request.operation == OP_GENERATE)
        request.framing = (enum framing)(data[0] / DIALECT_COUNT / OP_COUNT % 3);
    if (request.framing == FRAMING_ARRAY && request.dialect != DIALECT_GEMINI)
        request.framing = FRAMING_BODY;
    request.body = slice_of((const char *)data + 1, size - 1);
    if (json_scan(request.body, NULL, 0, NULL, &e) != ERR_NONE)
        return 0; // refused before it gets there

    e = (struct err_info){0};
    if (channel_find(SLICE("echo"))->answer(&request, &out, &type, &usage, &e) != ERR_NONE) {
        assert(e.code == ERR_BAD_REQUEST || e.code == ERR_UNSUPPORTED || e.code == ERR_TOO_LARGE);
        assert(buf_len(&out) == 0);
    } else {
        assert(request.operation == OP_EMBED || buf_len(&out) < 1000 * size + 65536);
        listener_init(&l, request.dialect, request.operation, request.framing);
        if (request.framing == FRAMING_SSE)
            hear_stream(&l, &out);
        else
            hear_document(&l, buf_peek(&out));
        if (l.source == USAGE_UPSTREAM)
            assert(memcmp(&l.usage, &usage, sizeof(usage)) == 0);
    }
    buf_release(&out);
    return 0;
}
