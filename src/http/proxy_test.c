/* proxy_test.c - a proxy, from its URL. */
#include "http/proxy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"

#define TEN       "0123456789"
#define FIFTY     TEN TEN TEN TEN TEN
#define BYTES_250 FIFTY FIFTY FIFTY FIFTY FIFTY

/* As "scheme host port user password authorization"; NULL: refused. */
static const struct {
    const char *in, *out;
} cases[] = {
    {"http://proxy:3128",                     "http|proxy|3128|||"                       },
    {"http://proxy",                          "http|proxy|80|||"                         },
    {"http://proxy/",                         "http|proxy|80|||"                         },
    {"https://proxy",                         "https|proxy|443|||"                       },
    {"socks5://proxy",                        "socks5|proxy|1080|||"                     },
    {"http://[::1]:8",                        "http|::1|8|||"                            },
    {"http://u:p@proxy",                      "http|proxy|80|u|p|Basic dTpw"             },
    {"https://u:p@proxy",                     "https|proxy|443|u|p|Basic dTpw"           },
    {"http://u@proxy",                        "http|proxy|80|u||Basic dTo="              },
    {"http://u:@proxy",                       "http|proxy|80|u||Basic dTo="              },
    {"http://a%40b:c%3ad%2F@proxy",           "http|proxy|80|a@b|c:d/|Basic YUBiOmM6ZC8="},
    {"http://u:a:b@proxy",                    "http|proxy|80|u|a:b|Basic dTphOmI="       },
    {"http://a+b:c@proxy",                    "http|proxy|80|a+b|c|Basic YStiOmM="       },
    {"http://%c3%a9:p@proxy",                 "http|proxy|80|\xc3\xa9|p|Basic w6k6cA=="  },
    {"socks5://u:p%20q@proxy:1",              "socks5|proxy|1|u|p q|"                    },
    {"socks5://" BYTES_250 "01234:p@proxy",   "socks5|proxy|1080|" BYTES_250 "01234|p|"  },
    {"socks5://" BYTES_250 "012345:p@proxy",  NULL                                       },
    {"socks5://u:" BYTES_250 "012345@proxy",  NULL                                       },
    {"socks5://u:" BYTES_250 "0123%34@proxy", "socks5|proxy|1080|u|" BYTES_250 "01234|"  },
    {"http://u:%zz@proxy",                    NULL                                       },
    {"http://u:%00@proxy",                    NULL                                       },
    {"http://%:p@proxy",                      NULL                                       },
    {"proxy:3128",                            NULL                                       },
    {"ftp://proxy",                           NULL                                       },
    {"socks4://proxy",                        NULL                                       },
    {"socks5h://proxy",                       NULL                                       },
    {"http://",                               NULL                                       },
    {"http://proxy:0",                        NULL                                       },
    {"http://proxy:99999",                    NULL                                       },
    {"",                                      NULL                                       },
};

static void test_parse(void **state)
{
    int tls; // any address will do

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_proxy p = {0};
        struct err_info e = {0};
        struct arena a;
        enum err err;

        arena_init(&a, 0);
        err =
            http_proxy_parse(slice_str(cases[i].in), (struct tls_client *)(void *)&tls, &a, &p, &e);
        assert_int_equal(err, cases[i].out ? ERR_NONE : ERR_BAD_REQUEST);
        if (err == ERR_NONE) {
            struct slice text = arena_printf(&a, "%.*s|%.*s|%u|%.*s|%.*s|%.*s", SLICE_ARG(p.scheme),
                                             SLICE_ARG(p.host), p.port, SLICE_ARG(p.user),
                                             SLICE_ARG(p.password), SLICE_ARG(p.authorization));
            if (!slice_eq(text, slice_str(cases[i].out)))
                fail_msg("%s: %s", cases[i].in, text.ptr);
            assert_ptr_equal(p.tls, &tls);
        } else {
            assert_true(e.text[0] != '\0');
            assert_null(strstr(e.text, "%zz")); // what may be a password is not repeated
        }
        arena_release(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
