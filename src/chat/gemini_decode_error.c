/* gemini_decode_error.c - error objects, in place of an answer or within (gemini-generate.md, 9). */
#include "base/array.h"
#include "chat/gemini_decode.h"
#include "chat/peek.h"
#include "json/raw.h"

static const struct {
    int64_t http;
    struct slice status;
    enum err code;
} errors[] = {
    {400, SLICE_INIT("INVALID_ARGUMENT"),    ERR_UPSTREAM_REFUSED},
    {400, SLICE_INIT("FAILED_PRECONDITION"), ERR_UPSTREAM_REFUSED},
    {400, SLICE_INIT("OUT_OF_RANGE"),        ERR_UPSTREAM_REFUSED},
    {401, SLICE_INIT("UNAUTHENTICATED"),     ERR_UPSTREAM_KEY    },
    {403, SLICE_INIT("PERMISSION_DENIED"),   ERR_UPSTREAM_KEY    },
    {404, SLICE_INIT("NOT_FOUND"),           ERR_UPSTREAM_REFUSED},
    {413, SLICE_INIT(""),                    ERR_UPSTREAM_REFUSED},
    {429, SLICE_INIT("RESOURCE_EXHAUSTED"),  ERR_UPSTREAM_BUSY   },
    {503, SLICE_INIT("UNAVAILABLE"),         ERR_UPSTREAM_FULL   },
    {504, SLICE_INIT("DEADLINE_EXCEEDED"),   ERR_UPSTREAM_TIMEOUT},
};

static enum err error_code(struct slice code, struct slice status, struct slice message,
                           struct slice details)
{
    int64_t http = 0;

    peek_count(code, &http);
    if (slice_find_slice(details, SLICE("API_KEY_INVALID")) != SIZE_MAX ||
        slice_find_slice(message, SLICE("API key not valid")) != SIZE_MAX)
        return ERR_UPSTREAM_KEY;
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        if (http ? http == errors[i].http : json_string_eq(status, errors[i].status))
            return errors[i].code;
    }
    return ERR_UPSTREAM_FAILED;
}

void gemini_take_error(struct gemini_decoder *d, struct slice error)
{
    struct peek p = peek_into(error);
    struct slice key, value, code = {0}, status = {0}, message = {0}, details = {0};

    while (peek_next(&p, &key, &value)) {
        if (slice_eq(key, SLICE("code")))
            code = value;
        else if (slice_eq(key, SLICE("status")))
            status = value;
        else if (slice_eq(key, SLICE("message")))
            message = value;
        else if (slice_eq(key, SLICE("details")))
            details = value;
    }
    if (json_is_string(error))
        message = error;
    buf_clear(&d->scratch);
    json_string_decode(message, &d->scratch);
    gemini_decode_fail(d, error_code(code, status, message, details), buf_peek(&d->scratch));
}
