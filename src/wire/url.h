/* url.h - URLs of upstreams and proxies, and the targets of requests. */
#ifndef WIRE_URL_H
#define WIRE_URL_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

/* Slices borrow from the text that was parsed. */
struct url {
    struct slice scheme;         // "http", "https", "socks5": lower case expected
    struct slice user, password; // proxies only; percent-encoded as they stood
    struct slice host;           // without brackets
    unsigned port;               // the scheme's default when none was given
    struct slice path;           // as it stood, without a trailing slash: "" or "/v1"
    bool is_tls;
    bool host_is_ipv6; // write brackets around it
};

/** An absolute URL without query or fragment; says what is wrong. */
enum err url_parse(struct slice text, struct url *out, struct err_info *e);

/** "host" or "host:port" when it is not the scheme's default, IPv6 in brackets: for `host:`. */
void url_write_authority(const struct url *u, struct buf *out);

/** The value of `name` in a query string, not decoded; a NULL pointer when absent. */
struct slice query_get(struct slice query, struct slice name);

/** The query without every pair named `name`, order kept. */
void query_write_without(struct slice query, struct slice name, struct buf *out);

/** Percent-decodes ("+" stays as it is); false on a broken escape or a NUL. */
bool percent_decode(struct slice s, struct buf *out);

/** Percent-encodes all but unreserved characters (RFC 3986, 2.3) and those in `keep`. */
void percent_encode(struct slice s, const char *keep, struct buf *out);

#endif
