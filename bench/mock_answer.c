/* mock_answer.c - what the mock upstream answers, rendered once at its start. */
#include "mock_answer.h"

#include <stdlib.h>
#include <string.h>

#define OPENAI_CHUNK                                                                                \
    "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1790000000," \
    "\"model\":\"bench\",\"system_fingerprint\":\"fp_bench\","

#define RESPONSE(status)                                                                            \
    "{\"id\":\"resp_bench\",\"object\":\"response\",\"created_at\":1790000000,\"status\":\"" status \
    "\",\"error\":null,\"incomplete_details\":null,\"model\":\"bench\","
#define RESPONSE_ITEM(status)                                         \
    "{\"id\":\"msg_bench\",\"type\":\"message\",\"status\":\"" status \
    "\",\"role\":\"assistant\",\"content\":["
#define RESPONSE_PART  "{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":\""
#define RESPONSE_PLACE "\"item_id\":\"msg_bench\",\"output_index\":0,\"content_index\":0,"
#define RESPONSE_USAGE                                                                \
    "\"usage\":{\"input_tokens\":300,\"input_tokens_details\":{\"cached_tokens\":0}," \
    "\"output_tokens\":40,\"output_tokens_details\":{\"reasoning_tokens\":0},\"total_tokens\":340}}"

static const char words[] = " the quick brown fox jumps over a lazy dog and says \\\"why\\\":\\n";

/* Exactly `size` bytes that may stand in a JSON string. */
static void add_prose(struct text *t, size_t size)
{
    while (size >= sizeof(words) - 1) {
        text_add(t, words, sizeof(words) - 1);
        size -= sizeof(words) - 1;
    }
    while (size-- > 0)
        text_add(t, "x", 1);
}

/* One piece of text, told from all others by its number. */
static void add_delta(struct text *t, size_t number, size_t size)
{
    text_printf(t, " %06zu", number);
    add_prose(t, size);
}

/* ---- the vendors, whole ---- */

static void whole_openai(struct text *t, size_t size)
{
    text_printf(t, "{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion\",\"created\":"
                   "1790000000,\"model\":\"bench\",\"choices\":[{\"index\":0,\"message\":{\"role\":"
                   "\"assistant\",\"content\":\"");
    add_prose(t, size);
    text_printf(t, "\",\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":"
                   "{\"prompt_tokens\":300,\"completion_tokens\":40,\"total_tokens\":340,"
                   "\"prompt_tokens_details\":{\"cached_tokens\":0}}}");
}

static void whole_responses(struct text *t, size_t size)
{
    text_printf(t, RESPONSE("completed") "\"output\":[" RESPONSE_ITEM("completed") RESPONSE_PART);
    add_prose(t, size);
    text_printf(t, "\"}]}]," RESPONSE_USAGE);
}

static void whole_anthropic(struct text *t, size_t size)
{
    text_printf(t, "{\"id\":\"msg_bench\",\"type\":\"message\",\"role\":\"assistant\",\"model\":"
                   "\"bench\",\"content\":[{\"type\":\"text\",\"text\":\"");
    add_prose(t, size);
    text_printf(t, "\"}],\"stop_reason\":\"end_turn\",\"stop_sequence\":null,\"usage\":{"
                   "\"input_tokens\":300,\"cache_creation_input_tokens\":0,"
                   "\"cache_read_input_tokens\":0,\"output_tokens\":40}}");
}

static void whole_gemini(struct text *t, size_t size)
{
    text_printf(t, "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"");
    add_prose(t, size);
    text_printf(t, "\"}],\"role\":\"model\"},\"finishReason\":\"STOP\",\"index\":0}],"
                   "\"usageMetadata\":{\"promptTokenCount\":300,\"candidatesTokenCount\":40,"
                   "\"totalTokenCount\":340},\"modelVersion\":\"bench\",\"responseId\":\"bench\"}");
}

/* ---- streamed: what opens a stream, one chunk, what ends it ---- */

static void open_openai(struct text *t)
{
    text_printf(t, OPENAI_CHUNK "\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\","
                                "\"content\":\"\"},\"finish_reason\":null}],\"usage\":null}\n\n");
}

static void chunk_openai(struct text *t, size_t number, size_t size)
{
    text_printf(t, OPENAI_CHUNK "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"");
    add_delta(t, number, size);
    text_printf(t, "\"},\"finish_reason\":null}],\"usage\":null}\n\n");
}

static void end_openai(struct text *t)
{
    text_printf(t, OPENAI_CHUNK "\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":"
                                "\"stop\"}],\"usage\":null}\n\n");
    text_printf(t, OPENAI_CHUNK "\"choices\":[],\"usage\":{\"prompt_tokens\":300,"
                                "\"completion_tokens\":40,\"total_tokens\":340}}\n\n");
    text_printf(t, "data: [DONE]\n\n");
}

/* One event; `number` is that in the stream. */
static void event_responses(struct text *t, const char *type, size_t number)
{
    text_printf(t, "event: response.%s\ndata: {\"type\":\"response.%s\",\"sequence_number\":%zu,",
                type, type, number);
}

static void open_responses(struct text *t)
{
    event_responses(t, "created", 0);
    text_printf(t, "\"response\":" RESPONSE("in_progress") "\"output\":[],\"usage\":null}}\n\n");
    event_responses(t, "output_item.added", 1);
    text_printf(t, "\"output_index\":0,\"item\":" RESPONSE_ITEM("in_progress") "]}}\n\n");
    event_responses(t, "content_part.added", 2);
    text_printf(t, RESPONSE_PLACE "\"part\":" RESPONSE_PART "\"}}\n\n");
}

static void chunk_responses(struct text *t, size_t number, size_t size)
{
    event_responses(t, "output_text.delta", number + 3);
    text_printf(t, RESPONSE_PLACE "\"logprobs\":[],\"delta\":\"");
    add_delta(t, number, size);
    text_printf(t, "\"}\n\n");
}

/* What has been said is said once more: here, in short. */
static void end_responses(struct text *t)
{
    event_responses(t, "output_text.done", 1000);
    text_printf(t, RESPONSE_PLACE "\"logprobs\":[],\"text\":\"\"}\n\n");
    event_responses(t, "content_part.done", 1001);
    text_printf(t, RESPONSE_PLACE "\"part\":" RESPONSE_PART "\"}}\n\n");
    event_responses(t, "output_item.done", 1002);
    text_printf(t, "\"output_index\":0,\"item\":" RESPONSE_ITEM("completed") "]}}\n\n");
    event_responses(t, "completed", 1003);
    text_printf(t, "\"response\":" RESPONSE("completed") "\"output\":[]," RESPONSE_USAGE "}\n\n");
}

static void open_anthropic(struct text *t)
{
    text_printf(t, "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":"
                   "\"msg_bench\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"bench\","
                   "\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{"
                   "\"input_tokens\":300,\"output_tokens\":1}}}\n\n"
                   "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":"
                   "0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n");
}

static void chunk_anthropic(struct text *t, size_t number, size_t size)
{
    text_printf(t, "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":"
                   "0,\"delta\":{\"type\":\"text_delta\",\"text\":\"");
    add_delta(t, number, size);
    text_printf(t, "\"}}\n\n");
}

static void end_anthropic(struct text *t)
{
    text_printf(t, "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}"
                   "\n\nevent: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{"
                   "\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{"
                   "\"output_tokens\":40}}\n\n"
                   "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
}

static void open_gemini(struct text *t)
{
    (void)t; // its first chunk is like the others
}

static void chunk_gemini(struct text *t, size_t number, size_t size)
{
    text_printf(t, "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"");
    add_delta(t, number, size);
    text_printf(
        t,
        "\"}],\"role\":\"model\"},\"index\":0}],\"usageMetadata\":{"
        "\"promptTokenCount\":300,\"totalTokenCount\":300},\"modelVersion\":\"bench\",\"responseId\":\"bench\"}"
        "\r\n\r\n");
}

static void end_gemini(struct text *t)
{
    text_printf(t, "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\"}],\"role\":"
                   "\"model\"},\"finishReason\":\"STOP\",\"index\":0}],\"usageMetadata\":{"
                   "\"promptTokenCount\":300,\"candidatesTokenCount\":40,\"totalTokenCount\":340},"
                   "\"modelVersion\":\"bench\",\"responseId\":\"bench\"}\r\n\r\n");
}

static const struct {
    void (*whole)(struct text *t, size_t size);
    void (*open)(struct text *t);
    void (*chunk)(struct text *t, size_t number, size_t size);
    void (*end)(struct text *t);
} vendors[VENDOR_COUNT] = {
    [VENDOR_OPENAI] = {whole_openai,    open_openai,    chunk_openai,    end_openai   },
    [VENDOR_RESPONSES] = {whole_responses, open_responses, chunk_responses, end_responses},
    [VENDOR_ANTHROPIC] = {whole_anthropic, open_anthropic, chunk_anthropic, end_anthropic},
    [VENDOR_GEMINI] = {whole_gemini,    open_gemini,    chunk_gemini,    end_gemini   },
};

/* ---- rendering ---- */

static void add_http_chunk(struct text *to, struct text *from)
{
    text_printf(to, "%zx\r\n", from->len);
    text_add(to, from->bytes, from->len);
    text_add(to, "\r\n", 2);
    from->len = 0;
}

static void render_stream(struct answer *a, enum vendor vendor, const struct profile *p)
{
    struct text event = {0};

    text_printf(&a->bytes, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
                           "cache-control: no-cache\r\nx-request-id: req-bench\r\n"
                           "transfer-encoding: chunked\r\n\r\n");
    vendors[vendor].open(&event);
    for (size_t i = 0; i < p->chunks; i++) {
        vendors[vendor].chunk(&event, i, p->chunk_size);
        add_http_chunk(&a->bytes, &event);
        a->ends[i] = a->bytes.len;
    }
    vendors[vendor].end(&event);
    add_http_chunk(&a->bytes, &event);
    text_printf(&a->bytes, "0\r\n\r\n");
    a->ends[p->chunks] = a->bytes.len;
    free(event.bytes);
}

static void render_whole(struct answer *a, enum vendor vendor, const struct profile *p)
{
    struct text body = {0};

    vendors[vendor].whole(&body, p->size);
    text_printf(&a->bytes,
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: req-bench\r\n"
                "content-length: %zu\r\n\r\n",
                body.len);
    text_add(&a->bytes, body.bytes, body.len);
    a->ends[0] = a->bytes.len;
    free(body.bytes);
}

void answer_render(struct answer *a, enum vendor vendor, bool stream, const struct profile *p)
{
    *a = (struct answer){.pieces = stream ? p->chunks + 1 : 1};
    a->ends = calloc(a->pieces, sizeof(*a->ends));
    if (!a->ends)
        kit_die("out of memory");
    if (stream)
        render_stream(a, vendor, p);
    else
        render_whole(a, vendor, p);
    if (stream && p->interval_ns == 0) { // one piece
        a->ends[0] = a->bytes.len;
        a->pieces = 1;
    }
}
