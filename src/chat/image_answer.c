/* image_answer.c - the pictures in an answer to a conversation. */
#include "chat/image.h"
#include "chat/peek.h"
#include "chat/usage_read.h"
#include "json/tree.h"
#include "json/write.h"

/* What is found in the answer. */
struct gallery {
    struct arena arena;
    struct json_writer w;
    size_t count;
    struct slice format;     // "png", of the last one
    struct slice reason;     // why there is none, or what was said instead; empty: nothing
    const struct json *call; // Responses: the last call, which repeats how the picture was made
};

static void begin_picture(struct gallery *g, const struct json *base64)
{
    json_open_object(&g->w);
    json_key(&g->w, SLICE("b64_json"));
    json_value_raw(&g->w, base64->source);
    g->count++;
}

/* ---- Gemini ---- */

static const struct json *either(const struct json *v, struct slice a, struct slice b)
{
    const struct json *found = json_member(v, a);
    return found ? found : json_member(v, b);
}

static void hang_part(struct gallery *g, const struct json *part)
{
    const struct json *inl = either(part, SLICE("inlineData"), SLICE("inline_data"));
    const struct json *data = json_member(inl, SLICE("data"));
    struct slice mime = json_str(&g->arena, either(inl, SLICE("mimeType"), SLICE("mime_type")));
    struct slice text = json_str(&g->arena, json_member(part, SLICE("text")));

    if (json_is(json_member(part, SLICE("thought")), JSON_TRUE))
        return; // a sketch
    if (text.len && !g->reason.len)
        g->reason = text;
    if (!json_is(data, JSON_STRING) || !slice_starts(mime, SLICE("image/")))
        return;
    g->format = slice_after(mime, 6);
    begin_picture(g, data);
    json_close_object(&g->w);
}

static void hang_gemini(struct gallery *g, const struct json *answer)
{
    const struct json *block =
        json_member(json_member(answer, SLICE("promptFeedback")), SLICE("blockReason"));

    json_for_each(candidate, json_member(answer, SLICE("candidates"))) {
        const struct json *content = json_member(candidate, SLICE("content"));
        json_for_each(part, json_member(content, SLICE("parts")))
            hang_part(g, part);
        if (!g->reason.len)
            g->reason = json_str(&g->arena, json_member(candidate, SLICE("finishMessage")));
        if (!g->reason.len)
            g->reason = json_str(&g->arena, json_member(candidate, SLICE("finishReason")));
    }
    if (!g->reason.len)
        g->reason = json_str(&g->arena, block);
}

/* ---- Responses ---- */

static void hang_call(struct gallery *g, const struct json *item)
{
    const struct json *result = json_member(item, SLICE("result"));
    const struct json *revised = json_member(item, SLICE("revised_prompt"));

    if (!json_is(result, JSON_STRING))
        return;
    begin_picture(g, result);
    if (json_is(revised, JSON_STRING)) {
        json_key(&g->w, SLICE("revised_prompt"));
        json_value_tree(&g->w, revised);
    }
    json_close_object(&g->w);
    g->format = json_str(&g->arena, json_member(item, SLICE("output_format")));
    g->call = item;
}

static void hang_responses(struct gallery *g, const struct json *answer)
{
    json_for_each(item, json_member(answer, SLICE("output"))) {
        hang_call(g, item);
        json_for_each(part, json_member(item, SLICE("content"))) {
            const struct json *said = either(part, SLICE("refusal"), SLICE("text"));
            if (!g->reason.len)
                g->reason = json_str(&g->arena, said);
        }
    }
}

void image_read_usage(enum dialect upstream, struct slice answer, struct chat_usage *usage)
{
    struct chat_usage beside = {0};

    if (upstream != DIALECT_OPENAI_RESPONSES ||
        !usage_read_images(peek_get(peek_get(answer, SLICE("tool_usage")), SLICE("image_gen")),
                           &beside))
        return;
    for (size_t i = 0; i < USAGE_KIND_COUNT; i++)
        usage->tokens[i] += beside.tokens[i];
}

/* ---- the answer ---- */

static void count(struct json_writer *w, struct slice key, int64_t tokens)
{
    json_key(w, key);
    json_value_int(w, tokens);
}

static void write_side(struct json_writer *w, struct slice name, struct slice details, int64_t text,
                       int64_t image)
{
    count(w, name, text + image);
    json_key(w, details);
    json_open_object(w);
    count(w, SLICE("text_tokens"), text);
    count(w, SLICE("image_tokens"), image);
    json_close_object(w);
}

static void write_usage(struct json_writer *w, const struct chat_usage *usage)
{
    const int64_t *tokens = usage->tokens;
    int64_t text = 0;

    for (int kind = USAGE_INPUT; kind < USAGE_OUTPUT; kind++)
        text += kind == USAGE_IMAGE_IN ? 0 : tokens[kind];
    json_key(w, SLICE("usage"));
    json_open_object(w);
    write_side(w, SLICE("input_tokens"), SLICE("input_tokens_details"), text,
               tokens[USAGE_IMAGE_IN]);
    write_side(w, SLICE("output_tokens"), SLICE("output_tokens_details"), tokens[USAGE_OUTPUT],
               tokens[USAGE_IMAGE_OUT]);
    count(w, SLICE("total_tokens"),
          text + tokens[USAGE_IMAGE_IN] + tokens[USAGE_OUTPUT] + tokens[USAGE_IMAGE_OUT]);
    json_close_object(w);
}

/* How the pictures were made, where upstream says it. */
static void write_manner(struct json_writer *w, const struct gallery *g)
{
    static const struct slice keys[] = {SLICE_INIT("background"), SLICE_INIT("quality"),
                                        SLICE_INIT("size")};

    if (g->format.len) {
        json_key(w, SLICE("output_format"));
        json_value_string(w, g->format);
    }
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        const struct json *v = json_member(g->call, keys[i]);
        if (!json_is(v, JSON_STRING))
            continue;
        json_key(w, keys[i]);
        json_value_tree(w, v);
    }
}

static enum err write_pictures(struct gallery *g, enum dialect upstream, const struct json *answer,
                               struct err_info *e)
{
    json_key(&g->w, SLICE("data"));
    json_open_array(&g->w);
    if (upstream == DIALECT_GEMINI)
        hang_gemini(g, answer);
    else
        hang_responses(g, answer);
    json_close_array(&g->w);
    if (!g->count)
        err_set(e, ERR_UPSTREAM_REFUSED, "the model made no picture%s%.*s",
                g->reason.len ? ": " : "", SLICE_ARG(g->reason));
    return e->code;
}

enum err image_write_answer(enum dialect upstream, struct slice answer, int64_t now_unix,
                            const struct chat_usage *usage, struct buf *out, struct err_info *e)
{
    struct gallery g = {.w = {.out = out}};
    struct json *tree;

    arena_init(&g.arena, 0);
    json_open_object(&g.w);
    count(&g.w, SLICE("created"), now_unix);
    if (json_parse(&g.arena, answer, &tree, e) == ERR_NONE &&
        write_pictures(&g, upstream, tree, e) == ERR_NONE) {
        write_manner(&g.w, &g);
        if (usage)
            write_usage(&g.w, usage);
    }
    json_close_object(&g.w);
    arena_release(&g.arena);
    return e->code;
}
