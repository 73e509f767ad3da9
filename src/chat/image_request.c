/* image_request.c - a prompt for a picture, as a conversation. */
#include "base/array.h"
#include "chat/image.h"
#include "json/raw.h"
#include "json/tree.h"
#include "json/write.h"

struct prompt {
    struct chat_text text;
    int64_t width, height;      // 0: the model's choice
    const struct json *options; // the body: those members that the tool of Responses has are copied
};

/* ---- reading ---- */

static enum err wrong(struct err_info *e, struct slice field, const char *what)
{
    return err_set(e, ERR_BAD_REQUEST, "%.*s: %s", SLICE_ARG(field), what);
}

static bool is_word(const struct json *v, struct slice word)
{
    return json_is(v, JSON_STRING) && json_string_eq(v->source, word);
}

static enum err read_size(const struct json *v, struct prompt *out, struct err_info *e)
{
    struct slice text, rest, width;
    uint64_t w, h;

    if (is_word(v, SLICE("auto")))
        return ERR_NONE;
    if (!json_is(v, JSON_STRING) || !json_string_plain(v->source, &text))
        return wrong(e, v->key, "expected WIDTHxHEIGHT or auto");
    width = slice_cut(text, 'x', &rest);
    if (!slice_to_u64(width, &w) || !slice_to_u64(rest, &h) || w < 1 || h < 1 || w > 65536 ||
        h > 65536)
        return wrong(e, v->key, "expected WIDTHxHEIGHT or auto");
    out->width = (int64_t)w;
    out->height = (int64_t)h;
    return ERR_NONE;
}

/* What would come out otherwise than it was asked for. */
static enum err read_demand(const struct json *v, struct err_info *e)
{
    int64_t n;

    if (slice_eq(v->key, SLICE("n")) && (!json_to_int(v, &n) || n != 1))
        return wrong(e, v->key, "this model makes one picture at a time; ask once for each");
    if (slice_eq(v->key, SLICE("stream")) && json_is(v, JSON_TRUE))
        return wrong(e, v->key, "pictures of this model come whole only");
    if (slice_eq(v->key, SLICE("response_format")) && !is_word(v, SLICE("b64_json")))
        return wrong(e, v->key, "pictures of this model come as b64_json only");
    return ERR_NONE;
}

static enum err read_prompt(const struct json *body, struct prompt *out, struct err_info *e)
{
    json_for_each(v, body) {
        if (json_is(v, JSON_NULL))
            continue;
        if (slice_eq(v->key, SLICE("prompt")))
            out->text = text_of(v);
        else if (slice_eq(v->key, SLICE("size")) && read_size(v, out, e) != ERR_NONE)
            return e->code;
        else if (read_demand(v, e) != ERR_NONE)
            return e->code;
    }
    if (text_is_empty(out->text))
        return wrong(e, SLICE("prompt"), "expected a string that is not empty");
    out->options = body;
    return ERR_NONE;
}

static bool is_among(struct slice key, const struct slice *keys, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_eq(key, keys[i]))
            return true;
    }
    return false;
}

/* Fields that were read, or that say what happens anyway. */
static bool is_met(const struct json *v)
{
    static const struct slice read[] = {SLICE_INIT("model"),  SLICE_INIT("prompt"),
                                        SLICE_INIT("n"),      SLICE_INIT("size"),
                                        SLICE_INIT("stream"), SLICE_INIT("response_format")};

    return json_is(v, JSON_NULL) || is_word(v, SLICE("auto")) ||
           is_among(v->key, read, ARRAY_LEN(read));
}

static void note(struct chat_request *r, const struct json *v)
{
    chat_note(r, arena_dup(r->arena, v->key).ptr);
}

/* ---- Gemini ---- */

static const struct {
    const char *name;
    int width, height;
} aspects[] = {
    {"1:1",  1,  1 },
    {"2:3",  2,  3 },
    {"3:2",  3,  2 },
    {"3:4",  3,  4 },
    {"4:3",  4,  3 },
    {"4:5",  4,  5 },
    {"5:4",  5,  4 },
    {"9:16", 9,  16},
    {"16:9", 16, 9 },
    {"21:9", 21, 9 },
};

/* The one that a picture has to be stretched least for. */
static const char *nearest_aspect(int64_t width, int64_t height)
{
    const char *best = aspects[0].name;
    double least = 0;

    for (size_t i = 0; i < ARRAY_LEN(aspects); i++) {
        double across = (double)width * aspects[i].height, down = (double)height * aspects[i].width;
        double stretch = across > down ? across / down : down / across;
        if (i == 0 || stretch < least) {
            least = stretch;
            best = aspects[i].name;
        }
    }
    return best;
}

/* 1K is what all models make; not all take the word. */
static const char *resolution(int64_t width, int64_t height)
{
    int64_t longest = width > height ? width : height;

    if (longest >= 3072)
        return "4K";
    return longest >= 2048 ? "2K" : NULL;
}

static void write_image_config(struct json_writer *w, const struct prompt *p)
{
    const char *size = resolution(p->width, p->height);

    if (!p->width)
        return;
    json_key(w, SLICE("imageConfig"));
    json_open_object(w);
    json_key(w, SLICE("aspectRatio"));
    json_value_string(w, slice_str(nearest_aspect(p->width, p->height)));
    if (size) {
        json_key(w, SLICE("imageSize"));
        json_value_string(w, slice_str(size));
    }
    json_close_object(w);
}

static void write_contents(struct json_writer *w, struct chat_text prompt)
{
    json_key(w, SLICE("contents"));
    json_open_array(w);
    json_open_object(w);
    json_key(w, SLICE("role"));
    json_value_string(w, SLICE("user"));
    json_key(w, SLICE("parts"));
    json_open_array(w);
    json_open_object(w);
    json_key(w, SLICE("text"));
    json_value_text(w, prompt);
    json_close_object(w);
    json_close_array(w);
    json_close_object(w);
    json_close_array(w);
}

static void write_gemini(struct chat_request *r, const struct prompt *p, struct json_writer *w)
{
    json_for_each(v, p->options) {
        if (!is_met(v))
            note(r, v);
    }
    json_open_object(w);
    write_contents(w, p->text);
    json_key(w, SLICE("generationConfig"));
    json_open_object(w);
    json_key(w, SLICE("responseModalities"));
    json_value_raw(w, SLICE("[\"TEXT\",\"IMAGE\"]"));
    write_image_config(w, p);
    json_close_object(w);
    json_close_object(w);
}

/* ---- Responses ---- */

static const struct slice tool_options[] = {
    SLICE_INIT("size"),
    SLICE_INIT("quality"),
    SLICE_INIT("background"),
    SLICE_INIT("output_format"),
    SLICE_INIT("output_compression"),
    SLICE_INIT("moderation"),
};

static const struct slice top_options[] = {SLICE_INIT("user"), SLICE_INIT("safety_identifier")};

static void write_options(struct json_writer *w, const struct prompt *p, const struct slice *keys,
                          size_t count)
{
    json_for_each(v, p->options) {
        if (json_is(v, JSON_NULL) || !is_among(v->key, keys, count))
            continue;
        json_key(w, v->key);
        json_value_tree(w, v);
    }
}

static void write_responses(struct chat_request *r, const struct prompt *p, struct slice model,
                            struct json_writer *w)
{
    json_for_each(v, p->options) {
        if (!is_met(v) && !is_among(v->key, tool_options, ARRAY_LEN(tool_options)) &&
            !is_among(v->key, top_options, ARRAY_LEN(top_options)))
            note(r, v);
    }
    json_open_object(w);
    json_key(w, SLICE("model"));
    json_value_string(w, model);
    json_key(w, SLICE("input"));
    json_value_text(w, p->text);
    json_key(w, SLICE("tools"));
    json_open_array(w);
    json_open_object(w);
    json_key(w, SLICE("type"));
    json_value_string(w, SLICE("image_generation"));
    write_options(w, p, tool_options, ARRAY_LEN(tool_options));
    json_close_object(w);
    json_close_array(w);
    json_key(w, SLICE("tool_choice"));
    json_value_raw(w, SLICE("{\"type\":\"image_generation\"}"));
    json_key(w, SLICE("store"));
    json_value_bool(w, false);
    write_options(w, p, top_options, ARRAY_LEN(top_options));
    json_close_object(w);
}

enum err image_write_request(struct chat_request *r, struct slice body, const struct chat_target *t,
                             struct buf *out, struct err_info *e)
{
    struct json_writer w = {.out = out};
    struct prompt p = {0};
    struct json *tree;

    if (json_parse(r->arena, body, &tree, e) != ERR_NONE || read_prompt(tree, &p, e) != ERR_NONE)
        return e->code;
    if (t->dialect == DIALECT_GEMINI)
        write_gemini(r, &p, &w);
    else
        write_responses(r, &p, t->model, &w);
    return ERR_NONE;
}
