/* listener.c - hears usage, finish and errors in an answer that passes through. */
#include <assert.h>

#include "chat/listener_inside.h"
#include "json/extent.h"
#include "json/scan.h"

void listener_init(struct listener *l, enum dialect d, enum operation op, enum framing framing)
{
    *l = (struct listener){.dialect = d, .operation = op, .framing = framing};
}

static void note(struct listener *l, const struct heard *heard)
{
    listener_at_least(&l->usage.tokens[USAGE_SERVER_TOOLS],
                      l->searches); // figures seldom speak of them
    l->failed |= heard->is_error;
    l->terminal |= heard->is_terminal;
}

/* What is no object says nothing, but may be JSON all the same. */
static bool is_json(struct slice payload)
{
    struct err_info e = {0};

    return json_scan(payload, NULL, 0, NULL, &e) == ERR_NONE;
}

static bool starts_object(struct slice payload)
{
    size_t at = 0;

    while (at < payload.len && json_is_blank(payload.ptr[at]))
        at++;
    return at < payload.len && payload.ptr[at] == '{';
}

struct heard listener_hear(struct listener *l, struct slice event, struct slice payload)
{
    const struct listener_ear *ear = listener_ear(l->dialect, l->operation, l->framing);
    struct heard heard = {0};
    struct listener_found found = {.said = {.sample = &l->sample}};
    struct text_sample before = l->sample;

    if (starts_object(payload)) {
        heard.is_broken = !peek_members(payload, &ear->wants, found.values, &found.said);
    } else if (l->framing == FRAMING_SSE && slice_eq(slice_trim(payload), SLICE("[DONE]"))) {
        l->terminal = true; // not only in Chat: some copies of the others say it too
        heard.is_terminal = true;
        return heard;
    } else {
        found = (struct listener_found){0};
        heard.is_broken = !is_json(payload);
    }
    found.event = event;
    if (heard.is_broken)
        sample_forget(&l->sample, &before);
    else
        ear->hear(l, &found, &heard);
    if (l->framing == FRAMING_BODY)
        heard.is_terminal = !heard.is_broken;
    note(l, &heard);
    return heard;
}

const struct slice *listener_fields(enum dialect d, enum operation op, size_t *count)
{
    const struct listener_ear *ear = listener_ear(d, op, FRAMING_BODY);

    *count = ear->field_count;
    return ear->wants.keys;
}

void listener_hear_field(struct listener *l, size_t field, struct slice value)
{
    const struct listener_ear *ear = listener_ear(l->dialect, l->operation, FRAMING_BODY);
    struct listener_found found = {0};
    struct heard heard = {0};

    assert(field < ear->field_count);
    found.values[field] = value;
    ear->hear(l, &found, &heard);
    l->finished |= l->source == USAGE_UPSTREAM; // the reason for its end was not held
    note(l, &heard);
}

void listener_hear_start(struct listener *l, struct slice start)
{
    const struct listener_ear *ear = listener_ear(l->dialect, l->operation, FRAMING_BODY);
    struct peek_swept said = {.sample = &l->sample};

    peek_sweep(start, ear->wants.text, ear->wants.text_count, &said);
    l->output_bytes += said.bytes;
    l->start_bytes = (int64_t)start.len;
}

void listener_hear_text(struct listener *l, struct slice text, bool escaped)
{
    if (l->output_bytes < PEEK_COUNT_MAX)
        l->output_bytes += escaped ? peek_inside_bytes(text) : (int64_t)text.len;
    sample_add(&l->sample, text, escaped);
}

bool listener_wants_input(const struct listener *l)
{
    return l->source == USAGE_NONE &&
           (l->operation == OP_GENERATE || l->operation == OP_EMBED || l->operation == OP_COMPACT);
}

/* The rest of a body that has flowed by is taken to be like its start. */
static int64_t bytes_seen(const struct listener *l)
{
    double bytes = (double)l->output_bytes;

    if (l->start_bytes > 0 && l->flowed_bytes > l->start_bytes)
        bytes = bytes * (double)l->flowed_bytes / (double)l->start_bytes;
    return bytes < (double)PEEK_COUNT_MAX ? (int64_t)bytes : PEEK_COUNT_MAX;
}

void listener_estimate(struct listener *l, struct slice model, int64_t input_tokens)
{
    int64_t *tokens = l->usage.tokens;

    if (l->source == USAGE_UPSTREAM || l->source == USAGE_LOCAL)
        return;
    if (l->operation != OP_GENERATE && l->operation != OP_EMBED && l->operation != OP_COMPACT)
        return;
    if (l->source == USAGE_NONE) {
        l->source = USAGE_ESTIMATED;
        tokens[USAGE_INPUT] = input_tokens > 0 ? input_tokens : 0;
    }
    listener_at_least(&tokens[USAGE_OUTPUT], sample_tokens(&l->sample, model, bytes_seen(l)));
}
