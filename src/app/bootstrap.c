/* bootstrap.c - from whatever is there to a database that can be served from. */
#include "app/bootstrap.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "app/actor.h"
#include "app/commands.h"
#include "app/config_apply.h"
#include "app/file.h"
#include "base/clock.h"
#include "base/secret.h"
#include "crypto/password.h"

#define KEY_LABEL  "first"
#define SHOWN_FILE "first-key.txt"

/* Plain, or hashed already; no password stays none. */
static enum err set_password(struct user_row *user, struct secret given, struct arena *a,
                             struct err_info *e)
{
    struct slice text = secret_reveal(given);
    char hash[PASSWORD_HASH_BYTES];

    if (!text.ptr || password_is_phc(text)) {
        user->password_hash = text;
        return ERR_NONE;
    }
    if (password_looks_phc(text))
        return err_set(e, ERR_BAD_REQUEST,
                       "--admin-password looks like an Argon2 PHC string, but is none that can be "
                       "used");
    if (!password_hash(text, hash))
        return err_set(e, ERR_IO, "no memory to hash a password");
    user->password_hash = arena_dup(a, slice_str(hash));
    return ERR_NONE;
}

static enum err add_key(struct control *c, const struct options *o, int64_t user_id,
                        struct bootstrap *out, struct err_info *e)
{
    unsigned char digest[KEY_DIGEST_BYTES];
    struct slice text = secret_reveal(o->admin_api_key);
    struct key_row key;

    if (text.ptr && !key_is_valid(text))
        return err_set(
            e, ERR_BAD_REQUEST,
            "--admin-api-key must be 8 to 512 printable ASCII characters without spaces");
    if (!text.ptr) {
        key_generate(out->key_text);
        text = slice_str(out->key_text);
    }
    key_digest(&c->hasher, text, digest);
    row_set_defaults(row_kind(ROW_KEY), &key);
    key.user_id = user_id;
    key.label = SLICE(KEY_LABEL);
    key.digest = slice_of((const char *)digest, sizeof(digest));
    key.prefix = key_prefix(text);
    return store_put(c->store, ROW_KEY, &key, e);
}

static enum err add_user(struct control *c, const struct options *o, struct arena *a,
                         struct bootstrap *out, struct err_info *e)
{
    struct permission_row permission;
    struct user_row user;

    row_set_defaults(row_kind(ROW_USER), &user);
    user.name = slice_str(o->admin_user);
    user.admin = true;
    if (set_password(&user, o->admin_password, a, e) || row_validate(ROW_USER, &user, e) ||
        store_put(c->store, ROW_USER, &user, e) || add_key(c, o, user.head.id, out, e))
        return e->code;
    row_set_defaults(row_kind(ROW_PERMISSION), &permission);
    permission.user_id = user.head.id;
    permission.models = SLICE("*");
    out->made_user = true;
    return store_put(c->store, ROW_PERMISSION, &permission, e);
}

static enum err add_provider(struct control *c, struct bootstrap *out, struct err_info *e)
{
    struct provider_row provider;
    struct model_row model;

    row_set_defaults(row_kind(ROW_PROVIDER), &provider);
    provider.name = provider.channel = SLICE("echo");
    if (store_put(c->store, ROW_PROVIDER, &provider, e))
        return e->code;
    row_set_defaults(row_kind(ROW_MODEL), &model);
    model.provider_id = provider.head.id;
    model.model = SLICE("echo");
    model.price = SLICE("{\"input\":\"0\",\"output\":\"0\"}");
    out->made_provider = true;
    return store_put(c->store, ROW_MODEL, &model, e);
}

enum err bootstrap(struct control *c, const struct options *o, bool after_seed, struct arena *a,
                   struct bootstrap *out, struct err_info *e)
{
    struct row_set rows;
    bool empty = true;

    memset(out, 0, sizeof(*out));
    actor_is_bootstrap(c->store);
    if (store_begin(c->store, e))
        return e->code;
    if (!store_load(c->store, a, &rows, NULL, NULL, e) && !store_is_empty(c->store, &empty, e) &&
        (empty || after_seed)) {
        if (!rows.counts[ROW_USER])
            add_user(c, o, a, out, e);
        if (!e->code && !rows.counts[ROW_PROVIDER])
            add_provider(c, out, e);
    }
    if (!e->code)
        store_commit(c->store, e);
    if (e->code) {
        store_rollback(c->store);
        secret_wipe(out, sizeof(*out));
    }
    return e->code;
}

void bootstrap_note_key(void *keys, struct slice user, struct slice label, struct slice text)
{
    buf_printf(keys, "New key of %.*s%s%.*s, shown only now: %.*s\n", SLICE_ARG(user),
               label.len ? ", " : "", SLICE_ARG(label), SLICE_ARG(text));
}

static enum err write_keys(const struct options *o, struct slice lines, FILE *out,
                           struct err_info *e)
{
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s/new-keys-%lld.txt", o->data_dir, (long long)clock_unix_ms());
    if (file_make_dir(o->data_dir, e) || file_create_private(path, lines, e))
        return e->code;
    fprintf(out, "gproxy: keys were made: they are in %s\n", path);
    return ERR_NONE;
}

enum err bootstrap_show_keys(const struct options *o, struct buf *keys, FILE *terminal,
                             struct err_info *e)
{
    struct slice lines = buf_peek(keys);
    enum err err = ERR_NONE;

    if (lines.len && isatty(fileno(terminal)))
        fprintf(terminal, "%.*s", SLICE_ARG(lines));
    else if (lines.len)
        err = write_keys(o, lines, terminal, e);
    if (keys->data)
        secret_wipe(keys->data, keys->cap);
    buf_release(keys);
    return err;
}

static bool apply(struct control *c, const struct options *o, const struct config *config,
                  FILE *err)
{
    struct err_info e = {.code = ERR_NONE};
    struct buf keys = {.data = NULL};
    struct apply run = {.store = c->store,
                        .hasher = &c->hasher,
                        .fingerprint = c->fingerprint,
                        .flags = config->mode == CONFIG_MANAGED ? APPLY_DELETE : 0,
                        .on_key = bootstrap_note_key,
                        .ctx = &keys};

    actor_is_file(c->store, o->config_path);
    config_apply(config, &run, &e);
    problems_print(config->problems, err);
    bootstrap_show_keys(o, &keys, err, &e);
    if (e.code && !config->problems->errors)
        fprintf(err, "gproxy: %s\n", err_info_text(&e));
    return !e.code;
}

bool bootstrap_prepare(struct control *c, const struct options *o, struct arena *a,
                       struct bootstrap *out, FILE *err, int *exit_code)
{
    struct problems problems = {.file = o->config_path, .arena = a};
    struct err_info e = {.code = ERR_NONE};
    struct config *config = NULL;
    bool empty = false;

    *exit_code = EXIT_FAILED;
    if (o->config_path)
        config = config_read(NULL, 0, &problems);
    if (problems.errors) {
        problems_print(&problems, err);
        *exit_code = EXIT_USAGE;
        return false;
    }
    store_is_empty(c->store, &empty, &e);
    if (!e.code && config && (empty || config->mode == CONFIG_MANAGED) &&
        !apply(c, o, config, err)) {
        *exit_code = problems.errors ? EXIT_USAGE : EXIT_FAILED;
        return false;
    }
    if (!e.code)
        bootstrap(c, o, empty, a, out, &e);
    if (e.code)
        fprintf(err, "gproxy: %s\n", err_info_text(&e));
    return !e.code;
}

bool bootstrap_reconcile(struct control *c, const struct options *o, struct arena *a, bool *managed,
                         FILE *err)
{
    struct problems problems = {.file = o->config_path, .arena = a};
    struct config *config;

    if (managed)
        *managed = false;
    if (!o->config_path)
        return true;
    config = config_read(NULL, 0, &problems);
    if (problems.errors) {
        problems_print(&problems, err);
        return false;
    }
    if (config->mode != CONFIG_MANAGED)
        return true;
    if (managed)
        *managed = true;
    return apply(c, o, config, err);
}

static void write_lines(const struct bootstrap *b, const struct options *o, unsigned port,
                        struct buf *out)
{
    bool any = !strcmp(o->host, "0.0.0.0") || !strcmp(o->host, "::");
    const char *host = any ? "127.0.0.1" : o->host;
    bool v6 = strchr(host, ':') != NULL;

    buf_printf(out, "The key of the administrator \"%s\", shown only now:\n\n    %s\n\n",
               o->admin_user, b->key_text);
    if (!b->made_provider)
        return;
    buf_printf(out,
               "Try it:\n\n"
               "    curl %s://%s%s%s:%u/v1/chat/completions \\\n"
               "        -H 'authorization: Bearer %s' -H 'content-type: application/json' \\\n"
               "        -d '{\"model\": \"echo\", \"messages\": [{\"role\": \"user\", \"content\": "
               "\"Hello\"}]}'\n",
               o->tls_cert ? "https" : "http", v6 ? "[" : "", host, v6 ? "]" : "", port,
               b->key_text);
}

enum err bootstrap_show(struct bootstrap *b, const struct options *o, unsigned port, FILE *terminal,
                        struct arena *a, const char **file, struct err_info *e)
{
    struct buf text = {.data = NULL};

    *file = NULL;
    if (!b->key_text[0])
        return ERR_NONE;
    write_lines(b, o, port, &text);
    if (terminal) {
        fprintf(terminal, "%.*s", SLICE_ARG(buf_peek(&text)));
        fflush(terminal);
    } else {
        *file = arena_printf(a, "%s/" SHOWN_FILE, o->data_dir).ptr;
        if (!file_make_dir(o->data_dir, e))
            file_create_private(*file, buf_peek(&text), e);
    }
    secret_wipe(text.data, text.cap);
    buf_release(&text);
    secret_wipe(b->key_text, sizeof(b->key_text));
    return e->code;
}
