/* openai_chat_write_messages.c - Chat Completions requests, written: the conversation. */
#include "chat/openai_chat_inside.h"
#include "chat/openai_shared.h"

static void open_message(struct json_writer *w, struct slice role)
{
    json_open_object(w);
    key_string(w, SLICE("role"), role);
}

static const struct chat_item *item_at(struct list *link)
{
    return list_entry(link, struct chat_item, link);
}

/* Content. */

/* OpenAI's own mark, or Anthropic's with those hosts that hand it on. */
void openai_chat_write_mark(struct chat_writer *x, enum chat_cache cache)
{
    if (x->t->host == HOST_VENDOR) {
        openai_breakpoint_write(&x->w, cache);
    } else if (cache != CACHE_NONE) {
        json_key(&x->w, SLICE("cache_control"));
        json_open_object(&x->w);
        key_string(&x->w, SLICE("type"), SLICE("ephemeral"));
        if (cache == CACHE_1H || cache == CACHE_12H)
            key_string(&x->w, SLICE("ttl"), SLICE("1h"));
        json_close_object(&x->w);
    }
}

static const struct slice detail_names[] = {
    [DETAIL_AUTO] = SLICE_INIT("auto"),
    [DETAIL_LOW] = SLICE_INIT("low"),
    [DETAIL_HIGH] = SLICE_INIT("high"),
    [DETAIL_ORIGINAL] = SLICE_INIT("original"),
};

static void write_url(struct chat_writer *x, struct slice type, const struct chat_media *m)
{
    struct json_writer *w = &x->w;

    key_string(w, SLICE("type"), type);
    json_key(w, type);
    json_open_object(w);
    json_key(w, SLICE("url"));
    openai_url_write(w, m);
    if (m->detail != DETAIL_UNSET)
        key_string(w, SLICE("detail"), detail_names[m->detail]);
    json_close_object(w);
}

static void write_audio(struct chat_writer *x, const struct chat_media *m)
{
    struct json_writer *w = &x->w;
    struct slice format;

    slice_cut(m->mime, '/', &format);
    if (slice_eq(format, SLICE("x-wav")) || slice_eq(format, SLICE("wave")))
        format = SLICE("wav");
    else if (slice_eq(format, SLICE("mpeg")))
        format = SLICE("mp3");
    key_string(w, SLICE("type"), SLICE("input_audio"));
    json_key(w, SLICE("input_audio"));
    json_open_object(w);
    key_text(w, SLICE("data"), m->data);
    key_string(w, SLICE("format"), format);
    json_close_object(w);
}

static void write_file(struct chat_writer *x, const struct chat_media *m)
{
    struct json_writer *w = &x->w;

    key_string(w, SLICE("type"), SLICE("file"));
    json_key(w, SLICE("file"));
    json_open_object(w);
    if (m->source == SOURCE_FILE_ID) {
        key_text(w, SLICE("file_id"), m->data);
    } else {
        if (!text_is_absent(m->name))
            key_text(w, SLICE("filename"), m->name);
        json_key(w, SLICE("file_data"));
        openai_url_write(w, m);
    }
    json_close_object(w);
}

/* Those kinds that a content array has; of the others nothing is left by shape. */
static bool is_part(const struct chat_item *item)
{
    return item->kind == CHAT_TEXT || item->kind == CHAT_REFUSAL ||
           (item->kind >= CHAT_IMAGE && item->kind <= CHAT_VIDEO);
}

static void write_part(struct chat_writer *x, const struct chat_item *item)
{
    struct json_writer *w = &x->w;

    json_open_object(w);
    switch (item->kind) {
    case CHAT_TEXT:
        key_string(w, SLICE("type"), SLICE("text"));
        key_text(w, SLICE("text"), item->text);
        break;
    case CHAT_REFUSAL:
        key_string(w, SLICE("type"), SLICE("refusal"));
        key_text(w, SLICE("refusal"), item->text);
        break;
    case CHAT_IMAGE: write_url(x, SLICE("image_url"), &item->media); break;
    case CHAT_VIDEO: write_url(x, SLICE("video_url"), &item->media); break;
    case CHAT_AUDIO: write_audio(x, &item->media); break;
    case CHAT_FILE: write_file(x, &item->media); break;
    case CHAT_REASONING:
    case CHAT_CALL:
    case CHAT_RESULT:
    case CHAT_SERVER: break;
    }
    openai_chat_write_mark(x, item->cache);
    json_close_object(w);
}

/* What a list of items holds, for how it is written. */
struct content {
    size_t texts, others, marks;
};

static struct content content_of(const struct list *items)
{
    struct content c = {0};

    list_for_each(at, items) {
        const struct chat_item *item = item_at(at);

        if (!is_part(item))
            continue;
        if (item->kind == CHAT_TEXT)
            c.texts++;
        else
            c.others++;
        c.marks += item->cache != CACHE_NONE;
    }
    return c;
}

/* All texts as one string. */
static void write_joined(struct chat_writer *x, struct slice before, const struct list *items,
                         struct slice between)
{
    struct json_writer *w = &x->w;
    bool first = true;

    if (w->comma)
        buf_append_byte(w->out, ',');
    buf_append_byte(w->out, '"');
    buf_append(w->out, before);
    list_for_each(at, items) {
        const struct chat_item *item = item_at(at);

        if (item->kind != CHAT_TEXT)
            continue;
        if (!first)
            json_write_escaped(w->out, between);
        text_append_escaped(w->out, item->text);
        first = false;
    }
    buf_append_byte(w->out, '"');
    w->comma = true;
}

static void write_parts(struct chat_writer *x, const struct list *items)
{
    json_open_array(&x->w);
    list_for_each(at, items) {
        if (is_part(item_at(at)))
            write_part(x, item_at(at));
    }
    json_close_array(&x->w);
}

/* A string where it is one plain text, which every host takes. */
static void write_content(struct chat_writer *x, const struct list *items)
{
    struct content c = content_of(items);

    json_key(&x->w, SLICE("content"));
    if (c.others || c.marks || c.texts > 1)
        write_parts(x, items);
    else
        write_joined(x, SLICE(""), items, SLICE(""));
}

/* Messages. */

static struct slice system_role(const struct chat_writer *x)
{
    bool developer = x->t->host == HOST_VENDOR && chat_model_has(x->t->gates, TRAIT_REASONING);
    return developer ? SLICE("developer") : SLICE("system");
}

static void write_system(struct chat_writer *x, const struct list *items)
{
    if (list_is_empty(items))
        return;
    open_message(&x->w, system_role(x));
    json_key(&x->w, SLICE("content"));
    if (content_of(items).marks)
        write_parts(x, items);
    else
        write_joined(x, SLICE(""), items, SLICE("\n\n"));
    json_close_object(&x->w);
}

static bool says_error(const struct list *items)
{
    const struct chat_item *first = list_is_empty(items) ? NULL : item_at(items->next);

    return first && first->kind == CHAT_TEXT && slice_starts_nocase(first->text.s, SLICE("error"));
}

/* There is no field that says that a tool failed. */
static void write_result(struct chat_writer *x, const struct chat_item *item)
{
    const struct chat_result *result = &item->result;
    bool failed = result->is_error && !says_error(&result->items);
    struct content c = content_of(&result->items);

    open_message(&x->w, SLICE("tool"));
    key_string(&x->w, SLICE("tool_call_id"), result->call_id);
    json_key(&x->w, SLICE("content"));
    if (c.marks || c.others)
        write_parts(x, &result->items);
    else
        write_joined(x, failed ? SLICE("Error: ") : SLICE(""), &result->items, SLICE("\n"));
    json_close_object(&x->w);
}

static void write_user(struct chat_writer *x, const struct chat_turn *turn)
{
    struct content c = content_of(&turn->items);
    bool results = false;

    list_for_each(at, &turn->items) {
        if (item_at(at)->kind != CHAT_RESULT)
            continue;
        results = true;
        write_result(x, item_at(at));
    }
    if (results && !c.texts && !c.others)
        return;
    open_message(&x->w, SLICE("user"));
    write_content(x, &turn->items);
    json_close_object(&x->w);
}

/* What was thought, for hosts that want to hear it again. */
static void write_thoughts(struct chat_writer *x, const struct list *items)
{
    struct json_writer *w = &x->w;
    bool said = false, secret = false;
    size_t index = 0;

    list_for_each(at, items) {
        const struct chat_item *item = item_at(at);

        if (item->kind != CHAT_REASONING)
            continue;
        secret |= item->reasoning.secret.len != 0;
        if (text_is_empty(item->reasoning.text))
            continue;
        if (!said) {
            json_key(w, SLICE("reasoning_content"));
            buf_append_byte(w->out, '"');
        }
        said = true;
        text_append_escaped(w->out, item->reasoning.text);
    }
    if (said) {
        buf_append_byte(w->out, '"');
        w->comma = true;
    }
    if (!secret)
        return;
    json_key(w, SLICE("reasoning_details"));
    json_open_array(w);
    list_for_each(at, items) {
        const struct chat_reasoning *r = &item_at(at)->reasoning;

        if (item_at(at)->kind != CHAT_REASONING)
            continue;
        openai_chat_detail_write(w, &(struct chat_thought_detail){
                                        .vendor = r->vendor,
                                        .text = r->text,
                                        .redacted = r->kind == REASONING_REDACTED,
                                        .secret = r->secret,
                                        .id = r->id,
                                        .index = index++,
                                    });
    }
    json_close_array(w);
}

static void write_call(struct json_writer *w, const struct chat_call *call, struct slice signature)
{
    json_open_object(w);
    key_string(w, SLICE("id"), call->id);
    key_string(w, SLICE("type"), call->custom ? SLICE("custom") : SLICE("function"));
    json_key(w, call->custom ? SLICE("custom") : SLICE("function"));
    json_open_object(w);
    key_string(w, SLICE("name"), call->name);
    json_key(w, call->custom ? SLICE("input") : SLICE("arguments"));
    if (text_is_absent(call->arguments))
        json_value_string(w, call->custom ? SLICE("") : SLICE("{}"));
    else
        json_value_text(w, call->arguments);
    json_close_object(w);
    if (signature.len) {
        json_key(w, SLICE("extra_content"));
        json_open_object(w);
        json_key(w, SLICE("google"));
        json_open_object(w);
        key_string(w, SLICE("thought_signature"), signature);
        json_close_object(w);
        json_close_object(w);
    }
    json_close_object(w);
}

/* A secret of Gemini's right in front of a call is said with it too. */
static void write_calls(struct chat_writer *x, const struct list *items)
{
    struct slice signature = {0};
    bool any = false;

    list_for_each(at, items) {
        const struct chat_item *item = item_at(at);

        if (item->kind == CHAT_CALL) {
            if (!any) {
                json_key(&x->w, SLICE("tool_calls"));
                json_open_array(&x->w);
            }
            any = true;
            write_call(&x->w, &item->call, signature);
        }
        signature = (struct slice){0};
        if (item->kind == CHAT_REASONING && item->reasoning.vendor == VENDOR_GEMINI)
            signature = item->reasoning.secret;
    }
    if (any)
        json_close_array(&x->w);
}

static bool has_calls(const struct list *items)
{
    list_for_each(at, items) {
        if (item_at(at)->kind == CHAT_CALL)
            return true;
    }
    return false;
}

static void write_assistant(struct chat_writer *x, const struct chat_turn *turn)
{
    struct content c = content_of(&turn->items);
    struct json_writer *w = &x->w;

    open_message(w, SLICE("assistant"));
    json_key(w, SLICE("content"));
    if (c.marks)
        write_parts(x, &turn->items);
    else if (c.texts || (!c.others && !has_calls(&turn->items)))
        write_joined(x, SLICE(""), &turn->items, SLICE(""));
    else
        json_value_null(w);
    list_for_each(at, &turn->items) {
        if (item_at(at)->kind == CHAT_REFUSAL && !c.marks) {
            key_text(w, SLICE("refusal"), item_at(at)->text);
            break;
        }
    }
    write_thoughts(x, &turn->items);
    write_calls(x, &turn->items);
    json_close_object(w);
}

void openai_chat_write_messages(struct chat_writer *x)
{
    json_key(&x->w, SLICE("messages"));
    json_open_array(&x->w);
    write_system(x, &x->r->system);
    list_for_each(at, &x->r->turns) {
        const struct chat_turn *turn = list_entry(at, struct chat_turn, link);

        switch (turn->role) {
        case CHAT_USER: write_user(x, turn); break;
        case CHAT_ASSISTANT: write_assistant(x, turn); break;
        case CHAT_SYSTEM: write_system(x, &turn->items); break;
        }
    }
    json_close_array(&x->w);
}
