/* url_test.c - URLs of upstreams, and queries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "wire/url.h"

/* As "scheme user password host port path authority", flags behind. */
static const struct {
    const char *in, *out; // NULL: refused
} urls[] = {
    {"https://api.openai.com",          "https|||api.openai.com|443||api.openai.com tls"   },
    {"https://api.openai.com/v1",       "https|||api.openai.com|443|/v1|api.openai.com tls"},
    {"https://api.openai.com/v1///",    "https|||api.openai.com|443|/v1|api.openai.com tls"},
    {"http://localhost:11434/",         "http|||localhost|11434||localhost:11434"          },
    {"http://localhost:80",             "http|||localhost|80||localhost"                   },
    {"https://a:80/b/c",                "https|||a|80|/b/c|a:80 tls"                       },
    {"http://127.0.0.1:1",              "http|||127.0.0.1|1||127.0.0.1:1"                  },
    {"http://a:65535",                  "http|||a|65535||a:65535"                          },
    {"http://[::1]:8080/x",             "http|||::1|8080|/x|[::1]:8080 v6"                 },
    {"https://[2001:db8::1]",           "https|||2001:db8::1|443||[2001:db8::1] tls v6"    },
    {"socks5://p",                      "socks5|||p|1080||p"                               },
    {"socks5://u:p%40w@p:1081/",        "socks5|u|p%40w|p|1081||p:1081"                    },
    {"http://u@p:3128",                 "http|u||p|3128||p:3128"                           },
    {"http://u:a:b@p",                  "http|u|a:b|p|80||p"                               },
    {"http://u:p@[::1]:2",              "http|u|p|::1|2||[::1]:2 v6"                       },
    {"http://a_b.c-d.",                 "http|||a_b.c-d.|80||a_b.c-d."                     },
    {"http://a/b//c",                   "http|||a|80|/b//c|a"                              },
    {"http://a/.b/c../...",             "http|||a|80|/.b/c../...|a"                        },
    {"http://a/v1:x@y;z,~!$&'()*+=%20", "http|||a|80|/v1:x@y;z,~!$&'()*+=%20|a"            },
    {"",                                NULL                                               },
    {"a",                               NULL                                               },
    {"a.com",                           NULL                                               },
    {"//a.com",                         NULL                                               },
    {"://a",                            NULL                                               },
    {"ftp://a",                         NULL                                               },
    {"socks4://a",                      NULL                                               },
    {"HTTPS://a",                       NULL                                               },
    {" http://a",                       NULL                                               },
    {"http:/a",                         NULL                                               },
    {"http:a",                          NULL                                               },
    {"http://",                         NULL                                               },
    {"http:///x",                       NULL                                               },
    {"http://:80",                      NULL                                               },
    {"http://u@",                       NULL                                               },
    {"http://@a",                       NULL                                               },
    {"http://:p@a",                     NULL                                               },
    {"http://u@v@a",                    NULL                                               },
    {"http://a:",                       NULL                                               },
    {"http://a:/",                      NULL                                               },
    {"http://a:0",                      NULL                                               },
    {"http://a:65536",                  NULL                                               },
    {"http://a:-1",                     NULL                                               },
    {"http://a:+1",                     NULL                                               },
    {"http://a:1x",                     NULL                                               },
    {"http://a:1:2",                    NULL                                               },
    {"http://a:000080",                 NULL                                               },
    {"http://a:99999999999999999999",   NULL                                               },
    {"http://a?b",                      NULL                                               },
    {"http://a/?b",                     NULL                                               },
    {"http://a#b",                      NULL                                               },
    {"http://a/#",                      NULL                                               },
    {"http://a b",                      NULL                                               },
    {"http://a/b c",                    NULL                                               },
    {"http://a/b\tc",                   NULL                                               },
    {"http://a/b\r\nX: y",              NULL                                               },
    {"http://a\n",                      NULL                                               },
    {"http://a/\x7f",                   NULL                                               },
    {"http://\xc3\xa9",                 NULL                                               },
    {"http://a/\xc3\xa9",               NULL                                               },
    {"http://a\\b",                     NULL                                               },
    {"http://a/b\\c",                   NULL                                               },
    {"http://a/{b}",                    NULL                                               },
    {"http://a/<b>",                    NULL                                               },
    {"http://a/|",                      NULL                                               },
    {"http://a/%",                      NULL                                               },
    {"http://a/%4",                     NULL                                               },
    {"http://a/%4g",                    NULL                                               },
    {"http://a/%00",                    NULL                                               },
    {"http://a/%0d%0a",                 NULL                                               },
    {"http://a/..",                     NULL                                               },
    {"http://a/../b",                   NULL                                               },
    {"http://a/b/../c",                 NULL                                               },
    {"http://a/./b",                    NULL                                               },
    {"http://a/b/%2e%2E/c",             NULL                                               },
    {"http://a/.%2e",                   NULL                                               },
    {"http://a/%2e",                    NULL                                               },
    {"http://a%2fb",                    NULL                                               },
    {"http://a..b",                     NULL                                               },
    {"http://.a",                       NULL                                               },
    {"http://-a",                       NULL                                               },
    {"http://.",                        NULL                                               },
    {"http://a*b",                      NULL                                               },
    {"http://a,b",                      NULL                                               },
    {"http://[::1",                     NULL                                               },
    {"http://[]",                       NULL                                               },
    {"http://[::1]x",                   NULL                                               },
    {"http://[::1]:",                   NULL                                               },
    {"http://[1.2.3.4]",                NULL                                               },
    {"http://[::1%25eth0]",             NULL                                               },
    {"http://[:::1]",                   NULL                                               },
    {"http://::1",                      NULL                                               },
    {"socks5://p/x",                    NULL                                               },
};

static void test_parse(void **state)
{
    struct buf out = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        struct err_info e = {0};
        struct url u;
        enum err err = url_parse(slice_str(urls[i].in), &u, &e);
        assert_int_equal(err, e.code);
        if (!urls[i].out || err) {
            if (err != (urls[i].out ? ERR_NONE : ERR_BAD_REQUEST))
                fail_msg("%s: %s", urls[i].in, e.text);
            continue;
        }
        buf_clear(&out);
        buf_printf(&out, "%.*s|%.*s|%.*s|%.*s|%u|%.*s|", SLICE_ARG(u.scheme), SLICE_ARG(u.user),
                   SLICE_ARG(u.password), SLICE_ARG(u.host), u.port, SLICE_ARG(u.path));
        url_write_authority(&u, &out);
        buf_printf(&out, "%s%s", u.is_tls ? " tls" : "", u.host_is_ipv6 ? " v6" : "");
        buf_append_byte(&out, '\0');
        assert_string_equal(buf_peek(&out).ptr, urls[i].out);
    }
    buf_release(&out);
}

static void test_parse_nul(void **state)
{
    struct err_info e = {0};
    struct url u;

    (void)state;
    assert_int_equal(url_parse(SLICE("http://a\0b"), &u, &e), ERR_BAD_REQUEST);
}

static const struct {
    const char *query, *name, *value, *without; // value NULL: absent
} queries[] = {
    {"",                   "key", NULL,    ""                  },
    {"key=a",              "key", "a",     ""                  },
    {"a=b&key=c&d=e",      "key", "c",     "a=b&d=e"           },
    {"key=a&key=b",        "key", "a",     ""                  },
    {"key",                "key", "",      ""                  },
    {"key=",               "key", "",      ""                  },
    {"key=a=b",            "key", "a=b",   ""                  },
    {"keys=a&ke=b&xkey=c", "key", NULL,    "keys=a&ke=b&xkey=c"},
    {"Key=a",              "key", NULL,    "Key=a"             },
    {"%6bey=a&b=c",        "key", "a",     "b=c"               },
    {"%6B%65%79=a",        "key", "a",     ""                  },
    {"k%zzy=a",            "key", NULL,    "k%zzy=a"           },
    {"key%=a",             "key", NULL,    "key%=a"            },
    {"&&a=b&&key=c&",      "key", "c",     "a=b"               },
    {"alt=sse&key=%2F+x",  "key", "%2F+x", "alt=sse"           },
    {"=a",                 "key", NULL,    "=a"                },
};

static void test_query(void **state)
{
    struct buf out = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
        struct slice value = query_get(slice_str(queries[i].query), slice_str(queries[i].name));
        assert_int_equal(value.ptr == NULL, queries[i].value == NULL);
        assert_true(slice_eq(value, slice_str(queries[i].value)));
        buf_clear(&out);
        query_write_without(slice_str(queries[i].query), slice_str(queries[i].name), &out);
        assert_true(slice_eq(buf_peek(&out), slice_str(queries[i].without)));
    }
    buf_release(&out);
}

static const struct {
    const char *in, *out; // NULL: refused
} decoded[] = {
    {"",          ""        },
    {"abc",       "abc"     },
    {"a%20b%2Fc", "a b/c"   },
    {"%c3%A9",    "\xc3\xa9"},
    {"a+b",       "a+b"     },
    {"%25",       "%"       },
    {"%",         NULL      },
    {"%4",        NULL      },
    {"a%4",       NULL      },
    {"%g0",       NULL      },
    {"%0g",       NULL      },
    {"% 1",       NULL      },
    {"a%00b",     NULL      },
};

static void test_percent(void **state)
{
    struct buf out = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(decoded); i++) {
        buf_clear(&out);
        buf_append_byte(&out, '<');
        assert_int_equal(percent_decode(slice_str(decoded[i].in), &out), decoded[i].out != NULL);
        assert_true(slice_eq(slice_after(buf_peek(&out), 1), slice_str(decoded[i].out)));
    }
    assert_false(percent_decode(SLICE("a\0"), &out));
    buf_clear(&out);
    percent_encode(SLICE("aZ09-._~ /:%\0\xc3\xa9+"), "/:", &out);
    assert_true(slice_eq(buf_peek(&out), SLICE("aZ09-._~%20/:%25%00%C3%A9%2B")));
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_parse_nul),
        cmocka_unit_test(test_query),
        cmocka_unit_test(test_percent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
