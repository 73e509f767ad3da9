/* error_read.c - what an upstream says when it fails, in any dialect. */
#include "chat/error_read.h"

#include <ctype.h>

#include "base/array.h"
#include "json/tree.h"

#define TREE_BYTES (1 << 20) // for what is said of a failure; more is not read

/* Words of a code or type, or of a message where that is all there is.  The first that fits. */
struct word {
    struct slice text;
    enum err kind;
};

/* These say more than the status that comes with them. */
static const struct word telling_codes[] = {
    {SLICE_INIT("context_length_exceeded"),   ERR_CONTEXT_LENGTH  },
    {SLICE_INIT("insufficient_quota"),        ERR_UPSTREAM_BILLING},
    {SLICE_INIT("billing_"),                  ERR_UPSTREAM_BILLING},
    {SLICE_INIT("invalid_api_key"),           ERR_UPSTREAM_KEY    },
    {SLICE_INIT("API_KEY_INVALID"),           ERR_UPSTREAM_KEY    },
    {SLICE_INIT("model_not_found"),           ERR_MODEL_NOT_FOUND },
    {SLICE_INIT("overloaded"),                ERR_UPSTREAM_FULL   },
    {SLICE_INIT("slow_down"),                 ERR_UPSTREAM_BUSY   },
    {SLICE_INIT("ThrottlingException"),       ERR_UPSTREAM_BUSY   },
    {SLICE_INIT("ModelNotReadyException"),    ERR_UPSTREAM_BUSY   },
    {SLICE_INIT("ServiceQuotaExceeded"),      ERR_UPSTREAM_BUSY   },
    {SLICE_INIT("ModelTimeoutException"),     ERR_UPSTREAM_TIMEOUT},
    {SLICE_INIT("ModelStreamErrorException"), ERR_UPSTREAM_FAILED },
};

static const struct word telling_messages[] = {
    {SLICE_INIT("maximum context length"),               ERR_CONTEXT_LENGTH  },
    {SLICE_INIT("prompt is too long"),                   ERR_CONTEXT_LENGTH  },
    {SLICE_INIT("exceeds the maximum number of tokens"), ERR_CONTEXT_LENGTH  },
    {SLICE_INIT("exceed context limit"),                 ERR_CONTEXT_LENGTH  },
    {SLICE_INIT("exceeds the context window"),           ERR_CONTEXT_LENGTH  },
    {SLICE_INIT("API key not valid"),                    ERR_UPSTREAM_KEY    },
    {SLICE_INIT("credit balance is too low"),            ERR_UPSTREAM_BILLING},
};

/* For errors inside a stream, whose status was 200. */
static const struct word codes[] = {
    {SLICE_INIT("rate_limit"),          ERR_UPSTREAM_BUSY   },
    {SLICE_INIT("too_many_requests"),   ERR_UPSTREAM_BUSY   },
    {SLICE_INIT("RESOURCE_EXHAUSTED"),  ERR_UPSTREAM_BUSY   },
    {SLICE_INIT("UNAVAILABLE"),         ERR_UPSTREAM_FULL   },
    {SLICE_INIT("ServiceUnavailable"),  ERR_UPSTREAM_FULL   },
    {SLICE_INIT("unavailable"),         ERR_UPSTREAM_FULL   },
    {SLICE_INIT("timeout"),             ERR_UPSTREAM_TIMEOUT},
    {SLICE_INIT("DEADLINE_EXCEEDED"),   ERR_UPSTREAM_TIMEOUT},
    {SLICE_INIT("authentication"),      ERR_UPSTREAM_KEY    },
    {SLICE_INIT("permission"),          ERR_UPSTREAM_KEY    },
    {SLICE_INIT("UNAUTHENTICATED"),     ERR_UPSTREAM_KEY    },
    {SLICE_INIT("PERMISSION_DENIED"),   ERR_UPSTREAM_KEY    },
    {SLICE_INIT("AccessDenied"),        ERR_UPSTREAM_KEY    },
    {SLICE_INIT("not_found"),           ERR_MODEL_NOT_FOUND },
    {SLICE_INIT("NOT_FOUND"),           ERR_MODEL_NOT_FOUND },
    {SLICE_INIT("request_too_large"),   ERR_TOO_LARGE       },
    {SLICE_INIT("UNIMPLEMENTED"),       ERR_UNSUPPORTED     },
    {SLICE_INIT("conflict"),            ERR_CONFLICT        },
    {SLICE_INIT("ABORTED"),             ERR_CONFLICT        },
    {SLICE_INIT("invalid_request"),     ERR_UPSTREAM_REFUSED},
    {SLICE_INIT("invalid_prompt"),      ERR_UPSTREAM_REFUSED},
    {SLICE_INIT("content_policy"),      ERR_UPSTREAM_REFUSED},
    {SLICE_INIT("content_filter"),      ERR_UPSTREAM_REFUSED},
    {SLICE_INIT("unsupported_"),        ERR_UPSTREAM_REFUSED},
    {SLICE_INIT("INVALID_ARGUMENT"),    ERR_UPSTREAM_REFUSED},
    {SLICE_INIT("FAILED_PRECONDITION"), ERR_UPSTREAM_REFUSED},
    {SLICE_INIT("ValidationException"), ERR_UPSTREAM_REFUSED},
};

static enum err find_word(const struct word *words, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_find_slice(slice_str(text), words[i].text) != SIZE_MAX)
            return words[i].kind;
    }
    return ERR_NONE;
}

static enum err kind_of_status(int64_t status)
{
    switch (status) {
    case 401:
    case 403: return ERR_UPSTREAM_KEY;
    case 402: return ERR_UPSTREAM_BILLING;
    case 404: return ERR_MODEL_NOT_FOUND;
    case 408:
    case 504: return ERR_UPSTREAM_TIMEOUT;
    case 409: return ERR_CONFLICT;
    case 413: return ERR_TOO_LARGE;
    case 424: return ERR_UPSTREAM_FAILED;
    case 429:
    case 498: return ERR_UPSTREAM_BUSY; // 498: Groq, no flex capacity
    case 501: return ERR_UNSUPPORTED;
    case 503:
    case 529: return ERR_UPSTREAM_FULL;
    default: break;
    }
    if (status >= 400 && status < 500)
        return ERR_UPSTREAM_REFUSED;
    return status >= 500 && status < 600 ? ERR_UPSTREAM_FAILED : ERR_NONE;
}

/* One line of what there is room for, whole characters only. */
static void copy(char *out, size_t cap, struct slice s)
{
    size_t len = s.len < cap ? s.len : cap - 1;

    while (len && len < s.len && ((unsigned char)s.ptr[len] & 0xc0) == 0x80)
        len--;
    for (size_t i = 0; i < len; i++)
        out[i] = iscntrl((unsigned char)s.ptr[i]) ? ' ' : s.ptr[i];
    out[len] = '\0';
}

/* A string, or a number as it is written; the first that is there stays. */
static void copy_json(struct arena *a, char *out, size_t cap, const struct json *v)
{
    if (out[0])
        return;
    if (json_is(v, JSON_STRING))
        copy(out, cap, json_str(a, v));
    else if (json_is(v, JSON_NUMBER))
        copy(out, cap, v->source);
}

/* "34s", "1.5s" */
static int64_t duration_ms(struct slice text)
{
    int64_t ms = 0, unit = 1000;
    bool fraction = false;

    for (size_t i = 0; i < text.len && text.ptr[i] != 's'; i++) {
        if (text.ptr[i] == '.' && !fraction) {
            fraction = true;
        } else if (text.ptr[i] >= '0' && text.ptr[i] <= '9' && ms < INT64_MAX / 10000) {
            if (fraction)
                unit /= 10;
            ms = fraction ? ms + (text.ptr[i] - '0') * unit
                          : ms * 10 + (text.ptr[i] - '0') * (int64_t)1000;
        } else {
            return 0;
        }
    }
    return ms;
}

static void read_violations(struct arena *a, const struct json *list, struct upstream_error *out)
{
    json_for_each(v, list) {
        struct slice id = json_str(a, json_member(v, SLICE("quotaId")));
        if (slice_find_slice(id, SLICE("PerDay")) != SIZE_MAX)
            out->daily = true;
    }
}

/* Google's: an object for each thing that there is to say, told apart by "@type". */
static void read_details(struct arena *a, const struct json *details, struct upstream_error *out)
{
    json_for_each(d, details) {
        struct slice delay = json_str(a, json_member(d, SLICE("retryDelay")));
        if (delay.len)
            out->retry_after_ms = duration_ms(delay);
        copy_json(a, out->code, sizeof(out->code), json_member(d, SLICE("reason")));
        read_violations(a, json_member(d, SLICE("violations")), out);
    }
}

/* FastAPI's {"detail": text} and {"detail": [{"msg": text}]}. */
static void read_detail(struct arena *a, const struct json *detail, struct upstream_error *out)
{
    copy_json(a, out->message, sizeof(out->message), detail);
    if (json_is(detail, JSON_ARRAY))
        copy_json(a, out->message, sizeof(out->message),
                  json_member(json_first(detail), SLICE("msg")));
}

/* The object that says it, in whatever words; answers the status that stands in it, or 0. */
static int64_t read_object(struct arena *a, const struct json *error, struct upstream_error *out)
{
    int64_t status = 0;

    json_for_each(m, error) {
        if (slice_eq(m->key, SLICE("message")) || slice_eq(m->key, SLICE("msg")) ||
            slice_eq(m->key, SLICE("status_msg"))) {
            copy_json(a, out->message, sizeof(out->message), m);
        } else if (slice_eq(m->key, SLICE("type")) || slice_eq(m->key, SLICE("status")) ||
                   slice_eq(m->key, SLICE("__type"))) {
            copy_json(a, out->type, sizeof(out->type), m);
        } else if (slice_eq(m->key, SLICE("code")) || slice_eq(m->key, SLICE("error_code"))) {
            json_to_int(m, &status);
            if (json_is(m, JSON_STRING))
                copy_json(a, out->code, sizeof(out->code), m);
        } else if (slice_eq(m->key, SLICE("param"))) {
            copy_json(a, out->param, sizeof(out->param), m);
        } else if (slice_eq(m->key, SLICE("details")) && json_is(m, JSON_ARRAY)) {
            read_details(a, m, out);
        } else if (slice_eq(m->key, SLICE("details"))) {
            copy_json(a, out->code, sizeof(out->code), json_member(m, SLICE("error_code")));
        } else if (slice_eq(m->key, SLICE("detail"))) {
            read_detail(a, m, out);
        }
    }
    return status;
}

/* {"error": ...}, {"response": {"error": ...}}, an array of one, or the bare object. */
static int64_t read_tree(struct arena *a, const struct json *v, struct upstream_error *out)
{
    const struct json *error;

    if (json_is(v, JSON_ARRAY))
        v = json_first(v);
    if (json_is(v, JSON_STRING)) {
        copy_json(a, out->message, sizeof(out->message), v);
        return 0;
    }
    error = json_member(v, SLICE("error"));
    if (!error)
        error = json_member(json_member(v, SLICE("response")), SLICE("error"));
    if (!error)
        error = json_member(v, SLICE("base_resp")); // MiniMax
    if (json_is(error, JSON_OBJECT))
        return read_object(a, error, out);
    copy_json(a, out->message, sizeof(out->message), error);
    return read_object(a, v, out);
}

/* A proxy's page is for people with a browser; a line of text may be for anybody. */
static void read_text(struct slice body, struct upstream_error *out)
{
    while (body.len && isspace((unsigned char)body.ptr[0]))
        body = slice_after(body, 1);
    while (body.len && isspace((unsigned char)body.ptr[body.len - 1]))
        body.len--;
    if (body.len && body.ptr[0] != '<' && body.ptr[0] != '{' && body.ptr[0] != '[')
        copy(out->message, sizeof(out->message), body);
}

/* Whether the words stand for a status that has not been said, or for more than it says. */
static enum err kind_of(const struct upstream_error *out, int http_status, int64_t said)
{
    enum err kind = find_word(telling_codes, ARRAY_LEN(telling_codes), out->code);

    if (kind == ERR_NONE)
        kind = find_word(telling_codes, ARRAY_LEN(telling_codes), out->type);
    if (kind == ERR_NONE)
        kind = find_word(telling_messages, ARRAY_LEN(telling_messages), out->message);
    if (kind == ERR_NONE)
        kind = kind_of_status(http_status);
    if (kind == ERR_NONE)
        kind = kind_of_status(said);
    if (kind == ERR_NONE)
        kind = find_word(codes, ARRAY_LEN(codes), out->code);
    if (kind == ERR_NONE)
        kind = find_word(codes, ARRAY_LEN(codes), out->type);
    if (kind != ERR_NONE)
        return kind;
    return http_status >= 200 && http_status < 300 ? ERR_UPSTREAM_FAILED : ERR_UPSTREAM_BROKEN;
}

/* Google's status for a request at the wrong time, but also for an account that may not ask. */
static enum err kind_of_precondition(const struct upstream_error *out)
{
    if (slice_find_slice(slice_str(out->message), SLICE("billing")) != SIZE_MAX)
        return ERR_UPSTREAM_BILLING;
    if (slice_find_slice(slice_str(out->message), SLICE("location")) != SIZE_MAX)
        return ERR_UPSTREAM_KEY;
    return out->kind;
}

void error_read(enum dialect upstream, int http_status, struct slice body,
                struct upstream_error *out)
{
    struct err_info e = {0};
    struct arena a;
    struct json *v;
    int64_t said = 0;

    *out = (struct upstream_error){0};
    arena_init(&a, TREE_BYTES);
    if (json_parse(&a, body, &v, &e) == ERR_NONE)
        said = read_tree(&a, v, out);
    else
        read_text(body, out);
    arena_release(&a);
    out->kind = kind_of(out, http_status, said);
    if (upstream == DIALECT_GEMINI && slice_eq(slice_str(out->type), SLICE("FAILED_PRECONDITION")))
        out->kind = kind_of_precondition(out);
}
