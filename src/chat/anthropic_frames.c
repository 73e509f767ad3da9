/* anthropic_frames.c - answers in Anthropic's Messages: what their events and documents say. */
#include "chat/anthropic_inside.h"
#include "json/write.h"

#define OMITTED "[image omitted]" // an assistant has no images in this dialect

static void put(struct buf *out, struct slice s)
{
    buf_append(out, s);
}

/* event: NAME, and its object up to where its members go on. */
#define FRAME(name) SLICE("event: " name "\ndata: {\"type\":\"" name "\"")
#define FRAME_END   SLICE("}\n\n")

static void put_index(struct buf *out, const struct anthropic_part *p)
{
    put(out, SLICE(",\"index\":"));
    buf_append_u64(out, p->block);
}

static void put_count(struct buf *out, struct slice key, int64_t count)
{
    put(out, key);
    buf_append_i64(out, count);
}

static int64_t written_short(const struct chat_usage *u)
{
    return u->tokens[USAGE_CACHE_WRITE_5M] + u->tokens[USAGE_CACHE_WRITE_30M];
}

static int64_t written_long(const struct chat_usage *u)
{
    return u->tokens[USAGE_CACHE_WRITE_1H] + u->tokens[USAGE_CACHE_WRITE_12H];
}

static void put_input(struct buf *out, const struct chat_usage *u)
{
    put_count(out, SLICE("{\"input_tokens\":"),
              u->tokens[USAGE_INPUT] + u->tokens[USAGE_AUDIO_IN] + u->tokens[USAGE_IMAGE_IN]);
    put_count(out, SLICE(",\"cache_creation_input_tokens\":"), written_short(u) + written_long(u));
    put_count(out, SLICE(",\"cache_read_input_tokens\":"), u->tokens[USAGE_CACHE_READ]);
}

static void put_written(struct buf *out, const struct chat_usage *u)
{
    put_count(out, SLICE(",\"cache_creation\":{\"ephemeral_5m_input_tokens\":"), written_short(u));
    put_count(out, SLICE(",\"ephemeral_1h_input_tokens\":"), written_long(u));
    buf_append_byte(out, '}');
}

static void put_output(struct buf *out, const struct chat_usage *u)
{
    put_count(out, SLICE(",\"output_tokens\":"),
              u->tokens[USAGE_OUTPUT] + u->tokens[USAGE_AUDIO_OUT] + u->tokens[USAGE_IMAGE_OUT]);
    put_count(out, SLICE(",\"output_tokens_details\":{\"thinking_tokens\":"),
              u->tokens[USAGE_REASONING]);
    put(out, SLICE("},\"server_tool_use\":"));
    if (u->tokens[USAGE_SERVER_TOOLS]) {
        put_count(out, SLICE("{\"web_search_requests\":"), u->tokens[USAGE_SERVER_TOOLS]);
        put(out, SLICE(",\"web_fetch_requests\":0}"));
    } else {
        put(out, SLICE("null"));
    }
}

static struct slice tier_name(enum chat_tier tier)
{
    switch (tier) {
    case TIER_PRIORITY: return SLICE("priority");
    case TIER_FLEX: return SLICE("batch");
    case TIER_UNSET:
    case TIER_AUTO:
    case TIER_DEFAULT:
    case TIER_SCALE: break;
    }
    return SLICE("standard");
}

static void put_usage_end(struct buf *out, enum chat_tier tier)
{
    put(out, SLICE(",\"service_tier\":\""));
    put(out, tier_name(tier));
    put(out, SLICE("\",\"speed\":\"standard\",\"inference_geo\":null}"));
}

static void put_head(struct buf *out, const struct anthropic_encoder *e)
{
    put(out, SLICE("{\"id\":"));
    json_write_string(out, buf_peek(&e->id));
    put(out, SLICE(",\"type\":\"message\",\"role\":\"assistant\",\"model\":"));
    json_write_string(out, buf_peek(&e->model));
}

/* What has been put out when nothing has been: one token, as the vendor has it. */
void anthropic_frame_start(struct anthropic_encoder *e, struct buf *out)
{
    put(out, FRAME("message_start"));
    put(out, SLICE(",\"message\":"));
    put_head(out, e);
    put(out, SLICE(",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,"
                   "\"stop_details\":null,\"container\":null,\"diagnostics\":null,\"usage\":"));
    put_input(out, &e->usage);
    put_written(out, &e->usage);
    put(out, SLICE(",\"output_tokens\":1,\"output_tokens_details\":null,"
                   "\"server_tool_use\":null"));
    put_usage_end(out, e->tier);
    put(out, SLICE("}"));
    put(out, FRAME_END);
}

void anthropic_frame_ping(struct buf *out)
{
    put(out, FRAME("ping"));
    put(out, FRAME_END);
}

static void put_call(struct buf *out, const struct anthropic_part *p)
{
    put(out, SLICE("{\"type\":\"tool_use\",\"id\":"));
    json_write_string(out, buf_peek(&p->id));
    put(out, SLICE(",\"name\":"));
    json_write_string(out, buf_peek(&p->tool));
    put(out, SLICE(",\"input\":"));
}

static void put_redacted(struct buf *out, const struct anthropic_part *p)
{
    put(out, SLICE("{\"type\":\"redacted_thinking\",\"data\":"));
    json_write_string(out, buf_peek(&p->secret));
    buf_append_byte(out, '}');
}

#define CALL_END SLICE(",\"caller\":{\"type\":\"direct\"}}")

void anthropic_frame_block(const struct anthropic_part *p, struct buf *out)
{
    put(out, FRAME("content_block_start"));
    put_index(out, p);
    put(out, SLICE(",\"content_block\":"));
    switch (p->kind) {
    case PART_TEXT:
    case PART_REFUSAL:
    case PART_IMAGE: put(out, SLICE("{\"type\":\"text\",\"text\":\"\",\"citations\":null}")); break;
    case PART_REASONING:
        if (p->alone)
            put_redacted(out, p);
        else
            put(out, SLICE("{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}"));
        break;
    case PART_CALL:
        put_call(out, p);
        put(out, SLICE("{}"));
        put(out, CALL_END);
        break;
    case PART_SEARCH: break;
    }
    put(out, FRAME_END);
    if (p->kind == PART_IMAGE)
        anthropic_frame_text(p, text_plain(SLICE(OMITTED)), out);
}

void anthropic_frame_stop(const struct anthropic_part *p, struct buf *out)
{
    put(out, FRAME("content_block_stop"));
    put_index(out, p);
    put(out, FRAME_END);
}

static void frame_delta(const struct anthropic_part *p, struct slice head, struct chat_text text,
                        struct buf *out)
{
    put(out, FRAME("content_block_delta"));
    put_index(out, p);
    put(out, head);
    text_append_escaped(out, text);
    put(out, SLICE("\"}"));
    put(out, FRAME_END);
}

void anthropic_frame_text(const struct anthropic_part *p, struct chat_text text, struct buf *out)
{
    frame_delta(p,
                p->kind == PART_REASONING
                    ? SLICE(",\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"")
                    : SLICE(",\"delta\":{\"type\":\"text_delta\",\"text\":\""),
                text, out);
}

void anthropic_frame_input(const struct anthropic_part *p, struct chat_text json, struct buf *out)
{
    frame_delta(p, SLICE(",\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\""), json,
                out);
}

void anthropic_frame_signature(const struct anthropic_part *p, struct buf *out)
{
    frame_delta(p, SLICE(",\"delta\":{\"type\":\"signature_delta\",\"signature\":\""),
                text_plain(buf_peek(&p->secret)), out);
}

/* A refusal in words ends as one, if the model says no more than that it is done. */
static struct slice reason_name(const struct anthropic_encoder *e)
{
    switch (e->finish) {
    case FINISH_STOP_SEQUENCE:
        return text_is_absent(e->sequence) ? SLICE("end_turn") : SLICE("stop_sequence");
    case FINISH_TOOLS: return SLICE("tool_use");
    case FINISH_LENGTH: return SLICE("max_tokens");
    case FINISH_CONTEXT: return SLICE("model_context_window_exceeded");
    case FINISH_FILTER: return SLICE("refusal");
    case FINISH_PAUSE: return SLICE("pause_turn");
    case FINISH_STOP: break;
    }
    return e->refused ? SLICE("refusal") : SLICE("end_turn");
}

static void put_text_or_null(struct buf *out, struct chat_text text)
{
    struct json_writer w = {.out = out};

    json_value_text(&w, text);
}

static void put_reason(struct buf *out, const struct anthropic_encoder *e)
{
    struct slice reason = reason_name(e);

    put(out, SLICE("\"stop_reason\":\""));
    put(out, reason);
    put(out, SLICE("\",\"stop_sequence\":"));
    put_text_or_null(out, e->finish == FINISH_STOP_SEQUENCE ? e->sequence : (struct chat_text){0});
    put(out, SLICE(",\"stop_details\":"));
    if (slice_eq(reason, SLICE("refusal"))) {
        put(out, SLICE("{\"type\":\"refusal\",\"category\":null,\"explanation\":"));
        put_text_or_null(out, e->explanation);
        buf_append_byte(out, '}');
    } else {
        put(out, SLICE("null"));
    }
    put(out, SLICE(",\"container\":null"));
}

void anthropic_frame_end(const struct anthropic_encoder *e, struct buf *out)
{
    put(out, FRAME("message_delta"));
    put(out, SLICE(",\"delta\":{"));
    put_reason(out, e);
    put(out, SLICE("},\"usage\":"));
    put_input(out, &e->usage);
    put_output(out, &e->usage);
    put(out, SLICE("}"));
    put(out, FRAME_END);
    put(out, FRAME("message_stop"));
    put(out, FRAME_END);
}

static void put_text_block(struct buf *out, struct chat_text text)
{
    put(out, SLICE("{\"type\":\"text\",\"text\":\""));
    text_append_escaped(out, text);
    put(out, SLICE("\",\"citations\":null}"));
}

static void put_thinking_block(struct buf *out, const struct anthropic_part *p)
{
    if (p->alone) {
        put_redacted(out, p);
        return;
    }
    put(out, SLICE("{\"type\":\"thinking\",\"thinking\":\""));
    put(out, buf_peek(&p->text));
    put(out, SLICE("\",\"signature\":"));
    json_write_string(out, buf_peek(&p->secret));
    buf_append_byte(out, '}');
}

static void put_call_block(struct buf *out, const struct anthropic_part *p, struct slice input)
{
    put_call(out, p);
    if (p->custom) {
        put(out, SLICE("{\"input\":\""));
        put(out, buf_peek(&p->text));
        put(out, SLICE("\"}"));
    } else {
        put(out, input);
    }
    put(out, CALL_END);
}

/* What of a part is a block: empty text is none, nor are arguments that were cut off. */
static bool has_block(struct anthropic_encoder *e, const struct anthropic_part *p)
{
    bool cut = e->finish == FINISH_LENGTH || e->finish == FINISH_CONTEXT;
    struct chat_text text = {buf_peek(&p->text), true};

    switch (p->kind) {
    case PART_TEXT:
    case PART_REFUSAL: return text.s.len > 0;
    case PART_REASONING: return text.s.len > 0 || buf_len(&p->secret) > 0;
    case PART_CALL:
        buf_clear(&e->scratch);
        return p->custom || anthropic_write_input(&e->scratch, text, !cut);
    case PART_IMAGE: return true;
    case PART_SEARCH: break;
    }
    return false;
}

static void put_block(struct buf *out, struct anthropic_encoder *e, const struct anthropic_part *p)
{
    switch (p->kind) {
    case PART_TEXT:
    case PART_REFUSAL: put_text_block(out, (struct chat_text){buf_peek(&p->text), true}); return;
    case PART_IMAGE: put_text_block(out, text_plain(SLICE(OMITTED))); return;
    case PART_REASONING: put_thinking_block(out, p); return;
    case PART_CALL: put_call_block(out, p, buf_peek(&e->scratch)); return;
    case PART_SEARCH: return;
    }
}

void anthropic_write_document(struct anthropic_encoder *e, struct buf *out)
{
    bool any = false;

    put_head(out, e);
    put(out, SLICE(",\"content\":["));
    for (size_t i = 0; i < e->part_count; i++) {
        if (!e->parts[i] || !has_block(e, e->parts[i]))
            continue;
        if (any)
            buf_append_byte(out, ',');
        put_block(out, e, e->parts[i]);
        any = true;
    }
    put(out, SLICE("],"));
    put_reason(out, e);
    put(out, SLICE(",\"diagnostics\":null,\"usage\":"));
    put_input(out, &e->usage);
    put_written(out, &e->usage);
    put_output(out, &e->usage);
    put_usage_end(out, e->tier);
    buf_append_byte(out, '}');
}
