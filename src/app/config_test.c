/* config_test.c - what is wrong with a configuration file, all of it, each with its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/config.h"
#include "base/array.h"
#include "base/random.h"

static const char *variable(void *ctx, const char *name)
{
    (void)ctx;
    if (!strcmp(name, "OPENAI_API_KEY"))
        return "sk-openai";
    if (!strcmp(name, "DIGITS"))
        return "12345678";
    return NULL;
}

static const struct yaml_variables variables = {variable, NULL};

static char *print(const struct problems *p)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    problems_print(p, out);
    fclose(out);
    return text;
}

/* Rows of most kinds; config_access_test.c has the rest. */
static const char example[] =
    "config: { mode: managed }\n"
    "server: { host: 0.0.0.0, port: 8787 }\n"
    "providers:\n"
    "  - name: openai\n"
    "    channel: openai\n"
    "    settings: { base_url: \"https://api.openai.com\" }\n"
    "    credentials:\n"
    "      - { label: main, secret: { api_key: \"${OPENAI_API_KEY}\" }, weight: 100 }\n"
    "    models:\n"
    "      - { id: gpt-5.4-mini, price: { input: \"0.75\", output: \"4.50\" } }\n"
    "  - { name: here, channel: custom, settings: { base_url: \"http://127.0.0.1:1/v1\" },\n"
    "      models: [ { id: llama-4 } ] }\n"
    "aliases:\n"
    "  - name: fast\n"
    "    strategy: failover\n"
    "    targets: [ { provider: openai, model: gpt-5.4-mini, tier: 0 },\n"
    "               { provider: here, model: llama-4, tier: 1 } ]\n"
    "users:\n"
    "  - name: alice\n"
    "    admin: true\n"
    "    password: hunter22\n"
    "    keys:\n"
    "      - { label: laptop, key: \"${DIGITS}\", expires_at: \"2027-01-01T00:00:00Z\" }\n"
    "    permissions: [ { models: \"*\" }, { provider: here, models: \"llama-*\" } ]\n"
    "settings: { max_attempts: 3, network: { allow_private: false } }\n";

static void test_example(void **state)
{
    struct problems p = {.file = "gproxy.yaml"};
    const struct provider_row *openai;
    const struct credential_row *main_key;
    const struct config_row *key;
    const struct config *c;
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    p.arena = &a;
    c = config_parse(slice_str(example), &variables, 0, &p);
    if (p.errors)
        fail_msg("%s", print(&p));
    assert_int_equal(c->mode, CONFIG_MANAGED);
    openai = c->rows[ROW_PROVIDER]->row;
    assert_true(slice_eq(openai->settings, SLICE("{\"base_url\":\"https://api.openai.com\"}")));
    assert_true(slice_eq(openai->strategy, SLICE("round_robin")));
    main_key = c->rows[ROW_CREDENTIAL]->row;
    assert_true(slice_eq(secret_reveal(main_key->secret), SLICE("{\"api_key\":\"sk-openai\"}")));
    assert_ptr_equal(c->rows[ROW_CREDENTIAL]->parent, c->rows[ROW_PROVIDER]);
    key = c->rows[ROW_KEY];
    assert_true(slice_eq(secret_reveal(key->key_text), SLICE("12345678")));
    assert_int_equal(((const struct key_row *)key->row)->expires_unix_ms, 1798761600000);
    assert_int_equal(((const struct alias_target_row *)c->rows[ROW_ALIAS_TARGET]->next->row)->tier,
                     1);
    assert_true(slice_eq(c->rows[ROW_ALIAS_TARGET]->next->provider.name, SLICE("here")));
    assert_true(c->declared[ROW_PERMISSION] && c->declared[ROW_SETTING]);
    arena_release(&a);
}

#define PROVIDER "providers: [{name: p, channel: openai}]\n"

static const struct {
    const char *why, *in, *out;
} cases[] = {
    {"an unknown section",               "provider: []",
     "f:1:1: \"provider\" is not known here; did you mean \"providers\"?\n"                                                                                                                      },
    {"no map",                           "- 1",                                                                        "f:1:1: the file must be a map of sections, not a list\n"                 },
    {"no list",                          "providers: {name: x}",                                                       "f:1:12: providers: must be a list, not a map\n"                          },
    {"no list of maps",                  "providers: [x]",                                                             "f:1:13: providers: must be a list of maps, not text\n"                   },
    {"an unknown mode",                  "config: {mode: x}",                                                          "f:1:16: config.mode: seed or managed\n"                                  },
    {"an unknown key of config",         "config: {mod: seed}",
     "f:1:10: config: \"mod\" is not known here; did you mean \"mode\"?\n"                                                                                                                       },
    {"an unknown key of server",         "server: {prot: 1, host: x}",
     "f:1:10: server: \"prot\" is not known here; did you mean \"port\"?\n"                                                                                                                      },
    {"server of wrong types",            "server: {port: x, workers: 0, log_level: loud, proxy: 'ftp://x'}",
     "f:1:16: port: must be a whole number, not text\n"
     "f:1:28: workers: must be a whole number from 1 to 1024\n"
     "f:1:42: log_level: must be debug, info, warn or error\n"
     "f:1:55: proxy: "                                                                                                                                                                           },
    {"Redis",                            "server: {redis_url: 'redis://x'}",
     "f:1:21: redis_url: not supported by this version\n"                                                                                                                                        },
    {"an unknown field",                 "providers:\n  - name: p\n    channel: openai\n    setings: {}",
     "f:4:5: provider: \"setings\" is not known here; did you mean \"settings\"?\n"                                                                                                              },
    {"a column's name",                  "providers: [{name: p, channel: openai, models: [{model: x}]}]",
     "f:1:49: id: is required\nf:1:50: model: \"model\" is not known here\n"                                                                                                                     },
    {"wrong types",
     "providers:\n  - name: [p]\n    channel: openai\n    enabled: 1\n    credentials:\n"
     "      - {weight: heavy, secret: text}",                                                                          "f:2:11: name: must be text, not a list\n"
     "f:4:14: enabled: must be true or false, not a number\n"
     "f:6:18: weight: must be a whole number, not text\n"
     "f:6:33: secret: must be a map, not text\n"                                                                                                    },
    {"out of range",                     "providers: [{name: p, channel: openai, credentials: [{weight: 10001}]}]",
     "f:1:63: weight: "                                                                                                                                                                          },
    {"missing fields",                   "providers: [{label: x}]",                                                    "f:1:13: name: "                                                          },
    {"a bad name",                       "providers: [{name: a b, channel: openai}]",                                  "f:1:20: name: "                                                          },
    {"a reserved name",                  "aliases: [{name: v1}]",                                                      "f:1:18: name: 'v1' is reserved\n"                                        },
    {"an unknown channel",               "providers: [{name: p, channel: opneai}]",
     "f:1:32: channel: there is no channel 'opneai'; did you mean \"openai\"?\n"                                                                                                                 },
    {"an unknown setting of a channel",
     "providers:\n  - name: p\n    channel: openai\n    settings: {base_urll: x}",                                     "f:4:27: settings.base_urll: there is no such key\n"                      },
    {"a setting of the wrong type",
     "providers: [{name: p, channel: openai, settings: {base_url: 5}}]",                                               "f:1:61: settings.base_url: "                                             },
    {"several in one row",
     "providers:\n  - name: p\n    channel: openai\n    strategy: best\n    settings: {x: 1}\n"
     "    proxy: 'gopher://x'",                                                                                        "f:4:15: strategy: must be round_robin\n"
     "f:5:19: settings.x: there is no such key\n"
     "f:6:12: proxy: "                                                                                                                                            },
    {"a bad price",
     "providers:\n  - name: p\n    channel: openai\n    models:\n"
     "      - {id: a, price: {input: cheap}}\n      - {id: b, price: {inputs: 1}}",                                    "f:5:32: price.input: "                                                   },
    {"a bad pattern",                    "users: [{name: u, permissions: [{models: '[a'}, {models: ''}]}]",
     "f:1:42: models: "                                                                                                                                                                          },
    {"a bad time",                       "users: [{name: u, keys: [{key: longenough, expires_at: tomorrow}]}]",
     "f:1:56: expires_at: must be a time like \"2027-01-01T00:00:00Z\", not text\n"                                                                                                              },
    {"a bad key, not shown",             "users: [{name: u, keys: [{key: 'a b'}]}]",
     "f:1:32: key: must be 8 to 512 printable ASCII characters without spaces\n"                                                                                                                 },
    {"a bad hash",                       "users: [{name: u, password: '$argon2id$v=19$x'}]",                           "f:1:29: password: "                                                      },
    {"an empty password",                "users: [{name: u, password: ''}]",
     "f:1:29: password: must not be empty\n"                                                                                                                                                     },
    {"a secret without its key",
     "providers: [{name: p, channel: openai, credentials: [{secret: {apikey: x}}]}]",                                  "f:1:"                                                                    },
    {"fields of a later version",
     "providers:\n  - name: p\n    channel: openai\n    routing: {}\n    strategy: sticky\n"
     "    credentials:\n      - {label: a, rpm: 6, tpm: 7,\n         max_concurrent: 8}\n"
     "    models:\n      - {id: m, capabilities: [vision]}\n"
     "aliases:\n  - name: a\n    strategy: fastest",                                                                   "f:5:15: strategy: sticky is not supported by this version\n"
     "f:7:25: rpm: not supported by this version\n"
     "f:7:33: tpm: not supported by this version\n"
     "f:8:26: max_concurrent: not supported by this version\n"
     "f:10:31: capabilities: not supported by this version\n"
     "f:13:15: strategy: fastest is not supported by this version\n"                                                                         },
    {"an unknown setting",               "settings: {max_atempts: 3, network: {weeks: 3}}",
     "f:1:25: max_atempts: there is no such setting\n"
     "f:1:45: network.weeks: there is no such setting\n"                                                                                                                                         },
    {"a setting with dots",
     "settings:\n  max_attempts: 0\n  timeouts.idle_ms: 0\n"
     "  timeouts: {connect_ms: 1, idle_ms: x}",                                                                        "f:2:17: max_attempts: must be from 1 to 100\n"
     "f:3:21: timeouts.idle_ms: must be from 1 to 86400000\n"
     "f:4:38: timeouts.idle_ms: must be a whole number\n"                                                                                         },
    {"a name twice",                     "providers:\n  - {name: p, channel: openai}\n  - {name: p, channel: openai}",
     "f:3:5: the provider \"p\" stands twice, first in line 2\n"                                                                                                                                 },
    {"a model twice",                    "providers: [{name: p, channel: openai, models: [{id: a}, {id: a}]}]",
     "f:1:58: the model \"a\" stands twice, first in line 1\n"                                                                                                                                   },
    {"a key twice",
     "users:\n- {name: u, keys: [{key: longenough}]}\n"
     "- {name: v, keys: [{key: longenough}]}",                                                                         "f:3:20: this key stands twice, first in line 2\n"                        },
    {"two generated keys",               "users: [{name: u, keys: [{label: a}, {label: a}]}]",
     "f:1:38: keys without `key` are told apart by their labels: \"a\" stands twice, first in "
     "line 1\n"                                                                                                                                                                                  },
    {"dangling names",
     PROVIDER "aliases: [{name: a, targets: [{provider: x, model: m}]}]\n"
              "users: [{name: u, permissions: [{provider: pp, models: '*'}]}]",                                        "f:2:42: there is no provider \"x\"\n"
     "f:3:44: there is no provider \"pp\"; did you mean \"p\"?\n"                                                 },
    {"dangling names without providers",
     "config: {mode: seed}\nusers: [{name: u, permissions: [{provider: x, models: '*'}]}]\n"
     "aliases: [{name: a, targets: [{provider: y, model: m}]}]",                                                       "f:2:44: there is no provider \"x\"\nf:3:42: there is no provider \"y\"\n"},
    {"server and the rest",              "server: {port: x}\nusers: [{nam: u}]\nsettings: {x: 1}",
     "f:1:16: port: must be a whole number, not text\n"
     "f:2:9: name: is required\n"
     "f:2:10: user: \"nam\" is not known here; did you mean \"name\"?\n"
     "f:3:15: x: there is no such setting\n"                                                                                                                                                     },
    {"a variable that is not set",       PROVIDER "users: [{name: u, password: \"${NOPE}\"}]",
     "f:2:29: the environment variable NOPE is not set (${NOPE:-...} gives a default)\n"                                                                                                         },
    {"a secret file that is not there",  "users: [{name: u, password: 'file:/nonexistent'}]",
     "f:1:29: password: cannot read /nonexistent: No such file or directory\n"                                                                                                                   },
    {"a digest alone",                   "users: [{name: u, keys: [{digest: abcd}]}]",                                 "f:1:"                                                                    },
    {"both a key and a digest",
     "config: {secret_key_fingerprint: x}\nusers: [{name: u, keys: [{key: longenough, prefix: abc, "
     "digest: 0000000000000000000000000000000000000000000000000000000000000000}]}]",                                   "f:2:26: key and digest cannot both be given\n"                           },
    {"broken YAML",                      "providers: [",                                                               "f:2:1: not valid YAML: "                                                 },
};

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct problems p = {.file = "f"};
        size_t len = strlen(cases[i].out);
        struct arena a;
        char *said;
        arena_init(&a, 0);
        p.arena = &a;
        config_parse(slice_str(cases[i].in), &variables, 0, &p);
        said = print(&p);
        /* An expectation that ends in a line end is all there is to be said. */
        if (!p.errors || strncmp(said, cases[i].out, len) != 0 ||
            (cases[i].out[len - 1] == '\n' && said[len]))
            fail_msg("%s:\n%s", cases[i].why, said);
        if (strstr(said, "longenough") || strstr(said, "a b\"}"))
            fail_msg("%s: shows a secret", cases[i].why);
        free(said);
        arena_release(&a);
    }
}

/* What is fine, as a whole file or where names of the database count, too. */
static const struct {
    const char *in;
    unsigned flags;
} fine[] = {
    {"config:\nserver:\nproviders:\naliases:\nusers:\nsettings:",                              0             },
    {"providers: [{name: p, channel: openai, strategy: round_robin, routing: null,\n"
     "  credentials: [{label: a, weight: 0, rpm: null, tpm: ~}]}]",                       0             },
    {"aliases: [{name: a, strategy: failover}, {name: b, strategy: weighted}]",                0             },
    {"config: {mode: managed}\nusers: [{name: u, permissions: [{provider: x, models: '*'}]}]", 0             },
    {"users: [{name: u, permissions: [{provider: x, models: '*'}]}]",                          CONFIG_PARTIAL},
    {PROVIDER "users: [{name: u, permissions: [{provider: x, models: '*'}]}]",                 CONFIG_PARTIAL},
};

static void test_fine(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(fine); i++) {
        struct problems p = {.file = "f"};
        struct arena a;
        arena_init(&a, 0);
        p.arena = &a;
        config_parse(slice_str(fine[i].in), &variables, fine[i].flags, &p);
        if (p.errors || p.warnings)
            fail_msg("%s:\n%s", fine[i].in, print(&p));
        arena_release(&a);
    }
}

static const struct {
    const char *why, *in, *out;
} warnings[] = {
    {"nothing",                        "",                                                              ""                                                                                                    },
    {"permissions that match nothing",
     "providers: [{name: p, channel: echo, models: [{id: echo, price: {input: 0}}]}]\n"
     "users: [{name: u, keys: [{label: k}], permissions: [{models: 'echo'}, {models: 'p/*'},\n"
     "  {models: 'gpt-*'}, {provider: p, models: 'eco'}]}]",                                            "f:3:3: warning: \"gpt-*\" matches no alias and no model that is declared here\n"
     "f:3:22: warning: \"eco\" matches no alias and no model that is declared here\n"                                                             },
    {"permissions that never match",
     "providers:\n- {name: p, channel: openai, enabled: false}\n"
     "- {name: q, channel: openai, settings: {declared_models_only: true}, credentials: [{secret: "
     "{api_key: k}}], models: [{id: m, price: {input: 1}}]}\n"
     "users: [{name: u, keys: [{label: k}], permissions: [{provider: p, models: '*'},\n"
     "  {models: 'n'}]}]",                                                                              "f:2:3: warning: the provider \"p\" has no credential here\n"
     "f:4:64: warning: this permission can never match: the provider \"p\" is disabled\n"
     "f:5:3: warning: \"n\" matches no alias and no model that is declared here: it can never "
     "match\n"                                                                                                                                                                      },
    {"aliases of unknown models",
     "providers: [{name: p, channel: custom, settings: {base_url: 'http://h'}, models: [{id: echo, price: {input: 0}}]}]\n"
     "aliases: [{name: a, targets: [{provider: p, model: eco}]}, {name: b}]",                           "f:2:31: warning: \"p\" declares no model \"eco\": it has no price\n"
     "f:2:60: warning: the alias \"b\" has no target\n"                                                                          },
    {"unpriced models",
     "providers: [{name: p, channel: custom, settings: {base_url: 'http://h'}, models: [{id: echo}]}]",
     "f:1:83: warning: the model \"echo\" has no price: what it costs cannot be counted\n"                                                                                                                    },
    {"prices of nothing",
     "providers: [{name: p, channel: echo, models: [{id: echo, price: {}}, {id: e, price: {input: 0}}]}]\n"
     "prices: [{models: x, price: {output: null}}]\n"
     "aliases: [{name: a, price: {tiers: []}, targets: [{provider: p, model: echo}]}]",                 "f:1:47: warning: price: names no amount, so that nothing is charged; say input: 0 if that is what it should do\n"
     "f:2:10: warning: price: names no amount, so that nothing is charged; say input: 0 if that is what it should do\n"
     "f:3:11: warning: price: names no amount, so that nothing is charged; say input: 0 if that is what it should do\n"},
    {"users without anything",         "users: [{name: u}]",
     "f:1:9: warning: the user \"u\" has no key here\n"
     "f:1:9: warning: the user \"u\" has no permission here: without one nothing may be used\n"                                                                                                               },
    {"credentials without a secret",
     "providers: [{name: p, channel: openai, credentials: [{label: a}]}]",                              "f:1:54: warning: this credential has no secret here: it is of no use unless the database "
     "has one\n"                                                                                                                    },
};

static void test_warnings(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(warnings); i++) {
        struct problems p = {.file = "f"};
        const struct config *c;
        struct arena a;
        char *said;
        arena_init(&a, 0);
        p.arena = &a;
        c = config_parse(slice_str(warnings[i].in), &variables, 0, &p);
        if (!p.errors)
            config_warn(c);
        said = print(&p);
        if (strcmp(said, warnings[i].out) != 0)
            fail_msg("%s:\n%s", warnings[i].why, said);
        free(said);
        arena_release(&a);
    }
}

/* Beside the configuration file, and without its line end. */
static void test_secret_files(void **state)
{
    static const char text[] =
        "users: [{name: u, password: 'file:pw', keys: [{key: 'file:pw'}]}]\n"
        "providers: [{name: p, channel: openai, credentials: [{secret: {api_key: 'file:pw'}}]}]";
    char dir[] = "/tmp/gproxy-config-XXXXXX", path[64], config_path[64];
    struct problems p = {.file = config_path};
    const struct config *c;
    struct arena a;
    FILE *out;

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/pw", dir);
    snprintf(config_path, sizeof(config_path), "%s/gproxy.yaml", dir);
    out = fopen(path, "w");
    fputs("from-a-file-${NAME}\n", out); // what is in the file is taken as it is
    fclose(out);
    arena_init(&a, 0);
    p.arena = &a;
    c = config_parse(slice_str(text), &variables, 0, &p);
    if (p.errors)
        fail_msg("%s", print(&p));
    assert_true(slice_eq(((const struct user_row *)c->rows[ROW_USER]->row)->password_hash,
                         SLICE("from-a-file-${NAME}")));
    assert_true(slice_eq(secret_reveal(c->rows[ROW_KEY]->key_text), SLICE("from-a-file-${NAME}")));
    assert_true(slice_eq(
        secret_reveal(((const struct credential_row *)c->rows[ROW_CREDENTIAL]->row)->secret),
        SLICE("{\"api_key\":\"from-a-file-${NAME}\"}")));
    arena_release(&a);
    unlink(path);
    rmdir(dir);
}

/* Digests are bytes: those that begin with a zero are as different as others. */
static void test_digests(void **state)
{
    static const char text[] =
        "config: {secret_key_fingerprint: '0123456789abcdef'}\n"
        "users: [{name: u, keys: [{prefix: gp-a, digest: "
        "00000000000000000000000000000000000000000000000000000000000000ff}, {prefix: gp-b, digest: "
        "0000000000000000000000000000000000000000000000000000000000000001}]}]";
    struct problems p = {.file = "f"};
    const struct config *c;
    const struct key_row *key;
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    p.arena = &a;
    c = config_parse(slice_str(text), &variables, 0, &p);
    if (p.errors)
        fail_msg("%s", print(&p));
    key = c->rows[ROW_KEY]->row;
    assert_int_equal(key->digest.len, 32);
    assert_int_equal((unsigned char)key->digest.ptr[31], 0xff);
    arena_release(&a);
}

static void test_file_not_there(void **state)
{
    struct problems p = {.file = "/nonexistent/gproxy.yaml"};
    struct arena a;
    char *said;

    (void)state;
    arena_init(&a, 0);
    p.arena = &a;
    config_read(&variables, 0, &p);
    said = print(&p);
    assert_string_equal(said, "/nonexistent/gproxy.yaml: cannot read /nonexistent/gproxy.yaml: No "
                              "such file or directory\n");
    free(said);
    arena_release(&a);
}

/* More mistakes than anybody reads are counted. */
static void test_many_problems(void **state)
{
    struct buf text = {.data = NULL};
    struct problems p = {.file = "f"};
    struct arena a;
    char *said;

    (void)state;
    arena_init(&a, 0);
    p.arena = &a;
    for (int i = 0; i < 150; i++)
        buf_printf(&text, "x%d: 1\n", i);
    config_parse(buf_peek(&text), &variables, 0, &p);
    assert_int_equal(p.errors, 150);
    said = print(&p);
    assert_non_null(strstr(said, "f: and 50 more\n"));
    free(said);
    buf_release(&text);
    arena_release(&a);
}

/* Every cut of the example, and changes of single bytes: rows or problems, nothing else. */
static void test_cuts_and_changes(void **state)
{
    static const char marks[] = "{}[]:,-&*!|>'\"%#\n \t\\$~?@`x1\xff"; // and NUL
    size_t len = sizeof(example) - 1;
    struct random random;

    (void)state;
    random_seed(&random, (const uint64_t[4]){1, 2, 3, 4});
    for (size_t i = 0; i <= len + 2000; i++) {
        size_t cut = i <= len ? i : len;
        struct problems p = {.file = "f"};
        struct config *c;
        struct arena a;
        char *copy = malloc(cut + 1); // so that reading beyond is seen
        memcpy(copy, example, cut);
        for (int change = 0; i > len && change < 3; change++)
            copy[random_below(&random, len)] = marks[random_below(&random, sizeof(marks))];
        arena_init(&a, 0);
        p.arena = &a;
        c = config_parse(slice_of(copy, cut), &variables, 0, &p);
        assert_non_null(c);
        if (!p.errors)
            config_warn(c);
        arena_release(&a);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_example),
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_fine),
        cmocka_unit_test(test_warnings),
        cmocka_unit_test(test_secret_files),
        cmocka_unit_test(test_digests),
        cmocka_unit_test(test_file_not_there),
        cmocka_unit_test(test_many_problems),
        cmocka_unit_test(test_cuts_and_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
