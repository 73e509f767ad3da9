/* address.h - IP addresses as values, and which of them may be dialled. */
#ifndef LOOP_ADDRESS_H
#define LOOP_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>

#include "base/slice.h"

/* Zeroed storage is no address (AF_UNSPEC). */
struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    };
};

enum address_kind {
    ADDRESS_PUBLIC,
    ADDRESS_PRIVATE,   // loopback, RFC 1918, unique local, carrier-grade NAT, benchmarking
    ADDRESS_FORBIDDEN, // link-local, metadata services, "this" network, multicast, reserved
};

/** An IPv4 or IPv6 literal, no brackets, no zone; false when it is none. */
bool address_parse(struct slice text, unsigned port, struct address *out);

/** What an IPv6 address carries of IPv4 (mapped, compatible, NAT64, 6to4) counts as that. */
enum address_kind address_kind(const struct address *a);

void address_set_port(struct address *a, unsigned port);
unsigned address_port(const struct address *a);
socklen_t address_size(const struct address *a);

/** "127.0.0.1", "::1"; an IPv4-mapped address is written as IPv4. */
#define ADDRESS_TEXT_BYTES INET6_ADDRSTRLEN
void address_format(const struct address *a, char out[ADDRESS_TEXT_BYTES]);

#endif
