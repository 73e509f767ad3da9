/* openai_chat_read.c - Chat Completions requests: the fields at the top. */
#include "base/array.h"
#include "chat/openai_chat_inside.h"
#include "chat/openai_shared.h"

#define MAX_UNKNOWN 32 // fields that are kept; what is beyond that is no request

enum err openai_chat_read_bad(struct chat_reader *rd, const char *field, const char *expected)
{
    switch (rd->place) {
    case AT_TOP: return err_set(rd->e, ERR_BAD_REQUEST, "%s: expected %s", field, expected);
    case AT_MESSAGE:
        return err_set(rd->e, ERR_BAD_REQUEST, "messages[%zu].%s: expected %s", rd->message, field,
                       expected);
    case AT_PART:
        return err_set(rd->e, ERR_BAD_REQUEST, "messages[%zu].content[%zu].%s: expected %s",
                       rd->message, rd->inner, field, expected);
    case AT_CALL:
        return err_set(rd->e, ERR_BAD_REQUEST, "messages[%zu].tool_calls[%zu].%s: expected %s",
                       rd->message, rd->inner, field, expected);
    case AT_TOOL:
        return err_set(rd->e, ERR_BAD_REQUEST, "tools[%zu].%s: expected %s", rd->inner, field,
                       expected);
    }
    return ERR_BAD_REQUEST;
}

enum err openai_chat_read_name(struct chat_reader *rd, const struct json *v, const char *field,
                               struct slice *out)
{
    *out = json_str(rd->r->arena, v);
    return out->len ? ERR_NONE : openai_chat_read_bad(rd, field, "a string that is not empty");
}

/* Fields that want more than one line. */

static enum err read_max_completion_tokens(struct chat_reader *rd, const struct json *v)
{
    if (!json_to_int(v, &rd->r->max_output))
        return openai_chat_read_bad(rd, "max_completion_tokens", "a whole number");
    rd->has_completion_limit = rd->r->max_output > 0;
    return ERR_NONE;
}

/* Some clients say -1 for "no limit". */
static enum err read_max_tokens(struct chat_reader *rd, const struct json *v)
{
    int64_t limit;

    if (!json_to_int(v, &limit))
        return openai_chat_read_bad(rd, "max_tokens", "a whole number");
    if (!rd->has_completion_limit)
        rd->r->max_output = limit > 0 ? limit : 0;
    return ERR_NONE;
}

static enum err read_n(struct chat_reader *rd, const struct json *v)
{
    if (!json_to_int(v, &rd->r->n) || rd->r->n < 1)
        return openai_chat_read_bad(rd, "n", "a whole number above 0");
    return ERR_NONE;
}

static enum err read_stop(struct chat_reader *rd, const struct json *v)
{
    struct chat_request *r = rd->r;

    if (json_is(v, JSON_STRING)) {
        r->stops = arena_new(r->arena, struct chat_text);
        r->stops[r->stop_count++] = text_of(v);
        return ERR_NONE;
    }
    if (!json_is(v, JSON_ARRAY))
        return openai_chat_read_bad(rd, "stop", "a string or an array of strings");
    r->stops = arena_array(r->arena, struct chat_text, v->count);
    r->stop_count = 0;
    json_for_each(at, v) {
        if (!json_is(at, JSON_STRING))
            return openai_chat_read_bad(rd, "stop", "a string or an array of strings");
        r->stops[r->stop_count++] = text_of(at);
    }
    return ERR_NONE;
}

static enum err read_stream_options(struct chat_reader *rd, const struct json *v)
{
    if (!json_is(v, JSON_OBJECT))
        return openai_chat_read_bad(rd, "stream_options", "an object");
    json_to_bool(json_member(v, SLICE("include_usage")), &rd->r->include_usage);
    return ERR_NONE;
}

static enum err read_json_schema(struct chat_reader *rd, const struct json *v)
{
    struct chat_request *r = rd->r;
    bool strict;

    if (!json_is(v, JSON_OBJECT))
        return openai_chat_read_bad(rd, "response_format.json_schema", "an object");
    r->format.kind = FORMAT_SCHEMA;
    json_for_each(at, v) {
        if (slice_eq(at->key, SLICE("name")))
            r->format.name = json_str(r->arena, at);
        else if (slice_eq(at->key, SLICE("description")))
            r->format.description = text_of(at);
        else if (slice_eq(at->key, SLICE("schema")) && json_is(at, JSON_OBJECT))
            r->format.schema = at->source;
        else if (slice_eq(at->key, SLICE("schema")) && !json_is(at, JSON_NULL))
            return openai_chat_read_bad(rd, "response_format.json_schema.schema", "an object");
        else if (slice_eq(at->key, SLICE("strict")) && json_to_bool(at, &strict))
            r->format.strict = strict ? CHAT_YES : CHAT_NO;
    }
    return ERR_NONE;
}

static enum err read_response_format(struct chat_reader *rd, const struct json *v)
{
    struct chat_text type = text_of(json_member(v, SLICE("type")));

    if (text_eq(type, SLICE("json_schema")))
        return read_json_schema(rd, json_member(v, SLICE("json_schema")));
    if (text_eq(type, SLICE("json_object")))
        rd->r->format.kind = FORMAT_JSON;
    else if (text_eq(type, SLICE("text")))
        rd->r->format.kind = FORMAT_TEXT;
    else
        return openai_chat_read_bad(rd, "response_format.type", "text, json_object or json_schema");
    return ERR_NONE;
}

static void think(struct chat_request *r, bool on)
{
    r->reasoning.off = !on;
    if (on && r->reasoning.show == CHAT_UNSET)
        r->reasoning.show = CHAT_YES;
}

static void think_as_much(struct chat_request *r, enum chat_effort effort)
{
    r->reasoning.effort = effort;
    think(r, effort != EFFORT_NONE);
}

static void think_within(struct chat_request *r, int64_t budget)
{
    r->reasoning.budget = budget < 0 ? BUDGET_DYNAMIC : budget;
    think(r, budget != 0);
}

/* "default", with some hosts, is what nothing is. */
static enum err read_reasoning_effort(struct chat_reader *rd, const struct json *v)
{
    enum chat_effort effort;

    if (!json_is(v, JSON_STRING))
        return openai_chat_read_bad(rd, "reasoning_effort", "a string");
    if (chat_effort_parse(json_str(rd->r->arena, v), &effort))
        think_as_much(rd->r, effort);
    else
        chat_note(rd->r, "reasoning_effort");
    return ERR_NONE;
}

/* OpenRouter's: {effort, max_tokens, enabled, exclude}. */
static enum err read_reasoning(struct chat_reader *rd, const struct json *v)
{
    struct chat_request *r = rd->r;
    enum chat_effort effort;
    int64_t budget;
    bool flag;

    if (!json_is(v, JSON_OBJECT))
        return openai_chat_read_bad(rd, "reasoning", "an object");
    if (json_to_bool(json_member(v, SLICE("exclude")), &flag) && flag)
        r->reasoning.show = CHAT_NO;
    if (json_to_bool(json_member(v, SLICE("enabled")), &flag)) {
        r->reasoning.adaptive = flag;
        think(r, flag);
    }
    if (json_to_int(json_member(v, SLICE("max_tokens")), &budget))
        think_within(r, budget);
    if (chat_effort_parse(json_str(r->arena, json_member(v, SLICE("effort"))), &effort))
        think_as_much(r, effort);
    return ERR_NONE;
}

/* DeepSeek's, GLM's and others': {type: enabled|disabled|adaptive, budget_tokens?}. */
static enum err read_thinking(struct chat_reader *rd, const struct json *v)
{
    struct chat_text type = text_of(json_member(v, SLICE("type")));
    int64_t budget;

    if (!json_is(v, JSON_OBJECT))
        return openai_chat_read_bad(rd, "thinking", "an object");
    if (text_eq(type, SLICE("disabled"))) {
        think(rd->r, false);
    } else if (json_to_int(json_member(v, SLICE("budget_tokens")), &budget)) {
        think_within(rd->r, budget);
    } else {
        rd->r->reasoning.adaptive = true;
        think(rd->r, true);
    }
    return ERR_NONE;
}

static enum err read_enable_thinking(struct chat_reader *rd, const struct json *v)
{
    bool on;

    if (!json_to_bool(v, &on))
        return openai_chat_read_bad(rd, "enable_thinking", "true or false");
    rd->r->reasoning.adaptive = on;
    think(rd->r, on);
    return ERR_NONE;
}

static enum err read_thinking_budget(struct chat_reader *rd, const struct json *v)
{
    int64_t budget;

    if (!json_to_int(v, &budget))
        return openai_chat_read_bad(rd, "thinking_budget", "a whole number");
    think_within(rd->r, budget);
    return ERR_NONE;
}

/* What vLLM hands to the model's template. */
static enum err read_template_kwargs(struct chat_reader *rd, const struct json *v)
{
    bool on;

    if (json_to_bool(json_member(v, SLICE("enable_thinking")), &on) ||
        json_to_bool(json_member(v, SLICE("thinking")), &on)) {
        rd->r->reasoning.adaptive = on;
        think(rd->r, on);
    } else {
        chat_note(rd->r, "chat_template_kwargs");
    }
    return ERR_NONE;
}

static enum err read_include_reasoning(struct chat_reader *rd, const struct json *v)
{
    bool on;

    if (json_to_bool(v, &on))
        rd->r->reasoning.show = on ? CHAT_YES : CHAT_NO;
    return ERR_NONE;
}

static enum err read_service_tier(struct chat_reader *rd, const struct json *v)
{
    rd->r->tier = openai_tier_parse(json_str(rd->r->arena, v));
    if (rd->r->tier == TIER_UNSET)
        chat_note(rd->r, "service_tier");
    return ERR_NONE;
}

static enum err read_modalities(struct chat_reader *rd, const struct json *v)
{
    if (!json_is(v, JSON_ARRAY))
        return openai_chat_read_bad(rd, "modalities", "an array");
    json_for_each(at, v) {
        if (text_eq(text_of(at), SLICE("audio")))
            return err_set(rd->e, ERR_BAD_REQUEST,
                           "modalities: the model's provider cannot answer in audio here");
        if (!text_eq(text_of(at), SLICE("text")))
            rd->r->modalities = v->source;
    }
    return ERR_NONE;
}

static enum err read_safety_identifier(struct chat_reader *rd, const struct json *v)
{
    if (!json_is(v, JSON_STRING))
        return openai_chat_read_bad(rd, "safety_identifier", "a string");
    rd->r->user_id = text_of(v);
    rd->has_identifier = true;
    return ERR_NONE;
}

static enum err read_user(struct chat_reader *rd, const struct json *v)
{
    if (!json_is(v, JSON_STRING))
        return openai_chat_read_bad(rd, "user", "a string");
    if (!rd->has_identifier)
        rd->r->user_id = text_of(v);
    return ERR_NONE;
}

static enum err read_cache_control(struct chat_reader *rd, const struct json *v)
{
    rd->r->auto_cache = openai_cache_control_read(v);
    return ERR_NONE;
}

/* What a field is; all of them may be null, which is as if they were not there. */
enum field_kind {
    FIELD_NUMBER, // to a raw literal
    FIELD_COUNT,  // to an int64_t
    FIELD_BOOL,
    FIELD_FLAG, // to an enum chat_flag
    FIELD_TEXT,
    FIELD_WORD,   // to a slice, decoded
    FIELD_OBJECT, // to a raw slice
    FIELD_RAW,
    FIELD_READ, // by a function
    FIELD_KEPT, // nobody else has a place for it
    FIELD_PASSED_OVER,
};

struct field {
    struct slice key;
    enum field_kind kind;
    size_t offset; // in struct chat_request
    enum err (*read)(struct chat_reader *rd, const struct json *v);
};

#define FIELD(name, kind, member)                                                   \
    {                                                                               \
        SLICE_INIT(name), FIELD_##kind, offsetof(struct chat_request, member), NULL \
    }
#define READ(name, function)                      \
    {                                             \
        SLICE_INIT(name), FIELD_READ, 0, function \
    }
#define KEPT(name)                            \
    {                                         \
        SLICE_INIT(name), FIELD_KEPT, 0, NULL \
    }
#define PASSED_OVER(name)                            \
    {                                                \
        SLICE_INIT(name), FIELD_PASSED_OVER, 0, NULL \
    }

static const struct field fields[] = {
#include "chat/openai_chat_fields.def"
};

#undef FIELD
#undef READ
#undef KEPT
#undef PASSED_OVER

static enum err bad_field(struct chat_reader *rd, const struct field *f, const char *expected)
{
    return openai_chat_read_bad(rd, f->key.ptr, expected);
}

/* What the field is to be put into. */
#define PLACE(type) ((type *)(void *)((char *)rd->r + f->offset))

static enum err read_field(struct chat_reader *rd, const struct field *f, const struct json *v)
{
    bool flag;

    switch (f->kind) {
    case FIELD_NUMBER:
        if (!json_is(v, JSON_NUMBER))
            return bad_field(rd, f, "a number");
        *PLACE(struct slice) = v->source;
        break;
    case FIELD_COUNT:
        if (!json_to_int(v, PLACE(int64_t)))
            return bad_field(rd, f, "a whole number");
        break;
    case FIELD_BOOL:
        if (!json_to_bool(v, PLACE(bool)))
            return bad_field(rd, f, "true or false");
        break;
    case FIELD_FLAG:
        if (!json_to_bool(v, &flag))
            return bad_field(rd, f, "true or false");
        *PLACE(enum chat_flag) = flag ? CHAT_YES : CHAT_NO;
        break;
    case FIELD_TEXT:
        if (!json_is(v, JSON_STRING))
            return bad_field(rd, f, "a string");
        *PLACE(struct chat_text) = text_of(v);
        break;
    case FIELD_WORD:
        if (!json_is(v, JSON_STRING))
            return bad_field(rd, f, "a string");
        *PLACE(struct slice) = json_str(rd->r->arena, v);
        break;
    case FIELD_OBJECT:
        if (!json_is(v, JSON_OBJECT))
            return bad_field(rd, f, "an object");
        *PLACE(struct slice) = v->source;
        break;
    case FIELD_RAW: *PLACE(struct slice) = v->source; break;
    case FIELD_READ: return f->read(rd, v);
    case FIELD_KEPT: chat_ext_add(rd->r, DIALECT_OPENAI_CHAT, f->key, v->source); break;
    case FIELD_PASSED_OVER: break;
    }
    return ERR_NONE;
}

static const struct field *field_find(struct slice key)
{
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (slice_eq(fields[i].key, key))
            return &fields[i];
    }
    return NULL;
}

enum err openai_chat_read_request(const struct json *body, const struct chat_seal *seal,
                                  struct chat_request *out, struct err_info *e)
{
    struct chat_reader rd = {.r = out, .seal = seal, .e = e};
    size_t unknown = 0;

    list_init(&rd.moved);
    json_for_each(at, body) {
        const struct field *f = field_find(at->key);

        if (json_is(at, JSON_NULL) && !slice_eq(at->key, SLICE("messages")))
            continue;
        rd.place = AT_TOP;
        if (!f && unknown++ < MAX_UNKNOWN)
            chat_ext_add(out, DIALECT_OPENAI_CHAT, at->key, at->source);
        if (f && read_field(&rd, f, at) != ERR_NONE)
            return e->code;
    }
    rd.place = AT_TOP;
    if (list_is_empty(&out->turns) && list_is_empty(&out->system))
        return openai_chat_read_bad(&rd, "messages", "an array that is not empty");
    return ERR_NONE;
}
