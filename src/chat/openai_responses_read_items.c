/* openai_responses_read_items.c - a Responses request into the vocabulary: its input. */
#include "base/array.h"
#include "chat/compact.h"
#include "chat/openai_responses_inside.h"

/* The members that items have; each kind looks at its own. */
struct members {
    const struct json *type, *role, *content, *id, *call_id, *name, *space, *arguments, *input,
        *output, *summary, *secret, *phase, *tools;
};

#define MEMBER(key, member)                                         \
    {                                                               \
        {"" key, sizeof(key) - 1}, offsetof(struct members, member) \
    }

static const struct {
    struct slice key;
    size_t offset;
} member_keys[] = {
    MEMBER("type", type),       MEMBER("role", role),           MEMBER("content", content),
    MEMBER("id", id),           MEMBER("call_id", call_id),     MEMBER("name", name),
    MEMBER("namespace", space), MEMBER("arguments", arguments), MEMBER("input", input),
    MEMBER("output", output),   MEMBER("summary", summary),     MEMBER("encrypted_content", secret),
    MEMBER("phase", phase),     MEMBER("tools", tools),
};

/* What is null is as good as absent: clients send their own objects back. */
static void gather(const struct json *v, struct members *m)
{
    *m = (struct members){0};
    json_for_each(at, v) {
        if (at->type == JSON_NULL)
            continue;
        for (size_t i = 0; i < ARRAY_LEN(member_keys); i++) {
            if (!slice_eq(member_keys[i].key, at->key))
                continue;
            *(const struct json **)(void *)((char *)m + member_keys[i].offset) = at;
            break;
        }
    }
}

static struct slice str(struct responses_reader *rd, const struct json *v)
{
    return json_str(rd->r->arena, v);
}

/* Turns. */

/* Reasoning, messages and calls that follow one another were one answer. */
static struct chat_turn *assistant_turn(struct responses_reader *rd)
{
    if (!rd->assistant) {
        rd->assistant = chat_turn_new(rd->r, CHAT_ASSISTANT);
        rd->spoken = false;
    }
    rd->results = NULL;
    rd->talked = true;
    return rd->assistant;
}

static struct chat_turn *results_turn(struct responses_reader *rd)
{
    if (!rd->results)
        rd->results = chat_turn_new(rd->r, CHAT_USER);
    rd->assistant = NULL;
    rd->talked = true;
    return rd->results;
}

static struct chat_turn *other_turn(struct responses_reader *rd, enum chat_role role)
{
    struct chat_turn *turn = chat_turn_new(rd->r, role);

    rd->assistant = rd->results = NULL;
    rd->talked = true;
    if (role == CHAT_USER)
        list_append(&turn->items, &rd->strays);
    return turn;
}

/* A phase is a turn's: another one begins another turn. */
static enum err read_assistant(struct responses_reader *rd, const struct responses_at *at,
                               const struct members *m)
{
    const struct responses_at content = {at, "content", 0};
    struct slice phase = str(rd, m->phase);
    struct chat_turn *turn = assistant_turn(rd);

    if (rd->spoken && !slice_eq(turn->phase, phase)) {
        rd->assistant = NULL;
        turn = assistant_turn(rd);
    }
    rd->spoken = true;
    turn->phase = phase;
    return m->content ? responses_read_parts(rd, &content, m->content, &turn->items) : ERR_NONE;
}

/* Only text is a system's; pictures go to the user's next turn. */
static enum err read_system(struct responses_reader *rd, const struct responses_at *at,
                            const struct members *m)
{
    const struct responses_at content = {at, "content", 0};
    struct list read, *to = &rd->r->system;

    list_init(&read);
    if (responses_read_parts(rd, &content, m->content, &read) != ERR_NONE)
        return rd->e->code;
    list_for_each_safe(link, &read) {
        struct chat_item *item = list_entry(link, struct chat_item, link);

        list_remove(link);
        if (item->kind != CHAT_TEXT) {
            list_push_back(&rd->strays, link);
        } else if (!text_is_empty(item->text)) {
            if (rd->talked && to == &rd->r->system)
                to = &other_turn(rd, CHAT_SYSTEM)->items;
            list_push_back(to, link);
        }
    }
    return ERR_NONE;
}

static enum err read_message(struct responses_reader *rd, const struct responses_at *at,
                             const struct members *m)
{
    const struct responses_at content = {at, "content", 0};
    struct slice role = str(rd, m->role);

    if (slice_eq(role, SLICE("user")))
        return responses_read_parts(rd, &content, m->content, &other_turn(rd, CHAT_USER)->items);
    if (slice_eq(role, SLICE("assistant")))
        return read_assistant(rd, at, m);
    if (slice_eq(role, SLICE("system")) || slice_eq(role, SLICE("developer")))
        return read_system(rd, at, m);
    return responses_fail_in(rd, at, "role", "expected user, assistant, system or developer");
}

/* Other items. */

/* One text out of several, with an empty line between them. */
static enum err join_texts(struct responses_reader *rd, const struct responses_at *at,
                           const struct json *list, struct chat_text *out)
{
    struct responses_at part = {at, NULL, 0};
    struct buf joined = {0};

    if (!json_is(list, JSON_ARRAY))
        return responses_fail(rd, at, "expected an array");
    json_for_each(v, list) {
        struct chat_text text = text_of(json_member(v, SLICE("text")));

        if (text_is_absent(text)) {
            buf_release(&joined);
            return responses_fail_in(rd, &part, "text", "expected a string");
        }
        if (list->count == 1) {
            *out = text;
            return ERR_NONE;
        }
        if (part.index++)
            buf_append(&joined, SLICE("\\n\\n"));
        text_append_escaped(&joined, text);
    }
    if (list->count)
        *out = (struct chat_text){arena_dup(rd->r->arena, buf_peek(&joined)), true};
    buf_release(&joined);
    return ERR_NONE;
}

/* An envelope that cannot be opened is somebody else's: there is no secret then. */
static void read_secret(struct responses_reader *rd, const struct members *m,
                        struct chat_reasoning *out)
{
    struct slice secret = str(rd, m->secret);

    if (!secret.len)
        return;
    if (envelope_is(secret)) {
        envelope_open(rd->seal, secret, rd->r->arena, out);
        return;
    }
    out->secret = secret;
    out->vendor = VENDOR_OPENAI;
    out->id = str(rd, m->id);
    if (text_is_empty(out->text))
        out->kind = REASONING_REDACTED;
}

static enum err read_reasoning(struct responses_reader *rd, const struct responses_at *at,
                               const struct members *m)
{
    const struct responses_at summary = {at, "summary", 0}, content = {at, "content", 0};
    struct chat_reasoning read = {.kind = REASONING_SUMMARY};
    struct chat_turn *turn;

    if (m->summary && join_texts(rd, &summary, m->summary, &read.text) != ERR_NONE)
        return rd->e->code;
    if (m->content && text_is_empty(read.text)) {
        if (join_texts(rd, &content, m->content, &read.text) != ERR_NONE)
            return rd->e->code;
        if (!text_is_empty(read.text))
            read.kind = REASONING_RAW;
    }
    read_secret(rd, m, &read);
    turn = assistant_turn(rd);
    if (read.secret.len || !text_is_empty(read.text))
        chat_item_new(rd->r->arena, &turn->items, CHAT_REASONING)->reasoning = read;
    return ERR_NONE;
}

/* Arguments as an object are no error: the text of it is what they are. */
static enum err read_call(struct responses_reader *rd, const struct responses_at *at,
                          const struct members *m, bool custom)
{
    const struct json *arguments = custom ? m->input : m->arguments;
    struct chat_call call = {.custom = custom, .item_id = str(rd, m->id)};

    call.id = str(rd, m->call_id);
    call.name = str(rd, m->name);
    if (!call.id.len)
        return responses_fail_in(rd, at, "call_id", "expected a string that is not empty");
    if (!call.name.len)
        return responses_fail_in(rd, at, "name", "expected a string that is not empty");
    call.name = responses_flat_name(rd->r->arena, str(rd, m->space), call.name);
    if (json_is(arguments, JSON_STRING))
        call.arguments = text_of(arguments);
    else if (json_is(arguments, JSON_OBJECT) && !custom)
        call.arguments = text_plain(arguments->source);
    else if (arguments)
        return responses_fail_in(rd, at, custom ? "input" : "arguments", "expected a string");
    chat_item_new(rd->r->arena, &assistant_turn(rd)->items, CHAT_CALL)->call = call;
    return ERR_NONE;
}

static enum err read_output(struct responses_reader *rd, const struct responses_at *at,
                            const struct members *m, bool custom)
{
    const struct responses_at output = {at, "output", 0};
    struct slice call_id = str(rd, m->call_id);
    struct chat_item *item;

    if (!call_id.len)
        return responses_fail_in(rd, at, "call_id", "expected a string that is not empty");
    item = chat_item_new(rd->r->arena, &results_turn(rd)->items, CHAT_RESULT);
    item->result.call_id = call_id;
    item->result.custom = custom;
    item->result.name = responses_flat_name(rd->r->arena, str(rd, m->space), str(rd, m->name));
    return m->output ? responses_read_parts(rd, &output, m->output, &item->result.items) : ERR_NONE;
}

/* Something of the vendor's own tools: by the model, or what the client answered to it. */
static void read_server(struct responses_reader *rd, const struct json *v, struct slice type)
{
    bool answer = slice_ends(type, SLICE("_output")) || slice_ends(type, SLICE("_response"));
    struct chat_turn *turn = answer ? results_turn(rd) : assistant_turn(rd);
    struct chat_item *item = chat_item_new(rd->r->arena, &turn->items, CHAT_SERVER);

    item->server.vendor = VENDOR_OPENAI;
    item->server.raw = v->source;
}

/* A conversation that was compacted here: the summary is what it goes on with. */
static enum err read_compaction(struct responses_reader *rd, const struct responses_at *at,
                                const struct members *m)
{
    struct slice summary;

    if (!compact_open(rd->seal, str(rd, m->secret), rd->r->arena, &summary))
        return responses_fail_in(rd, at, "encrypted_content",
                                 "this compaction was not made here for this user");
    chat_item_text(rd->r->arena, &other_turn(rd, CHAT_USER)->items, text_plain(summary));
    return ERR_NONE;
}

/* What only the server that holds it could make sense of. */
static const char *state_of(struct slice type)
{
    if (slice_eq(type, SLICE("item_reference")))
        return "unsupported item: no answer is kept here; send the item itself";
    if (slice_eq(type, SLICE("compaction")) || slice_eq(type, SLICE("compaction_trigger")) ||
        slice_eq(type, SLICE("context_compaction")))
        return "unsupported item: only the server that compacted a conversation can go on with it";
    return NULL;
}

static enum err read_item(struct responses_reader *rd, const struct responses_at *at,
                          const struct json *v)
{
    const struct responses_at tools = {at, "tools", 0};
    struct slice type;
    struct members m;

    if (!json_is(v, JSON_OBJECT))
        return responses_fail(rd, at, "expected an object");
    gather(v, &m);
    type = m.type ? str(rd, m.type) : SLICE("message");
    if (!type.ptr)
        return responses_fail_in(rd, at, "type", "expected a string");
    if (slice_eq(type, SLICE("message")))
        return read_message(rd, at, &m);
    if (slice_eq(type, SLICE("reasoning")))
        return read_reasoning(rd, at, &m);
    if (slice_eq(type, SLICE("function_call")))
        return read_call(rd, at, &m, false);
    if (slice_eq(type, SLICE("function_call_output")))
        return read_output(rd, at, &m, false);
    if (slice_eq(type, SLICE("custom_tool_call")))
        return read_call(rd, at, &m, true);
    if (slice_eq(type, SLICE("custom_tool_call_output")))
        return read_output(rd, at, &m, true);
    if (slice_eq(type, SLICE("configuration_update"))) {
        chat_note(rd->r, "input.configuration_update");
        return ERR_NONE;
    }
    if (slice_eq(type, SLICE("additional_tools"))) {
        chat_note_degraded(rd->r, "input.additional_tools"); // they are there from the start
        return m.tools ? responses_read_tools(rd, &tools, m.tools) : ERR_NONE;
    }
    if (slice_eq(type, SLICE("compaction")) && compact_is(str(rd, m.secret)))
        return read_compaction(rd, at, &m);
    if (state_of(type))
        return responses_fail_in(rd, at, "type", state_of(type));
    read_server(rd, v, type);
    return ERR_NONE;
}

enum err responses_read_input(struct responses_reader *rd, const struct json *input)
{
    const struct responses_at at = {NULL, "input", 0};
    struct responses_at item = {&at, NULL, 0};

    if (json_is(input, JSON_STRING)) {
        chat_item_text(rd->r->arena, &other_turn(rd, CHAT_USER)->items, text_of(input));
        return ERR_NONE;
    }
    if (!json_is(input, JSON_ARRAY))
        return responses_fail(rd, &at, "expected a string or an array");
    json_for_each(v, input) {
        if (read_item(rd, &item, v) != ERR_NONE)
            return rd->e->code;
        item.index++;
    }
    if (!list_is_empty(&rd->strays))
        other_turn(rd, CHAT_USER);
    return ERR_NONE;
}
