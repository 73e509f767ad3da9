/* request_log_inside.h - the file of the request log, as its writer and its readers see it. */
#ifndef STORE_REQUEST_LOG_INSIDE_H
#define STORE_REQUEST_LOG_INSIDE_H

#include <sqlite3.h>

#include "store/request_log.h"
#include "wire/zstd.h"

#define LOG_FILE_APPLICATION 0x67707271 // "gprq", in the file's header
#define LOG_FILE_VERSION     1

/* Names and places of what request_log.def lists. */
struct log_column {
    const char *name;
    size_t offset; // in struct request_log_row
    bool is_text;
};

extern const struct log_column log_columns[];
extern const size_t log_column_count;

/** ", name, name..." */
void log_columns_write(struct buf *sql);

/* The writer's connection. */
struct log_file {
    const char *path;
    sqlite3 *db;
    sqlite3_stmt *insert, *remove;
    struct zstd_packer *packer;
    struct buf plain, packed[2];
    int64_t page_bytes;
    int64_t rows;
    bool is_over; // max_bytes were reached, and room is being made
};

/** Opens or makes it; one that is damaged or not ours is set aside, and the log says so. */
enum err log_file_open(struct log_file *f, struct err_info *e);
void log_file_close(struct log_file *f);

/** Closes and renames it. */
void log_file_set_aside(struct log_file *f, const char *why);

/** Inside a transaction. */
enum err log_file_insert(struct log_file *f, struct request_log_entry *entry, struct err_info *e);

/** On the disk, with what is not merged into the file yet. */
int64_t log_file_bytes(const struct log_file *f);

/**
 * One step of forgetting: a bounded number of entries before `oldest_unix_ms`, or of the oldest
 * where there is more than `max_bytes`; or pages given back.  `more`: there is more to do.
 */
enum err log_file_forget(struct log_file *f, int64_t oldest_unix_ms, int64_t max_bytes, bool *more,
                         struct err_info *e);

#endif
