/* commands.c - what can be typed after "gproxy". */
#include "app/commands.h"

#include <stdarg.h>
#include <string.h>

#include "app/version.h"
#include "base/array.h"
#include "crypto/random.h"

static const char *const import_flags[] = {"replace", "dry-run"};
static const char *const export_flags[] = {"include-secrets", "out="};
static const char *const user_flags[] = {"admin", "models=", "password=*", "password-file="};
static const char *const explain_flags[] = {
    "key=*", "key-id=", "body=", "path=", "header=", "exchange=", "json"};
static const char *const key_flags[] = {"label=", "expires-at=", "key=*"};
static const char *const usage_flags[] = {
    "since=", "until=",  "by=",  "tz=",    "user=",  "key=",    "provider=", "model=",
    "alias=", "status=", "rows", "limit=", "after=", "before=", "json",      "csv"};
static const char *const log_flags[] = {"since=",  "until=", "user=",  "model=", "provider=",
                                        "status=", "err=",   "limit=", "after=", "json"};

static const char *const audit_flags[] = {
    "since=", "until=", "kind=", "actor=", "limit=", "after=", "json"};
static const char *const quota_flags[] = {"key=", "period=", "usd=", "reason=", "json"};

static int cmd_version(struct command_context *x, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    fprintf(x->out, "gproxy %s\n", GPROXY_VERSION);
    return EXIT_GOOD;
}

#define ALL_GROUPS (OPTIONS_DATA | OPTIONS_ADMIN | OPTIONS_SERVE | OPTIONS_PRICES | OPTIONS_LOG)
#define NO_FLAGS   NULL, 0
#define FLAGS(f)   f, ARRAY_LEN(f)

static const struct command commands[] = {
#define COMMAND(name, summary, usage, help, groups, flags, run) \
    {name, summary, usage, help, groups, flags, run},
#include "app/commands.def"
#undef COMMAND
};

static const struct command *find(struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (slice_eq(name, slice_str(commands[i].name)))
            return &commands[i];
    }
    return NULL;
}

static void print_overview(FILE *out)
{
    fprintf(out,
            "gproxy %s - one endpoint in front of many LLM providers\n\n"
            "Usage: gproxy [COMMAND] [FLAGS]\n\nCommands (serve, when none is given):\n",
            GPROXY_VERSION);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].summary);
    fprintf(out, "\n\"gproxy COMMAND --help\" says more about each.  The flags of serve:\n\n");
    options_print_help(ALL_GROUPS, out);
    fprintf(out, "\nEach flag may also stand in the environment, --data-dir as GPROXY_DATA_DIR,\n"
                 "and most in the `server` section of the configuration file.\n");
}

static void print_help(const struct command *c, FILE *out)
{
    fprintf(out, "gproxy %s - %s\n\nUsage: gproxy %s%s%s\n", c->name, c->summary, c->name,
            c->usage[0] ? " " : "", c->usage);
    if (c->help)
        fprintf(out, "\n%s\n", c->help);
    if (c->groups) {
        fprintf(out, "\nFlags, each also to be had from the environment (GPROXY_CONFIG):\n");
        options_print_help(c->groups, out);
    }
}

int command_misused(const struct command_context *x, const char *format, ...)
{
    va_list args;

    fprintf(x->err, "gproxy %s: ", x->command->name);
    va_start(args, format);
    vfprintf(x->err, format, args);
    va_end(args);
    fprintf(x->err, "\nUsage: gproxy %s %s\n", x->command->name, x->command->usage);
    return EXIT_USAGE;
}

int command_failed(const struct command_context *x, const struct err_info *e)
{
    fprintf(x->err, "gproxy: %s\n", err_info_text(e));
    return EXIT_FAILED;
}

static int unknown(struct slice name)
{
    const char *names[ARRAY_LEN(commands)], *near;

    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        names[i] = commands[i].name;
    near = suggest(name, names, ARRAY_LEN(commands));
    fprintf(stderr, "gproxy: there is no command \"%.*s\"%s%s%s\nTry gproxy --help\n",
            SLICE_ARG(name), near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    return EXIT_USAGE;
}

static int run(const struct command *c, bool named, int argc, char **argv, struct arena *a)
{
    struct command_context x = {.command = c, .arena = a, .out = stdout, .err = stderr};

    x.arguments.groups = c->groups;
    x.arguments.flags = c->flags;
    x.arguments.flag_count = c->flag_count;
    if (!options_read(&x.options, &x.arguments, argc, argv, NULL, a, stderr))
        return EXIT_USAGE;
    if (x.arguments.version)
        return cmd_version(&x, 0, NULL);
    if (x.arguments.help) {
        if (named)
            print_help(c, stdout);
        else
            print_overview(stdout);
        return EXIT_GOOD;
    }
    return c->run(&x, x.arguments.rest_count, x.arguments.rest);
}

int commands_main(int argc, char **argv)
{
    bool named = argc > 1 && argv[1][0] != '-';
    struct slice name = named ? slice_str(argv[1]) : SLICE("serve");
    const struct command *c = find(name);
    struct arena arena;
    int code, skip = named ? 2 : 1;

    if (named && slice_eq(name, SLICE("help"))) {
        print_overview(stdout);
        return EXIT_GOOD;
    }
    if (!c)
        return unknown(name);
    if (!crypto_init()) {
        fprintf(stderr, "gproxy: the system gives no random numbers\n");
        return EXIT_FAILED;
    }
    arena_init(&arena, 0);
    code = run(c, named, argc > skip ? argc - skip : 0, argv + (argc > skip ? skip : argc), &arena);
    arena_release(&arena);
    if (fflush(stdout) && !code)
        code = EXIT_FAILED; // a full disk, a reader that is gone
    return code;
}
