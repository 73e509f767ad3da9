/* cmd_config.c - gproxy check, import, export. */
#include <string.h>

#include "app/actor.h"
#include "app/bootstrap.h"
#include "app/commands.h"
#include "app/config_apply.h"
#include "app/control.h"
#include "app/export.h"
#include "app/file.h"
#include "app/flags.h"
#include "base/secret.h"

static int report(struct command_context *x, const struct problems *p)
{
    problems_print(p, x->err);
    if (p->errors)
        fprintf(x->err, "%zu error%s, %zu warning%s: nothing was changed\n", p->errors,
                p->errors == 1 ? "" : "s", p->warnings, p->warnings == 1 ? "" : "s");
    return p->errors ? EXIT_USAGE : EXIT_GOOD;
}

int cmd_check(struct command_context *x, int argc, char **argv)
{
    struct problems p = {.file = x->options.config_path, .arena = x->arena};
    const struct config *c;
    int code;

    if (argc > 1)
        return command_misused(x, "one file at a time");
    if (argc == 1)
        p.file = argv[0];
    if (!p.file)
        return command_misused(x, "there is no gproxy.yaml here: name the file with --config");
    c = config_read(NULL, 0, &p);
    if (!p.errors)
        config_warn(c);
    code = report(x, &p);
    if (!code)
        fprintf(x->out, "%s is good%s\n", p.file, p.warnings ? ", but for the warnings" : "");
    return code;
}

static int apply(struct command_context *x, const struct config *c)
{
    bool replace = flag_text(x, "replace") != NULL;
    struct err_info e = {.code = ERR_NONE};
    struct buf keys = {.data = NULL};
    struct control control;
    struct apply run = {.hasher = &control.hasher,
                        .fingerprint = control.fingerprint,
                        .flags = replace ? APPLY_DELETE : 0,
                        .on_key = bootstrap_note_key,
                        .ctx = &keys};

    if (control_open(&control, &x->options, 0, x->arena, &e))
        return command_failed(x, &e);
    if (control.made_key_file)
        fprintf(x->err, "gproxy: made the secret key file %s: keep a copy of it\n",
                control.made_key_file);
    run.store = control.store;
    actor_is_caller(control.store, arena_printf(x->arena, "import of %s", c->problems->file).ptr);
    config_apply(c, &run, &e);
    control_close(&control);
    bootstrap_show_keys(&x->options, &keys, x->err, &e);
    if (e.code && !c->problems->errors)
        return command_failed(x, &e);
    if (report(x, c->problems))
        return EXIT_USAGE;
    fprintf(x->out, "%zu added, %zu changed, %zu deleted\n", run.added, run.changed, run.deleted);
    return EXIT_GOOD;
}

int cmd_import(struct command_context *x, int argc, char **argv)
{
    struct problems p = {.arena = x->arena};
    const struct config *c;

    if (argc != 1)
        return command_misused(x, "name one file");
    p.file = argv[0];
    c = config_read(NULL, CONFIG_PARTIAL, &p);
    if (p.errors)
        return report(x, &p);
    if (flag_text(x, "dry-run")) {
        config_warn(c);
        return report(x, &p);
    }
    return apply(x, c);
}

static void on_bad_row(void *ctx, enum row_type type, int64_t id, const char *reason)
{
    struct command_context *x = ctx;

    fprintf(x->err, "gproxy: %s %lld is left out: %s\n", row_kind(type)->table, (long long)id,
            reason);
}

static int put_out(struct command_context *x, struct buf *text)
{
    const char *path = flag_text(x, "out");
    struct err_info e = {.code = ERR_NONE};

    if (path && file_create_private(path, buf_peek(text), &e))
        return command_failed(x, &e);
    if (!path)
        fwrite(buf_peek(text).ptr, 1, buf_len(text), x->out);
    return EXIT_GOOD;
}

int cmd_export(struct command_context *x, int argc, char **argv)
{
    struct err_info e = {.code = ERR_NONE};
    struct buf text = {.data = NULL};
    struct control control;
    struct row_set rows;
    int code;

    (void)argv;
    if (argc)
        return command_misused(x, "takes no arguments; --out names a file");
    if (control_open(&control, &x->options, STORE_MUST_EXIST, x->arena, &e))
        return command_failed(x, &e);
    if (store_load(control.store, x->arena, &rows, on_bad_row, x, &e)) {
        control_close(&control);
        return command_failed(x, &e);
    }
    export_rows(&rows, control.fingerprint, flag_text(x, "include-secrets") != NULL, &text);
    control_close(&control);
    code = put_out(x, &text);
    secret_wipe(text.data, text.cap);
    buf_release(&text);
    return code;
}
