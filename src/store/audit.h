/* audit.h - who changed what: one line for each change of a row, and pages of them. */
#ifndef STORE_AUDIT_H
#define STORE_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

/*
 * Lines are written by store_put() and store_delete() themselves, in the transaction of the
 * change (store_set_actor() says who it is), so that none is missing and none tells of what did
 * not happen.  Secrets stand as "sha256:" and eight digits of their digest: enough to see that one
 * is another, or the same.
 */
struct audit_row {
    int64_t id, at_unix_ms;
    struct slice actor_kind; // "cli", "config", "bootstrap", "admin"
    struct slice actor;      // the user; of "config": the file
    struct slice origin;     // host or address
    struct slice action;     // "create", "update", "delete"
    struct slice kind;       // table of the row
    int64_t row_id;
    struct slice name;          // what people call the row, where it has a name
    struct slice before, after; // JSON objects of what changed, or a NULL pointer
    struct slice note;
};

/* Bounds in time are required; texts with a NULL pointer and 0 mean any. */
struct audit_filter {
    int64_t since_unix_ms, until_unix_ms;
    struct slice kind, actor;
    int64_t row_id;
    int64_t after;     // id of the last one of the page before; 0: the first page
    bool oldest_first; // else the newest
    int64_t limit;     // 1 to AUDIT_MAX_ROWS
};

#define AUDIT_MAX_ROWS 1000

/* A connection for reading alone. */
struct audit_reader;

enum err audit_reader_open(const char *dsn, struct audit_reader **out, struct err_info *e);
void audit_reader_close(struct audit_reader *r);

/* Slices live during the call.  False ends the walk. */
typedef bool audit_row_fn(void *ctx, const struct audit_row *row);

/** A page.  ERR_OVERLOADED: it took more than 2 s, and was given up. */
enum err audit_query(struct audit_reader *r, const struct audit_filter *filter, audit_row_fn *each,
                     void *ctx, struct err_info *e);

#endif
