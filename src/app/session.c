/* session.c - the rows that a command looks at and changes. */
#include "app/session.h"

#include <string.h>

#include "base/clock.h"

static void on_bad_row(void *ctx, enum row_type type, int64_t id, const char *reason)
{
    const struct session *s = ctx;

    fprintf(s->x->err, "gproxy: %s %lld is not good: %s\n", row_kind(type)->table, (long long)id,
            reason);
}

bool session_open(struct session *s, struct command_context *x, unsigned flags)
{
    struct err_info e = {.code = ERR_NONE};

    memset(s, 0, sizeof(*s));
    s->x = x;
    if (control_open(&s->control, &x->options, flags, x->arena, &e)) {
        command_failed(x, &e);
        return false;
    }
    if (s->control.made_key_file)
        fprintf(x->err, "gproxy: made the secret key file %s: keep a copy of it\n",
                s->control.made_key_file);
    if (store_load(s->control.store, x->arena, &s->rows, on_bad_row, s, &e)) {
        command_failed(x, &e);
        control_close(&s->control);
        return false;
    }
    return true;
}

void session_close(struct session *s)
{
    control_close(&s->control);
}

struct user_row *session_user(const struct session *s, const char *name)
{
    struct user_row *users = s->rows.rows[ROW_USER];

    for (size_t i = 0; i < s->rows.counts[ROW_USER]; i++) {
        if (slice_eq(users[i].name, slice_str(name)))
            return &users[i];
    }
    fprintf(s->x->err, "gproxy: there is no user \"%s\"\n", name);
    return NULL;
}

int session_put(struct session *s, enum row_type type, void *row)
{
    struct err_info e = {.code = ERR_NONE};

    if (row_validate(type, row, &e) || store_put(s->control.store, type, row, &e))
        return command_failed(s->x, &e);
    return EXIT_GOOD;
}

int session_delete(struct session *s, enum row_type type, int64_t id)
{
    struct err_info e = {.code = ERR_NONE};

    return store_delete(s->control.store, type, id, &e) ? command_failed(s->x, &e) : EXIT_GOOD;
}

const char *session_time(int64_t unix_ms, char out[SESSION_TIME_BYTES])
{
    char text[CLOCK_TEXT_BYTES];

    if (unix_ms == ROW_NULL_INT)
        return "-";
    clock_format_unix_ms(unix_ms, text);
    memcpy(out, text, SESSION_TIME_BYTES - 1);
    out[10] = ' ';
    out[SESSION_TIME_BYTES - 1] = '\0';
    return out;
}
