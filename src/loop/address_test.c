/* address_test.c - which addresses may be dialled. */
#include "loop/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"

#define NO_LITERAL (-1)

static void test_kinds(void **state)
{
    static const struct {
        const char *text;
        int kind;
    } cases[] = {
        {"8.8.8.8",                ADDRESS_PUBLIC   },
        {"1.0.0.0",                ADDRESS_PUBLIC   },
        {"0.0.0.0",                ADDRESS_FORBIDDEN},
        {"0.1.2.3",                ADDRESS_FORBIDDEN},
        {"127.0.0.1",              ADDRESS_PRIVATE  },
        {"127.255.255.255",        ADDRESS_PRIVATE  },
        {"128.0.0.1",              ADDRESS_PUBLIC   },
        {"10.0.0.1",               ADDRESS_PRIVATE  },
        {"11.0.0.0",               ADDRESS_PUBLIC   },
        {"172.15.255.255",         ADDRESS_PUBLIC   },
        {"172.16.0.1",             ADDRESS_PRIVATE  },
        {"172.31.255.255",         ADDRESS_PRIVATE  },
        {"172.32.0.0",             ADDRESS_PUBLIC   },
        {"192.168.1.1",            ADDRESS_PRIVATE  },
        {"192.169.0.0",            ADDRESS_PUBLIC   },
        {"100.63.255.255",         ADDRESS_PUBLIC   },
        {"100.64.0.1",             ADDRESS_PRIVATE  },
        {"100.127.255.255",        ADDRESS_PRIVATE  },
        {"100.128.0.0",            ADDRESS_PUBLIC   },
        {"169.254.169.254",        ADDRESS_FORBIDDEN},
        {"169.253.255.255",        ADDRESS_PUBLIC   },
        {"198.18.0.1",             ADDRESS_PRIVATE  },
        {"223.255.255.255",        ADDRESS_PUBLIC   },
        {"224.0.0.1",              ADDRESS_FORBIDDEN},
        {"240.0.0.1",              ADDRESS_FORBIDDEN},
        {"255.255.255.255",        ADDRESS_FORBIDDEN},
        {"::",                     ADDRESS_FORBIDDEN},
        {"::1",                    ADDRESS_PRIVATE  },
        {"2606:4700::1111",        ADDRESS_PUBLIC   },
        {"fe80::1",                ADDRESS_FORBIDDEN},
        {"febf::1",                ADDRESS_FORBIDDEN},
        {"fec0::1",                ADDRESS_PRIVATE  },
        {"fc00::1",                ADDRESS_PRIVATE  },
        {"fd12:3456::1",           ADDRESS_PRIVATE  },
        {"fd00:ec2::254",          ADDRESS_FORBIDDEN},
        {"fd00:ec2::253",          ADDRESS_PRIVATE  },
        {"ff02::1",                ADDRESS_FORBIDDEN},
        {"::ffff:8.8.8.8",         ADDRESS_PUBLIC   },
        {"::ffff:127.0.0.1",       ADDRESS_PRIVATE  },
        {"::ffff:169.254.169.254", ADDRESS_FORBIDDEN},
        {"::169.254.169.254",      ADDRESS_FORBIDDEN},
        {"64:ff9b::a9fe:a9fe",     ADDRESS_FORBIDDEN},
        {"64:ff9b::808:808",       ADDRESS_PUBLIC   },
        {"64:ff9b:1::a9fe:a9fe",   ADDRESS_PRIVATE  },
        {"2002:a9fe:a9fe::1",      ADDRESS_FORBIDDEN},
        {"2002:7f00:1::",          ADDRESS_PRIVATE  },
        {"",                       NO_LITERAL       },
        {"localhost",              NO_LITERAL       },
        {"127.1",                  NO_LITERAL       },
        {"0x7f.0.0.1",             NO_LITERAL       },
        {"2130706433",             NO_LITERAL       },
        {"127.0.0.1 ",             NO_LITERAL       },
        {"256.0.0.1",              NO_LITERAL       },
        {"[::1]",                  NO_LITERAL       },
        {"fe80::1%eth0",           NO_LITERAL       },
        {"1:2:3:4:5:6:7:8:9",      NO_LITERAL       },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct address a;
        bool is = address_parse(slice_str(cases[i].text), 80, &a);
        int kind = is ? (int)address_kind(&a) : NO_LITERAL;

        if (kind != cases[i].kind)
            fail_msg("%s: %d", cases[i].text, kind);
        if (is)
            assert_int_equal(address_port(&a), 80);
    }
    assert_false(address_parse(slice_of("127.0.0.1\0x", 11), 1, &(struct address){0}));
    assert_int_equal(address_kind(&(struct address){0}), ADDRESS_FORBIDDEN);
}

static void test_text(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"127.0.0.1",       "127.0.0.1"      },
        {"0:0::1",          "::1"            },
        {"::ffff:10.1.2.3", "10.1.2.3"       },
        {"2606:4700::1111", "2606:4700::1111"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[ADDRESS_TEXT_BYTES];
        struct address a;

        assert_true(address_parse(slice_str(cases[i].in), 0, &a));
        address_format(&a, text);
        assert_string_equal(text, cases[i].out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
