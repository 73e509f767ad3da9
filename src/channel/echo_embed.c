/* echo_embed.c - embeddings out of nothing: the same text has the same vector, of length one. */
#include <math.h>

#include "base/table.h"
#include "channel/echo.h"
#include "chat/peek.h"
#include "wire/base64.h"
#include "json/raw.h"

#define DEFAULT_DIMENSIONS 16
#define MAX_DIMENSIONS     4096
#define MAX_INPUTS         2048              // as OpenAI's
#define MAX_VALUES         ((size_t)1 << 20) // of all vectors: it bounds what is made of a request

struct embedding {
    size_t dimensions, count;
    bool as_base64;
    size_t bytes; // of all texts
    struct json_writer w;
    struct buf scratch;
};

static void write_vector(struct embedding *em, const float *values)
{
    json_open_array(&em->w);
    for (size_t i = 0; i < em->dimensions; i++) {
        char text[32];
        int len = snprintf(text, sizeof(text), "%.9g", (double)values[i]); // all that a float holds

        json_value_raw(&em->w, slice_of(text, (size_t)len));
    }
    json_close_array(&em->w);
}

/* Little-endian, as OpenAI's clients read them. */
static void write_packed(struct embedding *em, const float *values)
{
    struct buf text = {0};

    buf_clear(&em->scratch);
    for (size_t i = 0; i < em->dimensions; i++) {
        uint32_t bits;

        memcpy(&bits, &values[i], sizeof(bits));
        for (int shift = 0; shift < 32; shift += 8)
            buf_append_byte(&em->scratch, (char)(bits >> shift & 0xff));
    }
    base64_encode(buf_peek(&em->scratch), BASE64_STANDARD, BASE64_PADDED, &text);
    json_value_string(&em->w, buf_peek(&text));
    buf_release(&text);
}

static void write_values(struct embedding *em, struct slice text)
{
    float values[MAX_DIMENSIONS];
    double length = 0;

    for (size_t i = 0; i < em->dimensions; i++) {
        double value = (double)(hash_bytes(i + 1, text) >> 11) / (double)(1ULL << 52) - 1;

        values[i] = (float)value;
        length += value * value;
    }
    for (size_t i = 0; i < em->dimensions; i++)
        values[i] = length > 0 ? (float)((double)values[i] / sqrt(length)) : i == 0;
    if (em->as_base64)
        write_packed(em, values);
    else
        write_vector(em, values);
    em->bytes += text.len;
    em->count++;
}

static enum err read_dimensions(struct embedding *em, struct slice value, size_t inputs,
                                struct err_info *e)
{
    int64_t asked = DEFAULT_DIMENSIONS;

    if (value.len && !json_is_null(value) &&
        (!json_int(value, &asked) || asked < 1 || asked > MAX_DIMENSIONS))
        return err_set(e, ERR_BAD_REQUEST, "dimensions: the echo makes 1 to %d", MAX_DIMENSIONS);
    em->dimensions = (size_t)asked;
    if (inputs > MAX_INPUTS || inputs * em->dimensions > MAX_VALUES)
        return err_set(e, ERR_TOO_LARGE, "too many inputs at once, send at most %zu",
                       MAX_VALUES / em->dimensions < MAX_INPUTS ? MAX_VALUES / em->dimensions
                                                                : (size_t)MAX_INPUTS);
    return ERR_NONE;
}

/* A string's text, or a list of tokens as it is written. */
static void write_openai_one(struct embedding *em, struct slice input)
{
    struct buf text = {0};
    int64_t index = (int64_t)em->count;

    if (!json_string_decode(input, &text))
        buf_append(&text, input);
    json_open_object(&em->w);
    echo_member(&em->w, "object", SLICE("embedding"));
    echo_member_int(&em->w, "index", index);
    json_key(&em->w, SLICE("embedding"));
    write_values(em, buf_peek(&text));
    json_close_object(&em->w);
    buf_release(&text);
}

static enum err embed_openai(struct embedding *em, const struct channel_local_request *request,
                             struct err_info *e)
{
    struct slice input = peek_get(request->body, SLICE("input")), key, item;
    struct peek p = peek_into(input), first = p;
    bool is_list = json_is_array(input) && peek_next(&first, &key, &item) && !json_is_number(item);
    enum err err;

    if (!json_is_string(input) && (!json_is_array(input) || peek_is_empty(input)))
        return err_set(e, ERR_BAD_REQUEST, "input: expected a string or a list that is not empty");
    if ((err = read_dimensions(em, peek_get(request->body, SLICE("dimensions")),
                               is_list ? peek_items(input) : 1, e)) != ERR_NONE)
        return err;
    em->as_base64 =
        json_string_eq(peek_get(request->body, SLICE("encoding_format")), SLICE("base64"));

    json_open_object(&em->w);
    echo_member(&em->w, "object", SLICE("list"));
    json_key(&em->w, SLICE("data"));
    json_open_array(&em->w);
    if (!is_list)
        write_openai_one(em, input);
    while (is_list && peek_next(&p, &key, &item))
        write_openai_one(em, item);
    json_close_array(&em->w);
    echo_member(&em->w, "model", request->model);
    json_key(&em->w, SLICE("usage"));
    json_open_object(&em->w);
    echo_member_int(&em->w, "prompt_tokens", echo_tokens(em->bytes));
    echo_member_int(&em->w, "total_tokens", echo_tokens(em->bytes));
    json_close_object(&em->w);
    json_close_object(&em->w);
    return ERR_NONE;
}

/* {"values":[...]} of one content's texts. */
static void write_gemini_one(struct embedding *em, struct slice request)
{
    struct peek p = peek_into(peek_get(peek_get(request, SLICE("content")), SLICE("parts")));
    struct slice key, part;
    struct buf text = {0};

    while (peek_next(&p, &key, &part))
        json_string_decode(peek_get(part, SLICE("text")), &text);
    json_open_object(&em->w);
    json_key(&em->w, SLICE("values"));
    write_values(em, buf_peek(&text));
    json_close_object(&em->w);
    buf_release(&text);
}

static enum err embed_gemini(struct embedding *em, const struct channel_local_request *request,
                             struct err_info *e)
{
    struct slice list = peek_get(request->body, SLICE("requests")), key, one = request->body;
    struct peek p = peek_into(list), first = p;
    bool is_batch = list.ptr != NULL;
    enum err err;

    if (is_batch && !peek_next(&first, &key, &one))
        return err_set(e, ERR_BAD_REQUEST, "requests: expected a list that is not empty");
    if (!json_is_object(peek_get(one, SLICE("content"))))
        return err_set(e, ERR_BAD_REQUEST, "content: expected an object");
    if ((err = read_dimensions(em, peek_get(one, SLICE("outputDimensionality")),
                               is_batch ? peek_items(list) : 1, e)) != ERR_NONE)
        return err;

    json_open_object(&em->w);
    json_key(&em->w, is_batch ? SLICE("embeddings") : SLICE("embedding"));
    if (is_batch)
        json_open_array(&em->w);
    else
        write_gemini_one(em, one);
    while (is_batch && peek_next(&p, &key, &one))
        write_gemini_one(em, one);
    if (is_batch)
        json_close_array(&em->w);
    json_key(&em->w, SLICE("usageMetadata"));
    json_open_object(&em->w);
    echo_member_int(&em->w, "promptTokenCount", echo_tokens(em->bytes));
    json_close_object(&em->w);
    json_close_object(&em->w);
    return ERR_NONE;
}

enum err echo_embed(const struct channel_local_request *request, struct buf *out, const char **type,
                    struct chat_usage *usage, struct err_info *e)
{
    struct embedding em = {.w = {.out = out}};
    enum err err;

    *type = "application/json";
    if (request->dialect == DIALECT_GEMINI)
        err = embed_gemini(&em, request, e);
    else
        err = embed_openai(&em, request, e);
    usage->tokens[USAGE_INPUT] = echo_tokens(em.bytes);
    buf_release(&em.scratch);
    return err;
}
