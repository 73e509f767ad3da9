/* gemini_encode_end.c - an answer's last chunk, or all of it in one document. */
#include "chat/gemini_encode.h"
#include "chat/gemini_inside.h"

#define BLOCKED "Prompt blocked: " // how our decoder says that there was no answer

/* Usage. */

static int64_t sum(const struct chat_usage *usage, enum usage_kind from, enum usage_kind to)
{
    int64_t total = 0;

    for (size_t i = from; i <= to; i++)
        total += usage->tokens[i];
    return total;
}

/* Before the end only what went in is known. */
static void write_usage(struct json_writer *w, const struct chat_usage *usage, bool is_last)
{
    int64_t in = sum(usage, USAGE_INPUT, USAGE_IMAGE_IN), thoughts = usage->tokens[USAGE_REASONING];
    int64_t out = usage->tokens[USAGE_OUTPUT] + usage->tokens[USAGE_AUDIO_OUT] +
                  usage->tokens[USAGE_IMAGE_OUT];
    const struct {
        struct slice key;
        int64_t count;
    } members[] = {
        {SLICE("candidatesTokenCount"),    is_last ? out - thoughts : 0                 },
        {SLICE("totalTokenCount"),         is_last ? in + out : in                      },
        {SLICE("thoughtsTokenCount"),      is_last ? thoughts : 0                       },
        {SLICE("cachedContentTokenCount"), is_last ? usage->tokens[USAGE_CACHE_READ] : 0},
    };

    json_key(w, SLICE("usageMetadata"));
    json_open_object(w);
    json_key(w, SLICE("promptTokenCount"));
    json_value_int(w, in);
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        if (!members[i].count)
            continue;
        json_key(w, members[i].key);
        json_value_int(w, members[i].count);
    }
    json_close_object(w);
}

void gemini_write_tail(const struct gemini_encoder *e, bool is_last, struct buf *out)
{
    struct json_writer w = {.out = out, .comma = true};

    if (e->has_usage)
        write_usage(&w, &e->usage, is_last);
    json_key(&w, SLICE("modelVersion"));
    json_value_string(&w, buf_peek(&e->model));
    json_key(&w, SLICE("responseId"));
    json_value_string(&w, buf_peek(&e->id));
    json_close_object(&w);
}

/* Parts. */

static void write_call(struct gemini_encoder *e, struct json_writer *w,
                       const struct gemini_out_part *part)
{
    struct chat_text text = {buf_peek(&part->text), true};

    json_key(w, SLICE("functionCall"));
    json_open_object(w);
    json_key(w, SLICE("id"));
    json_value_string(w, buf_peek(&part->id));
    json_key(w, SLICE("name"));
    json_value_string(w, buf_peek(&part->tool));
    json_key(w, SLICE("args"));
    if (part->custom) {
        json_open_object(w);
        json_key(w, SLICE("input"));
        json_value_text(w, text.s.ptr ? text : text_plain(SLICE("")));
        json_close_object(w);
    } else {
        buf_clear(&e->scratch);
        text_append_plain(&e->scratch, text);
        gemini_write_arguments(w, buf_peek(&e->scratch));
    }
    json_close_object(w);
}

void gemini_write_out_part(struct gemini_encoder *e, const struct gemini_out_part *part,
                           struct slice secret, struct buf *out)
{
    struct chat_text text = {buf_len(&part->text) ? buf_peek(&part->text) : SLICE(""), true};
    struct json_writer w = {.out = out};

    json_open_object(&w);
    switch (part->kind) {
    case PART_TEXT:
    case PART_REFUSAL:
    case PART_REASONING:
        json_key(&w, SLICE("text"));
        json_value_text(&w, text);
        break;
    case PART_CALL: write_call(e, &w, part); break;
    case PART_IMAGE:
        json_key(&w, SLICE("inlineData"));
        json_open_object(&w);
        json_key(&w, SLICE("mimeType"));
        json_value_string(&w, buf_len(&part->tool) ? buf_peek(&part->tool) : SLICE("image/png"));
        json_key(&w, SLICE("data"));
        json_value_text(&w, text);
        json_close_object(&w);
        break;
    case PART_SEARCH: break;
    }
    if (part->kind == PART_REASONING) {
        json_key(&w, SLICE("thought"));
        json_value_bool(&w, true);
    }
    if (secret.len) {
        json_key(&w, SLICE("thoughtSignature"));
        json_value_string(&w, secret);
    }
    json_close_object(&w);
}

/* Onto which part of a document a secret goes: the next call or image, else the last text. */
static const struct gemini_out_part *carrier_of(const struct gemini_out_choice *c,
                                                const struct gemini_out_part *reasoning)
{
    const struct gemini_out_part *text = NULL;

    for (struct list *at = reasoning->link.next; at != &c->parts; at = at->next) {
        const struct gemini_out_part *part = list_entry(at, struct gemini_out_part, link);

        if (part->kind == PART_CALL || (part->kind == PART_IMAGE && buf_len(&part->text)))
            return part;
        if (part->kind == PART_REASONING && buf_len(&part->secret))
            break;
        if (part->kind == PART_TEXT && buf_len(&part->text))
            text = part;
    }
    return text;
}

/* Parts with commas between them; one of which nothing came is none. */
struct parts_writer {
    struct gemini_encoder *e;
    struct buf *out;
    size_t count;
};

static void add_part(struct parts_writer *p, const struct gemini_out_part *part,
                     struct slice secret)
{
    if (p->count++)
        buf_append_byte(p->out, ',');
    gemini_write_out_part(p->e, part, secret, p->out);
}

/* A stream's last chunk says something, as Google's does: its SDK forgets chats that do not. */
static void write_parts(struct gemini_encoder *e, struct gemini_out_choice *c, struct buf *out)
{
    static const struct gemini_out_part empty = {.kind = PART_TEXT};
    struct parts_writer p = {e, out, 0};
    const struct gemini_out_part *carrier = NULL;
    struct slice secret = buf_peek(&c->secret); // of a stream: nothing could carry it

    list_for_each(at, &c->parts) {
        struct gemini_out_part *part = list_entry(at, struct gemini_out_part, link);

        part->place = p.count;
        if (part->kind == PART_CALL || buf_len(&part->text))
            add_part(&p, part, part == carrier ? secret : SLICE(""));
        if (part == carrier)
            secret = SLICE("");
        if (part->kind != PART_REASONING || !buf_len(&part->secret))
            continue;
        secret = buf_peek(&part->secret);
        carrier = carrier_of(c, part);
        if (!carrier) {
            add_part(&p, &empty, secret);
            secret = SLICE("");
        }
    }
    if (secret.len || (!p.count && c->has_parts && e->options.framing != FRAMING_BODY))
        add_part(&p, &empty, secret);
}

/* Sources. */

/* In a document places are counted within a part. */
static const struct gemini_out_part *part_at(const struct gemini_out_choice *c, int64_t bytes)
{
    const struct gemini_out_part *found = NULL;

    list_for_each(at, &c->parts) {
        const struct gemini_out_part *part = list_entry(at, struct gemini_out_part, link);
        if (part->kind == PART_TEXT && buf_len(&part->text) && part->at_bytes <= bytes)
            found = part;
    }
    return found;
}

static void write_support(struct json_writer *w, const struct gemini_out_choice *c,
                          const struct gemini_out_cite *cite, size_t chunk)
{
    int64_t start = gemini_offsets_bytes(&c->offsets, cite->start);
    int64_t end = gemini_offsets_bytes(&c->offsets, cite->end);
    const struct gemini_out_part *part = part_at(c, start);
    int64_t from = part ? part->at_bytes : 0;

    if (start < 0 || end < start)
        return;
    json_open_object(w);
    json_key(w, SLICE("segment"));
    json_open_object(w);
    if (part && part->place) {
        json_key(w, SLICE("partIndex"));
        json_value_int(w, (int64_t)part->place);
    }
    json_key(w, SLICE("startIndex"));
    json_value_int(w, start - from);
    json_key(w, SLICE("endIndex"));
    json_value_int(w, end - from);
    json_close_object(w);
    json_key(w, SLICE("groundingChunkIndices"));
    json_open_array(w);
    json_value_int(w, (int64_t)chunk);
    json_close_array(w);
    json_close_object(w);
}

static void write_list(struct json_writer *w, struct slice key, const struct buf *items)
{
    if (!buf_len(items))
        return;
    json_key(w, key);
    json_open_array(w);
    json_value_raw(w, buf_peek(items));
    json_close_array(w);
}

static void write_sources(struct json_writer *w, const struct gemini_out_choice *c)
{
    struct slice cites = buf_peek(&c->cites);
    struct gemini_out_cite cite;

    if (!buf_len(&c->chunks) && !buf_len(&c->searches))
        return;
    json_key(w, SLICE("groundingMetadata"));
    json_open_object(w);
    write_list(w, SLICE("webSearchQueries"), &c->searches);
    write_list(w, SLICE("groundingChunks"), &c->chunks);
    if (cites.len) {
        json_key(w, SLICE("groundingSupports"));
        json_open_array(w);
        for (size_t i = 0; i < cites.len / sizeof(cite); i++) {
            memcpy(&cite, cites.ptr + i * sizeof(cite), sizeof(cite));
            write_support(w, c, &cite, i);
        }
        json_close_array(w);
    }
    json_close_object(w);
}

/* Candidates. */

static struct slice reason_of(const struct gemini_out_choice *c)
{
    switch (c->reason) {
    case FINISH_LENGTH:
    case FINISH_CONTEXT: return SLICE("MAX_TOKENS");
    case FINISH_FILTER: return SLICE("SAFETY");
    case FINISH_STOP:
    case FINISH_STOP_SEQUENCE:
    case FINISH_TOOLS:
    case FINISH_PAUSE: break;
    }
    return SLICE("STOP");
}

static void write_logprobs(struct gemini_encoder *e, struct json_writer *w,
                           const struct gemini_out_choice *c)
{
    if (!buf_len(&c->logprobs))
        return;
    buf_clear(&e->scratch);
    buf_append_byte(&e->scratch, '[');
    buf_append(&e->scratch, buf_peek(&c->logprobs));
    buf_append_byte(&e->scratch, ']');
    json_key(w, SLICE("logprobsResult"));
    json_value_raw(w, SLICE(""));
    gemini_logprobs_from_chat(buf_peek(&e->scratch), w->out);
}

static void write_candidate(struct gemini_encoder *e, struct json_writer *w,
                            struct gemini_out_choice *c)
{
    json_open_object(w);
    json_key(w, SLICE("content"));
    json_open_object(w);
    json_key(w, SLICE("role"));
    json_value_string(w, SLICE("model"));
    json_key(w, SLICE("parts"));
    json_open_array(w);
    write_parts(e, c, w->out);
    json_close_array(w);
    json_close_object(w);
    json_key(w, SLICE("finishReason"));
    json_value_string(w, reason_of(c));
    if (buf_len(&c->explanation)) {
        json_key(w, SLICE("finishMessage"));
        json_value_text(w, (struct chat_text){buf_peek(&c->explanation), true});
    }
    write_logprobs(e, w, c);
    write_sources(w, c);
    json_key(w, SLICE("index"));
    json_value_int(w, c->number);
    json_close_object(w);
}

/* Nothing was answered because of the prompt: that is no candidate then. */
static bool write_blocked(struct gemini_encoder *e, struct json_writer *w)
{
    const struct gemini_out_choice *c = e->choices[0];
    struct slice reason;

    if (!c || c->has_parts || c->reason != FINISH_FILTER ||
        !slice_starts(buf_peek(&c->explanation), SLICE(BLOCKED)))
        return false;
    reason = slice_after(buf_peek(&c->explanation), sizeof(BLOCKED) - 1);
    json_key(w, SLICE("promptFeedback"));
    json_open_object(w);
    json_key(w, SLICE("blockReason"));
    json_value_text(w, (struct chat_text){reason, true});
    json_close_object(w);
    return true;
}

void gemini_write_end(struct gemini_encoder *e, struct buf *out)
{
    struct json_writer w = {.out = out};

    json_open_object(&w);
    if (!write_blocked(e, &w)) {
        json_key(&w, SLICE("candidates"));
        json_open_array(&w);
        for (size_t i = 0; i < GEMINI_OUT_CHOICES; i++) {
            if (e->choices[i] && e->choices[i]->finished)
                write_candidate(e, &w, e->choices[i]);
        }
        json_close_array(&w);
    }
    gemini_write_tail(e, true, out);
}
