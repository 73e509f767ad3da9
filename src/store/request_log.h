/* request_log.h - what was asked and answered, kept for a while: entries in, pages of them out. */
#ifndef STORE_REQUEST_LOG_H
#define STORE_REQUEST_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/random.h"
#include "base/secret.h"
#include "base/slice.h"

/*
 * The log has a file of its own (DATA-DIR/requests.db, mode 0600) and a thread of its own, so that
 * it holds no lock of the ledger or of the rows, and no worker waits for it.  It may lose entries
 * and says how many; it never stops anything.  A file that is damaged, or not ours, is renamed
 * and a new one begun.
 *
 * Texts and bodies have no secret in them (wire/redact.h): texts lose them when they are noted,
 * bodies before they are written.
 */
struct request_log;

/* One exchange, or one attempt of it. */
struct request_log_row {
    char id[ID_TEXT_BYTES]; // of the exchange
#define LOG_INT(name)  int64_t name;
#define LOG_TEXT(name) struct slice name;
#include "store/request_log.def"
#undef LOG_INT
#undef LOG_TEXT
    struct slice request, response; // bodies, where they are kept
};

/* ---- writing: any thread ---- */

enum request_log_body { REQUEST_LOG_REQUEST, REQUEST_LOG_RESPONSE };

/* An entry in the making.  It belongs to one thread until request_log_add(). */
struct request_log_entry {
    struct request_log_row row; // texts by request_log_text() and its like alone
    /* private */
    struct request_log *log;
    struct request_log_entry *next;
    struct arena arena;
    struct buf bodies[2], scratch;
    struct secret own[8];
    size_t own_count, charged;
};

struct request_log_limits {
    size_t memory_bytes; // of all entries that are in the making or wait to be written
    int64_t days, max_bytes;
};

extern const struct request_log_limits request_log_defaults; // 64 MiB, 30 days, 2 GiB

/** "DATA-DIR/requests.db", in the arena. */
const char *request_log_path(const char *data_dir, struct arena *a);

/** Starts the thread.  The file is made with the first entry. */
enum err request_log_open(const char *path, const struct request_log_limits *limits,
                          struct request_log **out, struct err_info *e);

/** How long and how much is kept, from now on. */
void request_log_retain(struct request_log *log, int64_t days, int64_t max_bytes);

/** Waits until all that was added before is written; false: not in that time. */
bool request_log_flush(struct request_log *log, int timeout_ms);

/** Writes what is left, for `timeout_ms` at most; NULL: nothing. */
void request_log_close(struct request_log *log, int timeout_ms);

/** NULL: there is no room for it, and it is counted as dropped. */
struct request_log_entry *request_log_entry_new(struct request_log *log, const char *id);
void request_log_entry_free(struct request_log_entry *entry);

/** A secret that this entry must not tell, beside those that look like one; before all others. */
void request_log_own(struct request_log_entry *entry, struct secret secret);

/** Copies without secrets, which live as long as the entry: of words, an address, a head. */
struct slice request_log_text(struct request_log_entry *entry, struct slice text);
struct slice request_log_target(struct request_log_entry *entry, struct slice target);
struct slice request_log_lines(struct request_log_entry *entry, struct slice lines);

/** More of a body, of which `max_bytes` are kept. */
void request_log_body(struct request_log_entry *entry, enum request_log_body which,
                      struct slice bytes, size_t max_bytes);

/** Hands it over.  Never blocks; takes no lock. */
void request_log_add(struct request_log_entry *entry);

struct request_log_stats {
    uint64_t written, dropped, errors; // entries, entries, failed transactions
    int64_t rows, bytes;               // in the file now; -1: not looked yet
    size_t memory_bytes;               // of entries that are not written yet
};

void request_log_read_stats(const struct request_log *log, struct request_log_stats *out);

/* ---- reading: a connection of its own, in any process ---- */

struct request_log_reader;

/** ERR_NOT_FOUND: nothing was ever logged there. */
enum err request_log_reader_open(const char *path, struct request_log_reader **out,
                                 struct err_info *e);
void request_log_reader_close(struct request_log_reader *r);

#define REQUEST_LOG_MAX_ROWS 1000

/* Bounds in time are required; texts with a NULL pointer mean any. */
struct request_log_filter {
    int64_t since_unix_ms, until_unix_ms; // when the exchange began; `until` is not among them
    struct slice user, model, provider, err;
    int status;        // 429; or 4: any 4xx; 0: any
    const char *after; // id of the last one of the page before; NULL: the first page
    bool oldest_first; // else the newest
    int64_t limit;     // 1 to REQUEST_LOG_MAX_ROWS
};

/* Slices live during the call.  False ends the walk. */
typedef bool request_log_row_fn(void *ctx, const struct request_log_row *row);

/**
 * A page of exchanges, without heads and bodies.  ERR_OVERLOADED: it took more than 2 s, and was
 * given up.
 */
enum err request_log_query(struct request_log_reader *r, const struct request_log_filter *filter,
                           request_log_row_fn *each, void *ctx, struct err_info *e);

/** One exchange and its attempts, with all there is.  ERR_NOT_FOUND: there is no such one. */
enum err request_log_get(struct request_log_reader *r, const char *id, request_log_row_fn *each,
                         void *ctx, struct err_info *e);

#endif
