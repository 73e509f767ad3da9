/* provider_settings_test.c - settings against channels, secrets, proxies. */
#include "policy/provider_settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"

static const struct channel remote = {.name = "openai", .base_url = "https://api.example.com"};
static const struct channel custom = {.name = "custom", .wants_secret = true};

static enum err answer(const struct channel_local_request *request, struct buf *out,
                       const char **type, struct chat_usage *usage, struct err_info *e)
{
    (void)request, (void)out, (void)type, (void)usage, (void)e;
    return ERR_NONE;
}

static const struct channel local = {.name = "local", .answer = answer};

#define SKIP(url) "{\"base_url\":\"" url "\",\"insecure_skip_verify\":true}"
#define REFUSED                                                                                    \
    "settings.insecure_skip_verify: only for a base_url on a loopback or private address"
#define BASE(url) "{\"base_url\":\"" url "\"}"

static const struct {
    const struct channel *channel;
    const char *json, *host, *error;
} cases[] = {
    {&remote, "{}",                                        "api.example.com", NULL},
    {&remote, BASE("http://localhost:11434/v1/"),          "localhost",       NULL},
    {&remote, BASE("https://[::1]:8443"),                  "::1",             NULL},
    {&remote, "{\"organization\":\"org-1\",\"project\":\"p\"}", "api.example.com", NULL},
    {&remote, "{\"declared_models_only\":true}",           "api.example.com", NULL},
    {&remote, "{\"ca_file\":\"/etc/ca.pem\"}",             "api.example.com", NULL},
    {&custom, "{}",                                        NULL, "settings.base_url: the channel custom needs one"},
    {&custom, BASE(""),                                    NULL, "settings.base_url: URL: it does not begin with http://, https:// or socks5://"},
    {&custom, "{\"base_url\":null}",                       NULL, "settings.base_url: the channel custom needs one"},
    {&custom, "{\"base_url\":\"http://h\",\"dialect\":\"anthropic\"}", "h", NULL},
    {&custom, "{\"base_url\":\"http://h\",\"dialect\":\"latin\"}", NULL, "settings.dialect: must be openai, openai_chat, openai_responses, anthropic or gemini"},
    {&custom, "{\"base_url\":\"http://h\",\"organization\":\"o\"}", NULL, "settings.organization: there is no such key"},
    {&remote, "{\"dialect\":\"anthropic\"}",               NULL, "settings.dialect: there is no such key"},
    {&remote, "{\"organization\":\"a b\"}",                NULL, "settings.organization: must be printable ASCII"},
    {&remote, BASE("socks5://h"),                          NULL, "settings.base_url: must begin with http:// or https://"},
    {&remote, BASE("https://u:p@h"),                       NULL, "settings.base_url: must not hold a user or password: credentials do"},
    {&remote, BASE("https://h?x=1"),                       NULL, "settings.base_url: URL: it has a query or a fragment"},
    {&remote, "{\"base_url\":1}",                          NULL, "settings.base_url: must be a string"},
    {&remote, "{\"api_key\":\"sk\"}",                      NULL, "settings.api_key: there is no such key"},
    {&remote, "[]",                                        NULL, "settings: must be an object"},
    {&local,  "{}",                                        "", NULL},
    {&local,  "{\"declared_models_only\":false}",          "", NULL},
    {&local,  BASE("http://h"),                            NULL, "settings.base_url: there is no such key"},
    {&remote, SKIP("https://localhost"),                   "localhost", NULL},
    {&remote, SKIP("https://gpu"),                         "gpu", NULL},
    {&remote, SKIP("https://gpu.local"),                   "gpu.local", NULL},
    {&remote, SKIP("https://127.0.0.2"),                   "127.0.0.2", NULL},
    {&remote, SKIP("https://10.1.2.3"),                    "10.1.2.3", NULL},
    {&remote, SKIP("https://172.31.0.1"),                  "172.31.0.1", NULL},
    {&remote, SKIP("https://192.168.0.1"),                 "192.168.0.1", NULL},
    {&remote, SKIP("https://[fd00::1]"),                   "fd00::1", NULL},
    {&remote, SKIP("https://172.32.0.1"),                  NULL, REFUSED},
    {&remote, SKIP("https://8.8.8.8"),                     NULL, REFUSED},
    {&remote, SKIP("https://[2001:db8::1]"),               NULL, REFUSED},
    {&remote, SKIP("https://api.example.com"),             NULL, REFUSED},
    {&remote, SKIP("https://10.0.0.1.example.com"),        NULL, REFUSED},
    {&remote, "{\"insecure_skip_verify\":true}",           NULL, REFUSED},
};

static void test_settings(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct provider_settings s;
        struct err_info e = {0};
        struct arena a;

        arena_init(&a, 0);
        provider_settings_read(slice_str(cases[i].json), cases[i].channel, &a, &s, &e);
        if (strcmp(e.text, cases[i].error ? cases[i].error : "") != 0)
            fail_msg("%s: %s", cases[i].json, e.text);
        if (!cases[i].error && !slice_eq(s.base.host, slice_str(cases[i].host)))
            fail_msg("%s: host %.*s", cases[i].json, SLICE_ARG(s.base.host));
        arena_release(&a);
    }
}

static void test_values(void **state)
{
    struct provider_settings s;
    struct err_info e = {0};
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    assert_int_equal(provider_settings_read(SLICE("{\"base_url\":\"http://h/v1\","
                                                  "\"dialect\":\"gemini\"}"),
                                            &custom, &a, &s, &e),
                     ERR_NONE);
    assert_int_equal(s.only_dialect, DIALECT_GEMINI);
    assert_true(slice_eq(s.base.path, SLICE("/v1")));
    assert_int_equal(provider_settings_read(SLICE("{\"organization\":\"o\",\"project\":\"p\"}"),
                                            &remote, &a, &s, &e),
                     ERR_NONE);
    assert_int_equal(s.only_dialect, DIALECT_COUNT);
    assert_true(slice_eq(s.organization, SLICE("o")) && slice_eq(s.project, SLICE("p")));
    assert_false(s.declared_models_only);
    arena_release(&a);
}

static const struct {
    const struct channel *channel;
    const char *json, *key, *error;
} secrets[] = {
    {&custom, "{\"api_key\":\"sk-1\"}",     "sk-1", NULL                                            },
    {&custom, "{\"api_key\":\"sk\\u002d1\"}", "sk-1", NULL                                          },
    {&remote, "{}",                         "",     NULL                                            },
    {&remote, NULL,                         "",     NULL                                            },
    {&custom, NULL,                         NULL,   "secret.api_key: the channel custom needs one"  },
    {&custom, "{}",                         NULL,   "secret.api_key: the channel custom needs one"  },
    {&custom, "{\"api_key\":\"\"}",         NULL,   "secret.api_key: the channel custom needs one"  },
    {&custom, "{\"api_key\":\"a b\"}",      NULL,   "secret.api_key: must be printable ASCII without spaces"},
    {&custom, "{\"api_key\":\"a\\nb\"}",    NULL,   "secret.api_key: must be UTF-8 without control characters"},
    {&custom, "{\"token\":\"a\"}",          NULL,   "secret.token: there is no such key"            },
    {&custom, "sk-very-secret",             NULL,   "secret: byte 0: expected a value"              },
};

static void test_secrets(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
        struct err_info e = {0};
        struct secret key;
        struct arena a;

        arena_init(&a, 0);
        credential_secret_read(secret_of(slice_str(secrets[i].json)), secrets[i].channel, &a, &key,
                               &e);
        if (strcmp(e.text, secrets[i].error ? secrets[i].error : "") != 0)
            fail_msg("%zu: %s", i, e.text);
        assert_true(slice_eq(secret_reveal(key), slice_str(secrets[i].key)));
        arena_release(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_secrets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
