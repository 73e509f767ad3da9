/* shape_fields.c - the fields beside the conversation (protocols/mapping.md 2.12, 2.17, 2.18, 8). */
#include <ctype.h>

#include "base/array.h"
#include "chat/field.h"
#include "chat/shape_inside.h"
#include "crypto/digest.h"
#include "json/raw.h"

#define DEFAULT_MAX_OUTPUT   32000 // where Anthropic wants a number and the client gave none
#define RESPONSES_MIN_OUTPUT 16
#define USER_ID_BYTES        64 // longer ones are hashed for another vendor

static bool is_openai(const struct chat_target *t)
{
    return t->dialect != DIALECT_ANTHROPIC && t->dialect != DIALECT_GEMINI;
}

static void note(struct chat_request *r, enum chat_field field)
{
    chat_note(r, chat_field_name(r->dialect, field));
}

static void note_degraded(struct chat_request *r, enum chat_field field)
{
    chat_note_degraded(r, chat_field_name(r->dialect, field));
}

/* To leave a field out that says what goes without saying is no loss. */
static void drop_number(struct chat_request *r, enum chat_field field, struct slice *number,
                        double unsaid)
{
    double value;

    if (!number->len)
        return;
    if (!json_double(*number, &value) || value > unsaid || value < unsaid)
        note(r, field);
    *number = (struct slice){0};
}

static void clamp_temperature(struct chat_request *r)
{
    double value;

    if (!json_double(r->temperature, &value) || (value >= 0 && value <= 1))
        return;
    r->temperature = value > 1 ? SLICE("1") : SLICE("0");
    note_degraded(r, FIELD_TEMPERATURE);
}

static void drop_logprobs(struct chat_request *r)
{
    if (r->logprobs == CHAT_YES || r->top_logprobs > 0)
        note(r, FIELD_LOGPROBS);
    r->logprobs = CHAT_UNSET;
    r->top_logprobs = 0;
}

void shape_drop_sampling(struct chat_request *r, const struct chat_target *t)
{
    drop_number(r, FIELD_TEMPERATURE, &r->temperature, 1);
    drop_number(r, FIELD_TOP_P, &r->top_p, 1);
    drop_number(r, FIELD_TOP_K, &r->top_k, -1);
    if (!is_openai(t))
        return;
    drop_number(r, FIELD_PRESENCE, &r->presence_penalty, 0);
    drop_number(r, FIELD_FREQUENCY, &r->frequency_penalty, 0);
    drop_logprobs(r);
}

static void shape_penalties(struct chat_request *r, const struct chat_target *t)
{
    bool kept = t->dialect == DIALECT_OPENAI_CHAT || t->dialect == DIALECT_GEMINI;

    /* Gemini 2.5 has them on Vertex, and only there. */
    if (chat_model_has(t->gates, TRAIT_NO_PENALTIES) &&
        !(t->host == HOST_VERTEX && !chat_model_has(t->gates, TRAIT_NO_CANDIDATES)) &&
        !chat_model_has(t->gates, TRAIT_IDLE_SAMPLING))
        kept = false;
    if (kept)
        return;
    drop_number(r, FIELD_PRESENCE, &r->presence_penalty, 0);
    drop_number(r, FIELD_FREQUENCY, &r->frequency_penalty, 0);
}

/* What depends on how much the model will think is decided in shape_reasoning. */
static void shape_sampling(struct chat_request *r, const struct chat_target *t)
{
    const struct chat_model *gates = t->gates;

    if (is_openai(t))
        drop_number(r, FIELD_TOP_K, &r->top_k, -1);
    if (chat_model_has(gates, TRAIT_NO_SAMPLING) && !chat_model_has(gates, TRAIT_IDLE_SAMPLING))
        shape_drop_sampling(r, t);
    if (t->dialect == DIALECT_ANTHROPIC || gates->family == FAMILY_MOONSHOT)
        clamp_temperature(r);
    if (chat_model_has(gates, TRAIT_ONE_SAMPLER) && r->temperature.len)
        drop_number(r, FIELD_TOP_P, &r->top_p, 1);
    if (t->dialect == DIALECT_ANTHROPIC || gates->family == FAMILY_MISTRAL)
        drop_logprobs(r);
    if (r->logprobs == CHAT_NO)
        r->logprobs = CHAT_UNSET;
    shape_penalties(r, t);
    if (t->dialect == DIALECT_ANTHROPIC || t->dialect == DIALECT_OPENAI_RESPONSES) {
        if (r->seed.len)
            note(r, FIELD_SEED);
        r->seed = (struct slice){0};
    }
}

static bool is_blank(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!isspace((unsigned char)s.ptr[i]))
            return false;
    }
    return true;
}

static size_t most_stops(const struct chat_target *t)
{
    if (chat_model_has(t->gates, TRAIT_NO_STOP))
        return 0;
    switch (t->dialect) {
    case DIALECT_OPENAI_RESPONSES: return 0;
    case DIALECT_GEMINI: return 5;
    case DIALECT_ANTHROPIC: return SIZE_MAX;
    case DIALECT_OPENAI_CHAT:
    case DIALECT_OPENAI:
    case DIALECT_COUNT: break;
    }
    return 4;
}

/* The array may be the reader's alone, so it is squeezed in place. */
static void shape_stops(struct chat_request *r, const struct chat_target *t)
{
    size_t most = most_stops(t), kept = 0;

    for (size_t i = 0; i < r->stop_count; i++) {
        bool blank = t->dialect == DIALECT_ANTHROPIC && is_blank(text_str(r->arena, r->stops[i]));
        if (text_is_empty(r->stops[i]))
            continue;
        if (blank || kept == most) {
            note(r, FIELD_STOP);
            continue;
        }
        r->stops[kept++] = r->stops[i];
    }
    r->stop_count = kept;
}

static enum err shape_n(struct chat_request *r, const struct chat_target *t, struct err_info *e)
{
    bool one = t->dialect == DIALECT_ANTHROPIC || t->dialect == DIALECT_OPENAI_RESPONSES ||
               chat_model_has(t->gates, TRAIT_NO_CANDIDATES);

    if (!one)
        return ERR_NONE;
    if (r->n > 1)
        return err_set(e, ERR_BAD_REQUEST, "%s: this model's provider gives one answer a request",
                       chat_field_name(r->dialect, FIELD_N));
    r->n = 0;
    return ERR_NONE;
}

static void shape_max_output(struct chat_request *r, const struct chat_target *t)
{
    int64_t asked = r->max_output, limit = t->gates->max_output;

    if (asked <= 0 && t->dialect == DIALECT_ANTHROPIC)
        r->max_output = limit && limit < DEFAULT_MAX_OUTPUT ? limit : DEFAULT_MAX_OUTPUT;
    if (asked <= 0)
        return;
    if (t->dialect == DIALECT_OPENAI_RESPONSES && r->max_output < RESPONSES_MIN_OUTPUT)
        r->max_output = RESPONSES_MIN_OUTPUT;
    if (limit && r->max_output > limit)
        r->max_output = limit;
    if (r->max_output != asked)
        note_degraded(r, FIELD_MAX_OUTPUT);
}

static enum chat_vendor vendor_of(enum dialect d)
{
    switch (d) {
    case DIALECT_ANTHROPIC: return VENDOR_ANTHROPIC;
    case DIALECT_GEMINI: return VENDOR_GEMINI;
    case DIALECT_OPENAI_CHAT:
    case DIALECT_OPENAI_RESPONSES:
    case DIALECT_OPENAI:
    case DIALECT_COUNT: break;
    }
    return VENDOR_OPENAI;
}

/* Claude Code's is an object of account and session ids, which are no other vendor's business. */
static void shape_user(struct chat_request *r, const struct chat_target *t)
{
    struct slice id;

    if (text_is_empty(r->user_id))
        return;
    if (t->dialect == DIALECT_GEMINI || t->gates->family == FAMILY_MISTRAL) {
        note(r, FIELD_USER);
        r->user_id = (struct chat_text){0};
        return;
    }
    id = text_str(r->arena, r->user_id);
    if (vendor_of(r->dialect) != vendor_of(t->dialect) &&
        (id.ptr[0] == '{' || id.len > USER_ID_BYTES))
        r->user_id = text_plain(digest_hex(r->arena, id));
}

static bool tier_is_known(const struct chat_target *t, enum chat_tier tier)
{
    switch (tier) {
    case TIER_UNSET:
    case TIER_AUTO: return is_openai(t) || t->dialect == DIALECT_ANTHROPIC;
    case TIER_DEFAULT: return true;
    case TIER_FLEX:
    case TIER_PRIORITY: return t->dialect != DIALECT_ANTHROPIC;
    case TIER_SCALE: return is_openai(t);
    }
    return false;
}

/* Hosts that copy OpenAI mostly know no tiers, and Vertex has them in headers. */
static void shape_tier(struct chat_request *r, const struct chat_target *t)
{
    bool known = t->host == HOST_VENDOR || t->dialect == DIALECT_ANTHROPIC;

    if (known && tier_is_known(t, r->tier))
        return;
    if (r->tier == TIER_PRIORITY && t->dialect == DIALECT_ANTHROPIC) {
        r->tier = TIER_AUTO; // which uses what priority capacity there is
        note_degraded(r, FIELD_TIER);
        return;
    }
    if (r->tier != TIER_UNSET && r->tier != TIER_AUTO && r->tier != TIER_DEFAULT)
        note(r, FIELD_TIER);
    r->tier = TIER_UNSET;
}

static void shape_labels(struct chat_request *r, const struct chat_target *t)
{
    bool openai = is_openai(t) && t->host == HOST_VENDOR;

    if (t->dialect != DIALECT_OPENAI_RESPONSES) {
        if (r->metadata.len)
            note(r, FIELD_METADATA);
        if (json_is_true(r->store))
            note(r, FIELD_STORE);
        r->metadata = r->store = (struct slice){0};
    }
    if (!openai && r->verbosity.len) {
        if (!slice_eq(r->verbosity, SLICE("medium")))
            note(r, FIELD_VERBOSITY);
        r->verbosity = (struct slice){0};
    }
    if (!openai && !text_is_absent(r->cache_key)) {
        if (t->dialect == DIALECT_ANTHROPIC && t->auto_cache)
            note_degraded(r, FIELD_CACHE_KEY); // the prompt is cached, under nobody's key
        else
            note(r, FIELD_CACHE_KEY);
        r->cache_key = (struct chat_text){0};
    }
}

/* Responses makes images by a tool of its own. */
static void ask_for_images(struct chat_request *r)
{
    struct chat_tool *tool = chat_tool_new(r, TOOL_SERVER);

    tool->type = SLICE("image_generation");
    tool->raw = SLICE("{\"type\":\"image_generation\"}");
    tool->vendor = VENDOR_OPENAI;
    r->modalities = (struct slice){0};
    note_degraded(r, FIELD_MODALITIES);
}

static bool asks_for(struct slice modalities, struct slice lower, struct slice upper)
{
    return slice_find_slice(modalities, lower) != SIZE_MAX ||
           slice_find_slice(modalities, upper) != SIZE_MAX;
}

/* Google's names are OpenAI's in capitals; its writer raises them again. */
static struct slice in_lower_case(struct arena *a, struct slice names)
{
    char *out = arena_alloc_raw(a, names.len, 1);

    for (size_t i = 0; i < names.len; i++)
        out[i] = (char)tolower((unsigned char)names.ptr[i]);
    return slice_of(out, names.len);
}

static enum err refuse_modality(const struct chat_request *r, const char *what, struct err_info *e)
{
    return err_set(e, ERR_BAD_REQUEST, "%s: this model's provider cannot answer with %s",
                   chat_field_name(r->dialect, FIELD_MODALITIES), what);
}

/* Chat needs a voice and a format with its audio, which no other dialect's request has. */
static enum err shape_modalities(struct chat_request *r, const struct chat_target *t,
                                 struct err_info *e)
{
    bool audio = asks_for(r->modalities, SLICE("\"audio\""), SLICE("\"AUDIO\""));
    bool image = asks_for(r->modalities, SLICE("\"image\""), SLICE("\"IMAGE\""));

    if (!r->modalities.len || t->dialect == DIALECT_GEMINI)
        return ERR_NONE;
    if (audio && !(t->dialect == DIALECT_OPENAI_CHAT && r->dialect == DIALECT_OPENAI_CHAT))
        return refuse_modality(r, "audio", e);
    if (image && (t->dialect == DIALECT_ANTHROPIC ||
                  (t->dialect == DIALECT_OPENAI_CHAT) == (t->host == HOST_VENDOR)))
        return refuse_modality(r, "images", e);
    if (image && t->dialect == DIALECT_OPENAI_RESPONSES)
        ask_for_images(r);
    else
        r->modalities = in_lower_case(r->arena, r->modalities);
    return ERR_NONE;
}

/* What only its own dialect has, and what becomes of it elsewhere. */
enum fate { FATE_QUIET, FATE_STATE, FATE_RUNS };

static const struct {
    enum dialect dialect;
    struct slice key;
    enum fate fate;
} fates[] = {
    {DIALECT_OPENAI_CHAT,      SLICE_INIT("stream_options"),    FATE_QUIET},
    {DIALECT_OPENAI_RESPONSES, SLICE_INIT("stream_options"),    FATE_QUIET},
    {DIALECT_OPENAI_RESPONSES, SLICE_INIT("include"),           FATE_QUIET},
    {DIALECT_OPENAI_RESPONSES, SLICE_INIT("truncation"),        FATE_QUIET},
    {DIALECT_OPENAI_RESPONSES, SLICE_INIT("background"),        FATE_STATE},
    {DIALECT_OPENAI_RESPONSES, SLICE_INIT("prompt"),            FATE_STATE},
    {DIALECT_ANTHROPIC,        SLICE_INIT("diagnostics"),       FATE_QUIET},
    {DIALECT_ANTHROPIC,        SLICE_INIT("container"),         FATE_STATE},
    {DIALECT_ANTHROPIC,        SLICE_INIT("thread"),            FATE_STATE},
    {DIALECT_ANTHROPIC,        SLICE_INIT("mcp_servers"),       FATE_RUNS },
    {DIALECT_GEMINI,           SLICE_INIT("store"),             FATE_QUIET},
    {DIALECT_GEMINI,           SLICE_INIT("cachedContent"),     FATE_STATE},
    {DIALECT_GEMINI,           SLICE_INIT("continuationToken"), FATE_STATE},
};

/* Nothing is lost with a field that says nothing. */
static bool says_nothing(struct slice raw)
{
    return !raw.len || json_is_null(raw) || json_is_false(raw) || slice_eq(raw, SLICE("[]")) ||
           slice_eq(raw, SLICE("{}"));
}

static enum err refuse_state(struct slice key, struct err_info *e)
{
    return err_set(e, ERR_BAD_REQUEST,
                   "%.*s: this model's provider keeps no such state; send the whole conversation, "
                   "or enable the response store",
                   SLICE_ARG(key));
}

static enum err leave_out(struct chat_request *r, struct slice key, struct err_info *e)
{
    for (size_t i = 0; i < ARRAY_LEN(fates); i++) {
        if (fates[i].dialect != r->dialect || !slice_eq(fates[i].key, key))
            continue;
        switch (fates[i].fate) {
        case FATE_QUIET: return ERR_NONE;
        case FATE_STATE: return refuse_state(key, e);
        case FATE_RUNS:
            return err_set(e, ERR_BAD_REQUEST, "%.*s: this model's provider cannot run it",
                           SLICE_ARG(key));
        }
    }
    chat_note(r, arena_dup(r->arena, key).ptr);
    return ERR_NONE;
}

static enum err shape_exts(struct chat_request *r, const struct chat_target *t, struct err_info *e)
{
    list_for_each(at, &r->exts) {
        const struct chat_ext *ext = list_entry(at, struct chat_ext, link);
        if (ext->dialect == t->dialect || says_nothing(ext->raw))
            continue;
        if (leave_out(r, ext->key, e) != ERR_NONE)
            return e->code;
    }
    return ERR_NONE;
}

static enum err shape_state(struct chat_request *r, const struct chat_target *t, struct err_info *e)
{
    if (t->dialect == DIALECT_OPENAI_RESPONSES && t->host == HOST_VENDOR)
        return ERR_NONE;
    if (r->previous_response_id.len)
        return refuse_state(slice_str(chat_field_name(r->dialect, FIELD_PREVIOUS)), e);
    if (r->conversation.len && !json_is_null(r->conversation))
        return refuse_state(slice_str(chat_field_name(r->dialect, FIELD_CONVERSATION)), e);
    return ERR_NONE;
}

/* Whoever counts tokens refuses what only makes sense where an answer is made. */
static void strip_for_counting(struct chat_request *r)
{
    r->temperature = r->top_p = r->top_k = r->seed = (struct slice){0};
    r->presence_penalty = r->frequency_penalty = (struct slice){0};
    r->verbosity = r->metadata = r->store = r->modalities = (struct slice){0};
    r->user_id = r->cache_key = (struct chat_text){0};
    r->stop_count = 0;
    r->n = r->max_output = r->top_logprobs = 0;
    r->logprobs = CHAT_UNSET;
    r->tier = TIER_UNSET;
}

enum err shape_fields(struct chat_request *r, const struct chat_target *t, struct err_info *e)
{
    if (shape_state(r, t, e) != ERR_NONE || shape_exts(r, t, e) != ERR_NONE)
        return e->code;
    if (t->counting) {
        strip_for_counting(r);
        return ERR_NONE;
    }
    if (shape_n(r, t, e) != ERR_NONE || shape_modalities(r, t, e) != ERR_NONE)
        return e->code;
    shape_sampling(r, t);
    shape_stops(r, t);
    shape_max_output(r, t);
    shape_user(r, t);
    shape_tier(r, t);
    shape_labels(r, t);
    return ERR_NONE;
}
