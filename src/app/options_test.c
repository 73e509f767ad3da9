/* options_test.c - flags beat environment beats file beats defaults, and what is wrong is said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/options.h"
#include "base/array.h"

#define ALL       (OPTIONS_DATA | OPTIONS_ADMIN | OPTIONS_SERVE | OPTIONS_LOG)
#define WORDS_MAX 8

static const char *const own_flags[] = {"admin", "label=", "key=*"};

struct reading {
    char dir[32];
    const char *environment; // "NAME=value NAME=value"
    struct arena arena;
    struct options options;
    struct arguments args;
    char said[1024];
    char words[WORDS_MAX][96];
};

static const char *variable(void *ctx, const char *name)
{
    struct reading *r = ctx;
    struct slice rest = slice_str(r->environment), pair, value;

    while (rest.len) {
        pair = slice_cut(rest, ' ', &rest);
        if (slice_eq(slice_cut(pair, '=', &value), slice_str(name)))
            return arena_dup(&r->arena, value).ptr;
    }
    return NULL;
}

static bool read_all(struct reading *r, const char *line, const char *environment, unsigned groups)
{
    const struct yaml_variables variables = {variable, r};
    FILE *err = fmemopen(r->said, sizeof(r->said), "w");
    struct slice rest = slice_str(line);
    char *argv[WORDS_MAX + 1] = {NULL};
    bool good;
    int argc = 0;

    r->environment = environment;
    for (; rest.len; argc++) {
        struct slice word = slice_cut(rest, ' ', &rest);
        snprintf(r->words[argc], sizeof(r->words[argc]), "%.*s", SLICE_ARG(word));
        argv[argc] = r->words[argc];
    }
    arena_release(&r->arena);
    arena_init(&r->arena, 0);
    r->args = (struct arguments){
        .groups = groups, .flags = own_flags, .flag_count = ARRAY_LEN(own_flags)};
    good = options_read(&r->options, &r->args, argc, argv, &variables, &r->arena, err);
    fclose(err);
    return good;
}

static int set_up(void **state)
{
    struct reading *r = calloc(1, sizeof(*r));

    snprintf(r->dir, sizeof(r->dir), "/tmp/gproxy-options-XXXXXX");
    assert_non_null(mkdtemp(r->dir));
    assert_int_equal(chdir(r->dir), 0);
    arena_init(&r->arena, 0);
    *state = r;
    return 0;
}

static int tear_down(void **state)
{
    struct reading *r = *state;

    unlink("gproxy.yaml");
    unlink("other.yaml");
    unlink("secret");
    assert_int_equal(chdir("/"), 0);
    rmdir(r->dir);
    arena_release(&r->arena);
    free(r);
    return 0;
}

static void write_file(const char *path, const char *text)
{
    FILE *out = fopen(path, "w");

    fputs(text, out);
    fclose(out);
}

static void test_defaults(void **state)
{
    struct reading *r = *state;
    const struct options *o = &r->options;

    assert_true(read_all(r, "", "", ALL));
    assert_string_equal(o->host, "127.0.0.1");
    assert_int_equal(o->port, 8787);
    assert_null(o->config_path);
    assert_string_equal(o->data_dir, "./data");
    assert_string_equal(o->dsn, "sqlite://./data/gproxy.db");
    assert_false(o->dsn_given);
    assert_int_equal(o->workers, 0);
    assert_string_equal(o->admin_user, "admin");
    assert_null(secret_reveal(o->admin_password).ptr);
    assert_null(secret_reveal(o->secret_key).ptr);
    assert_null(o->proxy);
    assert_int_equal(o->log_level, LOG_INFO);
    assert_int_equal(o->log_format, OPTION_FORMAT_AUTO);
    assert_int_equal(o->shutdown_timeout_s, -1);
    assert_int_equal(o->ledger_mode, LEDGER_FAST);
    assert_int_equal(o->journal_ring_bytes, 32 << 20);
    assert_int_equal(o->journal_spill_bytes, 1 << 30);
}

static const struct {
    const char *why, *line, *environment, *file;
    int64_t port;
    const char *host;
} precedence[] = {
    {"the file",                         "",                 "",                            "server: {port: 3, host: c}",              3, "c"        },
    {"the environment",                  "",                 "GPROXY_PORT=2",               "server: {port: 3, host: c}",              2, "c"        },
    {"a flag",                           "--port 1",         "GPROXY_PORT=2 GPROXY_HOST=b", "server: {port: 3}",                       1, "b"        },
    {"with =",                           "--port=1 --host=", "GPROXY_HOST=b",               "server: {port: 3}",                       1, ""         },
    {"an empty variable",                "",                 "GPROXY_PORT=",                "server: {port: 3}",                       3, "127.0.0.1"},
    {"a variable in the file",           "",                 "P=4",                         "server: {port: \"${P}\"}",                4, "127.0.0.1"},
    {"mistakes elsewhere",               "",                 "",                            "server: {port: 5}\nusers: ${NONE}\nx: 1", 5, "127.0.0.1"},
    {"a flag in place of what is wrong", "--port 1",         "GPROXY_PORT=x",               "server: {port: y}",                       1,
     "127.0.0.1"                                                                                                                                     },
};

static void test_precedence(void **state)
{
    struct reading *r = *state;

    for (size_t i = 0; i < ARRAY_LEN(precedence); i++) {
        write_file("gproxy.yaml", precedence[i].file);
        if (!read_all(r, precedence[i].line, precedence[i].environment, ALL) ||
            r->options.port != precedence[i].port ||
            strcmp(r->options.host, precedence[i].host) != 0)
            fail_msg("%s: %lld %s %s", precedence[i].why, (long long)r->options.port,
                     r->options.host, r->said);
        assert_string_equal(r->options.config_path, "gproxy.yaml");
    }
}

static void test_config_path(void **state)
{
    struct reading *r = *state;

    write_file("gproxy.yaml", "server: {port: 1}");
    write_file("other.yaml", "server: {port: 2, data_dir: d, secret_key: 'file:secret'}");
    write_file("secret", "abc");
    assert_true(read_all(r, "", "GPROXY_CONFIG=other.yaml", ALL));
    assert_int_equal(r->options.port, 2);
    assert_string_equal(r->options.dsn, "sqlite://d/gproxy.db");
    assert_true(slice_eq(secret_reveal(r->options.secret_key), SLICE("abc")));
    assert_false(read_all(r, "--config none.yaml", "", ALL));
    assert_non_null(strstr(r->said, "none.yaml"));
    assert_true(read_all(r, "--config=", "", ALL)); // none, whatever is here
    assert_int_equal(r->options.port, 8787);
}

static void test_ledger_mode(void **state)
{
    struct reading *r = *state;

    write_file("gproxy.yaml", "server: {ledger_mode: durable}");
    assert_true(read_all(r, "", "", ALL));
    assert_int_equal(r->options.ledger_mode, LEDGER_DURABLE);
    assert_true(read_all(r, "--ledger-mode fast", "", ALL));
    assert_int_equal(r->options.ledger_mode, LEDGER_FAST);
    assert_true(read_all(r, "", "GPROXY_LEDGER_MODE=fast", ALL));
    assert_int_equal(r->options.ledger_mode, LEDGER_FAST);
}

static const struct {
    const char *why, *line, *environment, *file, *said;
} refused[] = {
    {"an unknown flag",           "--prot 1",           "",                                    "",                                      "--prot is not known here; did you mean --port?"  },
    {"a short one",               "-p 1",               "",                                    "",                                      "-p is not known here; flags begin with --"       },
    {"without a value",           "--port",             "",                                    "",                                      "--port needs a value"                            },
    {"own, without a value",      "--label",            "",                                    "",                                      "--label needs a value"                           },
    {"own, with a value",         "--admin=yes",        "",                                    "",                                      "--admin takes no value"                          },
    {"no number",                 "--port x",           "",                                    "",                                      "--port: must be a whole number from 0 to 65535"  },
    {"out of range",              "--port 65536",       "",                                    "",                                      "--port: must be a whole number from 0 to 65535"  },
    {"negative",                  "--workers -1",       "",                                    "",                                      "--workers: must be a whole number from 1 to 1024"},
    {"a level",                   "--log-level loud",   "",                                    "",                                      "--log-level: must be debug, info, warn or error" },
    {"a format",                  "",                   "GPROXY_LOG_FORMAT=x",                 "",                                      "GPROXY_LOG_FORMAT: must be text or json"         },
    {"a ledger mode",             "--ledger-mode off",  "",                                    "",                                      "--ledger-mode: must be fast or durable"          },
    {"a proxy",                   "--proxy gopher://x", "",                                    "",                                      "--proxy: "                                       },
    {"Redis",                     "--redis-url x",      "",                                    "",                                      "--redis-url: not supported by this version"      },
    {"Redis in the environment",  "",                   "GPROXY_REDIS_URL=x",                  "",
     "GPROXY_REDIS_URL: not supported by this version"                                                                                                                                    },
    {"half of TLS",               "--tls-cert x",       "",                                    "",
     "--tls-cert and --tls-key are given both or not at all"                                                                                                                              },
    {"the file's server",         "",                   "",                                    "server:\n  port: x\n  workers: 0",
     "gproxy.yaml:2:9: port: must be a whole number, not text\n"
     "gproxy.yaml:3:12: workers: must be a whole number from 1 to 1024\n"                                                                                                                 },
    {"the rest of the file, too", "",                   "",
     "server:\n  port: x\nusers: [{nam: u, password: \"${NONE}\"}]\n"
     "config: {mode: seed}\naliases: [{name: a, targets: [{provider: x, model: m}]}]",                                                  "gproxy.yaml:2:9: port: must be a whole number, not text\n"
     "gproxy.yaml:3:10: user: \"nam\" is not known here; did you mean \"name\"?\n"
     "gproxy.yaml:3:28: the environment variable NONE is not set (${NONE:-...} gives a default)\n"
     "gproxy.yaml:5:42: there is no provider \"x\"\n"                                               },
    {"a variable in server",      "",                   "",                                    "server: {port: \"${NONE}\", host: []}",
     "gproxy.yaml:1:16: the environment variable NONE is not set (${NONE:-...} gives a default)\n"
     "gproxy.yaml:1:33: host: must be text, not a list\n"                                                                                                                                 },
    {"server is no map",          "",                   "",                                    "server: [1]\nx: 1",
     "gproxy.yaml:1:9: server: must be a map, not a list\n"
     "gproxy.yaml:2:1: \"x\" is not known here\n"                                                                                                                                         },
    {"a broken file",             "",                   "",                                    "server: {",                             "gproxy.yaml:2:1: not valid YAML: "               },
    {"a secret file",             "",                   "GPROXY_SECRET_KEY_FILE=/nonexistent", "",
     "GPROXY_SECRET_KEY_FILE: cannot read /nonexistent"                                                                                                                                   },
};

static void test_refused(void **state)
{
    struct reading *r = *state;

    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        write_file("gproxy.yaml", refused[i].file);
        if (read_all(r, refused[i].line, refused[i].environment, ALL) ||
            !strstr(r->said, refused[i].said))
            fail_msg("%s: %s", refused[i].why, r->said);
    }
}

/* Who works with the database may name what is there; who reads the file himself is let through. */
static void test_other_commands(void **state)
{
    struct reading *r = *state;

    write_file("gproxy.yaml", "server: {port: x}\naliases: [{name: a, targets: "
                              "[{provider: x, model: m}]}]\nnonsense: 1");
    assert_false(read_all(r, "", "", OPTIONS_DATA));
    assert_string_equal(r->said, "gproxy.yaml:1:16: port: must be a whole number, not text\n"
                                 "gproxy.yaml:3:1: \"nonsense\" is not known here\n");
    assert_true(read_all(r, "", "", OPTIONS_FILE));
    assert_string_equal(r->options.config_path, "gproxy.yaml");
    assert_true(read_all(r, "--config other.yaml", "", OPTIONS_FILE));
    assert_string_equal(r->options.config_path, "other.yaml");
    write_file("gproxy.yaml", "server:\nnonsense: 1"); // an empty section, mistakes elsewhere
    assert_true(read_all(r, "", "", OPTIONS_DATA));
}

static void test_arguments(void **state)
{
    struct reading *r = *state;

    assert_true(read_all(r, "add --admin bob --label=x -- --port", "", OPTIONS_DATA));
    assert_int_equal(r->args.rest_count, 3);
    assert_string_equal(r->args.rest[1], "bob");
    assert_string_equal(r->args.rest[2], "--port");
    assert_string_equal(arguments_get(&r->args, "label"), "x");
    assert_string_equal(arguments_get(&r->args, "admin"), "");
    assert_true(read_all(r, "add", "", OPTIONS_DATA));
    assert_null(arguments_get(&r->args, "admin"));
    assert_false(read_all(r, "--port 1", "", OPTIONS_DATA));  // of another command
    assert_true(read_all(r, "--help", "GPROXY_PORT=x", ALL)); // whatever else is wrong
    assert_true(r->args.help);
    assert_true(read_all(r, "--version", "", ALL));
    assert_true(r->args.version);
}

static void test_secrets(void **state)
{
    struct reading *r = *state;

    write_file("secret", "from-a-file\n");
    assert_true(read_all(r, "--admin-password hunter22 --secret-key=s3",
                         "GPROXY_ADMIN_API_KEY_FILE=secret", ALL));
    assert_true(slice_eq(secret_reveal(r->options.admin_password), SLICE("hunter22")));
    assert_true(slice_eq(secret_reveal(r->options.secret_key), SLICE("s3")));
    assert_true(slice_eq(secret_reveal(r->options.admin_api_key), SLICE("from-a-file")));
    assert_string_equal(r->words[1], "********"); // not for `ps`
    assert_string_equal(r->words[2], "--secret-key=**");
    assert_true(read_all(r, "add --key abc --label x", "", OPTIONS_DATA));
    assert_string_equal(arguments_get(&r->args, "key"), "abc");
    assert_string_equal(r->words[2], "***");
    assert_string_equal(r->words[4], "x");
}

static void test_help(void **state)
{
    char text[8192];
    FILE *out = fmemopen(text, sizeof(text), "w");

    (void)state;
    options_print_help(ALL, out);
    fclose(out);
    assert_non_null(strstr(text, "--port PORT"));
    assert_non_null(strstr(text, "(8787)"));
    assert_null(strstr(text, "redis"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_defaults),    TEST(test_precedence), TEST(test_config_path),
        TEST(test_ledger_mode), TEST(test_refused),    TEST(test_arguments),
        TEST(test_secrets),     TEST(test_help),       TEST(test_other_commands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
