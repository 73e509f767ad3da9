/* embed_answer.c - embeddings on their way back. */
#include <assert.h>
#include <float.h>

#include "base/array.h"
#include "chat/embed.h"
#include "chat/peek.h"
#include "chat/tokens.h"
#include "chat/usage_read.h"
#include "wire/base64.h"
#include "json/scan.h"
#include "json/write.h"

struct answerer {
    const struct embed *embed;
    struct json_writer w;
    struct err_info *e;
    struct buf packed, text; // the vector that is written, as bytes and as base64
    size_t count;            // of vectors so far
};

static enum err broken(struct answerer *x, const char *what)
{
    return err_set(x->e, ERR_UPSTREAM_BROKEN, "the provider's embeddings: %s", what);
}

/* Numbers as they were written, without what was between them. */
static enum err write_numbers(struct answerer *x, struct slice vector)
{
    struct peek p = peek_into(vector);
    struct slice key, number;

    json_open_array(&x->w);
    while (peek_next(&p, &key, &number)) {
        if (!json_is_number(number))
            return broken(x, "a vector holds something other than numbers");
        json_value_raw(&x->w, number);
    }
    json_close_array(&x->w);
    return ERR_NONE;
}

/* Little-endian float32, as OpenAI's clients read them. */
static enum err write_base64(struct answerer *x, struct slice vector)
{
    struct peek p = peek_into(vector);
    struct slice key, number;
    double value;

    buf_clear(&x->packed);
    while (peek_next(&p, &key, &number)) {
        uint32_t bits;
        float narrow;
        if (!json_double(number, &value) || value > (double)FLT_MAX || value < -(double)FLT_MAX)
            return broken(x, "a vector holds something other than small numbers");
        narrow = (float)value;
        memcpy(&bits, &narrow, sizeof(bits));
        for (int shift = 0; shift < 32; shift += 8)
            buf_append_byte(&x->packed, (char)(bits >> shift & 0xff));
    }
    buf_clear(&x->text);
    base64_encode(buf_peek(&x->packed), BASE64_STANDARD, BASE64_PADDED, &x->text);
    json_value_text(&x->w,
                    (struct chat_text){buf_len(&x->text) ? buf_peek(&x->text) : SLICE(""), true});
    return ERR_NONE;
}

static enum err write_vector(struct answerer *x, struct slice vector)
{
    if (!json_is_array(vector))
        return broken(x, "a vector is no array");
    return x->embed->as_base64 ? write_base64(x, vector) : write_numbers(x, vector);
}

static enum err check_count(struct answerer *x, size_t count)
{
    if (count == x->embed->count)
        return ERR_NONE;
    return err_set(x->e, ERR_UPSTREAM_BROKEN, "the provider's embeddings: %zu for %zu inputs",
                   count, x->embed->count);
}

/* Gemini's, for OpenAI's clients. */

static enum err write_openai_one(struct answerer *x, struct slice embedding)
{
    json_open_object(&x->w);
    json_key(&x->w, SLICE("object"));
    json_value_string(&x->w, SLICE("embedding"));
    json_key(&x->w, SLICE("index"));
    json_value_int(&x->w, (int64_t)x->count++);
    json_key(&x->w, SLICE("embedding"));
    if (write_vector(x, peek_get(embedding, SLICE("values"))) != ERR_NONE)
        return x->e->code;
    json_close_object(&x->w);
    return ERR_NONE;
}

static enum err to_openai(struct answerer *x, struct slice list, struct slice model, int64_t tokens)
{
    struct peek p = peek_into(list);
    struct slice key, item;

    if (!json_is_array(list))
        return broken(x, "there are none");
    json_open_object(&x->w);
    json_key(&x->w, SLICE("object"));
    json_value_string(&x->w, SLICE("list"));
    json_key(&x->w, SLICE("data"));
    json_open_array(&x->w);
    while (peek_next(&p, &key, &item)) {
        if (write_openai_one(x, item) != ERR_NONE)
            return x->e->code;
    }
    json_close_array(&x->w);
    json_key(&x->w, SLICE("model"));
    json_value_string(&x->w, model);
    json_key(&x->w, SLICE("usage"));
    json_open_object(&x->w);
    json_key(&x->w, SLICE("prompt_tokens"));
    json_value_int(&x->w, tokens);
    json_key(&x->w, SLICE("total_tokens"));
    json_value_int(&x->w, tokens);
    json_close_object(&x->w);
    json_close_object(&x->w);
    return check_count(x, x->count);
}

/* OpenAI's, for Gemini's clients. */

/* Where the vector of input `index` goes; NULL when there is no such input, or it has one. */
static struct slice *place(const struct answerer *x, struct slice *vectors, struct slice index)
{
    int64_t i = (int64_t)x->count; // where nothing is said

    if (index.ptr && !json_int(index, &i))
        return NULL;
    if (i < 0 || (uint64_t)i >= x->embed->count || vectors[i].ptr)
        return NULL;
    return &vectors[i];
}

/* Clients go by the order, OpenAI's answers by `index`. */
static enum err sort(struct answerer *x, struct slice list, struct slice *vectors)
{
    struct peek p = peek_into(list);
    struct slice key, item, *at;

    if (!json_is_array(list))
        return broken(x, "there are none");
    while (peek_next(&p, &key, &item)) {
        at = place(x, vectors, peek_get(item, SLICE("index")));
        if (!at)
            return broken(x, "one is of no input, or of the same as another");
        *at = peek_get(item, SLICE("embedding"));
        if (!json_is_array(*at))
            return broken(x, "a vector is no array");
        x->count++;
    }
    return check_count(x, x->count);
}

static enum err write_gemini_one(struct answerer *x, struct slice vector)
{
    json_open_object(&x->w);
    json_key(&x->w, SLICE("values"));
    if (write_vector(x, vector) != ERR_NONE)
        return x->e->code;
    json_close_object(&x->w);
    return ERR_NONE;
}

static enum err to_gemini(struct answerer *x, struct slice list, int64_t tokens)
{
    struct slice vectors[EMBED_MAX_INPUTS] = {{0}};

    assert(x->embed->count <= EMBED_MAX_INPUTS);
    if (sort(x, list, vectors) != ERR_NONE)
        return x->e->code;
    json_open_object(&x->w);
    json_key(&x->w, x->embed->is_one ? SLICE("embedding") : SLICE("embeddings"));
    if (!x->embed->is_one)
        json_open_array(&x->w);
    for (size_t i = 0; i < x->count; i++) {
        if (write_gemini_one(x, vectors[i]) != ERR_NONE)
            return x->e->code;
    }
    if (!x->embed->is_one)
        json_close_array(&x->w);
    json_key(&x->w, SLICE("usageMetadata"));
    json_open_object(&x->w);
    json_key(&x->w, SLICE("promptTokenCount"));
    json_value_int(&x->w, tokens);
    json_close_object(&x->w);
    json_close_object(&x->w);
    return ERR_NONE;
}

/* All input; embeddings have nothing else. */
static int64_t read_usage(const struct embed *embed, struct slice object, struct chat_usage *usage,
                          enum usage_source *source)
{
    int64_t tokens = 0;
    bool found = json_is_object(object) && (embed->to_gemini ? usage_read_gemini(object, usage)
                                                             : usage_read_openai(object, usage));

    *source = found ? USAGE_UPSTREAM : USAGE_ESTIMATED;
    if (!found)
        *usage =
            (struct chat_usage){.tokens = {[USAGE_INPUT] = tokens_estimate(embed->text_bytes)}};
    for (int kind = USAGE_INPUT; kind <= USAGE_IMAGE_IN; kind++)
        tokens += usage->tokens[kind];
    return tokens;
}

enum err embed_write_answer(const struct embed *embed, struct slice answer, struct slice model,
                            struct buf *out, struct chat_usage *usage, enum usage_source *source,
                            struct err_info *e)
{
    const struct json_want wants[] = {
        {.key = embed->to_gemini ? SLICE("embeddings") : SLICE("data")},
        {.key = embed->to_gemini ? SLICE("usageMetadata") : SLICE("usage")},
    };
    struct answerer x = {.embed = embed, .w = {.out = out}, .e = e};
    struct json_span found[ARRAY_LEN(wants)];
    struct err_info ignored = {0};
    struct slice list;
    int64_t tokens;
    enum err code;

    *usage = (struct chat_usage){0};
    *source = USAGE_NONE;
    if (json_scan(answer, wants, ARRAY_LEN(wants), found, &ignored) != ERR_NONE)
        return err_set(e, ERR_UPSTREAM_BROKEN, "the provider's embeddings: not JSON");
    list = json_span_slice(answer, found[0]);
    tokens = read_usage(embed, json_span_slice(answer, found[1]), usage, source);
    code = embed->to_gemini ? to_openai(&x, list, model, tokens) : to_gemini(&x, list, tokens);
    buf_release(&x.packed);
    buf_release(&x.text);
    return code;
}
