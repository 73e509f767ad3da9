/* address.c - IP addresses as values, and which of them may be dialled. */
#include "loop/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"

/* IANA special-purpose registries, https://www.iana.org/assignments/iana-ipv4-special-registry */
static const struct {
    uint32_t net;
    unsigned bits;
    enum address_kind kind;
} v4_rules[] = {
    {0x00000000, 8,  ADDRESS_FORBIDDEN}, // 0.0.0.0/8, "this" network
    {0x0a000000, 8,  ADDRESS_PRIVATE  }, // 10.0.0.0/8
    {0x64400000, 10, ADDRESS_PRIVATE  }, // 100.64.0.0/10, carrier-grade NAT
    {0x7f000000, 8,  ADDRESS_PRIVATE  }, // 127.0.0.0/8
    {0xa9fe0000, 16, ADDRESS_FORBIDDEN}, // 169.254.0.0/16, link-local and metadata services
    {0xac100000, 12, ADDRESS_PRIVATE  }, // 172.16.0.0/12
    {0xc0000000, 24, ADDRESS_PRIVATE  }, // 192.0.0.0/24, protocol assignments
    {0xc0a80000, 16, ADDRESS_PRIVATE  }, // 192.168.0.0/16
    {0xc6120000, 15, ADDRESS_PRIVATE  }, // 198.18.0.0/15, benchmarking
    {0xe0000000, 3,  ADDRESS_FORBIDDEN}, // multicast, reserved, broadcast
};

static const struct {
    unsigned char net[16];
    unsigned bits;
    enum address_kind kind;
} v6_rules[] = {
    {{0},                                                             128, ADDRESS_FORBIDDEN}, // ::
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1},                128, ADDRESS_PRIVATE  }, // ::1
    {{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01},                            48,  ADDRESS_PRIVATE  }, // NAT64
    {{0xfd, 0x00, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0x54}, 128, ADDRESS_FORBIDDEN},
    {{0xfc},                                                          7,   ADDRESS_PRIVATE  }, // ULA
    {{0xfe, 0x80},                                                    10,  ADDRESS_FORBIDDEN}, // link
    {{0xfe, 0xc0},                                                    10,  ADDRESS_PRIVATE  }, // site
    {{0xff},                                                          8,   ADDRESS_FORBIDDEN},
};

/* Prefixes after which an IPv4 address stands, and where. */
static const struct {
    unsigned char net[12];
    unsigned bits, at;
} carriers[] = {
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96, 12}, // ::ffff:0:0/96, mapped
    {{0},                                        96, 12}, // ::/96, compatible
    {{0x00, 0x64, 0xff, 0x9b},                   96, 12}, // 64:ff9b::/96, NAT64
    {{0x20, 0x02},                               16, 2 }, // 2002::/16, 6to4
};

static bool has_prefix(const unsigned char *bytes, const unsigned char *net, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;

    if (memcmp(bytes, net, whole) != 0)
        return false;
    return rest == 0 || ((bytes[whole] ^ net[whole]) >> (8 - rest)) == 0;
}

static enum address_kind kind_of_v4(uint32_t ip)
{
    for (size_t i = 0; i < ARRAY_LEN(v4_rules); i++)
        if ((ip ^ v4_rules[i].net) >> (32 - v4_rules[i].bits) == 0)
            return v4_rules[i].kind;
    return ADDRESS_PUBLIC;
}

static uint32_t read_v4(const unsigned char *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

enum address_kind address_kind(const struct address *a)
{
    const unsigned char *bytes;

    if (a->any.sa_family == AF_INET)
        return kind_of_v4(ntohl(a->v4.sin_addr.s_addr));
    if (a->any.sa_family != AF_INET6)
        return ADDRESS_FORBIDDEN;
    bytes = a->v6.sin6_addr.s6_addr;
    for (size_t i = 0; i < ARRAY_LEN(v6_rules); i++)
        if (has_prefix(bytes, v6_rules[i].net, v6_rules[i].bits))
            return v6_rules[i].kind;
    for (size_t i = 0; i < ARRAY_LEN(carriers); i++)
        if (has_prefix(bytes, carriers[i].net, carriers[i].bits))
            return kind_of_v4(read_v4(bytes + carriers[i].at));
    return ADDRESS_PUBLIC;
}

bool address_parse(struct slice text, unsigned port, struct address *out)
{
    char literal[ADDRESS_TEXT_BYTES];

    *out = (struct address){.v6 = {.sin6_family = AF_UNSPEC}};
    if (text.len >= sizeof(literal) || memchr(text.ptr ? text.ptr : "", '\0', text.len))
        return false;
    snprintf(literal, sizeof(literal), "%.*s", SLICE_ARG(text));
    if (inet_pton(AF_INET, literal, &out->v4.sin_addr) == 1)
        out->any.sa_family = AF_INET;
    else if (inet_pton(AF_INET6, literal, &out->v6.sin6_addr) == 1)
        out->any.sa_family = AF_INET6;
    else
        return false;
    address_set_port(out, port);
    return true;
}

void address_set_port(struct address *a, unsigned port)
{
    if (a->any.sa_family == AF_INET)
        a->v4.sin_port = htons((uint16_t)port);
    else
        a->v6.sin6_port = htons((uint16_t)port);
}

unsigned address_port(const struct address *a)
{
    return ntohs(a->any.sa_family == AF_INET ? a->v4.sin_port : a->v6.sin6_port);
}

socklen_t address_size(const struct address *a)
{
    return a->any.sa_family == AF_INET ? sizeof(a->v4) : sizeof(a->v6);
}

void address_format(const struct address *a, char out[ADDRESS_TEXT_BYTES])
{
    const unsigned char *v6 = a->v6.sin6_addr.s6_addr;

    out[0] = '\0';
    if (a->any.sa_family == AF_INET)
        inet_ntop(AF_INET, &a->v4.sin_addr, out, ADDRESS_TEXT_BYTES);
    else if (a->any.sa_family == AF_INET6 && has_prefix(v6, carriers[0].net, carriers[0].bits))
        inet_ntop(AF_INET, v6 + carriers[0].at, out, ADDRESS_TEXT_BYTES);
    else if (a->any.sa_family == AF_INET6)
        inet_ntop(AF_INET6, &a->v6.sin6_addr, out, ADDRESS_TEXT_BYTES);
}
