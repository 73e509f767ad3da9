/* openai_chat_read_messages.c - Chat Completions requests: the conversation. */
#include "base/array.h"
#include "chat/ids.h"
#include "chat/openai_chat_inside.h"
#include "chat/openai_shared.h"

#define MAX_CALLS 256 // that are looked through for the one that a result is of

/* The members of a message that mean something; NULL where absent or null. */
struct message {
    const struct json *role, *content, *name, *refusal, *audio, *cache_control;
    const struct json *tool_calls, *tool_call_id, *function_call;
    const struct json *reasoning_content, *reasoning, *reasoning_details;
};

#define MEMBER(name)                                      \
    {                                                     \
        SLICE_INIT(#name), offsetof(struct message, name) \
    }

static const struct {
    struct slice key;
    size_t offset;
} members[] = {
    MEMBER(role),
    MEMBER(content),
    MEMBER(tool_calls),
    MEMBER(tool_call_id),
    MEMBER(name),
    MEMBER(refusal),
    MEMBER(reasoning_content),
    MEMBER(reasoning),
    MEMBER(reasoning_details),
    MEMBER(function_call),
    MEMBER(audio),
    MEMBER(cache_control),
};

#undef MEMBER

static void find_members(const struct json *v, struct message *m)
{
    json_for_each(at, v) {
        if (json_is(at, JSON_NULL))
            continue;
        for (size_t i = 0; i < ARRAY_LEN(members); i++) {
            if (slice_eq(at->key, members[i].key)) {
                *(const struct json **)(void *)((char *)m + members[i].offset) = at;
                break;
            }
        }
    }
}

/* Content. */

static bool is_word(struct chat_text t, const char *a, const char *b)
{
    return text_eq(t, slice_str(a)) || (b && text_eq(t, slice_str(b)));
}

static enum chat_detail detail_of(const struct json *v)
{
    struct chat_text t = text_of(v);

    if (is_word(t, "auto", NULL))
        return DETAIL_AUTO;
    if (is_word(t, "low", NULL))
        return DETAIL_LOW;
    if (is_word(t, "high", NULL))
        return DETAIL_HIGH;
    return is_word(t, "original", NULL) ? DETAIL_ORIGINAL : DETAIL_UNSET;
}

/* {url, detail}; some clients write the URL alone. */
static enum err read_url(struct chat_reader *rd, const struct json *v, const char *field,
                         struct chat_media *out)
{
    struct chat_text url = text_of(json_is(v, JSON_STRING) ? v : json_member(v, SLICE("url")));

    if (text_is_empty(url))
        return openai_chat_read_bad(rd, field, "a URL");
    chat_media_from_url(rd->r->arena, url, out);
    out->detail = detail_of(json_member(v, SLICE("detail")));
    return ERR_NONE;
}

/* Base64, with or without "data:...;base64," in front. */
static void take_apart(struct arena *a, struct chat_text data, struct chat_media *out)
{
    struct slice head = slice_sub(data.s, 0, 8);

    chat_media_from_url(a, data, out);
    if (out->source == SOURCE_BASE64 || slice_starts_nocase(head, SLICE("http")))
        return;
    out->source = SOURCE_BASE64;
    out->mime = chat_media_sniff(data.s);
}

static enum err read_audio(struct chat_reader *rd, const struct json *v, struct chat_media *out)
{
    struct chat_text data = text_of(json_member(v, SLICE("data")));
    struct slice format = json_str(rd->r->arena, json_member(v, SLICE("format")));

    if (text_is_empty(data))
        return openai_chat_read_bad(rd, "input_audio.data", "base64");
    take_apart(rd->r->arena, data, out);
    if (format.len)
        out->mime = arena_printf(rd->r->arena, "audio/%.*s", SLICE_ARG(format));
    else if (!out->mime.len)
        return openai_chat_read_bad(rd, "input_audio.format", "wav or mp3");
    return ERR_NONE;
}

static enum err read_file(struct chat_reader *rd, const struct json *v, struct chat_media *out)
{
    struct chat_text data = text_of(json_member(v, SLICE("file_data")));
    struct chat_text id = text_of(json_member(v, SLICE("file_id")));

    out->name = text_of(json_member(v, SLICE("filename")));
    if (!text_is_empty(data)) {
        take_apart(rd->r->arena, data, out);
        return ERR_NONE;
    }
    if (text_is_empty(id))
        return openai_chat_read_bad(rd, "file", "file_data or file_id");
    out->source = SOURCE_FILE_ID;
    out->vendor = VENDOR_OPENAI;
    out->data = id;
    return ERR_NONE;
}

/* The kinds of parts with something in them, under the name of their type. */
static enum err read_media(struct chat_reader *rd, const struct json *part, struct chat_text type,
                           struct list *items)
{
    struct arena *a = rd->r->arena;

    if (is_word(type, "image_url", NULL)) {
        const struct json *v = json_member(part, SLICE("image_url"));
        return read_url(rd, v, "image_url.url", &chat_item_new(a, items, CHAT_IMAGE)->media);
    }
    if (is_word(type, "video_url", NULL)) {
        const struct json *v = json_member(part, SLICE("video_url"));
        return read_url(rd, v, "video_url.url", &chat_item_new(a, items, CHAT_VIDEO)->media);
    }
    if (is_word(type, "input_audio", NULL)) {
        const struct json *v = json_member(part, SLICE("input_audio"));
        return read_audio(rd, v, &chat_item_new(a, items, CHAT_AUDIO)->media);
    }
    if (is_word(type, "file", NULL)) {
        const struct json *v = json_member(part, SLICE("file"));
        return read_file(rd, v, &chat_item_new(a, items, CHAT_FILE)->media);
    }
    return openai_chat_read_bad(rd, "type",
                                "text, image_url, input_audio, file, video_url or refusal");
}

static enum chat_cache mark_of(const struct json *part)
{
    json_for_each(at, part) {
        if (slice_eq(at->key, SLICE("prompt_cache_breakpoint")) && json_is(at, JSON_OBJECT))
            return openai_breakpoint_read(at);
        if (slice_eq(at->key, SLICE("cache_control")) && json_is(at, JSON_OBJECT))
            return openai_cache_control_read(at);
    }
    return CACHE_NONE;
}

static void add_thought(struct chat_reader *rd, struct list *items, struct chat_text text)
{
    struct chat_item *item;

    if (text_is_empty(text))
        return;
    item = chat_item_new(rd->r->arena, items, CHAT_REASONING);
    item->reasoning.kind = REASONING_RAW;
    item->reasoning.text = text;
}

/* Mistral's assistants think in parts of their own: {type: "thinking", thinking: [text parts]}. */
static void read_thinking(struct chat_reader *rd, const struct json *part, struct list *items)
{
    const struct json *v = json_member(part, SLICE("thinking"));

    add_thought(rd, items, text_of(v));
    if (json_is(v, JSON_ARRAY)) {
        json_for_each(at, v)
            add_thought(rd, items, text_of(json_member(at, SLICE("text"))));
    }
}

static enum err read_part(struct chat_reader *rd, const struct json *part, struct list *items)
{
    struct chat_text type = text_of(json_member(part, SLICE("type"))), text;
    struct list *last = items->prev;
    enum err err = ERR_NONE;

    if (json_is(part, JSON_STRING)) {
        chat_item_text(rd->r->arena, items, text_of(part));
        return ERR_NONE;
    }
    if (text_is_absent(type))
        return openai_chat_read_bad(rd, "type", "a string");
    if (is_word(type, "text", "input_text") || is_word(type, "output_text", NULL)) {
        text = text_of(json_member(part, SLICE("text")));
        if (text_is_absent(text))
            return openai_chat_read_bad(rd, "text", "a string");
        chat_item_text(rd->r->arena, items, text);
    } else if (is_word(type, "refusal", NULL)) {
        text = text_of(json_member(part, SLICE("refusal")));
        if (text_is_absent(text))
            return openai_chat_read_bad(rd, "refusal", "a string");
        chat_item_new(rd->r->arena, items, CHAT_REFUSAL)->text = text;
    } else if (is_word(type, "thinking", NULL)) {
        read_thinking(rd, part, items);
    } else {
        err = read_media(rd, part, type, items);
    }
    if (err == ERR_NONE && items->prev != last)
        list_entry(items->prev, struct chat_item, link)->cache = mark_of(part);
    return err;
}

static enum err read_content(struct chat_reader *rd, const struct message *m, struct list *items)
{
    const struct json *content = m->content;

    if (json_is(content, JSON_STRING)) {
        if (!text_is_empty(text_of(content)))
            chat_item_text(rd->r->arena, items, text_of(content));
    } else if (json_is(content, JSON_ARRAY)) {
        rd->place = AT_PART;
        rd->inner = 0;
        json_for_each(at, content) {
            if (read_part(rd, at, items) != ERR_NONE)
                return rd->e->code;
            rd->inner++;
        }
        rd->place = AT_MESSAGE;
    } else if (content) {
        return openai_chat_read_bad(rd, "content", "a string or an array of parts");
    }
    if (m->cache_control && !list_is_empty(items))
        list_entry(items->prev, struct chat_item, link)->cache =
            openai_cache_control_read(m->cache_control);
    return ERR_NONE;
}

/* Roles. */

/* The leading ones are the system text; pictures in them wait for the next user. */
static enum err read_system(struct chat_reader *rd, const struct message *m)
{
    struct chat_request *r = rd->r;
    struct list items;

    list_init(&items);
    if (read_content(rd, m, &items) != ERR_NONE)
        return rd->e->code;
    list_for_each_safe(at, &items) {
        if (list_entry(at, struct chat_item, link)->kind == CHAT_TEXT)
            continue;
        chat_note_degraded(r, "messages.content");
        list_remove(at);
        list_push_back(&rd->moved, at);
    }
    if (list_is_empty(&r->turns))
        list_append(&r->system, &items);
    else if (!list_is_empty(&items))
        list_append(&chat_turn_new(r, CHAT_SYSTEM)->items, &items);
    return ERR_NONE;
}

static enum err read_user(struct chat_reader *rd, const struct message *m)
{
    struct chat_turn *turn = chat_turn_new(rd->r, CHAT_USER);

    list_append(&turn->items, &rd->moved);
    return read_content(rd, m, &turn->items);
}

static enum err read_arguments(struct chat_reader *rd, const struct json *v, const char *field,
                               struct chat_text *out)
{
    if (!v || json_is(v, JSON_NULL))
        return ERR_NONE;
    if (json_is(v, JSON_STRING)) {
        if (!text_is_empty(text_of(v)))
            *out = text_of(v);
        return ERR_NONE;
    }
    if (!json_is(v, JSON_OBJECT)) // some clients give the object itself
        return openai_chat_read_bad(rd, field, "a string");
    *out = text_plain(v->source);
    return ERR_NONE;
}

static enum err read_call(struct chat_reader *rd, const struct json *v, struct chat_turn *turn)
{
    struct arena *a = rd->r->arena;
    const struct json *function = json_member(v, SLICE("function"));
    const struct json *custom = json_member(v, SLICE("custom"));
    const struct json *google =
        json_member(json_member(v, SLICE("extra_content")), SLICE("google"));
    struct chat_item *item = chat_item_new(a, NULL, CHAT_CALL);
    struct chat_call *call = &item->call;

    if (!json_is(function, JSON_OBJECT) && !json_is(custom, JSON_OBJECT))
        return openai_chat_read_bad(rd, "function", "an object");
    call->id = json_str(a, json_member(v, SLICE("id")));
    openai_chat_read_signature(rd, turn,
                               json_str(a, json_member(google, SLICE("thought_signature"))));
    list_push_back(&turn->items, &item->link);
    if (json_is(function, JSON_OBJECT)) {
        if (openai_chat_read_name(rd, json_member(function, SLICE("name")), "function.name",
                                  &call->name) != ERR_NONE)
            return rd->e->code;
        return read_arguments(rd, json_member(function, SLICE("arguments")), "function.arguments",
                              &call->arguments);
    }
    call->custom = true;
    rd->custom = turn;
    if (openai_chat_read_name(rd, json_member(custom, SLICE("name")), "custom.name", &call->name) !=
        ERR_NONE)
        return rd->e->code;
    return read_arguments(rd, json_member(custom, SLICE("input")), "custom.input",
                          &call->arguments);
}

static enum err read_calls(struct chat_reader *rd, const struct json *calls, struct chat_turn *turn)
{
    if (!json_is(calls, JSON_ARRAY))
        return openai_chat_read_bad(rd, "tool_calls", "an array");
    rd->place = AT_CALL;
    rd->inner = 0;
    json_for_each(at, calls) {
        if (read_call(rd, at, turn) != ERR_NONE)
            return rd->e->code;
        rd->inner++;
    }
    rd->place = AT_MESSAGE;
    return ERR_NONE;
}

/* Functions, before there were tools, had no ids: the n-th call makes its own. */
static struct slice legacy_id(struct chat_reader *rd, struct slice name)
{
    char id[CHAT_ID_BYTES];

    rd->legacy_name = name;
    rd->legacy_id =
        arena_dup(rd->r->arena, chat_id_make(id, SLICE("call_"), 24, name, rd->legacy_count++));
    return rd->legacy_id;
}

static enum err read_function_call(struct chat_reader *rd, const struct json *v,
                                   struct chat_turn *turn)
{
    struct chat_call *call = &chat_item_new(rd->r->arena, &turn->items, CHAT_CALL)->call;

    if (openai_chat_read_name(rd, json_member(v, SLICE("name")), "function_call.name",
                              &call->name) != ERR_NONE)
        return rd->e->code;
    call->id = legacy_id(rd, call->name);
    return read_arguments(rd, json_member(v, SLICE("arguments")), "function_call.arguments",
                          &call->arguments);
}

static enum err read_assistant(struct chat_reader *rd, const struct message *m)
{
    struct chat_turn *turn = chat_turn_new(rd->r, CHAT_ASSISTANT);
    struct chat_thoughts thoughts = {m->reasoning_content, m->reasoning, m->reasoning_details};

    rd->custom = NULL;
    if (m->audio)
        return openai_chat_read_bad(rd, "audio", "no reference to audio, which is kept elsewhere");
    openai_chat_read_thoughts(rd, &thoughts, turn);
    if (read_content(rd, m, &turn->items) != ERR_NONE)
        return rd->e->code;
    if (!text_is_empty(text_of(m->refusal)))
        chat_item_new(rd->r->arena, &turn->items, CHAT_REFUSAL)->text = text_of(m->refusal);
    if (m->tool_calls && read_calls(rd, m->tool_calls, turn) != ERR_NONE)
        return rd->e->code;
    if (m->function_call)
        return read_function_call(rd, m->function_call, turn);
    return ERR_NONE;
}

/* Results that follow on each other are one turn of the user's. */
static struct chat_item *result_new(struct chat_reader *rd)
{
    struct chat_request *r = rd->r;

    if (!rd->results || r->turns.prev != &rd->results->link)
        rd->results = chat_turn_new(r, CHAT_USER);
    return chat_item_new(r->arena, &rd->results->items, CHAT_RESULT);
}

/* A result does not say what kind of tool it is of; the call, just before, does. */
static bool is_of_custom(const struct chat_reader *rd, struct slice id)
{
    size_t steps = 0;

    if (!rd->custom)
        return false;
    list_for_each(at, &rd->custom->items) {
        const struct chat_item *item = list_entry(at, struct chat_item, link);

        if (++steps > MAX_CALLS)
            return false;
        if (item->kind == CHAT_CALL && slice_eq(item->call.id, id))
            return item->call.custom;
    }
    return false;
}

static enum err read_tool(struct chat_reader *rd, const struct message *m)
{
    struct chat_item *item = result_new(rd);

    if (!json_is(m->tool_call_id, JSON_STRING))
        return openai_chat_read_bad(rd, "tool_call_id", "a string");
    item->result.call_id = json_str(rd->r->arena, m->tool_call_id);
    item->result.name = json_str(rd->r->arena, m->name);
    item->result.custom = is_of_custom(rd, item->result.call_id);
    if (read_content(rd, m, &item->result.items) != ERR_NONE)
        return rd->e->code;
    if (m->cache_control)
        item->cache = openai_cache_control_read(m->cache_control);
    return ERR_NONE;
}

static enum err read_function(struct chat_reader *rd, const struct message *m)
{
    struct chat_result *result = &result_new(rd)->result;

    if (openai_chat_read_name(rd, m->name, "name", &result->name) != ERR_NONE)
        return rd->e->code;
    result->call_id =
        slice_eq(result->name, rd->legacy_name) ? rd->legacy_id : legacy_id(rd, result->name);
    return read_content(rd, m, &result->items);
}

static enum err read_message(struct chat_reader *rd, const struct json *v)
{
    struct message m = {0};
    struct chat_text role;

    rd->place = AT_MESSAGE;
    find_members(v, &m);
    role = text_of(m.role);
    if (is_word(role, "tool", NULL))
        return read_tool(rd, &m);
    if (is_word(role, "function", NULL))
        return read_function(rd, &m);
    if (m.name)
        chat_note(rd->r, "messages.name");
    if (is_word(role, "user", NULL))
        return read_user(rd, &m);
    if (is_word(role, "assistant", NULL))
        return read_assistant(rd, &m);
    if (is_word(role, "system", "developer"))
        return read_system(rd, &m);
    return openai_chat_read_bad(rd, "role", "system, developer, user, assistant or tool");
}

enum err openai_chat_read_messages(struct chat_reader *rd, const struct json *messages)
{
    struct chat_request *r = rd->r;

    if (!json_is(messages, JSON_ARRAY))
        return openai_chat_read_bad(rd, "messages", "an array that is not empty");
    list_init(&r->system); // of a field that is there twice the last one counts
    list_init(&r->turns);
    rd->message = 0;
    json_for_each(at, messages) {
        if (read_message(rd, at) != ERR_NONE)
            return rd->e->code;
        rd->message++;
    }
    if (!list_is_empty(&rd->moved))
        list_append(&chat_turn_new(r, CHAT_USER)->items, &rd->moved);
    return ERR_NONE;
}
