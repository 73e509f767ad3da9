/* request_log_file.c - the file of the request log: made, filled, kept small. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/log.h"
#include "store/db.h"
#include "store/request_log_inside.h"
#include "wire/redact.h"

#define BUSY_TIMEOUT_MS 1000
#define STEP_ROWS       500                // are forgotten in one transaction,
#define STEP_BYTES      ((int64_t)4 << 20) // or about so much
#define SPARE_PAGES     1024               // may stay free

/* ---- columns ---- */

const struct log_column log_columns[] = {
#define LOG_INT(name)  {#name, offsetof(struct request_log_row, name), false},
#define LOG_TEXT(name) {#name, offsetof(struct request_log_row, name), true},
#include "store/request_log.def"
#undef LOG_INT
#undef LOG_TEXT
};

const size_t log_column_count = ARRAY_LEN(log_columns);

void log_columns_write(struct buf *sql)
{
    for (size_t i = 0; i < log_column_count; i++)
        buf_printf(sql, ", %s", log_columns[i].name);
}

/* ---- making it ---- */

static enum err run_sql(sqlite3 *db, struct buf *sql, struct err_info *e)
{
    buf_append_byte(sql, '\0');
    db_run(db, buf_peek(sql).ptr, e);
    buf_release(sql);
    return e->code;
}

static enum err make_table(sqlite3 *db, struct err_info *e)
{
    struct buf sql = {.data = NULL};

    buf_append_str(&sql, "CREATE TABLE entry (id INTEGER PRIMARY KEY, exchange BLOB NOT NULL");
    for (size_t i = 0; i < log_column_count; i++)
        buf_printf(&sql, ", %s %s NOT NULL", log_columns[i].name,
                   log_columns[i].is_text ? "TEXT" : "INTEGER");
    buf_append_str(&sql, ", request BLOB, response BLOB, UNIQUE (exchange, number)) STRICT");
    return run_sql(db, &sql, e);
}

/* Attempts are found through their exchange. */
static enum err make_schema(sqlite3 *db, struct err_info *e)
{
    static const char *const indexed[] = {"user", "model", "provider", "err", "status / 100"};

    if (db_run(db, "BEGIN IMMEDIATE", e) || make_table(db, e))
        return e->code;
    for (size_t i = 0; i < ARRAY_LEN(indexed); i++) {
        struct buf sql = {.data = NULL};
        buf_printf(&sql, "CREATE INDEX entry_%zu ON entry (%s, exchange) WHERE number = 0", i,
                   indexed[i]);
        if (run_sql(db, &sql, e))
            return e->code;
    }
    if (db_run(db, "PRAGMA application_id = 1735422577", e) ||
        db_run(db, "PRAGMA user_version = 1", e))
        return e->code;
    return db_run(db, "COMMIT", e);
}

static enum err check_ours(sqlite3 *db, struct err_info *e)
{
    int64_t application, version, tables;

    if (db_query_int(db, "PRAGMA application_id", 0, &application, e) ||
        db_query_int(db, "PRAGMA user_version", 0, &version, e) ||
        db_query_int(db, "SELECT count(*) FROM sqlite_master", 0, &tables, e))
        return e->code;
    if (!tables && !application)
        return make_schema(db, e);
    if (application != LOG_FILE_APPLICATION)
        return err_set(e, ERR_DAMAGED, "a file of another program");
    if (version != LOG_FILE_VERSION)
        return err_set(e, ERR_DAMAGED, "the request log of another version of gproxy");
    return ERR_NONE;
}

static enum err set_up(struct log_file *f, struct err_info *e)
{
    static const char *const pragmas[] = {
        "PRAGMA auto_vacuum = INCREMENTAL", // of a new file: first of all
        "PRAGMA journal_mode = WAL",        "PRAGMA synchronous = NORMAL",
        "PRAGMA trusted_schema = OFF",      "PRAGMA temp_store = MEMORY",
        "PRAGMA cache_size = -1024", // KiB
        "PRAGMA wal_autocheckpoint = 500",  "PRAGMA journal_size_limit = 2097152",
    };

    sqlite3_busy_timeout(f->db, BUSY_TIMEOUT_MS);
    sqlite3_extended_result_codes(f->db, 1);
    sqlite3_db_config(f->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    for (size_t i = 0; i < ARRAY_LEN(pragmas); i++) {
        if (db_run(f->db, pragmas[i], e))
            return e->code;
    }
    if (check_ours(f->db, e) || db_query_int(f->db, "PRAGMA page_size", 4096, &f->page_bytes, e))
        return e->code;
    return db_query_int(f->db, "SELECT count(*) FROM entry", 0, &f->rows, e);
}

static enum err prepare(struct log_file *f, struct err_info *e)
{
    struct buf sql = {.data = NULL};

    buf_append_str(&sql, "INSERT OR REPLACE INTO entry (exchange");
    log_columns_write(&sql);
    buf_append_str(&sql, ", request, response) VALUES (?");
    for (size_t i = 0; i < log_column_count + 2; i++)
        buf_append_str(&sql, ", ?");
    buf_append_str(&sql, ")");
    buf_append_byte(&sql, '\0');
    db_prepare(f->db, buf_peek(&sql).ptr, &f->insert, e);
    buf_release(&sql);
    if (e->code)
        return e->code;
    return db_prepare(f->db,
                      "DELETE FROM entry WHERE id IN (SELECT id FROM entry WHERE exchange < ?1"
                      " ORDER BY exchange LIMIT ?2)",
                      &f->remove, e);
}

/* The file is never opened here but by SQLite: see make_file() in db.c. */
static enum err open_once(struct log_file *f, struct err_info *e)
{
    struct err_info why = {.code = ERR_NONE};

    if (mknod(f->path, S_IFREG | 0600, 0) && errno != EEXIST)
        return err_set(e, ERR_IO, "cannot make %s: %s", f->path, strerror(errno));
    if (sqlite3_open_v2(f->path, &f->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL))
        err_set(&why, ERR_IO, "%s", sqlite3_errmsg(f->db));
    else if (!set_up(f, &why) && !prepare(f, &why))
        return ERR_NONE;
    log_file_close(f);
    return err_set(e, why.code, "%s: %s", f->path, err_info_text(&why));
}

enum err log_file_open(struct log_file *f, struct err_info *e)
{
    struct err_info why = {.code = ERR_NONE};

    if (open_once(f, &why) == ERR_DAMAGED) {
        log_file_set_aside(f, err_info_text(&why));
        return open_once(f, e);
    }
    return why.code ? err_set(e, why.code, "%s", err_info_text(&why)) : ERR_NONE;
}

void log_file_close(struct log_file *f)
{
    sqlite3_finalize(f->insert);
    sqlite3_finalize(f->remove);
    sqlite3_close(f->db);
    f->db = NULL;
    f->insert = f->remove = NULL;
}

/* The -wal goes along, so that it is not taken for the new file's. */
void log_file_set_aside(struct log_file *f, const char *why)
{
    static const char *const endings[] = {"", "-wal", "-shm"};
    long long now = (long long)clock_unix_ms();

    log_file_close(f);
    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        struct buf from = {.data = NULL}, to = {.data = NULL};
        buf_printf(&from, "%s%s%c", f->path, endings[i], 0);
        buf_printf(&to, "%s.damaged-%lld%s%c", f->path, now, endings[i], 0);
        rename(buf_peek(&from).ptr, buf_peek(&to).ptr); // where it fails, opening says why
        buf_release(&from);
        buf_release(&to);
    }
    log_event(LOG_ERROR, NULL, "request_log.set_aside", "file=\"%s.damaged-%lld\" why=\"%s\"",
              f->path, now, why);
}

/* ---- filling it ---- */

/* Without secrets, then smaller; none stays null. */
static struct slice pack_body(struct log_file *f, const struct request_log_entry *entry,
                              enum request_log_body which)
{
    const struct redact_own own = {entry->own, entry->own_count};
    struct slice body = buf_peek(&entry->bodies[which]);

    if (!body.len)
        return slice_of(NULL, 0);
    if (!f->packer)
        f->packer = zstd_packer_new();
    buf_clear(&f->plain);
    buf_clear(&f->packed[which]);
    redact_text(body, own, &f->plain);
    zstd_pack(f->packer, buf_peek(&f->plain), &f->packed[which]);
    return buf_peek(&f->packed[which]);
}

enum err log_file_insert(struct log_file *f, struct request_log_entry *entry, struct err_info *e)
{
    const char *row = (const char *)&entry->row;
    unsigned char id[ID_BYTES];
    int at = 1;

    if (!id_pack(slice_str(entry->row.id), id))
        return ERR_NONE; // only a bug of ours: it could not be found again
    db_bind_blob(f->insert, at++, slice_of((const char *)id, sizeof(id)));
    for (size_t i = 0; i < log_column_count; i++) {
        const void *value = row + log_columns[i].offset;
        struct slice text;
        if (!log_columns[i].is_text) {
            sqlite3_bind_int64(f->insert, at++, *(const int64_t *)value);
            continue;
        }
        text = *(const struct slice *)value;
        db_bind_text(f->insert, at++, text.ptr ? text : SLICE(""));
    }
    db_bind_blob(f->insert, at++, pack_body(f, entry, REQUEST_LOG_REQUEST));
    db_bind_blob(f->insert, at++, pack_body(f, entry, REQUEST_LOG_RESPONSE));
    if (sqlite3_step(f->insert) != SQLITE_DONE)
        db_fail(f->db, "an entry cannot be written", e);
    sqlite3_reset(f->insert);
    sqlite3_clear_bindings(f->insert);
    if (!e->code)
        f->rows++;
    return e->code;
}

/* ---- keeping it small ---- */

/* A page may be gone and still stand in the file, until the WAL is merged. */
struct sizes {
    int64_t pages, free_pages;
    int64_t file_bytes, wal_bytes; // on the disk
};

static int64_t disk_bytes(const struct log_file *f, const char *ending)
{
    struct buf path = {.data = NULL};
    struct stat st;
    int64_t size = 0;

    buf_printf(&path, "%s%s%c", f->path, ending, 0);
    if (!stat(buf_peek(&path).ptr, &st))
        size = st.st_size;
    buf_release(&path);
    return size;
}

static enum err read_sizes(struct log_file *f, struct sizes *s, struct err_info *e)
{
    s->file_bytes = disk_bytes(f, "");
    s->wal_bytes = disk_bytes(f, "-wal");
    if (db_query_int(f->db, "PRAGMA page_count", 0, &s->pages, e))
        return e->code;
    return db_query_int(f->db, "PRAGMA freelist_count", 0, &s->free_pages, e);
}

int64_t log_file_bytes(const struct log_file *f)
{
    return disk_bytes(f, "") + disk_bytes(f, "-wal");
}

static enum err remove_some(struct log_file *f, const unsigned char before[ID_BYTES], int64_t limit,
                            int64_t *removed, struct err_info *e)
{
    db_bind_blob(f->remove, 1, slice_of((const char *)before, ID_BYTES));
    sqlite3_bind_int64(f->remove, 2, limit);
    if (sqlite3_step(f->remove) != SQLITE_DONE)
        db_fail(f->db, "entries cannot be forgotten", e);
    sqlite3_reset(f->remove);
    *removed = e->code ? 0 : sqlite3_changes(f->db);
    f->rows -= *removed;
    return e->code;
}

/* To its end: it answers a row for each page. */
static enum err give_back(struct log_file *f, struct err_info *e)
{
    sqlite3_stmt *st;
    int rc;

    if (db_prepare(f->db, "PRAGMA incremental_vacuum(256)", &st, e))
        return e->code;
    do {
        rc = sqlite3_step(st);
    } while (rc == SQLITE_ROW);
    if (rc != SQLITE_DONE)
        db_fail(f->db, "pages cannot be given back", e);
    sqlite3_finalize(st);
    return e->code;
}

/* As many of the oldest as a step may take; a sixteenth of room is made, so that it lasts. */
static enum err remove_oldest(struct log_file *f, const struct sizes *s, int64_t max_bytes,
                              int64_t *removed, struct err_info *e)
{
    unsigned char last[ID_BYTES];
    int64_t used = (s->pages - s->free_pages) * f->page_bytes;
    int64_t over = used + s->wal_bytes - (max_bytes - max_bytes / 16);
    int64_t limit;

    f->is_over = used + s->wal_bytes > max_bytes || (f->is_over && over > 0);
    if (!f->is_over || !f->rows || used <= max_bytes / 2) // the WAL, which readers hold
        return ERR_NONE;
    memset(last, 0xff, sizeof(last));
    limit = (over < STEP_BYTES ? over : STEP_BYTES) / (used / f->rows + 1) + 1;
    return remove_some(f, last, limit > STEP_ROWS ? STEP_ROWS : limit, removed, e);
}

/* Where the WAL is what makes it too large: into the file with it, unless a reader holds it. */
static enum err merge_wal(struct log_file *f, struct sizes *s, int64_t max_bytes, bool *more,
                          struct err_info *e)
{
    int64_t is_busy;

    *more = false;
    if (s->file_bytes + s->wal_bytes <= max_bytes ||
        (s->wal_bytes <= max_bytes / 8 && s->file_bytes <= s->pages * f->page_bytes))
        return ERR_NONE;
    if (db_query_int(f->db, "PRAGMA wal_checkpoint(TRUNCATE)", 0, &is_busy, e))
        return e->code;
    *more = !is_busy;
    return read_sizes(f, s, e);
}

enum err log_file_forget(struct log_file *f, int64_t oldest_unix_ms, int64_t max_bytes, bool *more,
                         struct err_info *e)
{
    unsigned char before[ID_BYTES];
    int64_t removed = 0;
    struct sizes s;

    id_at(oldest_unix_ms, before);
    if (read_sizes(f, &s, e) || merge_wal(f, &s, max_bytes, more, e) ||
        remove_some(f, before, STEP_ROWS, &removed, e) ||
        (!removed && remove_oldest(f, &s, max_bytes, &removed, e)))
        return e->code;
    *more = *more || removed > 0;
    if (removed || !s.free_pages ||
        (s.pages * f->page_bytes <= max_bytes &&
         (s.free_pages < SPARE_PAGES || s.free_pages * 4 < s.pages)))
        return ERR_NONE;
    *more = true;
    return give_back(f, e);
}
