/* cmd_audit.c - gproxy audit: who changed what. */
#include "app/commands.h"
#include "app/flags.h"
#include "base/clock.h"
#include "store/audit.h"
#include "json/write.h"

#define DEFAULT_LIMIT 50

static void write_object(struct json_writer *w, struct slice key, struct slice object)
{
    if (!object.ptr)
        return;
    json_key(w, key);
    json_value_raw(w, object);
}

static bool print_json(void *ctx, const struct audit_row *row)
{
    struct command_context *x = ctx;
    struct buf out = {.data = NULL};
    struct json_writer w = {.out = &out};

    json_open_object(&w);
    json_put_int(&w, "id", row->id);
    json_put_time(&w, "at", row->at_unix_ms);
    json_put_string(&w, "actor_kind", row->actor_kind);
    json_put_string(&w, "actor", row->actor);
    json_put_string(&w, "origin", row->origin);
    json_put_string(&w, "action", row->action);
    json_put_string(&w, "kind", row->kind);
    json_put_int(&w, "row_id", row->row_id);
    json_put_string(&w, "name", row->name);
    write_object(&w, SLICE("before"), row->before);
    write_object(&w, SLICE("after"), row->after);
    json_put_string(&w, "note", row->note);
    json_close_object(&w);
    buf_append_byte(&out, '\n');
    fwrite(buf_peek(&out).ptr, 1, buf_len(&out), x->out);
    buf_release(&out);
    return !ferror(x->out);
}

/* Control characters have been escaped with the JSON. */
static bool print_line(void *ctx, const struct audit_row *row)
{
    struct command_context *x = ctx;
    char when[CLOCK_TEXT_BYTES];

    clock_format_unix_ms(row->at_unix_ms, when);
    fprintf(x->out, "%6lld  %s  %.*s %.*s@%.*s  %.*s %.*s %lld", (long long)row->id, when,
            SLICE_ARG(row->actor_kind), SLICE_ARG(row->actor), SLICE_ARG(row->origin),
            SLICE_ARG(row->action), SLICE_ARG(row->kind), (long long)row->row_id);
    if (row->name.len)
        fprintf(x->out, " \"%.*s\"", SLICE_ARG(row->name));
    if (row->before.ptr)
        fprintf(x->out, "\n        - %.*s", SLICE_ARG(row->before));
    if (row->after.ptr)
        fprintf(x->out, "\n        + %.*s", SLICE_ARG(row->after));
    if (row->note.len)
        fprintf(x->out, "\n        # %.*s", SLICE_ARG(row->note));
    fputc('\n', x->out);
    return !ferror(x->out);
}

int cmd_audit(struct command_context *x, int argc, char **argv)
{
    int64_t now = clock_unix_ms();
    struct audit_filter f = {
        .since_unix_ms = now - 30 * DAY_MS,
        .until_unix_ms = now + DAY_MS, // clocks may differ
        .kind = slice_str(flag_text(x, "kind")),
        .actor = slice_str(flag_text(x, "actor")),
        .limit = DEFAULT_LIMIT,
    };
    struct err_info e = {.code = ERR_NONE};
    struct audit_reader *r;

    if (argc)
        return command_misused(x, "does not know what \"%s\" is", argv[0]);
    if (!flag_time(x, "since", now, &f.since_unix_ms) ||
        !flag_time(x, "until", now, &f.until_unix_ms) ||
        !flag_count(x, "limit", AUDIT_MAX_ROWS, &f.limit) ||
        !flag_count(x, "after", INT64_MAX, &f.after))
        return EXIT_USAGE;
    if (audit_reader_open(x->options.dsn, &r, &e))
        return command_failed(x, &e);
    audit_query(r, &f, flag_text(x, "json") ? print_json : print_line, x, &e);
    audit_reader_close(r);
    return e.code ? command_failed(x, &e) : EXIT_GOOD;
}
