/* store_testing.h - a store of a file of its own, for the tests of both. */
#ifndef STORE_STORE_TESTING_H
#define STORE_STORE_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/array.h"
#include "crypto/seal.h"
#include "store/db.h"
#include "store/store.h"

static struct seal_key seal_key;

struct fixture {
    char dir[64], path[128], dsn[160];
    struct store *store;
    struct arena arena;
    struct row_set rows;
    size_t reported;
    char report[512];
};

static inline void on_report(void *ctx, enum row_type type, int64_t id, const char *reason)
{
    struct fixture *f = ctx;

    snprintf(f->report, sizeof(f->report), "%s %lld: %s", row_kind(type)->table, (long long)id,
             reason);
    f->reported++;
}

static inline void reopen(struct fixture *f)
{
    struct err_info e = {0};

    store_close(f->store);
    assert_int_equal(store_open(f->dsn, 0, &f->store, &e), ERR_NONE);
    store_use_key(f->store, &seal_key);
}

static inline void load(struct fixture *f)
{
    struct err_info e = {0};

    arena_release(&f->arena);
    arena_init(&f->arena, 0);
    f->reported = 0;
    assert_int_equal(store_load(f->store, &f->arena, &f->rows, on_report, f, &e), ERR_NONE);
}

static inline int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    snprintf(f->dir, sizeof(f->dir), "/tmp/gproxy-store-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof(f->path), "%s/gproxy.db", f->dir);
    snprintf(f->dsn, sizeof(f->dsn), "sqlite://%s", f->path);
    arena_init(&f->arena, 0);
    reopen(f);
    *state = f;
    return 0;
}

static inline int tear_down(void **state)
{
    static const char *const endings[] = {"", "-wal", "-shm"};
    struct fixture *f = *state;
    char path[160];

    store_close(f->store);
    arena_release(&f->arena);
    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        snprintf(path, sizeof(path), "%s%s", f->path, endings[i]);
        unlink(path);
    }
    rmdir(f->dir);
    free(f);
    return 0;
}

/* SQL from outside, as an operator's shell would run it. */
static inline void meddle(const struct fixture *f, const char *sql)
{
    struct err_info e = {0};
    sqlite3 *db;

    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(db_run(db, sql, &e), ERR_NONE);
    sqlite3_close(db);
}

static inline int64_t put(struct fixture *f, enum row_type type, void *row)
{
    struct err_info e = {0};

    if (store_put(f->store, type, row, &e))
        fail_msg("%s", err_info_text(&e));
    return ((struct row_head *)row)->id;
}

static inline int64_t put_provider(struct fixture *f, const char *name)
{
    struct provider_row row;

    row_set_defaults(row_kind(ROW_PROVIDER), &row);
    row.name = slice_str(name);
    row.channel = SLICE("openai");
    return put(f, ROW_PROVIDER, &row);
}

#endif
