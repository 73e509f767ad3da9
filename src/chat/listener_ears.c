/* listener_ears.c - what is listened for in answers of each dialect, and what to make of it. */
#include "base/array.h"
#include "chat/listener_inside.h"
#include "chat/usage_read.h"
#include "json/scan.h"

/* An `error` that is there only to say that there is none. */
static bool says_error(struct slice value)
{
    return value.len && !json_is_null(value) && !json_is_false(value) &&
           !slice_eq(value, SLICE("\"\""));
}

static void hear_model(struct heard *heard, struct slice value)
{
    if (json_is_string(value))
        heard->model = value;
}

/* Figures that came before the end may not be the last. */
static void heard_usage(struct listener *l, bool is_figures)
{
    if (is_figures)
        l->source = l->finished || l->framing == FRAMING_BODY ? USAGE_UPSTREAM : USAGE_PARTIAL;
}

static void hear_said(struct listener *l, const struct peek_swept *said)
{
    if (l->output_bytes < PEEK_COUNT_MAX)
        l->output_bytes += said->bytes;
    l->finished |= said->finished;
}

/* Chat Completions. */

enum { CHAT_MODEL, CHAT_USAGE, CHAT_ERROR, CHAT_OBJECT, CHAT_X_GROQ, CHAT_TIER, CHAT_CHOICES };

static const struct slice chat_keys[] = {
    PEEK_NAME("model"),  PEEK_NAME("usage"),        PEEK_NAME("error"),   PEEK_NAME("object"),
    PEEK_NAME("x_groq"), PEEK_NAME("service_tier"), PEEK_NAME("choices"),
};

/* OpenRouter says reasoning twice: its reasoning_details are left out. */
static const struct peek_key chat_text[] = {
    PEEK_KEY("content", PEEK_TEXT),
    PEEK_KEY("arguments", PEEK_TEXT),
    PEEK_KEY("finish_reason", PEEK_FINISH),
    PEEK_KEY("reasoning_content", PEEK_TEXT),
    PEEK_KEY("reasoning", PEEK_TEXT),
    PEEK_KEY("refusal", PEEK_TEXT),
    PEEK_KEY("input", PEEK_TEXT),
    PEEK_KEY("logprobs", PEEK_SKIP),
    PEEK_KEY("reasoning_details", PEEK_SKIP),
    PEEK_KEY("annotations", PEEK_NOTE),
};

static void hear_chat(struct listener *l, const struct listener_found *f, struct heard *heard)
{
    const struct slice *values = f->values;
    struct slice usage = values[CHAT_USAGE], choices = values[CHAT_CHOICES];

    heard->is_error =
        says_error(values[CHAT_ERROR]) || slice_eq(values[CHAT_OBJECT], SLICE("\"error\""));
    hear_model(heard, values[CHAT_MODEL]);
    hear_said(l, &f->said);
    usage_read_tier(values[CHAT_TIER], &l->tier);
    if (json_is_array(f->said.note) && !peek_is_empty(f->said.note))
        listener_at_least(&l->searches,
                          1); // models that search do so once, and cite what they found
    if (!json_is_object(usage) && json_is_object(values[CHAT_X_GROQ]))
        usage = peek_get(values[CHAT_X_GROQ], SLICE("usage"));
    if (!json_is_object(usage))
        return;
    heard_usage(l, usage_read_openai(usage, &l->usage));
    heard->is_usage_only =
        l->framing == FRAMING_SSE && (choices.len == 0 || peek_is_empty(choices));
}

/* Responses, whole: as a body and within the events of its life. */

enum {
    WHOLE_MODEL,
    WHOLE_USAGE,
    WHOLE_ERROR,
    WHOLE_STATUS,
    WHOLE_TOOL_USAGE,
    WHOLE_TIER,
    WHOLE_OUTPUT
};

static const struct slice whole_keys[] = {
    PEEK_NAME("model"),      PEEK_NAME("usage"),        PEEK_NAME("error"),  PEEK_NAME("status"),
    PEEK_NAME("tool_usage"), PEEK_NAME("service_tier"), PEEK_NAME("output"),
};

static const struct peek_key whole_text[] = {
    PEEK_KEY("text", PEEK_TEXT),        PEEK_KEY("arguments", PEEK_TEXT),
    PEEK_KEY("refusal", PEEK_TEXT),     PEEK_KEY("input", PEEK_TEXT),
    PEEK_KEY("annotations", PEEK_SKIP), PEEK_KEY("logprobs", PEEK_SKIP),
};

static int64_t searches_in(struct slice output)
{
    struct peek p = peek_into(output);
    struct slice none, item;
    int64_t count = 0;

    while (peek_next(&p, &none, &item))
        count += usage_is_search(item);
    return count;
}

static void hear_whole(struct listener *l, const struct listener_found *f, struct heard *heard)
{
    const struct slice *values = f->values;
    struct slice status = values[WHOLE_STATUS];
    int64_t searches;

    heard->is_error = says_error(values[WHOLE_ERROR]) || slice_eq(status, SLICE("\"failed\""));
    hear_model(heard, values[WHOLE_MODEL]);
    l->finished |=
        slice_eq(status, SLICE("\"completed\"")) || slice_eq(status, SLICE("\"incomplete\""));
    hear_said(l, &f->said);
    if (json_is_object(values[WHOLE_USAGE]))
        heard_usage(l, usage_read_openai(values[WHOLE_USAGE], &l->usage));
    if (peek_count(peek_get(peek_get(values[WHOLE_TOOL_USAGE], SLICE("web_search")),
                            SLICE("num_requests")),
                   &searches))
        listener_at_least(&l->searches, searches);
    if (l->framing == FRAMING_BODY)
        listener_at_least(&l->searches, searches_in(values[WHOLE_OUTPUT]));
    usage_read_tier(values[WHOLE_TIER], &l->tier);
}

/* Responses, as a stream of events. */

enum { EVENT_TYPE, EVENT_ERROR, EVENT_DELTA, EVENT_RESPONSE, EVENT_ITEM };

static const struct slice event_keys[] = {
    PEEK_NAME("type"),     PEEK_NAME("error"), PEEK_NAME("delta"),
    PEEK_NAME("response"), PEEK_NAME("item"),
};

static struct slice event_kind(struct slice type, struct slice event)
{
    struct slice inside;

    return json_string_plain(type, &inside) ? inside : event;
}

static void hear_delta(struct listener *l, struct slice literal)
{
    if (!json_is_string(literal))
        return;
    if (l->output_bytes < PEEK_COUNT_MAX)
        l->output_bytes += peek_string_bytes(literal);
    sample_add(&l->sample, slice_sub(literal, 1, literal.len - 2), true);
}

/* Within its events nothing is swept: their deltas have said it before. */
static const struct peek_wants whole_wants = {.keys = whole_keys, .count = ARRAY_LEN(whole_keys)};

static void hear_event(struct listener *l, const struct listener_found *f, struct heard *heard)
{
    const struct slice *values = f->values;
    struct slice kind = event_kind(values[EVENT_TYPE], f->event);

    if (json_is_object(values[EVENT_RESPONSE])) {
        struct listener_found whole = {.event = f->event};

        if (peek_members(values[EVENT_RESPONSE], &whole_wants, whole.values, &whole.said))
            hear_whole(l, &whole, heard);
    } else if (slice_ends(kind, SLICE(".delta")) && !slice_ends(kind, SLICE("audio.delta"))) {
        hear_delta(l, values[EVENT_DELTA]);
    } else if (slice_eq(kind, SLICE("response.output_item.done"))) {
        l->searches += usage_is_search(values[EVENT_ITEM]);
    }
    heard->is_error |= says_error(values[EVENT_ERROR]) || slice_eq(kind, SLICE("error")) ||
                       slice_eq(f->event, SLICE("error")) ||
                       slice_eq(kind, SLICE("response.failed"));
    heard->is_terminal = heard->is_error || slice_eq(kind, SLICE("response.completed")) ||
                         slice_eq(kind, SLICE("response.incomplete"));
}

/* Messages: its events, the message that the first one holds, and the whole body. */

enum {
    MESSAGE_TYPE,
    MESSAGE_MODEL,
    MESSAGE_USAGE,
    MESSAGE_STOP_REASON,
    MESSAGE_ERROR,
    MESSAGE_DELTA,
    MESSAGE_MESSAGE,
    MESSAGE_CONTENT
};

static const struct slice message_keys[] = {
    PEEK_NAME("type"),  PEEK_NAME("model"), PEEK_NAME("usage"),   PEEK_NAME("stop_reason"),
    PEEK_NAME("error"), PEEK_NAME("delta"), PEEK_NAME("message"), PEEK_NAME("content"),
};

static const struct peek_key message_text[] = {
    PEEK_KEY("text", PEEK_TEXT),          PEEK_KEY("partial_json", PEEK_TEXT),
    PEEK_KEY("thinking", PEEK_TEXT),      {PEEK_NAME("input"), PEEK_RAW},
    PEEK_KEY("stop_reason", PEEK_FINISH), PEEK_KEY("citations", PEEK_SKIP),
    PEEK_KEY("citation", PEEK_SKIP),
};

static void hear_message_usage(struct listener *l, struct slice usage)
{
    if (!json_is_object(usage))
        return;
    heard_usage(l, usage_read_anthropic(usage, &l->usage));
    usage_read_anthropic_tier(usage, &l->tier);
}

static void hear_message(struct listener *l, const struct listener_found *f, struct heard *heard)
{
    const struct slice *values = f->values;
    struct slice kind = event_kind(values[MESSAGE_TYPE], f->event);
    struct slice message = values[MESSAGE_MESSAGE];

    heard->is_error = says_error(values[MESSAGE_ERROR]) || slice_eq(kind, SLICE("error")) ||
                      slice_eq(f->event, SLICE("error"));
    heard->is_terminal = heard->is_error || slice_eq(kind, SLICE("message_stop"));
    hear_model(heard, values[MESSAGE_MODEL]);
    if (json_is_object(message)) {
        hear_model(heard, peek_get(message, SLICE("model")));
        hear_message_usage(l, peek_get(message, SLICE("usage")));
    }
    l->finished |= json_is_string(values[MESSAGE_STOP_REASON]);
    hear_said(l, &f->said);
    hear_message_usage(l, values[MESSAGE_USAGE]);
}

/* Gemini: a body and each piece of a stream look the same. */

enum { GEMINI_MODEL, GEMINI_USAGE, GEMINI_ERROR, GEMINI_PROMPT_FEEDBACK, GEMINI_CANDIDATES };

static const struct slice gemini_keys[] = {
    PEEK_NAME("modelVersion"),   PEEK_NAME("usageMetadata"), PEEK_NAME("error"),
    PEEK_NAME("promptFeedback"), PEEK_NAME("candidates"),
};

static const struct peek_key gemini_text[] = {
    PEEK_KEY("text", PEEK_TEXT),       {PEEK_NAME("args"), PEEK_RAW},
    PEEK_KEY("code", PEEK_TEXT),       PEEK_KEY("finishReason", PEEK_FINISH),
    PEEK_KEY("inlineData", PEEK_SKIP), PEEK_KEY("groundingMetadata", PEEK_NOTE),
    PEEK_KEY("response", PEEK_SKIP),   PEEK_KEY("logprobsResult", PEEK_SKIP),
};

/* What it looked for; what it had found may be said again with every piece. */
static void hear_grounding(struct listener *l, struct slice grounding, struct slice model)
{
    struct peek p = peek_into(peek_get(grounding, SLICE("webSearchQueries")));
    struct slice none, query, name = {NULL, 0};
    int64_t count = 0;

    while (peek_next(&p, &none, &query))
        count++;
    json_string_plain(model, &name);
    listener_at_least(&l->searches, usage_gemini_searches(name, count));
}

static void hear_gemini(struct listener *l, const struct listener_found *f, struct heard *heard)
{
    const struct slice *values = f->values;

    heard->is_error = says_error(values[GEMINI_ERROR]);
    hear_model(heard, values[GEMINI_MODEL]);
    hear_said(l, &f->said);
    l->finished |= json_is_string(peek_get(values[GEMINI_PROMPT_FEEDBACK], SLICE("blockReason")));
    hear_grounding(l, f->said.note, values[GEMINI_MODEL]);
    if (!json_is_object(values[GEMINI_USAGE]))
        return;
    heard_usage(l, usage_read_gemini(values[GEMINI_USAGE], &l->usage));
    usage_read_tier(peek_get(values[GEMINI_USAGE], SLICE("trafficType")), &l->tier);
    usage_read_tier(peek_get(values[GEMINI_USAGE], SLICE("serviceTier")), &l->tier);
}

/* Embeddings; those of Gemini carry no model. */

enum { EMBED_MODEL, EMBED_USAGE, EMBED_USAGE_METADATA, EMBED_ERROR };

static const struct slice embed_keys[] = {
    PEEK_NAME("model"),
    PEEK_NAME("usage"),
    PEEK_NAME("usageMetadata"),
    PEEK_NAME("error"),
};

static void hear_embed(struct listener *l, const struct listener_found *f, struct heard *heard)
{
    const struct slice *values = f->values;
    heard->is_error = says_error(values[EMBED_ERROR]);
    l->finished = !heard->is_error;
    hear_model(heard, values[EMBED_MODEL]);
    if (json_is_object(values[EMBED_USAGE]))
        heard_usage(l, usage_read_openai(values[EMBED_USAGE], &l->usage));
    if (json_is_object(values[EMBED_USAGE_METADATA]))
        heard_usage(l, usage_read_gemini(values[EMBED_USAGE_METADATA], &l->usage));
}

/* Pictures: in one document, or in events of which the last kind has the figures. */

enum { IMAGE_TYPE, IMAGE_USAGE, IMAGE_ERROR };

static const struct slice image_keys[] = {
    PEEK_NAME("type"),
    PEEK_NAME("usage"),
    PEEK_NAME("error"),
};

static void hear_image(struct listener *l, const struct listener_found *f, struct heard *heard)
{
    const struct slice *values = f->values;
    struct slice kind = event_kind(values[IMAGE_TYPE], f->event);

    heard->is_error = says_error(values[IMAGE_ERROR]) || slice_eq(kind, SLICE("error"));
    l->finished |=
        !heard->is_error && (l->framing == FRAMING_BODY || slice_ends(kind, SLICE(".completed")));
    if (json_is_object(values[IMAGE_USAGE]))
        heard_usage(l, usage_read_images(values[IMAGE_USAGE], &l->usage));
}

/* Counts and lists: nothing is used, but they may fail. */

static const struct slice other_keys[] = {PEEK_NAME("error")};

static void hear_other(struct listener *l, const struct listener_found *f, struct heard *heard)
{
    const struct slice *values = f->values;
    heard->is_error = says_error(values[0]);
    l->finished = !heard->is_error;
}

#define WANTS(keys, swept, text)                            \
    {                                                       \
        keys, ARRAY_LEN(keys), swept, text, ARRAY_LEN(text) \
    }
#define WANTS_NO_TEXT(keys)               \
    {                                     \
        keys, ARRAY_LEN(keys), 0, NULL, 0 \
    }

static const struct listener_ear chat_ear = {WANTS(chat_keys, 1u << CHAT_CHOICES, chat_text),
                                             CHAT_CHOICES, hear_chat};
static const struct listener_ear whole_ear = {WANTS(whole_keys, 1u << WHOLE_OUTPUT, whole_text),
                                              WHOLE_OUTPUT, hear_whole};
static const struct listener_ear event_ear = {WANTS_NO_TEXT(event_keys), EVENT_DELTA, hear_event};
static const struct listener_ear message_ear = {
    WANTS(message_keys, 1u << MESSAGE_DELTA | 1u << MESSAGE_CONTENT, message_text), MESSAGE_DELTA,
    hear_message};
static const struct listener_ear gemini_ear = {
    WANTS(gemini_keys, 1u << GEMINI_CANDIDATES, gemini_text), GEMINI_CANDIDATES, hear_gemini};
static const struct listener_ear embed_ear = {WANTS_NO_TEXT(embed_keys), ARRAY_LEN(embed_keys),
                                              hear_embed};
static const struct listener_ear image_ear = {WANTS_NO_TEXT(image_keys), ARRAY_LEN(image_keys),
                                              hear_image};
static const struct listener_ear other_ear = {WANTS_NO_TEXT(other_keys), ARRAY_LEN(other_keys),
                                              hear_other};

const struct listener_ear *listener_ear(enum dialect d, enum operation op, enum framing framing)
{
    if (op == OP_EMBED)
        return &embed_ear;
    if (op == OP_IMAGE)
        return &image_ear;
    if (op == OP_COMPACT)
        return &whole_ear;
    if (op != OP_GENERATE)
        return &other_ear;
    switch (d) {
    case DIALECT_OPENAI_CHAT: return &chat_ear;
    case DIALECT_OPENAI_RESPONSES: return framing == FRAMING_SSE ? &event_ear : &whole_ear;
    case DIALECT_ANTHROPIC: return &message_ear;
    case DIALECT_GEMINI: return &gemini_ear;
    case DIALECT_OPENAI:
    case DIALECT_COUNT: break;
    }
    return &other_ear;
}
