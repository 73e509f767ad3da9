/* cmd_user.c - gproxy user: list, add, disable, enable, delete, passwd. */
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "app/file.h"
#include "app/flags.h"
#include "app/session.h"
#include "base/array.h"
#include "base/money.h"
#include "base/secret.h"
#include "crypto/password.h"

#define PASSWORD_MAX_BYTES 1024

/* What belongs to one user. */
struct tally {
    size_t keys, permissions, limits;
    struct slice quotas; // "25/month"; a NULL pointer: none
};

/* They stand as the users do; NULL: there is none of that id. */
static struct tally *tally_of(const struct session *s, struct tally *all, int64_t user_id)
{
    const struct user_row *user = row_set_find(&s->rows, ROW_USER, user_id);

    return user ? &all[user - ROWS(&s->rows, ROW_USER, struct user_row)] : NULL;
}

static void note_quota(const struct session *s, struct tally *t, const struct quota_row *quota)
{
    struct slice usd, before = t->quotas;
    char amount[MONEY_TEXT_BYTES];

    usd = money_format_usd(quota->usd_nusd, amount);
    t->quotas = arena_printf(s->x->arena, "%.*s%s%.*s/%.*s", SLICE_ARG(before),
                             before.ptr ? ", " : "", SLICE_ARG(usd), SLICE_ARG(quota->period));
}

/* Rows of keys are the keys' own: they narrow, and are not counted here. */
static struct tally *count_all(const struct session *s)
{
    const struct key_row *keys = ROWS(&s->rows, ROW_KEY, struct key_row);
    const struct permission_row *permissions =
        ROWS(&s->rows, ROW_PERMISSION, struct permission_row);
    const struct rate_limit_row *limits = ROWS(&s->rows, ROW_RATE_LIMIT, struct rate_limit_row);
    const struct quota_row *quotas = ROWS(&s->rows, ROW_QUOTA, struct quota_row);
    struct tally *all = arena_array(s->x->arena, struct tally, s->rows.counts[ROW_USER] + 1), *t;

    for (size_t i = 0; i < s->rows.counts[ROW_KEY]; i++) {
        if ((t = tally_of(s, all, keys[i].user_id)))
            t->keys++;
    }
    for (size_t i = 0; i < s->rows.counts[ROW_PERMISSION]; i++) {
        if ((t = tally_of(s, all, permissions[i].user_id)))
            t->permissions++;
    }
    for (size_t i = 0; i < s->rows.counts[ROW_RATE_LIMIT]; i++) {
        if ((t = tally_of(s, all, limits[i].user_id)))
            t->limits++;
    }
    for (size_t i = 0; i < s->rows.counts[ROW_QUOTA]; i++) {
        if ((t = tally_of(s, all, quotas[i].user_id)))
            note_quota(s, t, &quotas[i]);
    }
    return all;
}

static int list(struct session *s)
{
    const struct user_row *users = ROWS(&s->rows, ROW_USER, struct user_row);
    const struct tally *tally = count_all(s);
    char when[SESSION_TIME_BYTES];

    fprintf(s->x->out, "%-24s %-8s %-6s %-9s %5s %12s %7s  %-16s  %s\n", "NAME", "STATE", "ADMIN",
            "PASSWORD", "KEYS", "PERMISSIONS", "LIMITS", "CREATED", "QUOTA");
    for (size_t i = 0; i < s->rows.counts[ROW_USER]; i++) {
        const struct user_row *u = &users[i];
        struct slice quotas = tally[i].quotas.ptr ? tally[i].quotas : SLICE("-");
        fprintf(s->x->out, "%-24.*s %-8s %-6s %-9s %5zu %12zu %7zu  %-16s  %.*s\n",
                SLICE_ARG(u->name), u->enabled ? "enabled" : "disabled", u->admin ? "yes" : "no",
                u->password_hash.ptr ? "yes" : "no", tally[i].keys, tally[i].permissions,
                tally[i].limits, session_time(u->head.created_unix_ms, when), SLICE_ARG(quotas));
    }
    return EXIT_GOOD;
}

/* From the terminal, unseen. */
static bool ask(struct command_context *x, struct slice *out)
{
    char *line = arena_alloc(x->arena, PASSWORD_MAX_BYTES, 1);
    struct termios before, silent;
    bool good;

    if (tcgetattr(STDIN_FILENO, &before))
        return false;
    silent = before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    fprintf(x->err, "Password: ");
    fflush(x->err);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    good = fgets(line, PASSWORD_MAX_BYTES, stdin) != NULL;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    fputc('\n', x->err);
    *out = slice_of(line, good ? strcspn(line, "\n") : 0);
    return good;
}

/* A NULL pointer: none was given. */
static bool find_password(struct command_context *x, bool required, struct slice *out)
{
    const char *given = flag_text(x, "password");
    const char *path = flag_text(x, "password-file");
    struct err_info e = {.code = ERR_NONE};

    *out = slice_str(given);
    if (path) {
        if (file_read(strcmp(path, "-") ? path : "/dev/stdin", PASSWORD_MAX_BYTES, x->arena, out,
                      &e)) {
            command_failed(x, &e);
            return false;
        }
        while (out->len && strchr("\r\n", out->ptr[out->len - 1]))
            out->len--;
    } else if (!given && required && (!isatty(STDIN_FILENO) || !ask(x, out))) {
        command_misused(x, "give --password-file FILE (- for the standard input)");
        return false;
    }
    if (out->ptr && !out->len) {
        fprintf(x->err, "gproxy: the password must not be empty\n");
        return false;
    }
    return true;
}

static bool set_password(struct command_context *x, struct user_row *user, bool required)
{
    char hash[PASSWORD_HASH_BYTES];
    struct slice password;

    if (!find_password(x, required, &password))
        return false;
    if (!password.ptr || password_looks_phc(password)) {
        user->password_hash = password.ptr ? password : user->password_hash;
        return true; // one that cannot be used is refused with the row
    }
    if (!password_hash(password, hash)) {
        fprintf(x->err, "gproxy: no memory to hash a password\n");
        return false;
    }
    user->password_hash = arena_dup(x->arena, slice_str(hash));
    return true;
}

static int permit(struct session *s, int64_t user_id, const char *models)
{
    struct permission_row permission;

    row_set_defaults(row_kind(ROW_PERMISSION), &permission);
    permission.user_id = user_id;
    permission.models = slice_str(models);
    return session_put(s, ROW_PERMISSION, &permission);
}

static int add_all(struct session *s, struct user_row *user)
{
    const char *models = flag_text(s->x, "models");
    struct err_info e = {.code = ERR_NONE};

    if (store_begin(s->control.store, &e))
        return command_failed(s->x, &e);
    if (session_put(s, ROW_USER, user) || (models && permit(s, user->head.id, models))) {
        store_rollback(s->control.store);
        return EXIT_FAILED;
    }
    return store_commit(s->control.store, &e) ? command_failed(s->x, &e) : EXIT_GOOD;
}

static int add(struct session *s, const char *name)
{
    struct user_row user;

    row_set_defaults(row_kind(ROW_USER), &user);
    user.name = slice_str(name);
    user.admin = flag_text(s->x, "admin") != NULL;
    if (!set_password(s->x, &user, false) || add_all(s, &user))
        return EXIT_FAILED;
    if (!flag_text(s->x, "models"))
        fprintf(s->x->err, "gproxy: %s may use no model: --models gives a permission\n", name);
    return EXIT_GOOD;
}

static int set_enabled(struct session *s, const char *name, bool enabled)
{
    struct user_row *user = session_user(s, name);

    if (!user)
        return EXIT_FAILED;
    user->enabled = enabled;
    return session_put(s, ROW_USER, user);
}

static int enable(struct session *s, const char *name)
{
    return set_enabled(s, name, true);
}

static int disable(struct session *s, const char *name)
{
    return set_enabled(s, name, false);
}

static int delete_user(struct session *s, const char *name)
{
    const struct user_row *user = session_user(s, name);

    return user ? session_delete(s, ROW_USER, user->head.id) : EXIT_FAILED;
}

static int passwd(struct session *s, const char *name)
{
    struct user_row *user = session_user(s, name);

    if (!user || !set_password(s->x, user, true))
        return EXIT_FAILED;
    return session_put(s, ROW_USER, user);
}

static const struct {
    const char *verb;
    int (*run)(struct session *s, const char *name);
    unsigned flags;
} verbs[] = {
    {"add",     add,         0               },
    {"enable",  enable,      STORE_MUST_EXIST},
    {"disable", disable,     STORE_MUST_EXIST},
    {"delete",  delete_user, STORE_MUST_EXIST},
    {"passwd",  passwd,      STORE_MUST_EXIST},
};

int cmd_user(struct command_context *x, int argc, char **argv)
{
    bool listing = argc == 1 && !strcmp(argv[0], "list");
    struct session s;
    size_t verb = 0;
    int code;

    while (argc == 2 && verb < ARRAY_LEN(verbs) && strcmp(argv[0], verbs[verb].verb) != 0)
        verb++;
    if (!listing && (argc != 2 || verb == ARRAY_LEN(verbs)))
        return command_misused(x, "%s", argc ? "not one of its forms" : "what about users?");
    if (!session_open(&s, x, listing ? STORE_MUST_EXIST : verbs[verb].flags))
        return EXIT_FAILED;
    code = listing ? list(&s) : verbs[verb].run(&s, argv[1]);
    session_close(&s);
    return code;
}
