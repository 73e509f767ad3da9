/* options.h - how the process was asked to run: flags beat environment beats file beats defaults. */
#ifndef APP_OPTIONS_H
#define APP_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "app/yaml.h"
#include "base/arena.h"
#include "base/log.h"
#include "base/secret.h"

enum ledger_mode { LEDGER_FAST, LEDGER_DURABLE };

enum option_format { OPTION_FORMAT_AUTO, OPTION_FORMAT_TEXT, OPTION_FORMAT_JSON };

/* Texts are NUL terminated and stand in the arena; NULL: not given and no default. */
struct options {
    const char *host;
    int64_t port;            // 0: any free one
    const char *config_path; // NULL: none given, and no gproxy.yaml here
    const char *data_dir;
    const char *dsn; // made of data_dir when it is not given
    int64_t workers; // 0: the cores that the process may use
    const char *admin_user;
    struct secret admin_password, admin_api_key; // NULL pointer: not given
    struct secret secret_key;                    // NULL pointer: the key file
    const char *proxy;
    enum log_level log_level;
    enum option_format log_format; // AUTO: text on a terminal, JSON otherwise
    const char *tls_cert, *tls_key;
    const char *prices;           // NULL: the catalogue that the binary brings along
    int64_t shutdown_timeout_s;   // -1: not given, the setting of that name counts
    enum ledger_mode ledger_mode; // what a loss of power may take
    int64_t journal_ring_bytes;   // a worker
    int64_t journal_spill_bytes;  // in all
    bool dsn_given;
};

/* Which options a command takes. */
enum option_group {
    OPTIONS_DATA = 1,  // where the data is and what opens it
    OPTIONS_ADMIN = 2, // the first administrator
    OPTIONS_SERVE = 4, // listening and working
    OPTIONS_LOG = 8,
    OPTIONS_PRICES = 32, // what is charged by
    OPTIONS_FILE = 16,   // which configuration file, whatever its `server` section says
};

/*
 * What a command line held.  `flags` are the command's own, without "--"; one that
 * takes a value ends in '=', one whose value is secret in "=*".
 */
struct arguments {
    unsigned groups; // of enum option_group: which options may stand there, too
    const char *const *flags;
    size_t flag_count;
    const char **values; // [flag_count], NULL: absent; "" for one without a value
    char **rest;         // what was no flag
    int rest_count;
    bool help, version;
};

/**
 * Reads argv (from argv[0] on, which is no program's name) into `o` and `args`,
 * whose groups and flags are set; then the environment, the file and the defaults.  False:
 * what was wrong has been told on `err` (of the file all that is wrong, once its `server`
 * section is), and the exit code is 2.  Secrets in argv are overwritten.
 */
bool options_read(struct options *o, struct arguments *args, int argc, char **argv,
                  const struct yaml_variables *environment, struct arena *a, FILE *err);

/** The value of one of the command's own flags, or NULL. */
const char *arguments_get(const struct arguments *args, const char *flag);

/** Checks the `server` section of the configuration file. */
void options_check_server(const struct yaml_node *server, struct problems *p);

/** One paragraph per option of these groups. */
void options_print_help(unsigned groups, FILE *out);

#endif
