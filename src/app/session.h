/* session.h - the rows that a command looks at and changes. */
#ifndef APP_SESSION_H
#define APP_SESSION_H

#include "app/commands.h"
#include "app/control.h"

struct session {
    struct command_context *x;
    struct control control;
    struct row_set rows;
};

/**
 * Opens the database (`flags` as store_open()) and loads its rows; bad ones are told
 * on x->err.  False: the reason has been told, and the exit code is EXIT_FAILED.
 */
bool session_open(struct session *s, struct command_context *x, unsigned flags);
void session_close(struct session *s);

/** The user of that name, or NULL, which has been told. */
struct user_row *session_user(const struct session *s, const char *name);

/** store_put() or store_delete(), and the exit code. */
int session_put(struct session *s, enum row_type type, void *row);
int session_delete(struct session *s, enum row_type type, int64_t id);

/** "2026-11-22 16:03" in UTC, or "-". */
#define SESSION_TIME_BYTES 17
const char *session_time(int64_t unix_ms, char out[SESSION_TIME_BYTES]);

#endif
