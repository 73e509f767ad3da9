/* answer.c - what the gateway itself says to a client. */
#include "exchange/answer.h"

#include "chat/error.h"
#include "exchange/admit.h"
#include "wire/head.h"

/* Whether `origin` stands in the comma-separated list, or the list is "*". */
static bool origin_allowed(struct slice list, struct slice origin)
{
    while (list.len) {
        struct slice one = slice_trim(slice_cut(list, ',', &list));
        if (slice_eq(one, SLICE("*")) || slice_eq(one, origin))
            return true;
    }
    return false;
}

static void write_cors(const struct exchange *x, struct buf *out)
{
    if (!x->is_data_route || !x->origin.len ||
        !origin_allowed(x->snapshot->limits.cors_origins, x->origin))
        return;
    head_write_field(out, SLICE("access-control-allow-origin"), x->origin);
    buf_append(out, SLICE("vary: origin\r\naccess-control-expose-headers: *\r\n"));
    if (!x->is_options)
        return;
    buf_append(out, SLICE("access-control-allow-methods: GET, POST, DELETE, OPTIONS\r\n"
                          "access-control-max-age: 86400\r\n"));
    head_write_field(out, SLICE("access-control-allow-headers"),
                     x->asked_headers.len ? x->asked_headers : SLICE("*, authorization"));
}

void answer_write_fields(const struct exchange *x, struct buf *out)
{
    struct slice id = slice_of(x->id, ID_TEXT_BYTES - 1);

    buf_append(out, SLICE("x-gproxy-request-id: "));
    buf_append(out, id);
    /* The vendor's own header as well: its SDK puts it into exceptions and logs. */
    buf_append(out, x->target.dialect == DIALECT_ANTHROPIC ? SLICE("\r\nrequest-id: ")
                                                           : SLICE("\r\nx-request-id: "));
    buf_append(out, id);
    buf_append(out, SLICE("\r\n"));
    if (x->client_request_id.len)
        head_write_field(out, SLICE("x-client-request-id"), x->client_request_id);
    admit_write_fields(x, out);
    write_cors(x, out);
}

void answer_send(struct exchange *x, int status, const char *content_type, struct slice body)
{
    struct http_request *r = x->request;
    struct buf *fields = &x->gw->scratch;

    x->request = NULL;
    x->committed = true;
    x->http_status = status;
    buf_clear(fields);
    answer_write_fields(x, fields);
    if (content_type)
        head_write_field(fields, SLICE("content-type"), slice_str(content_type));
    if (x->err.retry_after_ms)
        buf_printf(fields, "retry-after: %lld\r\n",
                   (long long)((x->err.retry_after_ms + 999) / 1000));
    if (x->err.code == ERR_METHOD)
        buf_append(fields, x->target.operation == OP_FILES
                               ? SLICE("allow: GET, POST, DELETE, OPTIONS\r\n")
                               : SLICE("allow: GET, POST, OPTIONS\r\n"));
    response_send(r, status, buf_peek(fields), body);
}

void answer_error(struct exchange *x)
{
    enum dialect d = x->target.dialect;
    struct buf body = {0};

    error_write_body(d, x->framing, &x->err, slice_of(x->id, ID_TEXT_BYTES - 1), &body);
    answer_send(x, error_status(d, x->err.code), "application/json", buf_peek(&body));
    buf_release(&body);
}
