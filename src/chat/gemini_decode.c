/* gemini_decode.c - answers of generateContent (protocols/gemini-generate.md, 6 and 7). */
#include "chat/gemini_decode.h"
#include "base/array.h"
#include "chat/peek.h"
#include "chat/usage_read.h"
#include "json/raw.h"
#include "json/scan.h"

/* Events. */

static uint32_t number_of(const struct gemini_decoder *d, const struct gemini_choice *c)
{
    return (uint32_t)(c - d->choices);
}

static void emit(struct gemini_decoder *d, const struct chat_event *ev)
{
    if (!d->ended)
        chat_emit(d->sink, ev);
    if (ev->type == CHAT_ERROR || ev->type == CHAT_END)
        d->ended = true;
}

uint32_t gemini_open_part(struct gemini_decoder *d, struct gemini_choice *c,
                          const struct chat_event *open)
{
    struct chat_event ev = *open;

    ev.type = CHAT_OPEN;
    ev.choice = number_of(d, c);
    ev.index = c->open_index = d->next_index++;
    c->is_open = true;
    c->open = open->open.kind;
    emit(d, &ev);
    return ev.index;
}

void gemini_part_delta(struct gemini_decoder *d, struct gemini_choice *c, uint32_t index,
                       struct chat_text text, struct slice logprobs)
{
    if (text_is_empty(text))
        return;
    emit(d, &(struct chat_event){
                .type = CHAT_DELTA,
                .choice = number_of(d, c),
                .index = index,
                .delta = {text, logprobs}
    });
}

void gemini_close_part(struct gemini_decoder *d, struct gemini_choice *c, struct slice secret)
{
    struct chat_event ev = {.type = CHAT_CLOSE, .choice = number_of(d, c), .index = c->open_index};

    if (!c->is_open)
        return;
    if (secret.len && c->open == PART_REASONING) {
        ev.close.secret = secret;
        ev.close.vendor = VENDOR_GEMINI;
    }
    c->is_open = false;
    emit(d, &ev);
}

void gemini_decode_fail(struct gemini_decoder *d, enum err code, struct slice message)
{
    emit(d, &(struct chat_event){
                .type = CHAT_ERROR, .error = {code, message}
    });
}

static void broken(struct gemini_decoder *d, const char *what)
{
    gemini_decode_fail(d, ERR_UPSTREAM_BROKEN, slice_str(what));
}

/* What a payload says of the whole answer. */

struct payload {
    struct slice candidates, feedback, usage, model, id, created, error;
};

static struct payload sort_out(struct slice object)
{
    struct peek p = peek_into(object);
    struct payload found = {0};
    struct slice key, value;

    while (peek_next(&p, &key, &value)) {
        if (slice_eq(key, SLICE("candidates")))
            found.candidates = value;
        else if (slice_eq(key, SLICE("promptFeedback")))
            found.feedback = value;
        else if (slice_eq(key, SLICE("usageMetadata")))
            found.usage = value;
        else if (slice_eq(key, SLICE("modelVersion")))
            found.model = value;
        else if (slice_eq(key, SLICE("responseId")))
            found.id = value;
        else if (slice_eq(key, SLICE("createTime")))
            found.created = value;
        else if (slice_eq(key, SLICE("error")) && !json_is_null(value))
            found.error = value;
    }
    return found;
}

/* Days since 1970 of a date of the Gregorian calendar. */
static int64_t days_since_1970(int64_t year, int64_t month, int64_t day)
{
    int64_t y = month <= 2 ? year - 1 : year, m = month <= 2 ? month + 9 : month - 3;

    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

/* "2026-01-01T00:00:00.5Z", in seconds; 0 for what is no time. */
static int64_t read_time(struct slice literal)
{
    static const unsigned char at[] = {1, 6, 9, 12, 15, 18};
    static const unsigned char len[] = {4, 2, 2, 2, 2, 2};
    int64_t value[ARRAY_LEN(at)], days;

    for (size_t i = 0; i < ARRAY_LEN(at); i++) {
        uint64_t n;
        if (literal.len < 22 || !slice_to_u64(slice_sub(literal, at[i], len[i]), &n))
            return 0;
        value[i] = (int64_t)n;
    }
    days = days_since_1970(value[0], value[1], value[2]);
    return ((days * 24 + value[3]) * 60 + value[4]) * 60 + value[5];
}

static void start(struct gemini_decoder *d, const struct payload *p)
{
    struct chat_event ev = {.type = CHAT_START};
    struct slice model;

    if (d->started)
        return;
    d->started = true;
    json_string_decode(p->id, &d->id);
    ev.start.id = buf_peek(&d->id);
    ev.start.model = json_string_plain(p->model, &model) ? model : d->options.upstream_model;
    ev.start.created_unix = read_time(p->created);
    if (!ev.start.created_unix)
        ev.start.created_unix = d->options.now_unix;
    emit(d, &ev);
}

static enum chat_tier read_tier(struct slice usage)
{
    struct slice tier = peek_get(usage, SLICE("serviceTier")), inside = {0};

    json_string_plain(tier, &inside);
    if (slice_eq_nocase(inside, SLICE("standard")))
        return TIER_DEFAULT;
    if (slice_eq_nocase(inside, SLICE("flex")))
        return TIER_FLEX;
    return slice_eq_nocase(inside, SLICE("priority")) ? TIER_PRIORITY : TIER_UNSET;
}

static void emit_usage(struct gemini_decoder *d, enum usage_source source)
{
    emit(d, &(struct chat_event){
                .type = CHAT_USAGE, .usage = {d->usage, source, d->tier, d->served}
    });
}

static void take_usage(struct gemini_decoder *d, struct slice usage)
{
    struct chat_usage before = d->usage;
    bool had = d->has_usage;

    if (!usage.len || !usage_read_gemini(usage, &d->usage))
        return;
    d->has_usage = true;
    d->tier = read_tier(usage);
    usage_read_tier(peek_get(usage, SLICE("trafficType")), &d->served);
    usage_read_tier(peek_get(usage, SLICE("serviceTier")), &d->served);
    if (!had || memcmp(&before, &d->usage, sizeof(before)) != 0)
        emit_usage(d, USAGE_PARTIAL);
}

static void take_feedback(struct gemini_decoder *d, struct slice feedback)
{
    struct slice reason = peek_get(feedback, SLICE("blockReason")), inside;

    if (d->blocked || !json_string_plain(reason, &inside))
        return;
    d->blocked = true;
    buf_append_str(&d->blocked_reason, "Prompt blocked: ");
    buf_append(&d->blocked_reason, slice_sub(inside, 0, 64));
}

/* What a payload says of one candidate. */

static const struct {
    struct slice name;
    enum gemini_end end;
} ends[] = {
    {SLICE_INIT("STOP"),                     GEMINI_STOP  },
    {SLICE_INIT("MAX_TOKENS"),               GEMINI_LENGTH},
    {SLICE_INIT("SAFETY"),                   GEMINI_FILTER},
    {SLICE_INIT("RECITATION"),               GEMINI_FILTER},
    {SLICE_INIT("LANGUAGE"),                 GEMINI_FILTER},
    {SLICE_INIT("BLOCKLIST"),                GEMINI_FILTER},
    {SLICE_INIT("PROHIBITED_CONTENT"),       GEMINI_FILTER},
    {SLICE_INIT("SPII"),                     GEMINI_FILTER},
    {SLICE_INIT("IMAGE_SAFETY"),             GEMINI_FILTER},
    {SLICE_INIT("IMAGE_PROHIBITED_CONTENT"), GEMINI_FILTER},
    {SLICE_INIT("IMAGE_RECITATION"),         GEMINI_FILTER},
    {SLICE_INIT("CONTINUATION"),             GEMINI_PAUSE },
};

/* The other reasons, and those that are yet to come, are failures. */
static void take_reason(struct gemini_choice *c, struct slice reason)
{
    struct slice inside;

    if (!json_string_plain(reason, &inside) || !inside.len)
        return;
    c->end = GEMINI_FAIL;
    buf_clear(&c->reason);
    buf_append(&c->reason, slice_sub(inside, 0, 64));
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        if (slice_eq(inside, ends[i].name))
            c->end = ends[i].end;
    }
}

static void keep(struct buf *kept, struct slice raw)
{
    if (raw.len > GEMINI_MAX_GATHERED || !json_is_object(raw) || peek_is_empty(raw))
        return;
    buf_clear(kept);
    buf_append(kept, raw);
}

/* One stands for all that came before it: going on from there would say again what came since. */
static void take_token(struct gemini_choice *c, struct slice token, bool more_came)
{
    bool is_one = json_is_string(token) && token.len > 2 && token.len <= GEMINI_MAX_GATHERED;

    if (is_one || more_came)
        buf_clear(&c->token);
    if (is_one)
        buf_append(&c->token, token);
}

/* The last one counts; one that names no sources does not replace one that does. */
static void keep_grounding(struct gemini_choice *c, struct slice raw)
{
    if (!buf_len(&c->grounding) || peek_get(raw, SLICE("groundingChunks")).ptr)
        keep(&c->grounding, raw);
}

static void take_parts(struct gemini_decoder *d, struct gemini_choice *c, struct slice content,
                       struct slice logprobs)
{
    struct peek p = peek_into(peek_get(content, SLICE("parts")));
    struct slice key, part;

    for (size_t i = 0; !d->ended && peek_next(&p, &key, &part); i++) {
        if (d->whole && i < GEMINI_MAX_PARTS)
            c->part_at[i] = c->offsets.bytes;
        if (json_is_object(part))
            gemini_take_part(d, c, part, &logprobs);
    }
}

static void take_candidate(struct gemini_decoder *d, struct slice candidate)
{
    struct slice key, value, content = {0}, logprobs = {0}, reason = {0}, token = {0};
    struct peek p = peek_into(candidate);
    struct gemini_choice *c;
    int64_t index = 0;

    peek_count(peek_get(candidate, SLICE("index")), &index);
    if (index >= GEMINI_MAX_CHOICES || !json_is_object(candidate))
        return;
    c = &d->choices[index];
    c->started = true;
    while (peek_next(&p, &key, &value)) {
        if (slice_eq(key, SLICE("content")))
            content = value;
        else if (slice_eq(key, SLICE("finishReason")))
            reason = value;
        else if (slice_eq(key, SLICE("finishMessage")) && json_is_string(value)) {
            buf_clear(&c->message);
            buf_append(&c->message, slice_sub(value, 1, value.len - 2));
        } else if (slice_eq(key, SLICE("groundingMetadata")))
            keep_grounding(c, value);
        else if (slice_eq(key, SLICE("citationMetadata")))
            keep(&c->citations, value);
        else if (slice_eq(key, SLICE("continuationToken")))
            token = value;
        else if (slice_eq(key, SLICE("logprobsResult")))
            logprobs = value;
    }
    take_reason(c, reason);
    take_token(c, token, content.len && !reason.len);
    take_parts(d, c, content, logprobs);
}

static void take_candidates(struct gemini_decoder *d, struct slice candidates)
{
    struct peek p = peek_into(candidates);
    struct slice key, candidate;

    while (!d->ended && peek_next(&p, &key, &candidate))
        take_candidate(d, candidate);
}

static void take_object(struct gemini_decoder *d, struct slice object)
{
    struct payload p = sort_out(object);

    if (p.error.len) {
        gemini_take_error(d, p.error);
        return;
    }
    if (!p.candidates.len && !p.feedback.len && !p.usage.len && !p.id.len)
        return; // nothing of ours
    start(d, &p);
    take_usage(d, p.usage);
    take_feedback(d, p.feedback);
    take_candidates(d, p.candidates);
}

/* Errors of a stream, and streams without alt=sse, come as arrays. */
static void take_payload(struct gemini_decoder *d, struct slice payload)
{
    struct slice key, element;
    struct peek p;

    while (payload.len && (unsigned char)payload.ptr[0] <= ' ')
        payload = slice_after(payload, 1);
    if (json_is_object(payload)) {
        take_object(d, payload);
        return;
    }
    if (!json_is_array(payload)) {
        broken(d, "an answer that is no JSON object");
        return;
    }
    p = peek_into(payload);
    while (!d->ended && peek_next(&p, &key, &element)) {
        if (json_is_object(element))
            take_object(d, element);
    }
}

static bool is_json(struct slice text)
{
    struct err_info ignored = {0};
    return json_scan(text, NULL, 0, NULL, &ignored) == ERR_NONE;
}

void gemini_decode(void *decoder, struct slice name, struct slice payload,
                   const struct chat_sink *sink)
{
    struct gemini_decoder *d = decoder;

    (void)name;
    payload = slice_trim(payload);
    if (d->ended || !payload.len || slice_eq(payload, SLICE("[DONE]")))
        return;
    d->sink = sink;
    if (is_json(payload))
        take_payload(d, payload);
    else
        broken(d, "an event that is no JSON");
}

/* The end. */

static enum chat_finish finish_of(const struct gemini_choice *c)
{
    switch (c->end) {
    case GEMINI_LENGTH: return FINISH_LENGTH;
    case GEMINI_FILTER: return FINISH_FILTER;
    case GEMINI_PAUSE: return FINISH_PAUSE;
    case GEMINI_GOES_ON:
    case GEMINI_STOP:
    case GEMINI_FAIL: break;
    }
    return c->calls ? FINISH_TOOLS : FINISH_STOP;
}

/* `alone`: there is no other choice.  Two could not be asked to go on. */
static void finish_choice(struct gemini_decoder *d, struct gemini_choice *c, bool alone)
{
    struct chat_event ev = {.type = CHAT_FINISH, .choice = number_of(d, c)};

    ev.finish.reason = finish_of(c);
    if (ev.finish.reason == FINISH_FILTER && buf_len(&c->message))
        ev.finish.explanation = (struct chat_text){buf_peek(&c->message), true};
    if (ev.finish.reason == FINISH_PAUSE && alone) {
        ev.finish.resume = buf_peek(&c->token);
        ev.finish.characters = gemini_offsets_characters(&c->offsets, c->offsets.bytes);
    }
    emit(d, &ev);
}

/* Without a word about why, and with nothing to show, the answer was cut or has failed. */
static bool check_choice(struct gemini_decoder *d, struct gemini_choice *c)
{
    if (c->end == GEMINI_GOES_ON && d->blocked)
        c->end = GEMINI_FILTER;
    if (c->end == GEMINI_GOES_ON && buf_len(&c->token))
        c->end = GEMINI_PAUSE;
    if (c->partial.active || (c->end == GEMINI_GOES_ON && !(d->whole && c->has_content))) {
        broken(d, d->whole ? "an answer without an end" : "the stream ended early");
    } else if (c->end == GEMINI_FAIL && !c->has_content) {
        buf_clear(&d->scratch);
        text_append_plain(&d->scratch, (struct chat_text){buf_peek(&c->message), true});
        gemini_decode_fail(d, ERR_UPSTREAM_FAILED,
                           buf_len(&d->scratch) ? buf_peek(&d->scratch) : buf_peek(&c->reason));
    }
    return !d->ended;
}

static void finish_blocked(struct gemini_decoder *d)
{
    struct chat_event ev = {.type = CHAT_FINISH};

    ev.finish.reason = FINISH_FILTER;
    ev.finish.explanation = (struct chat_text){buf_peek(&d->blocked_reason), true};
    emit(d, &ev);
}

static void finish(struct gemini_decoder *d)
{
    size_t started = 0;

    for (size_t i = 0; i < GEMINI_MAX_CHOICES; i++) {
        started += d->choices[i].started;
        if (d->choices[i].started && !check_choice(d, &d->choices[i]))
            return;
    }
    if (!started && !d->blocked) {
        broken(d, d->started ? "an answer without a candidate" : "no answer");
        return;
    }
    for (size_t i = 0; i < GEMINI_MAX_CHOICES; i++) {
        if (!d->choices[i].started)
            continue;
        gemini_emit_sources(d, &d->choices[i]);
        gemini_close_part(d, &d->choices[i], SLICE(""));
    }
    if (d->has_usage)
        emit_usage(d, USAGE_UPSTREAM);
    for (size_t i = 0; i < GEMINI_MAX_CHOICES; i++) {
        if (d->choices[i].started)
            finish_choice(d, &d->choices[i], started == 1);
    }
    if (!started)
        finish_blocked(d);
    emit(d, &(struct chat_event){.type = CHAT_END});
}

void gemini_decode_end(void *decoder, const struct chat_sink *sink)
{
    struct gemini_decoder *d = decoder;

    if (d->ended)
        return;
    d->sink = sink;
    finish(d);
}

void gemini_decode_whole(void *decoder, struct slice body, const struct chat_sink *sink)
{
    struct gemini_decoder *d = decoder;

    if (d->ended)
        return;
    d->sink = sink;
    d->whole = true;
    if (!is_json(body)) {
        broken(d, "an answer that is no JSON");
        return;
    }
    take_payload(d, body);
    if (!d->ended)
        finish(d);
}

void gemini_decoder_init(void *decoder, const struct codec_decode_options *o)
{
    ((struct gemini_decoder *)decoder)->options = *o;
}

static void release_choice(struct gemini_choice *c)
{
    buf_release(&c->reason);
    buf_release(&c->message);
    buf_release(&c->token);
    buf_release(&c->grounding);
    buf_release(&c->citations);
    buf_release(&c->partial.id);
    buf_release(&c->partial.tool);
    buf_release(&c->partial.args);
    buf_release(&c->partial.path);
    gemini_offsets_release(&c->offsets);
}

void gemini_decoder_release(void *decoder)
{
    struct gemini_decoder *d = decoder;

    for (size_t i = 0; i < GEMINI_MAX_CHOICES; i++)
        release_choice(&d->choices[i]);
    buf_release(&d->id);
    buf_release(&d->blocked_reason);
    buf_release(&d->scratch);
}
