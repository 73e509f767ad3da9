/* embed_request.c - requests for embeddings, from OpenAI's words into Gemini's and back. */
#include "chat/embed.h"
#include "chat/gemini_inside.h"
#include "json/raw.h"

#define MAX_GEMINI_INPUTS 100
#define MAX_UNKNOWN       16 // that are noted

struct asker {
    struct chat_request *r;
    struct embed *embed;
    struct json_writer w;
    struct err_info *e;
    struct slice dimensions; // a raw number; empty: not said
    struct buf text;         // of parts that are joined
    unsigned unknown;
    bool noted_task, noted_title;
};

static enum err bad(struct asker *x, const char *field, const char *what)
{
    return err_set(x->e, ERR_BAD_REQUEST, "%s: %s", field, what);
}

static void note_unknown(struct asker *x, struct slice key)
{
    if (x->unknown++ < MAX_UNKNOWN)
        chat_note(x->r, arena_dup(x->r->arena, slice_sub(key, 0, 64)).ptr);
}

static enum err read_dimensions(struct asker *x, const char *field, const struct json *v)
{
    int64_t n;

    if (json_is(v, JSON_NULL))
        return ERR_NONE;
    if (!json_to_int(v, &n) || n < 1)
        return bad(x, field, "expected a whole number of at least 1");
    x->dimensions = v->source;
    return ERR_NONE;
}

static void write_text(struct asker *x, struct chat_text text)
{
    json_value_text(&x->w, text);
    x->embed->text_bytes += (int64_t)text.s.len;
}

/* OpenAI's, for Gemini. */

static enum err read_format(struct asker *x, const struct json *v)
{
    if (json_is(v, JSON_NULL))
        return ERR_NONE;
    x->embed->as_base64 = json_string_eq(v->source, SLICE("base64"));
    if (!x->embed->as_base64 && !json_string_eq(v->source, SLICE("float")))
        return bad(x, "encoding_format", "expected \"float\" or \"base64\"");
    return ERR_NONE;
}

static enum err read_openai_field(struct asker *x, const struct json *at, const struct json **input)
{
    if (slice_eq(at->key, SLICE("input")))
        *input = at;
    else if (slice_eq(at->key, SLICE("dimensions")))
        return read_dimensions(x, "dimensions", at);
    else if (slice_eq(at->key, SLICE("encoding_format")))
        return read_format(x, at);
    else if (!slice_eq(at->key, SLICE("model")) && !json_is(at, JSON_NULL))
        note_unknown(x, at->key);
    return ERR_NONE;
}

static enum err write_gemini_one(struct asker *x, struct slice model, const struct json *input)
{
    if (json_is(input, JSON_NUMBER) || json_is(input, JSON_ARRAY))
        return bad(x, "input", "this provider takes text only, not lists of tokens");
    if (!json_is(input, JSON_STRING))
        return err_set(x->e, ERR_BAD_REQUEST, "input[%zu]: expected a string", x->embed->count);
    json_open_object(&x->w);
    json_key(&x->w, SLICE("model"));
    json_value_string(&x->w, model);
    json_key(&x->w, SLICE("content"));
    json_open_object(&x->w);
    json_key(&x->w, SLICE("parts"));
    json_open_array(&x->w);
    json_open_object(&x->w);
    json_key(&x->w, SLICE("text"));
    write_text(x, text_of(input));
    json_close_object(&x->w);
    json_close_array(&x->w);
    json_close_object(&x->w);
    if (x->dimensions.len) {
        json_key(&x->w, SLICE("outputDimensionality"));
        json_value_raw(&x->w, x->dimensions);
    }
    json_close_object(&x->w);
    x->embed->count++;
    return ERR_NONE;
}

static enum err from_openai(struct asker *x, const struct json *body, struct slice model)
{
    const struct json *input = NULL;

    json_for_each(at, body) {
        if (read_openai_field(x, at, &input) != ERR_NONE)
            return x->e->code;
    }
    if (!json_is(input, JSON_STRING) && (!json_is(input, JSON_ARRAY) || !input->count))
        return bad(x, "input", "expected a string or an array of strings that is not empty");
    if (input->count > MAX_GEMINI_INPUTS)
        return err_set(x->e, ERR_BAD_REQUEST, "input: at most %d at a time at this provider",
                       MAX_GEMINI_INPUTS);
    if (!slice_starts(model, SLICE("models/")))
        model = arena_printf(x->r->arena, "models/%.*s", SLICE_ARG(model));
    json_open_object(&x->w);
    json_key(&x->w, SLICE("requests"));
    json_open_array(&x->w);
    if (json_is(input, JSON_STRING) && write_gemini_one(x, model, input) != ERR_NONE)
        return x->e->code;
    json_for_each(at, input) {
        if (write_gemini_one(x, model, at) != ERR_NONE)
            return x->e->code;
    }
    json_close_array(&x->w);
    json_close_object(&x->w);
    return ERR_NONE;
}

/* Gemini's, for OpenAI. */

/* Where in a batch something stands; "" for embedContent. */
static const char *within(struct asker *x)
{
    return x->embed->is_one ? "" : arena_printf(x->r->arena, "requests[%zu].", x->embed->count).ptr;
}

/* The text of a part; what else it may be does not become a vector here. */
static const struct json *part_text(const struct json *part)
{
    const struct json *text = NULL;

    json_for_each(at, part) {
        if (!slice_eq(at->key, SLICE("text")))
            return NULL;
        text = at;
    }
    return json_is(text, JSON_STRING) ? text : NULL;
}

static const struct json *find(const struct json *object, struct slice key)
{
    json_for_each(at, object) {
        if (gemini_key_is(at, key))
            return at;
    }
    return NULL;
}

/* Several parts become one text, on a line each. */
static enum err write_content(struct asker *x, const struct json *content)
{
    const struct json *parts = find(content, SLICE("parts")), *text;
    size_t i = 0;

    if (!json_is(parts, JSON_ARRAY) || !parts->count)
        return err_set(x->e, ERR_BAD_REQUEST,
                       "%scontent.parts: expected an array that is not empty", within(x));
    buf_clear(&x->text);
    json_for_each(at, parts) {
        text = part_text(at);
        if (!text)
            return err_set(x->e, ERR_BAD_REQUEST,
                           "%scontent.parts[%zu]: this provider takes text only", within(x), i);
        if (i++)
            buf_append_str(&x->text, "\\n");
        text_append_escaped(&x->text, text_of(text));
    }
    write_text(x, (struct chat_text){buf_len(&x->text) ? buf_peek(&x->text) : SLICE(""), true});
    return ERR_NONE;
}

static void note_once(struct asker *x, bool *noted, const char *field)
{
    if (!*noted)
        chat_note(x->r, field);
    *noted = true;
}

static enum err write_openai_one(struct asker *x, const struct json *request)
{
    const struct json *content = NULL, *dimensions = NULL;
    struct slice before = x->dimensions;

    json_for_each(at, request) {
        if (json_is(at, JSON_NULL) || slice_eq(at->key, SLICE("model")))
            continue;
        if (gemini_key_is(at, SLICE("content")))
            content = at;
        else if (gemini_key_is(at, SLICE("outputDimensionality")))
            dimensions = at;
        else if (gemini_key_is(at, SLICE("taskType")))
            note_once(x, &x->noted_task, "taskType");
        else if (gemini_key_is(at, SLICE("title")))
            note_once(x, &x->noted_title, "title");
        else
            note_unknown(x, at->key);
    }
    x->dimensions = (struct slice){0};
    if (dimensions && read_dimensions(x, "outputDimensionality", dimensions) != ERR_NONE)
        return x->e->code;
    if (x->embed->count && !slice_eq(before, x->dimensions))
        return err_set(x->e, ERR_BAD_REQUEST,
                       "%soutputDimensionality: this provider takes the same for all", within(x));
    if (write_content(x, content) != ERR_NONE)
        return x->e->code;
    x->embed->count++;
    return ERR_NONE;
}

static enum err write_inputs(struct asker *x, const struct json *body, const struct json *requests)
{
    if (x->embed->is_one)
        return write_openai_one(x, body);
    if (!json_is(requests, JSON_ARRAY) || !requests->count)
        return bad(x, "requests", "expected an array that is not empty");
    if (requests->count > EMBED_MAX_INPUTS)
        return err_set(x->e, ERR_BAD_REQUEST, "requests: at most %d at a time", EMBED_MAX_INPUTS);
    json_open_array(&x->w);
    json_for_each(at, requests) {
        if (!json_is(at, JSON_OBJECT))
            return err_set(x->e, ERR_BAD_REQUEST, "requests[%zu]: expected an object",
                           x->embed->count);
        if (write_openai_one(x, at) != ERR_NONE)
            return x->e->code;
    }
    json_close_array(&x->w);
    return ERR_NONE;
}

static enum err from_gemini(struct asker *x, const struct json *body, struct slice model)
{
    const struct json *requests = find(body, SLICE("requests"));

    x->embed->is_one = !requests;
    json_open_object(&x->w);
    json_key(&x->w, SLICE("model"));
    json_value_string(&x->w, model);
    json_key(&x->w, SLICE("input"));
    if (write_inputs(x, body, requests) != ERR_NONE)
        return x->e->code;
    if (x->dimensions.len) {
        json_key(&x->w, SLICE("dimensions"));
        json_value_raw(&x->w, x->dimensions);
    }
    json_close_object(&x->w);
    return ERR_NONE;
}

enum err embed_write_request(struct chat_request *r, struct slice body, struct slice model,
                             struct embed *out_embed, struct buf *out, struct err_info *e)
{
    struct asker x = {.r = r, .embed = out_embed, .w = {.out = out}, .e = e};
    struct json *tree;
    enum err code;

    *out_embed = (struct embed){.to_gemini = r->dialect != DIALECT_GEMINI};
    code = json_parse(r->arena, body, &tree, e);
    if (code == ERR_NONE && !json_is(tree, JSON_OBJECT))
        code = err_set(e, ERR_BAD_REQUEST, "expected a JSON object");
    if (code == ERR_NONE)
        code = out_embed->to_gemini ? from_openai(&x, tree, model) : from_gemini(&x, tree, model);
    buf_release(&x.text);
    return code;
}
