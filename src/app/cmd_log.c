/* cmd_log.c - gproxy log: what was asked and answered. */
#include <string.h>

#include "app/commands.h"
#include "app/flags.h"
#include "app/session.h"
#include "base/array.h"
#include "base/clock.h"
#include "base/control.h"
#include "store/request_log.h"
#include "json/write.h"

#define DEFAULT_LIMIT 50

/* What came from outside is shown, and does nothing to the terminal. */
static void put_text(FILE *out, struct slice text)
{
    while (text.len) {
        char c = text.ptr[0];
        size_t control = control_len(text);
        bool stays = !control || c == '\n' || c == '\t';
        if (c != '\r')
            fputc(stays ? c : '?', out);
        text = slice_after(text, control ? control : 1);
    }
}

/* ---- as JSON, one object a line ---- */

static void write_json(const struct request_log_row *row, bool whole, struct buf *out)
{
    struct json_writer w = {.out = out};

    json_open_object(&w);
    json_put_string(&w, "id", slice_str(row->id));
#define LOG_INT(name)  json_put_int(&w, #name, row->name);
#define LOG_TEXT(name) json_put_string(&w, #name, row->name);
#include "store/request_log.def"
#undef LOG_INT
#undef LOG_TEXT
    if (whole && row->request.ptr) {
        json_put_string(&w, "request", row->request);
    }
    if (whole && row->response.ptr) {
        json_put_string(&w, "response", row->response);
    }
    json_close_object(&w);
    buf_append_byte(out, '\n');
}

static bool print_json(struct command_context *x, const struct request_log_row *row, bool whole)
{
    struct buf out = {.data = NULL};

    write_json(row, whole, &out);
    fwrite(buf_peek(&out).ptr, 1, buf_len(&out), x->out);
    buf_release(&out);
    return !ferror(x->out);
}

/* ---- lists ---- */

static bool print_line_json(void *ctx, const struct request_log_row *row)
{
    return print_json(ctx, row, false);
}

static bool print_line(void *ctx, const struct request_log_row *row)
{
    struct command_context *x = ctx;
    char when[CLOCK_TEXT_BYTES];

    clock_format_unix_ms(row->started_unix_ms, when);
    fprintf(x->out, "%s  %s  %3lld  %-16.*s  ", row->id, when, (long long)row->status,
            SLICE_ARG(row->user));
    put_text(x->out, slice_sub(row->model, 0, 60)); // the client's own words
    fprintf(x->out, "%*s  %-16.*s  %8lld  %5lld  %.*s\n",
            row->model.len < 24 ? 24 - (int)row->model.len : 0, "", SLICE_ARG(row->provider),
            (long long)row->total_ms, (long long)row->attempts,
            SLICE_ARG(row->err.len ? row->err : row->outcome));
    return !ferror(x->out);
}

/* "429", or "5xx" for all of them. */
static bool read_status(const struct command_context *x, int *out)
{
    struct slice text = slice_str(flag_text(x, "status"));
    uint64_t value;

    *out = 0;
    if (!text.ptr)
        return true;
    if (text.len == 3 &&
        slice_to_u64(slice_sub(text, 0, slice_ends(text, SLICE("xx")) ? 1 : 3), &value) && value) {
        *out = (int)value;
        return true;
    }
    command_misused(x, "--status is \"%s\", not 429 or 5xx", text.ptr);
    return false;
}

static int list(struct command_context *x, struct request_log_reader *r)
{
    int64_t now = clock_unix_ms();
    struct err_info e = {.code = ERR_NONE};
    bool json = flag_text(x, "json") != NULL;
    struct request_log_filter f = {
        .since_unix_ms = now - DAY_MS,
        .until_unix_ms = now + DAY_MS, // clocks may differ
        .user = slice_str(flag_text(x, "user")),
        .model = slice_str(flag_text(x, "model")),
        .provider = slice_str(flag_text(x, "provider")),
        .err = slice_str(flag_text(x, "err")),
        .after = flag_text(x, "after"),
        .limit = DEFAULT_LIMIT,
    };

    if (!flag_time(x, "since", now, &f.since_unix_ms) ||
        !flag_time(x, "until", now, &f.until_unix_ms) || !read_status(x, &f.status) ||
        !flag_count(x, "limit", REQUEST_LOG_MAX_ROWS, &f.limit))
        return EXIT_USAGE;
    if (!json)
        fprintf(x->out, "%-36s  %-24s  %3s  %-16s  %-24s  %-16s  %8s  %2s  %s\n", "ID", "TIME", "",
                "USER", "MODEL", "PROVIDER", "MS", "TRIES", "OUTCOME");
    if (request_log_query(r, &f, json ? print_line_json : print_line, x, &e))
        return command_failed(x, &e);
    return EXIT_GOOD;
}

/* ---- one ---- */

static bool print_whole_json(void *ctx, const struct request_log_row *row)
{
    return print_json(ctx, row, true);
}

static void print_text(struct command_context *x, const char *name, struct slice text)
{
    if (!text.len)
        return;
    fprintf(x->out, "%-12s", name);
    put_text(x->out, text);
    fputc('\n', x->out);
}

static void print_times(struct command_context *x, const struct request_log_row *row)
{
    const struct {
        const char *name;
        int64_t ms;
    } times[] = {
        {"queue",      row->queue_ms     },
        {"connect",    row->connect_ms   },
        {"first byte", row->first_byte_ms},
        {"total",      row->total_ms     },
    };

    fprintf(x->out, "%-12s", "ms");
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        if (times[i].ms >= 0)
            fprintf(x->out, "%s %lld  ", times[i].name, (long long)times[i].ms);
    }
    fputc('\n', x->out);
}

static void print_side(struct command_context *x, const char *name, struct slice head,
                       struct slice body, int64_t bytes, bool cut)
{
    if (!head.len && !body.ptr && !bytes)
        return;
    fprintf(x->out, "\n--- %s, %lld bytes%s\n", name, (long long)bytes,
            cut ? ", of which the beginning is kept" : "");
    put_text(x->out, head);
    if (!body.ptr)
        return;
    fputc('\n', x->out);
    put_text(x->out, body);
    if (!body.len || body.ptr[body.len - 1] != '\n')
        fputc('\n', x->out);
}

static bool print_whole(void *ctx, const struct request_log_row *row)
{
    struct command_context *x = ctx;
    char when[CLOCK_TEXT_BYTES];

    clock_format_unix_ms(row->started_unix_ms, when);
    if (row->number)
        fprintf(x->out, "\n=== attempt %lld\n", (long long)row->number);
    else
        fprintf(x->out, "=== exchange %s\n", row->id);
    fprintf(x->out, "%-12s%s\n", "time", when);
    print_text(x, "method", row->method);
    print_text(x, "target", row->target);
    fprintf(x->out, "%-12s%lld\n", "status", (long long)row->status);
    print_text(x, "outcome", row->outcome);
    print_text(x, "error", row->err);
    print_text(x, "why", row->why);
    print_text(x, "user", row->user);
    print_text(x, "key", row->key);
    print_text(x, "from", row->peer);
    print_text(x, "dialect", row->dialect);
    print_text(x, "operation", row->operation);
    print_text(x, "model", row->model);
    print_text(x, "provider", row->provider);
    if (row->credential_id)
        fprintf(x->out, "%-12s%lld\n", "credential", (long long)row->credential_id);
    print_times(x, row);
    print_side(x, "request", row->request_head, row->request, row->request_bytes,
               row->request_cut && row->request.ptr);
    print_side(x, "response", row->response_head, row->response, row->response_bytes,
               row->response_cut && row->response.ptr);
    return !ferror(x->out);
}

static int show(struct command_context *x, struct request_log_reader *r, const char *id)
{
    struct err_info e = {.code = ERR_NONE};

    if (request_log_get(r, id, flag_text(x, "json") ? print_whole_json : print_whole, x, &e))
        return command_failed(x, &e);
    return EXIT_GOOD;
}

int cmd_log(struct command_context *x, int argc, char **argv)
{
    bool showing = argc == 2 && !strcmp(argv[0], "show");
    struct request_log_reader *r;
    struct err_info e = {.code = ERR_NONE};
    int code;

    if (!showing && (argc != 1 || strcmp(argv[0], "list") != 0))
        return command_misused(x, "%s", argc ? "not one of its forms" : "list, or show which?");
    if (request_log_reader_open(request_log_path(x->options.data_dir, x->arena), &r, &e)) {
        if (e.code != ERR_NOT_FOUND)
            return command_failed(x, &e);
        fprintf(x->err, "gproxy: nothing has been logged: request_log.downstream and "
                        "request_log.upstream say what is\n");
        return EXIT_FAILED;
    }
    code = showing ? show(x, r, argv[1]) : list(x, r);
    request_log_reader_close(r);
    return code;
}
