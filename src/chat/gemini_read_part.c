/* gemini_read_part.c - one part of a content (protocols/gemini-generate.md, 3 and 5). */
#include "chat/gemini_inside.h"

#include "chat/gemini_media.h"
#include "json/raw.h"

/* Base64 of the first bytes of an envelope. */
#define ENVELOPE_START "cHhzMS"

struct part {
    const struct json *text, *signature, *inline_data, *file_data, *call, *response;
    const struct json *server; // a trace of Google's own tools
    bool thought;
    enum chat_detail detail;
};

static enum err refuse_part(struct gemini_reader *g, const char *field, const char *what)
{
    return err_set(g->e, ERR_BAD_REQUEST, "contents[%zu].parts[%zu]%s: %s", g->content, g->part,
                   field, what);
}

/* What was thought. */

void gemini_end_thought(struct gemini_reader *g)
{
    if (g->thought_cut)
        g->thought->reasoning.text =
            (struct chat_text){arena_dup(g->arena, buf_peek(&g->thoughts)), true};
    g->thought_open = g->thought_cut = false;
}

static struct chat_reasoning *add_reasoning(struct gemini_reader *g)
{
    gemini_end_thought(g);
    g->thought = chat_item_new(g->arena, &g->turn->items, CHAT_REASONING);
    return &g->thought->reasoning;
}

/* Before what has been said since: Anthropic's turns with calls begin with what was thought. */
static void move_before_texts(struct gemini_reader *g, struct chat_item *reasoning)
{
    struct list *at = reasoning->link.prev;

    while (at != &g->turn->items && list_entry(at, struct chat_item, link)->kind == CHAT_TEXT)
        at = at->prev;
    list_remove(&reasoning->link);
    list_add_before(at->next, &reasoning->link);
}

/* Of a stream each chunk may come back as a part of its own. */
static void add_thought(struct gemini_reader *g, struct chat_text text)
{
    if (text_is_empty(text))
        return;
    if (!g->thought_open) {
        add_reasoning(g)->text = text;
        g->thought_open = true;
        return;
    }
    if (!g->thought_cut) {
        buf_clear(&g->thoughts);
        text_append_escaped(&g->thoughts, g->thought->reasoning.text);
        g->thought_cut = true;
    }
    text_append_escaped(&g->thoughts, text);
}

/*
 * A signature proves what was thought before it.  Google's own stands right behind that.
 * One of another vendor was put by our encoder on the next call or, without any, on the
 * answer's last text: it belongs to the newest reasoning, if that has none.  The secrets
 * of reasoning without text, or whose text the client left out, are items by themselves.
 */
static void add_secret(struct gemini_reader *g, struct slice signature)
{
    struct chat_reasoning secret = {0}, *of;
    bool is_last = g->thought && g->turn->items.prev == &g->thought->link;

    if (!signature.len || slice_eq(signature, SLICE(GEMINI_SENTINEL)))
        return;
    if (slice_starts(signature, SLICE(ENVELOPE_START))) {
        if (!g->seal || !envelope_open_base64(g->seal, signature, g->arena, &secret))
            return; // forged, or another tenant's
    } else {
        secret.secret = signature;
        secret.vendor = VENDOR_GEMINI;
    }
    gemini_end_thought(g);
    of = g->thought ? &g->thought->reasoning : NULL;
    if (!of || of->secret.len || secret.kind == REASONING_REDACTED ||
        (secret.vendor == VENDOR_GEMINI && !is_last))
        of = add_reasoning(g);
    if (!of->secret.len && !of->text.s.len && secret.vendor != VENDOR_GEMINI)
        move_before_texts(g, g->thought);
    secret.text = of->text;
    *of = secret;
}

/* Text, and everything else that has one key. */

static enum err add_text(struct gemini_reader *g, const struct part *p)
{
    struct chat_text text = text_of(p->text);
    struct slice signature = json_str(g->arena, p->signature);
    bool is_model = g->turn->role == CHAT_ASSISTANT;

    if (p->text && !json_is(p->text, JSON_STRING) && !json_is(p->text, JSON_NULL))
        return refuse_part(g, ".text", "expected a string");
    if (p->thought && is_model)
        add_thought(g, text);
    if (is_model)
        add_secret(g, signature);
    if (!p->thought && !text_is_empty(text)) {
        gemini_end_thought(g);
        chat_item_text(g->arena, &g->turn->items, text);
    }
    return ERR_NONE;
}

static enum err add_media(struct gemini_reader *g, struct list *items, const struct part *p)
{
    const char *wrong = NULL;
    struct chat_item *item = p->inline_data
                                 ? gemini_read_inline(g->arena, items, p->inline_data, &wrong)
                                 : gemini_read_file(g->arena, items, p->file_data, &wrong);

    if (wrong)
        return refuse_part(g, p->inline_data ? ".inlineData" : ".fileData", wrong);
    item->media.detail = p->detail;
    return ERR_NONE;
}

static enum err add_call(struct gemini_reader *g, const struct part *p)
{
    struct chat_call *call;

    if (g->turn->role != CHAT_ASSISTANT)
        return refuse_part(g, ".functionCall", "calls stand in contents of role \"model\"");
    if (!json_is(p->call, JSON_OBJECT))
        return refuse_part(g, ".functionCall", "expected an object");
    add_secret(g, json_str(g->arena, p->signature));
    gemini_end_thought(g);
    call = &chat_item_new(g->arena, &g->turn->items, CHAT_CALL)->call;
    json_for_each(at, p->call) {
        if (json_is(at, JSON_NULL))
            continue;
        if (slice_eq(at->key, SLICE("id")))
            call->id = json_str(g->arena, at);
        else if (slice_eq(at->key, SLICE("name")))
            call->name = json_str(g->arena, at);
        else if (!slice_eq(at->key, SLICE("args")))
            gemini_unknown(g, "functionCall.", at);
        else if (!json_is(at, JSON_OBJECT))
            return refuse_part(g, ".functionCall.args", "expected an object");
        else
            call->arguments = text_plain(at->source);
    }
    return call->name.len ? ERR_NONE : refuse_part(g, ".functionCall.name", "expected a name");
}

/*
 * {"output": text} and {"error": text} are what everybody has; anything more is kept as it is.
 * Vercel's SDK says {"name": of the tool, "content": text}, or "error" in content's place.
 */
static void read_object(struct gemini_reader *g, struct chat_result *result,
                        const struct json *object)
{
    const struct json *name = json_member(object, SLICE("name"));
    const struct json *output = NULL, *error = NULL, *said;
    bool named = name && json_string_eq(name->source, result->name);
    size_t others = 0;

    json_for_each(at, object) {
        if (named && slice_eq(at->key, SLICE("name")))
            continue;
        if (slice_eq(at->key, named ? SLICE("content") : SLICE("output")))
            output = at;
        else if (!slice_eq(at->key, SLICE("error")))
            others++;
        else if (!json_is(at, JSON_NULL))
            error = at;
    }
    said = error ? error : output;
    result->is_error = error != NULL;
    if (others || named || (output && error) || !json_is(said, JSON_STRING))
        result->object = object->source;
    if (!others && !(output && error) && said)
        chat_item_text(g->arena, &result->items,
                       json_is(said, JSON_STRING) ? text_of(said) : text_plain(said->source));
    else if (object->first)
        chat_item_text(g->arena, &result->items, text_plain(object->source));
}

static enum err read_result_parts(struct gemini_reader *g, struct chat_result *result,
                                  const struct json *v)
{
    if (!json_is(v, JSON_ARRAY))
        return refuse_part(g, ".functionResponse.parts", "expected an array");
    json_for_each(part, v) {
        struct part p = {0};

        json_for_each(at, part) {
            if (gemini_key_is(at, SLICE("inlineData")))
                p.inline_data = at;
            else if (gemini_key_is(at, SLICE("fileData")))
                p.file_data = at;
            else
                gemini_unknown(g, "functionResponse.parts.", at);
        }
        if ((p.inline_data || p.file_data) && add_media(g, &result->items, &p) != ERR_NONE)
            return g->e->code;
    }
    return ERR_NONE;
}

static enum err add_response(struct gemini_reader *g, const struct json *v)
{
    const struct json *object = NULL, *parts = NULL;
    struct chat_result *result;

    if (g->turn->role != CHAT_USER)
        return refuse_part(g, ".functionResponse", "results stand in contents of role \"user\"");
    if (!json_is(v, JSON_OBJECT))
        return refuse_part(g, ".functionResponse", "expected an object");
    result = &chat_item_new(g->arena, &g->turn->items, CHAT_RESULT)->result;
    json_for_each(at, v) {
        if (json_is(at, JSON_NULL))
            continue;
        if (slice_eq(at->key, SLICE("id")))
            result->call_id = json_str(g->arena, at);
        else if (slice_eq(at->key, SLICE("name")))
            result->name = json_str(g->arena, at);
        else if (slice_eq(at->key, SLICE("response")))
            object = at;
        else if (slice_eq(at->key, SLICE("parts")))
            parts = at;
        else
            gemini_unknown(g, "functionResponse.", at);
    }
    if (object && !json_is(object, JSON_OBJECT))
        return refuse_part(g, ".functionResponse.response", "expected an object");
    if (!result->name.len && !result->call_id.len)
        return refuse_part(g, ".functionResponse.name", "expected a name");
    if (object)
        read_object(g, result, object);
    return parts ? read_result_parts(g, result, parts) : ERR_NONE;
}

static void add_server(struct gemini_reader *g, const struct json *v)
{
    struct chat_item *item;

    gemini_end_thought(g);
    item = chat_item_new(g->arena, &g->turn->items, CHAT_SERVER);
    item->server.vendor = VENDOR_GEMINI;
    item->server.raw = v->source;
}

static enum chat_detail read_detail(const struct json *v)
{
    struct slice level = json_is(v, JSON_OBJECT)
                             ? json_first(v) ? json_first(v)->source : (struct slice){0}
                             : v->source;

    if (slice_eq(level, SLICE("\"MEDIA_RESOLUTION_LOW\"")))
        return DETAIL_LOW;
    if (slice_eq(level, SLICE("\"MEDIA_RESOLUTION_HIGH\"")))
        return DETAIL_HIGH;
    if (slice_eq(level, SLICE("\"MEDIA_RESOLUTION_ULTRA_HIGH\"")))
        return DETAIL_ORIGINAL;
    return DETAIL_UNSET;
}

static bool is_server(const struct json *at)
{
    return gemini_key_is(at, SLICE("executableCode")) ||
           gemini_key_is(at, SLICE("codeExecutionResult")) ||
           gemini_key_is(at, SLICE("toolCall")) || gemini_key_is(at, SLICE("toolResponse"));
}

static void sort_out(struct gemini_reader *g, const struct json *v, struct part *p)
{
    json_for_each(at, v) {
        if (json_is(at, JSON_NULL))
            continue;
        if (slice_eq(at->key, SLICE("text")))
            p->text = at;
        else if (slice_eq(at->key, SLICE("thought")))
            p->thought = json_is(at, JSON_TRUE);
        else if (gemini_key_is(at, SLICE("thoughtSignature")))
            p->signature = at;
        else if (gemini_key_is(at, SLICE("inlineData")))
            p->inline_data = at;
        else if (gemini_key_is(at, SLICE("fileData")))
            p->file_data = at;
        else if (gemini_key_is(at, SLICE("functionCall")))
            p->call = at;
        else if (gemini_key_is(at, SLICE("functionResponse")))
            p->response = at;
        else if (gemini_key_is(at, SLICE("mediaResolution")))
            p->detail = read_detail(at);
        else if (is_server(at))
            p->server = v;
        else
            gemini_unknown(g, "contents.parts.", at);
    }
}

enum err gemini_read_part(struct gemini_reader *g, const struct json *v)
{
    struct part p = {0};

    if (json_is(v, JSON_STRING)) {
        p.text = v; // SDKs take that, and some pass it on
        return add_text(g, &p);
    }
    if (!json_is(v, JSON_OBJECT))
        return refuse_part(g, "", "expected an object");
    sort_out(g, v, &p);
    if (p.signature && !json_is(p.signature, JSON_STRING))
        return refuse_part(g, ".thoughtSignature", "expected a string");
    if (p.call)
        return add_call(g, &p);
    if (p.response)
        return add_response(g, p.response);
    if (p.server) {
        add_server(g, p.server);
        return ERR_NONE;
    }
    if (!p.inline_data && !p.file_data)
        return add_text(g, &p);
    if (p.signature && g->turn->role == CHAT_ASSISTANT)
        add_secret(g, json_str(g->arena, p.signature));
    gemini_end_thought(g);
    return add_media(g, &g->turn->items, &p);
}
