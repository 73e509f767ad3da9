/* cmd_key.c - gproxy key: list, add, disable, enable, delete. */
#include <string.h>

#include "app/flags.h"
#include "app/session.h"
#include "base/array.h"
#include "base/clock.h"
#include "base/secret.h"

static struct slice user_name(const struct session *s, int64_t id)
{
    const struct user_row *user = row_set_find(&s->rows, ROW_USER, id);

    return user ? user->name : SLICE("?");
}

/* Of all users, or of the one that is named. */
static int list(struct session *s, const char *name)
{
    const struct key_row *keys = ROWS(&s->rows, ROW_KEY, struct key_row);
    const struct user_row *user = name ? session_user(s, name) : NULL;
    char expires[SESSION_TIME_BYTES];
    int64_t now = clock_unix_ms();

    if (name && !user)
        return EXIT_FAILED;
    fprintf(s->x->out, "%6s %-24s %-20s %-10s %-8s %s\n", "ID", "USER", "LABEL", "KEY", "STATE",
            "EXPIRES");
    for (size_t i = 0; i < s->rows.counts[ROW_KEY]; i++) {
        const struct key_row *k = &keys[i];
        bool expired = k->expires_unix_ms != ROW_NULL_INT && k->expires_unix_ms <= now;
        if (user && k->user_id != user->head.id)
            continue;
        fprintf(s->x->out, "%6lld %-24.*s %-20.*s %-8.*s.. %-8s %s\n", (long long)k->head.id,
                SLICE_ARG(user_name(s, k->user_id)), SLICE_ARG(k->label), SLICE_ARG(k->prefix),
                !k->enabled ? "disabled"
                : expired   ? "expired"
                            : "enabled",
                session_time(k->expires_unix_ms, expires));
    }
    return EXIT_GOOD;
}

static bool read_expiry(struct session *s, struct key_row *key)
{
    const char *text = flag_text(s->x, "expires-at");

    if (!text || clock_parse(slice_str(text), &key->expires_unix_ms))
        return true;
    command_misused(s->x, "--expires-at must look like 2027-01-01T00:00:00Z");
    return false;
}

static int store_key(struct session *s, struct key_row *key, struct slice text)
{
    unsigned char digest[KEY_DIGEST_BYTES];

    key_digest(&s->control.hasher, text, digest);
    key->digest = slice_of((const char *)digest, sizeof(digest));
    key->prefix = key_prefix(text);
    return session_put(s, ROW_KEY, key);
}

/* The text alone goes to standard output, for scripts. */
static int add(struct session *s, const char *name)
{
    const char *given = flag_text(s->x, "key");
    const char *label = flag_text(s->x, "label");
    const struct user_row *user = session_user(s, name);
    char text[KEY_TEXT_BYTES];
    struct key_row key;
    int code;

    row_set_defaults(row_kind(ROW_KEY), &key);
    if (!user)
        return EXIT_FAILED;
    if (!read_expiry(s, &key))
        return EXIT_USAGE;
    if (given && !key_is_valid(slice_str(given)))
        return command_misused(s->x,
                               "--key must be 8 to 512 printable ASCII characters without spaces");
    key.user_id = user->head.id;
    key.label = slice_str(label);
    key_generate(text);
    code = store_key(s, &key, slice_str(given ? given : text));
    if (!code && !given) {
        fprintf(s->x->err, "Key %lld of %s, shown only now:\n", (long long)key.head.id, name);
        fprintf(s->x->out, "%s\n", text);
    }
    secret_wipe(text, sizeof(text));
    return code;
}

static struct key_row *find(const struct session *s, const char *text)
{
    struct key_row *key = NULL;
    uint64_t id;

    if (slice_to_u64(slice_str(text), &id) && id <= INT64_MAX)
        key = row_set_find(&s->rows, ROW_KEY, (int64_t)id);
    if (key)
        return key;
    fprintf(s->x->err, "gproxy: there is no key with the id \"%s\" (gproxy key list)\n", text);
    return NULL;
}

static int set_enabled(struct session *s, const char *id, bool enabled)
{
    struct key_row *key = find(s, id);

    if (!key)
        return EXIT_FAILED;
    key->enabled = enabled;
    return session_put(s, ROW_KEY, key);
}

static int enable(struct session *s, const char *id)
{
    return set_enabled(s, id, true);
}

static int disable(struct session *s, const char *id)
{
    return set_enabled(s, id, false);
}

static int delete_key(struct session *s, const char *id)
{
    const struct key_row *key = find(s, id);

    return key ? session_delete(s, ROW_KEY, key->head.id) : EXIT_FAILED;
}

static const struct {
    const char *verb;
    int (*run)(struct session *s, const char *what);
} verbs[] = {
    {"list",    list      },
    {"add",     add       },
    {"enable",  enable    },
    {"disable", disable   },
    {"delete",  delete_key},
};

int cmd_key(struct command_context *x, int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : NULL;
    struct session s;
    size_t verb = 0;
    int code;

    while (argc && verb < ARRAY_LEN(verbs) && strcmp(argv[0], verbs[verb].verb) != 0)
        verb++;
    if (!argc || argc > 2 || verb == ARRAY_LEN(verbs) || (verb > 0 && !what))
        return command_misused(x, "%s", argc ? "not one of its forms" : "what about keys?");
    if (!session_open(&s, x, STORE_MUST_EXIST))
        return EXIT_FAILED;
    code = verbs[verb].run(&s, what);
    session_close(&s);
    return code;
}
