/* apply_testing.h - a database that configuration files are applied to.  For tests. */
#ifndef APP_APPLY_TESTING_H
#define APP_APPLY_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/config_apply.h"
#include "app/control.h"
#include "app/export.h"
#include "crypto/random.h"

struct fixture {
    char dir[64], dsn[96];
    struct options options;
    struct control control;
    struct arena arena;
    struct row_set rows;
    size_t made; // keys
    char made_text[KEY_TEXT_BYTES], made_for[64];
    struct apply run;
    char said[2048]; // problems of the last apply
};

static inline void on_key(void *ctx, struct slice user, struct slice label, struct slice text)
{
    struct fixture *f = ctx;

    f->made++;
    snprintf(f->made_text, sizeof(f->made_text), "%.*s", SLICE_ARG(text));
    snprintf(f->made_for, sizeof(f->made_for), "%.*s/%.*s", SLICE_ARG(user), SLICE_ARG(label));
}

static inline void open_control(struct fixture *f)
{
    struct err_info e = {0};

    if (control_open(&f->control, &f->options, 0, &f->arena, &e))
        fail_msg("%s", err_info_text(&e));
}

static inline int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    snprintf(f->dir, sizeof(f->dir), "/tmp/gproxy-apply-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->dsn, sizeof(f->dsn), "sqlite://%s/gproxy.db", f->dir);
    f->options = (struct options){
        .data_dir = f->dir, .dsn = f->dsn, .host = "127.0.0.1", .admin_user = "admin"};
    arena_init(&f->arena, 0);
    open_control(f);
    *state = f;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *f = *state;
    char command[96];

    control_close(&f->control);
    arena_release(&f->arena);
    snprintf(command, sizeof(command), "rm -r %s", f->dir);
    assert_int_equal(system(command), 0); // NOLINT(cert-env33-c): a directory of ours
    free(f);
    return 0;
}

static inline void load(struct fixture *f)
{
    struct err_info e = {0};

    assert_int_equal(store_load(f->control.store, &f->arena, &f->rows, NULL, NULL, &e), ERR_NONE);
}

static inline enum err apply(struct fixture *f, const char *text, unsigned flags)
{
    struct problems p = {.file = "f", .arena = &f->arena};
    struct err_info e = {0};
    FILE *out = fmemopen(f->said, sizeof(f->said), "w");
    const struct config *c =
        config_parse(slice_str(text), NULL, flags & APPLY_DELETE ? 0 : CONFIG_PARTIAL, &p);

    f->made = 0;
    f->run = (struct apply){.store = f->control.store,
                            .hasher = &f->control.hasher,
                            .fingerprint = f->control.fingerprint,
                            .flags = flags,
                            .on_key = on_key,
                            .ctx = f};
    config_apply(c, &f->run, &e);
    problems_print(&p, out);
    fclose(out);
    if (e.code && !f->said[0])
        snprintf(f->said, sizeof(f->said), "%s", err_info_text(&e));
    load(f);
    return e.code;
}

static inline void apply_good(struct fixture *f, const char *text, unsigned flags)
{
    if (apply(f, text, flags))
        fail_msg("%s", f->said);
}

static inline char *export(struct fixture *f, bool with_secrets)
{
    struct buf out = {.data = NULL};
    char *text;

    load(f);
    export_rows(&f->rows, f->control.fingerprint, with_secrets, &out);
    text = strndup(buf_peek(&out).ptr, buf_len(&out));
    buf_release(&out);
    return text;
}

static inline int64_t id_of(const struct fixture *f, enum row_type type, size_t i)
{
    const struct row_kind *k = row_kind(type);

    return ((const struct row_head *)(const void *)((const char *)f->rows.rows[type] + i * k->size))
        ->id;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
