/* options.c - how the process was asked to run: flags beat environment beats file beats defaults. */
#include "app/options.h"

#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/config.h"
#include "app/file.h"
#include "base/array.h"
#include "policy/provider_settings.h"

#define DEFAULT_CONFIG  "gproxy.yaml"
#define HELP_COLUMNS    90
#define HELP_INDENT     29
#define VALUE_MAX_BYTES (64 << 10) // of a secret in a file

enum option_type {
    OPTION_TEXT,
    OPTION_INT,
    OPTION_SECRET,
    OPTION_PROXY,
    OPTION_LEVEL,
    OPTION_FORMAT,
    OPTION_LEDGER,
    OPTION_REFUSED,
};

struct option_row {
    const char *flag, *key;
    enum option_type type;
    size_t offset;
    unsigned group;
    int64_t least, most;
    const char *initial, *argument, *help;
};

static const struct option_row rows[] = {
#define OPTION(flag, key, type, member, group, least, most, initial, argument, help)         \
    {flag,    key,      OPTION_##type, offsetof(struct options, member), group, least, most, \
     initial, argument, help},
#include "app/options.def"
#undef OPTION
};

#define ROW_COUNT  (sizeof(rows) / sizeof(rows[0]))
#define CONFIG_ROW 0 // must be known before the file can be read

struct reading {
    struct options *o;
    struct arguments *args;
    struct arena *arena;
    const struct yaml_variables *environment;
    unsigned groups;
    bool set[ROW_COUNT];
    FILE *err;
};

/* Fails with what is wrong with the value, which it does not repeat if it is a secret. */
static enum err set_value(const struct option_row *row, struct options *o, struct slice value,
                          struct arena *a, struct err_info *e)
{
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    void *at = (char *)o + row->offset;
    uint64_t number;

    switch (row->type) {
    case OPTION_TEXT: *(const char **)at = arena_dup(a, value).ptr; return ERR_NONE;
    case OPTION_SECRET: *(struct secret *)at = secret_of(arena_dup(a, value)); return ERR_NONE;
    case OPTION_PROXY: *(const char **)at = arena_dup(a, value).ptr; return proxy_check(value, e);
    case OPTION_REFUSED: return err_set(e, ERR_UNSUPPORTED, "not supported by this version");
    case OPTION_INT:
        if (!slice_to_u64(value, &number) || number > INT64_MAX || (int64_t)number < row->least ||
            (int64_t)number > row->most)
            return err_set(e, ERR_BAD_REQUEST, "must be a whole number from %lld to %lld",
                           (long long)row->least, (long long)row->most);
        *(int64_t *)at = (int64_t)number;
        return ERR_NONE;
    case OPTION_LEVEL:
        for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
            if (slice_eq(value, slice_str(levels[i]))) {
                *(enum log_level *)at = (enum log_level)i;
                return ERR_NONE;
            }
        }
        return err_set(e, ERR_BAD_REQUEST, "must be debug, info, warn or error");
    case OPTION_FORMAT:
        *(enum option_format *)at =
            slice_eq(value, SLICE("json")) ? OPTION_FORMAT_JSON : OPTION_FORMAT_TEXT;
        if (slice_eq(value, SLICE("json")) || slice_eq(value, SLICE("text")))
            return ERR_NONE;
        return err_set(e, ERR_BAD_REQUEST, "must be text or json");
    case OPTION_LEDGER:
        *(enum ledger_mode *)at = slice_eq(value, SLICE("durable")) ? LEDGER_DURABLE : LEDGER_FAST;
        if (slice_eq(value, SLICE("durable")) || slice_eq(value, SLICE("fast")))
            return ERR_NONE;
        return err_set(e, ERR_BAD_REQUEST, "must be fast or durable");
    }
    return ERR_NONE;
}

/* Once set, what beats less is not looked at. */
static bool take(struct reading *r, size_t row, struct slice value, const char *from)
{
    struct err_info e = {.code = ERR_NONE};

    r->set[row] = true;
    if (!set_value(&rows[row], r->o, value, r->arena, &e))
        return true;
    fprintf(r->err, "gproxy: %s: %s\n", from, err_info_text(&e));
    return false;
}

static bool is_offered(const struct reading *r, const struct option_row *row)
{
    return (row->group & r->groups) && row->flag;
}

static void unknown_flag(const struct reading *r, struct slice name)
{
    const char *known[ROW_COUNT + 64], *near;
    size_t count = 0;

    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (is_offered(r, &rows[i]))
            known[count++] = rows[i].flag;
    }
    for (size_t i = 0; i < r->args->flag_count && count < ARRAY_LEN(known); i++) {
        struct slice rest, flag = slice_cut(slice_str(r->args->flags[i]), '=', &rest);
        known[count++] = arena_dup(r->arena, flag).ptr;
    }
    near = suggest(name, known, count);
    fprintf(r->err, "gproxy: --%.*s is not known here%s%s%s\n", SLICE_ARG(name),
            near ? "; did you mean --" : "", near ? near : "", near ? "?" : "");
}

/* Which of the command's own flags that is, or -1. */
static int find_own(const struct reading *r, struct slice name, bool *takes_value)
{
    for (size_t i = 0; i < r->args->flag_count; i++) {
        struct slice rest, flag = slice_cut(slice_str(r->args->flags[i]), '=', &rest);
        *takes_value = flag.len < strlen(r->args->flags[i]);
        if (slice_eq(flag, name))
            return (int)i;
    }
    return -1;
}

static int find_row(const struct reading *r, struct slice name)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (is_offered(r, &rows[i]) && slice_eq(name, slice_str(rows[i].flag)))
            return (int)i;
    }
    return -1;
}

/* A secret does not stay where `ps` shows it. */
static void hide(char *text)
{
    memset(text, '*', strlen(text));
}

static bool take_flag(struct reading *r, size_t row, char *text)
{
    char from[80];

    snprintf(from, sizeof(from), "--%s", rows[row].flag);
    if (!take(r, row, slice_str(text), from))
        return false;
    if (rows[row].type == OPTION_SECRET)
        hide(text);
    return true;
}

static void take_own(struct reading *r, size_t own, char *text)
{
    r->args->values[own] = text ? arena_dup(r->arena, slice_str(text)).ptr : "";
    if (text && slice_ends(slice_str(r->args->flags[own]), SLICE("=*")))
        hide(text);
}

/* argv[at] begins with "--": answers how many words it took, 0 when it is wrong. */
static int read_flag(struct reading *r, int argc, char **argv, int at)
{
    struct slice word = slice_after(slice_str(argv[at]), 2), rest;
    struct slice name = slice_cut(word, '=', &rest);
    bool inlined = name.len < word.len, takes_value = true;
    char *text = inlined ? argv[at] + 2 + name.len + 1 : at + 1 < argc ? argv[at + 1] : NULL;
    int row = find_row(r, name);
    int own = row < 0 ? find_own(r, name, &takes_value) : -1;

    if (row < 0 && own < 0) {
        unknown_flag(r, name);
        return 0;
    }
    if (takes_value ? !text : inlined) {
        fprintf(r->err, "gproxy: --%.*s %s\n", SLICE_ARG(name),
                takes_value ? "needs a value" : "takes no value");
        return 0;
    }
    if (own >= 0)
        take_own(r, (size_t)own, takes_value ? text : NULL);
    else if (!take_flag(r, (size_t)row, text))
        return 0;
    return takes_value && !inlined ? 2 : 1;
}

static bool read_flags(struct reading *r, int argc, char **argv)
{
    int used = 1;

    r->args->rest = arena_array(r->arena, char *, (size_t)argc + 1);
    for (int at = 0; at < argc; at += used) {
        struct slice word = slice_str(argv[at]);
        used = 1;
        if (slice_eq(word, SLICE("--"))) {
            for (at++; at < argc; at++)
                r->args->rest[r->args->rest_count++] = argv[at];
            return true;
        }
        if (slice_eq(word, SLICE("--help")) || slice_eq(word, SLICE("-h"))) {
            r->args->help = true;
        } else if (slice_eq(word, SLICE("--version"))) {
            r->args->version = true;
        } else if (slice_starts(word, SLICE("--"))) {
            used = read_flag(r, argc, argv, at);
        } else if (slice_starts(word, SLICE("-")) && word.len > 1) {
            fprintf(r->err, "gproxy: %s is not known here; flags begin with --\n", argv[at]);
            return false;
        } else {
            r->args->rest[r->args->rest_count++] = argv[at];
        }
        if (!used)
            return false;
    }
    return true;
}

static const char *variable(const struct reading *r, const char *name)
{
    const char *value;

    if (r->environment && r->environment->get)
        value = r->environment->get(r->environment->ctx, name);
    else
        value = getenv(name); // NOLINT(concurrency-mt-unsafe): before any thread
    return value && *value ? value : NULL;
}

/* GPROXY_NAME, or for a secret GPROXY_NAME_FILE, which names a file. */
static bool read_variable(struct reading *r, size_t row)
{
    struct err_info e = {.code = ERR_NONE};
    struct slice text;
    char name[80];
    const char *value;
    size_t len;

    snprintf(name, sizeof(name), "GPROXY_%s", rows[row].flag);
    for (len = 0; name[len]; len++)
        name[len] = name[len] == '-' ? '_' : (char)toupper((unsigned char)name[len]);
    value = variable(r, name);
    if (value)
        return take(r, row, slice_str(value), name);
    if (rows[row].type != OPTION_SECRET)
        return true;
    snprintf(name + len, sizeof(name) - len, "_FILE");
    value = variable(r, name);
    if (!value)
        return true;
    if (file_read(value, VALUE_MAX_BYTES, r->arena, &text, &e)) {
        fprintf(r->err, "gproxy: %s: %s\n", name, err_info_text(&e));
        return false;
    }
    while (text.len && strchr("\r\n", text.ptr[text.len - 1]))
        text.len--;
    return take(r, row, text, name);
}

static bool read_variables(struct reading *r)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (is_offered(r, &rows[i]) && !r->set[i] && !read_variable(r, i))
            return false;
    }
    return true;
}

/* As text: what a scalar of the file stands for is up to the option. */
static bool check_scalar(const struct option_row *row, const struct yaml_node *n,
                         struct problems *p, struct slice *value)
{
    struct err_info e = {.code = ERR_NONE};
    struct options ignored;
    int64_t number;

    if (n->broken)
        return false;
    if (n->kind != YAML_SCALAR || (row->type == OPTION_INT && !yaml_to_int(n, &number))) {
        problem_add(p, n->place, "%s: must be %s, not %s", row->key,
                    row->type == OPTION_INT ? "a whole number" : "text", yaml_describe(n));
        return false;
    }
    *value = n->text;
    if (row->type == OPTION_SECRET && slice_starts(*value, SLICE("file:"))) {
        struct slice path = file_beside(p->file, slice_after(*value, 5), p->arena);
        if (file_read(path.ptr, VALUE_MAX_BYTES, p->arena, value, &e)) {
            problem_add(p, n->place, "%s: %s", row->key, err_info_text(&e));
            return false;
        }
    }
    if (set_value(row, &ignored, *value, p->arena, &e)) {
        problem_add(p, n->place, "%s: %s", row->key, err_info_text(&e));
        return false;
    }
    return true;
}

static const struct option_row *find_key(struct slice key)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (rows[i].key && slice_eq(key, slice_str(rows[i].key)))
            return &rows[i];
    }
    return NULL;
}

void options_check_server(const struct yaml_node *server, struct problems *p)
{
    const char *known[ROW_COUNT], *near;
    size_t count = 0;
    struct slice ignored;

    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (rows[i].key)
            known[count++] = rows[i].key;
    }
    for (size_t i = 0; i < server->count; i++) {
        const struct yaml_pair *pair = &server->pairs[i];
        const struct option_row *row = find_key(pair->key);
        if (!row) {
            near = suggest(pair->key, known, count);
            problem_add(p, pair->place, "server: \"%.*s\" is not known here%s%s%s",
                        SLICE_ARG(pair->key), near ? "; did you mean \"" : "", near ? near : "",
                        near ? "\"?" : "");
        } else if (!yaml_is_null(pair->value)) {
            check_scalar(row, pair->value, p, &ignored);
        }
    }
}

/* Only the `server` section counts here: whoever needs the others reads them with care. */
static bool read_server(struct reading *r, const struct yaml_node *server, struct problems *p)
{
    if (server->kind != YAML_MAP)
        return yaml_is_null(server);
    for (size_t i = 0; i < server->count; i++) {
        const struct yaml_pair *pair = &server->pairs[i];
        const struct option_row *row = find_key(pair->key);
        struct slice value;
        if (!row || yaml_is_null(pair->value) || r->set[row - rows])
            continue;
        if (!check_scalar(row, pair->value, p, &value))
            return false;
        take(r, (size_t)(row - rows), value, row->key);
    }
    return true;
}

/*
 * When the `server` section is wrong nothing is done, so the rest of the file is told now, too.
 * Commands other than serve work with what is in the database already.
 */
static void tell_all(struct reading *r, struct slice text)
{
    struct problems p = {.file = r->o->config_path, .arena = r->arena};

    config_parse(text, r->environment, (r->groups & OPTIONS_SERVE) ? 0 : CONFIG_PARTIAL, &p);
    problems_print(&p, r->err);
}

static void find_config(struct reading *r)
{
    if (!r->set[CONFIG_ROW] && !access(DEFAULT_CONFIG, F_OK))
        r->o->config_path = DEFAULT_CONFIG;
    if (r->o->config_path && !*r->o->config_path)
        r->o->config_path = NULL;
}

static bool read_config(struct reading *r)
{
    struct problems p = {.file = r->o->config_path, .arena = r->arena};
    struct err_info e = {.code = ERR_NONE};
    const struct yaml_node *root, *section;
    struct slice text;

    if (!r->o->config_path)
        return true;
    if (file_read(r->o->config_path, YAML_MAX_BYTES, r->arena, &text, &e)) {
        fprintf(r->err, "gproxy: %s\n", err_info_text(&e));
        return false;
    }
    root = yaml_parse(text, r->environment, &p);
    section = root ? yaml_get(root, "server") : NULL;
    if (root && (!section || read_server(r, section, &p)))
        return true;
    tell_all(r, text);
    return false;
}

static void set_defaults(struct options *o, struct arena *a)
{
    struct err_info e = {.code = ERR_NONE};

    memset(o, 0, sizeof(*o));
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (rows[i].initial)
            set_value(&rows[i], o, slice_str(rows[i].initial), a, &e);
    }
    o->shutdown_timeout_s = -1;
}

static bool finish(struct reading *r)
{
    struct options *o = r->o;

    if (!o->tls_cert != !o->tls_key && (r->groups & OPTIONS_SERVE)) {
        fprintf(r->err, "gproxy: --tls-cert and --tls-key are given both or not at all\n");
        return false;
    }
    o->dsn_given = o->dsn != NULL;
    if (!o->dsn)
        o->dsn = arena_printf(r->arena, "sqlite://%s/gproxy.db", o->data_dir).ptr;
    return true;
}

bool options_read(struct options *o, struct arguments *args, int argc, char **argv,
                  const struct yaml_variables *environment, struct arena *a, FILE *err)
{
    struct reading r = {.o = o,
                        .args = args,
                        .arena = a,
                        .environment = environment,
                        .groups = args->groups,
                        .err = err};

    set_defaults(o, a);
    args->values = arena_array(a, const char *, args->flag_count + 1);
    if (!read_flags(&r, argc, argv))
        return false;
    if (args->help || args->version)
        return true;
    if (!read_variables(&r))
        return false;
    if (args->groups & (OPTIONS_DATA | OPTIONS_FILE))
        find_config(&r);
    return (!(args->groups & OPTIONS_DATA) || read_config(&r)) && finish(&r);
}

const char *arguments_get(const struct arguments *args, const char *flag)
{
    for (size_t i = 0; i < args->flag_count; i++) {
        struct slice rest, name = slice_cut(slice_str(args->flags[i]), '=', &rest);
        if (slice_eq(name, slice_str(flag)))
            return args->values[i];
    }
    return NULL;
}

/* Words from column `at` on, broken before HELP_COLUMNS. */
static void print_wrapped(const char *text, size_t at, FILE *out)
{
    struct slice rest = slice_str(text);
    size_t column = at;

    while (rest.len) {
        struct slice word = slice_cut(rest, ' ', &rest);
        if (column > at && column + 1 + word.len > HELP_COLUMNS) {
            fprintf(out, "\n%*s", (int)at, "");
            column = at;
        }
        column += (size_t)fprintf(out, "%s%.*s", column > at ? " " : "", SLICE_ARG(word));
    }
}

void options_print_help(unsigned groups, FILE *out)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        const struct option_row *row = &rows[i];
        char name[80], text[512];
        if (!(row->group & groups) || !row->flag || row->type == OPTION_REFUSED)
            continue;
        snprintf(name, sizeof(name), "--%s %s", row->flag, row->argument);
        snprintf(text, sizeof(text), "%s%s%s%s", row->help, row->initial ? " (" : "",
                 row->initial ? row->initial : "", row->initial ? ")" : "");
        fprintf(out, "  %-26s ", name);
        print_wrapped(text, HELP_INDENT, out);
        fputc('\n', out);
    }
}
