/* commands.h - what can be typed after "gproxy". */
#ifndef APP_COMMANDS_H
#define APP_COMMANDS_H

#include <stdio.h>

#include "app/options.h"
#include "base/arena.h"
#include "base/err.h"

enum exit_code {
    EXIT_GOOD = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2, // flags, configuration: nothing was done
};

struct command_context {
    const struct command *command;
    struct options options;
    struct arguments arguments; // the command's own flags: app/flags.h
    struct arena *arena;        // released when the command has run
    FILE *out, *err;
};

/* `argv` holds what is no flag: for "gproxy user add --admin bob" it is {"add", "bob"}. */
typedef int command_fn(struct command_context *x, int argc, char **argv);

struct command {
    const char *name;
    const char *summary;      // one line
    const char *usage;        // what follows the name: "FILE [--replace]"
    const char *help;         // paragraphs, or NULL
    unsigned groups;          // of enum option_group
    const char *const *flags; // its own, without "--"; as in struct arguments
    size_t flag_count;
    command_fn *run;
};

/** Finds the command, reads its options, runs it; answers the exit code. */
int commands_main(int argc, char **argv);

/** Says what is wrong with how the command was called and how it is meant; EXIT_USAGE. */
int command_misused(const struct command_context *x, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** Prints the reason; EXIT_FAILED. */
int command_failed(const struct command_context *x, const struct err_info *e);

/* Each in its own file, cmd_NAME.c; serve in serve.c. */
command_fn cmd_serve, cmd_check, cmd_import, cmd_export, cmd_user, cmd_key, cmd_provider, cmd_model,
    cmd_usage, cmd_explain, cmd_log, cmd_audit, cmd_quota;

#endif
