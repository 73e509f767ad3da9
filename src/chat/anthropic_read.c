/* anthropic_read.c - requests in Anthropic's Messages: the fields at the top. */
#include <stdio.h>

#include "base/array.h"
#include "chat/anthropic_inside.h"
#include "json/raw.h"

#define MAX_UNKNOWN 16 // fields that are noted: a client could send thousands

enum err anthropic_refuse(struct anthropic_reading *rd, const char *field, const char *what)
{
    char place[160];
    size_t len = 0;

    for (unsigned i = 0; i < rd->depth && len < sizeof(place); i++) {
        int wrote = snprintf(place + len, sizeof(place) - len, "%s[%zu]%s", rd->steps[i].list,
                             rd->steps[i].at, i + 1 < rd->depth || *field ? "." : "");
        len += wrote > 0 ? (size_t)wrote : 0;
    }
    place[len < sizeof(place) ? len : sizeof(place) - 1] = '\0';
    return err_set(rd->e, ERR_BAD_REQUEST, "%s%s%s%s: %s", place, rd->within ? rd->within : "",
                   rd->within ? "." : "", field, what);
}

const struct json *anthropic_member(const struct json *object, const char *key)
{
    const struct json *v = json_member(object, slice_str(key));

    return json_is(v, JSON_NULL) ? NULL : v;
}

enum err anthropic_text(struct anthropic_reading *rd, const struct json *object, const char *key,
                        bool needed, struct chat_text *out)
{
    const struct json *v = anthropic_member(object, key);

    if (!v)
        return needed ? anthropic_refuse(rd, key, "a string is missing here") : ERR_NONE;
    if (!json_is(v, JSON_STRING))
        return anthropic_refuse(rd, key, "expected a string");
    *out = text_of(v);
    return ERR_NONE;
}

enum err anthropic_str(struct anthropic_reading *rd, const struct json *object, const char *key,
                       bool needed, struct slice *out)
{
    struct chat_text text = {0};

    if (anthropic_text(rd, object, key, needed, &text) != ERR_NONE)
        return rd->e->code;
    if (needed && text_is_empty(text))
        return anthropic_refuse(rd, key, "must not be empty");
    if (!text_is_absent(text))
        *out = text_str(rd->r->arena, text);
    return ERR_NONE;
}

enum err anthropic_bool(struct anthropic_reading *rd, const struct json *object, const char *key,
                        bool *out)
{
    const struct json *v = anthropic_member(object, key);

    if (v && !json_to_bool(v, out))
        return anthropic_refuse(rd, key, "expected true or false");
    return ERR_NONE;
}

enum err anthropic_raw(struct anthropic_reading *rd, const struct json *object, const char *key,
                       enum json_type type, struct slice *out)
{
    const struct json *v = anthropic_member(object, key);

    if (!v)
        return ERR_NONE;
    if (!json_is(v, type))
        return anthropic_refuse(rd, key,
                                type == JSON_ARRAY ? "expected an array" : "expected an object");
    *out = v->source;
    return ERR_NONE;
}

static enum err read_cache_value(struct anthropic_reading *rd, const struct json *v,
                                 enum chat_cache *out)
{
    if (!json_is(v, JSON_OBJECT))
        return anthropic_refuse(rd, "cache_control", "expected an object");
    *out = text_eq(text_of(anthropic_member(v, "ttl")), SLICE("1h")) ? CACHE_1H : CACHE_5M;
    return ERR_NONE;
}

enum err anthropic_read_cache(struct anthropic_reading *rd, const struct json *object,
                              enum chat_cache *out)
{
    const struct json *v = anthropic_member(object, "cache_control");

    return v ? read_cache_value(rd, v, out) : ERR_NONE;
}

/* Each reads one field, which is not null. */
typedef enum err field_fn(struct anthropic_reading *rd, const struct json *v);

static enum err read_number(struct anthropic_reading *rd, const struct json *v, const char *field,
                            struct slice *out)
{
    if (!json_is(v, JSON_NUMBER))
        return anthropic_refuse(rd, field, "expected a number");
    *out = v->source;
    return ERR_NONE;
}

static enum err read_temperature(struct anthropic_reading *rd, const struct json *v)
{
    return read_number(rd, v, "temperature", &rd->r->temperature);
}

static enum err read_top_p(struct anthropic_reading *rd, const struct json *v)
{
    return read_number(rd, v, "top_p", &rd->r->top_p);
}

static enum err read_top_k(struct anthropic_reading *rd, const struct json *v)
{
    return read_number(rd, v, "top_k", &rd->r->top_k);
}

/* Absent for counting tokens.  Zero asks Anthropic to fill its cache and to say nothing. */
static enum err read_max_tokens(struct anthropic_reading *rd, const struct json *v)
{
    if (!json_to_int(v, &rd->r->max_output) || rd->r->max_output < 0)
        return anthropic_refuse(rd, "max_tokens", "expected a whole number");
    if (rd->r->max_output == 0)
        return anthropic_refuse(rd, "max_tokens",
                                "0 only fills Anthropic's cache, which this model does not have");
    return ERR_NONE;
}

static enum err read_stream(struct anthropic_reading *rd, const struct json *v)
{
    if (!json_to_bool(v, &rd->r->stream))
        return anthropic_refuse(rd, "stream", "expected true or false");
    return ERR_NONE;
}

static enum err read_stops(struct anthropic_reading *rd, const struct json *v)
{
    struct chat_request *r = rd->r;

    if (!json_is(v, JSON_ARRAY))
        return anthropic_refuse(rd, "stop_sequences", "expected an array of strings");
    r->stops = arena_array(r->arena, struct chat_text, v->count);
    json_for_each(stop, v) {
        if (!json_is(stop, JSON_STRING))
            return anthropic_refuse(rd, "stop_sequences", "expected an array of strings");
        r->stops[r->stop_count++] = text_of(stop);
    }
    return ERR_NONE;
}

static enum err read_format(struct anthropic_reading *rd, const struct json *v, const char *field)
{
    const struct json *schema = anthropic_member(v, "schema");

    if (!json_is(v, JSON_OBJECT))
        return anthropic_refuse(rd, field, "expected an object");
    if (!text_eq(text_of(anthropic_member(v, "type")), SLICE("json_schema")))
        return anthropic_refuse(rd, field, "expected type json_schema");
    if (!json_is(schema, JSON_OBJECT))
        return anthropic_refuse(rd, field, "expected an object under schema");
    rd->r->format.kind = FORMAT_SCHEMA;
    rd->r->format.schema = schema->source;
    return ERR_NONE;
}

/* The name of output_config.format in its beta. */
static enum err read_output_format(struct anthropic_reading *rd, const struct json *v)
{
    return read_format(rd, v, "output_format");
}

enum err anthropic_read_output_config(struct anthropic_reading *rd, const struct json *config)
{
    struct slice effort = {0};
    const struct json *format;

    if (!json_is(config, JSON_OBJECT))
        return anthropic_refuse(rd, "output_config", "expected an object");
    rd->within = "output_config";
    if (anthropic_str(rd, config, "effort", false, &effort) != ERR_NONE)
        return rd->e->code;
    rd->within = NULL;
    if (effort.len && !chat_effort_parse(effort, &rd->r->reasoning.effort))
        return anthropic_refuse(rd, "output_config.effort",
                                "expected low, medium, high, xhigh or max");
    if (anthropic_member(config, "task_budget"))
        chat_note(rd->r, "output_config.task_budget");
    format = anthropic_member(config, "format");
    return format ? read_format(rd, format, "output_config.format") : ERR_NONE;
}

static enum err read_budget(struct anthropic_reading *rd, const struct json *v)
{
    int64_t budget;

    if (!json_to_int(anthropic_member(v, "budget_tokens"), &budget) || budget < 0)
        return anthropic_refuse(rd, "thinking.budget_tokens", "expected a whole number");
    rd->r->reasoning.budget = budget;
    return ERR_NONE;
}

/*
 * "between_tools" has no word elsewhere: not to think before the answer, which a little
 * thinking comes nearest to.  Comes behind output_config, whose effort "disabled" overrules.
 */
static enum err read_thinking(struct anthropic_reading *rd, const struct json *v)
{
    struct slice type = {0}, display = {0};
    struct chat_request *r = rd->r;

    if (!json_is(v, JSON_OBJECT))
        return anthropic_refuse(rd, "thinking", "expected an object");
    type = json_str(r->arena, anthropic_member(v, "type"));
    display = json_str(r->arena, anthropic_member(v, "display"));
    if (slice_eq(type, SLICE("disabled"))) {
        r->reasoning.off = true;
        r->reasoning.effort = EFFORT_NONE;
        return ERR_NONE;
    }
    r->reasoning.show = slice_eq(display, SLICE("omitted")) ? CHAT_NO : CHAT_YES;
    if (slice_eq(type, SLICE("enabled")))
        return read_budget(rd, v);
    r->reasoning.adaptive = true;
    if (slice_eq(type, SLICE("between_tools"))) {
        chat_note_degraded(r, "thinking");
        if (!r->reasoning.effort)
            r->reasoning.effort = EFFORT_LOW;
    } else if (!slice_eq(type, SLICE("adaptive"))) {
        return anthropic_refuse(rd, "thinking.type",
                                "expected enabled, adaptive, between_tools or disabled");
    }
    return ERR_NONE;
}

static enum err read_metadata(struct anthropic_reading *rd, const struct json *v)
{
    const struct json *user = anthropic_member(v, "user_id");

    if (!json_is(v, JSON_OBJECT))
        return anthropic_refuse(rd, "metadata", "expected an object");
    if (user && !json_is(user, JSON_STRING))
        return anthropic_refuse(rd, "metadata.user_id", "expected a string");
    rd->r->user_id = text_of(user);
    return ERR_NONE;
}

static enum err read_tier(struct anthropic_reading *rd, const struct json *v)
{
    struct chat_text tier = text_of(v);

    if (rd->r->tier == TIER_PRIORITY)
        return ERR_NONE; // `speed` says more
    if (text_eq(tier, SLICE("auto")))
        rd->r->tier = TIER_AUTO;
    else if (text_eq(tier, SLICE("standard_only")))
        rd->r->tier = TIER_DEFAULT;
    else
        chat_note(rd->r, "service_tier");
    return ERR_NONE;
}

static enum err read_speed(struct anthropic_reading *rd, const struct json *v)
{
    if (text_eq(text_of(v), SLICE("fast")))
        rd->r->tier = TIER_PRIORITY;
    else if (!text_eq(text_of(v), SLICE("standard")))
        chat_note(rd->r, "speed");
    return ERR_NONE;
}

static enum err read_auto_cache(struct anthropic_reading *rd, const struct json *v)
{
    return read_cache_value(rd, v, &rd->r->auto_cache);
}

#define STATE "this is state at Anthropic, and the model that was asked for is not there"

static enum err refuse_container(struct anthropic_reading *rd, const struct json *v)
{
    (void)v;
    return anthropic_refuse(rd, "container", STATE);
}

static enum err refuse_thread(struct anthropic_reading *rd, const struct json *v)
{
    (void)v;
    return err_set(rd->e, ERR_NO_THREADS, "thread: " STATE);
}

static enum err refuse_compaction(struct anthropic_reading *rd, const struct json *v)
{
    (void)v;
    return anthropic_refuse(rd, "compaction", STATE);
}

/* Their tools run at Anthropic: without them the model could not do what it is asked to. */
static enum err refuse_servers(struct anthropic_reading *rd, const struct json *v)
{
    if (json_is(v, JSON_ARRAY) && !v->count)
        return ERR_NONE;
    return anthropic_refuse(rd, "mcp_servers", "only Anthropic calls MCP servers by itself");
}

/* What is known and says nothing here: the model has its own way, the rest only its vendor. */
static enum err pass_over(struct anthropic_reading *rd, const struct json *v)
{
    (void)rd;
    (void)v;
    return ERR_NONE;
}

/* In the order in which they are read: some build on those before. */
static const struct {
    struct slice name;
    field_fn *read;
} fields[] = {
    {SLICE_INIT("model"),          pass_over                   },
    {SLICE_INIT("system"),         anthropic_read_system       },
    {SLICE_INIT("output_format"),  read_output_format          },
    {SLICE_INIT("output_config"),  anthropic_read_output_config},
    {SLICE_INIT("thinking"),       read_thinking               },
    {SLICE_INIT("tools"),          anthropic_read_tools        },
    {SLICE_INIT("tool_choice"),    anthropic_read_tool_choice  },
    {SLICE_INIT("messages"),       anthropic_read_messages     },
    {SLICE_INIT("max_tokens"),     read_max_tokens             },
    {SLICE_INIT("stream"),         read_stream                 },
    {SLICE_INIT("stop_sequences"), read_stops                  },
    {SLICE_INIT("temperature"),    read_temperature            },
    {SLICE_INIT("top_p"),          read_top_p                  },
    {SLICE_INIT("top_k"),          read_top_k                  },
    {SLICE_INIT("metadata"),       read_metadata               },
    {SLICE_INIT("speed"),          read_speed                  },
    {SLICE_INIT("service_tier"),   read_tier                   },
    {SLICE_INIT("cache_control"),  read_auto_cache             },
    {SLICE_INIT("container"),      refuse_container            },
    {SLICE_INIT("thread"),         refuse_thread               },
    {SLICE_INIT("compaction"),     refuse_compaction           },
    {SLICE_INIT("mcp_servers"),    refuse_servers              },
};

/* A field that this vocabulary has no place for. */
static void note_unknown(struct anthropic_reading *rd, const struct json *v, size_t *noted)
{
    char name[64];

    if (json_is(v, JSON_NULL) || ++*noted > MAX_UNKNOWN)
        return;
    snprintf(name, sizeof(name), "%.*s", SLICE_ARG(v->key));
    chat_note(rd->r, name);
}

enum err anthropic_read_request(const struct json *body, const struct chat_seal *seal,
                                struct chat_request *out, struct err_info *e)
{
    struct anthropic_reading rd = {.r = out, .seal = seal, .e = e};
    const struct json *found[ARRAY_LEN(fields)] = {0};
    bool has_messages = false;
    size_t noted = 0;

    json_for_each(v, body) {
        size_t i = 0;

        while (i < ARRAY_LEN(fields) && !slice_eq(fields[i].name, v->key))
            i++;
        if (i < ARRAY_LEN(fields))
            found[i] = json_is(v, JSON_NULL) ? NULL : v; // the last one of a name counts
        else
            note_unknown(&rd, v, &noted);
    }
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (found[i] && fields[i].read(&rd, found[i]) != ERR_NONE)
            return e->code;
        has_messages |= found[i] && fields[i].read == anthropic_read_messages;
    }
    return has_messages ? ERR_NONE : anthropic_refuse(&rd, "messages", "an array is missing here");
}
