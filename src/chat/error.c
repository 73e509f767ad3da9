/* error.c - errors in the words of each dialect. */
#include "chat/error.h"

#include <assert.h>

#include "wire/sse.h"
#include "json/write.h"

struct words {
    const char *openai_type, *openai_code; // the code may be NULL
    const char *anthropic_type;
    const char *gemini_status;
    const char *advice;
};

static const struct words words[ERR_COUNT] = {
#define WORDS(name, type, code, anthropic, gemini, advice) \
    [ERR_##name] = {type, code, anthropic, gemini, advice},
#include "chat/error.def"
#undef WORDS
};

static const struct words *words_of(enum err code)
{
    assert(code > ERR_NONE && code < ERR_COUNT);
    return &words[code];
}

/*
 * OpenAI's statuses are ours.  Anthropic says 529 for overloaded; it and Gemini
 * know no 502, except that an upstream's refusal of our own account must not look
 * like any refusal of the client (spec 6).  Gemini has no 413.
 */
int error_status(enum dialect d, enum err code)
{
    int status = err_http_status(code);

    if (d != DIALECT_ANTHROPIC && d != DIALECT_GEMINI)
        return status;
    if (status == 502 && code != ERR_UPSTREAM_KEY && code != ERR_UPSTREAM_BILLING)
        return 500;
    if (status == 503 && d == DIALECT_ANTHROPIC)
        return 529;
    if (status == 413 && d == DIALECT_GEMINI)
        return 400;
    return status;
}

static void write_str(struct buf *out, const char *s)
{
    if (s)
        json_write_string(out, slice_str(s));
    else
        buf_append(out, SLICE("null"));
}

/* The text, or the code's own with what to do about it. */
static void write_message(struct buf *out, const struct err_info *e)
{
    const char *advice = words_of(e->code)->advice;
    char text[2 * ERR_TEXT_BYTES];

    snprintf(text, sizeof(text), "%s%s%s", err_info_text(e), e->text[0] || !advice[0] ? "" : "; ",
             e->text[0] ? "" : advice);
    json_write_string(out, slice_str(text));
}

/* Claude's clients know a full window by these words, and then shorten the conversation. */
static void write_anthropic_message(struct buf *out, const struct err_info *e)
{
    static const char told[] = "prompt is too long";
    char text[2 * ERR_TEXT_BYTES];

    if (e->code != ERR_CONTEXT_LENGTH || strstr(e->text, told)) {
        write_message(out, e);
        return;
    }
    snprintf(text, sizeof(text), "%s: %s", told, err_info_text(e));
    json_write_string(out, slice_str(text));
}

/* {"message","type","param","code"}, without the outer braces' neighbours. */
static void write_openai(struct buf *out, const struct err_info *e)
{
    const struct words *w = words_of(e->code);

    buf_append(out, SLICE("{\"message\":"));
    write_message(out, e);
    buf_append(out, SLICE(",\"type\":"));
    write_str(out, w->openai_type);
    buf_append(out, SLICE(",\"param\":null,\"code\":"));
    write_str(out, w->openai_code);
    buf_append_byte(out, '}');
}

/*
 * A quota of ours has no type of its own: the code says which kind of billing error it is.
 * By the other one the vendor's SDK knows that it must send the conversation itself.
 */
static void write_anthropic_details(struct buf *out, enum err code)
{
    if (code == ERR_QUOTA)
        buf_append(out, SLICE(",\"details\":{\"error_code\":\"quota_exceeded\"}"));
    else if (code == ERR_NO_THREADS)
        buf_append(out, SLICE(",\"details\":{\"error_code\":\"thread_unsupported_request\","
                              "\"unsupported\":[\"thread\"]}"));
}

static void write_anthropic(struct buf *out, const struct err_info *e, struct slice request_id)
{
    const struct words *w = words_of(e->code);

    buf_append(out, SLICE("{\"type\":\"error\",\"error\":{\"type\":"));
    write_str(out, w->anthropic_type);
    buf_append(out, SLICE(",\"message\":"));
    write_anthropic_message(out, e);
    write_anthropic_details(out, e->code);
    buf_append(out, SLICE("},\"request_id\":"));
    json_write_string(out, request_id);
    buf_append_byte(out, '}');
}

/* What Google's clients read beside the status: when to come back, and why not. */
static void write_gemini_details(struct buf *out, const struct err_info *e)
{
    if (e->code == ERR_QUOTA) {
        buf_append(out, SLICE("{\"@type\":\"type.googleapis.com/google.rpc.ErrorInfo\","
                              "\"reason\":\"QUOTA_EXCEEDED\",\"domain\":\"gproxy\","
                              "\"metadata\":{\"code\":\"quota_exceeded\"}}"));
    } else if (e->retry_after_ms > 0) {
        buf_append(out, SLICE("{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\","
                              "\"retryDelay\":\""));
        buf_append_i64(out, (e->retry_after_ms - 1) / 1000 + 1);
        buf_append(out, SLICE("s\"}"));
    }
}

static void write_gemini(struct buf *out, const struct err_info *e)
{
    buf_append(out, SLICE("{\"error\":{\"code\":"));
    buf_append_i64(out, error_status(DIALECT_GEMINI, e->code));
    buf_append(out, SLICE(",\"message\":"));
    write_message(out, e);
    buf_append(out, SLICE(",\"status\":"));
    write_str(out, words_of(e->code)->gemini_status);
    buf_append(out, SLICE(",\"details\":["));
    write_gemini_details(out, e);
    buf_append(out, SLICE("]}}"));
}

/* One error object, whole. */
static void write_object(struct buf *out, enum dialect d, const struct err_info *e,
                         struct slice request_id)
{
    assert(d != DIALECT_COUNT);
    switch (d) {
    case DIALECT_OPENAI_CHAT:
    case DIALECT_OPENAI_RESPONSES:
    case DIALECT_OPENAI:
        buf_append(out, SLICE("{\"error\":"));
        write_openai(out, e);
        buf_append_byte(out, '}');
        return;
    case DIALECT_ANTHROPIC: write_anthropic(out, e, request_id); return;
    case DIALECT_GEMINI: write_gemini(out, e); return;
    case DIALECT_COUNT: break;
    }
}

/*
 * The flat fields are those of the
 * vendor's types; the SDKs raise on the nested object, which is what the vendor
 * really sends (openai-responses.md, 6).  It sends response.failed behind it, which wants
 * a whole response object; what passes through is not kept, so there it is this alone.
 */
void error_write_responses_event(const struct err_info *e, struct buf *out)
{
    buf_append(out, SLICE(",\"code\":"));
    write_str(out, words_of(e->code)->openai_code);
    buf_append(out, SLICE(",\"message\":"));
    write_message(out, e);
    buf_append(out, SLICE(",\"param\":null,\"error\":"));
    write_openai(out, e);
}

void error_write_body(enum dialect d, enum framing framing, const struct err_info *e,
                      struct slice request_id, struct buf *out)
{
    if (framing == FRAMING_ARRAY)
        buf_append_byte(out, '[');
    write_object(out, d, e, request_id);
    if (framing == FRAMING_ARRAY)
        buf_append_byte(out, ']');
}

/* An array that stands open is closed behind the error: clients read it as one document. */
static void write_element(struct buf *out, enum dialect d, const struct err_info *e,
                          struct slice request_id, bool first)
{
    buf_append_byte(out, first ? '[' : ',');
    write_object(out, d, e, request_id);
    buf_append_byte(out, ']');
}

static void write_event(struct buf *out, enum dialect d, const struct err_info *e,
                        struct slice request_id)
{
    bool named = d == DIALECT_ANTHROPIC || d == DIALECT_OPENAI_RESPONSES;
    struct buf data = {0};

    if (d == DIALECT_OPENAI_RESPONSES) {
        buf_append(&data, SLICE("{\"type\":\"error\",\"sequence_number\":0"));
        error_write_responses_event(e, &data);
        buf_append_byte(&data, '}');
    } else {
        write_object(&data, d, e, request_id);
    }
    sse_write(out, named ? SLICE("error") : SLICE(""), buf_peek(&data));
    buf_release(&data);
}

void error_write_stream(enum dialect d, enum framing framing, const struct err_info *e,
                        struct slice request_id, bool first, struct buf *out)
{
    switch (framing) {
    case FRAMING_SSE: write_event(out, d, e, request_id); return;
    case FRAMING_ARRAY: write_element(out, d, e, request_id, first); return;
    case FRAMING_BODY: return; // half a document: only cutting it says that it is not whole
    }
}
