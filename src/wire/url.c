/* url.c - URLs of upstreams and proxies, and the targets of requests. */
#include "wire/url.h"

#include <arpa/inet.h>

#include "base/array.h"
#include "base/hex.h"
#include "wire/scan.h"

#define MAX_HOST_BYTES 253 // of a DNS name (RFC 1035, 2.3.4)

static const struct {
    const char *name;
    unsigned port;
    bool is_tls;
} schemes[] = {
    {"http",   80,   false},
    {"https",  443,  true },
    {"socks5", 1080, false},
};

static enum err refuse(struct err_info *e, const char *why)
{
    return err_set(e, ERR_BAD_REQUEST, "URL: %s", why);
}

/* Takes a byte off the front, written as itself or after '%'; -1: a broken escape, which stays. */
static int take_decoded(struct slice *s)
{
    int high, low, byte = (unsigned char)s->ptr[0];

    if (byte != '%') {
        *s = slice_after(*s, 1);
        return byte;
    }
    high = s->len >= 3 ? hex_value(s->ptr[1]) : -1;
    low = s->len >= 3 ? hex_value(s->ptr[2]) : -1;
    if (high < 0 || low < 0)
        return -1;
    *s = slice_after(*s, 3);
    return high << 4 | low;
}

/* Bytes that RFC 3986 allows somewhere, and whole escapes. */
static bool has_only_url_bytes(struct slice s)
{
    while (s.len) {
        char c = s.ptr[0];
        int byte;
        if (!scan_is(c, SCAN_TARGET) || c == '^' || c == '`' || c == '{' || c == '|' || c == '}')
            return false;
        byte = take_decoded(&s);
        if (byte <= 0 || byte == 0x7f || byte < 0x20)
            return false;
    }
    return true;
}

/* "." or "..", also when written with escapes (RFC 3986, 6.2.2.3). */
static bool is_dot_segment(struct slice segment)
{
    size_t dots = 0;

    while (segment.len) {
        if (take_decoded(&segment) != '.')
            return false;
        dots++;
    }
    return dots == 1 || dots == 2;
}

static enum err parse_path(struct slice path, struct url *out, struct err_info *e)
{
    struct slice rest;

    while (path.len && path.ptr[path.len - 1] == '/')
        path.len--;
    for (rest = path; rest.len;) {
        if (is_dot_segment(slice_cut(rest, '/', &rest)))
            return refuse(e, "the path has a segment '.' or '..'");
    }
    if (path.len && slice_eq(out->scheme, SLICE("socks5")))
        return refuse(e, "a socks5 proxy has no path");
    out->path = path;
    return ERR_NONE;
}

static bool is_ipv6(struct slice host)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;

    if (host.len >= sizeof(text))
        return false;
    if (host.len)
        memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    return inet_pton(AF_INET6, text, &address) == 1;
}

/* Labels of letters, digits, '-' and '_' between dots; one dot may end it. */
static bool is_name(struct slice host)
{
    if (host.len == 0 || host.len > MAX_HOST_BYTES)
        return false;
    while (host.len) {
        struct slice label = slice_cut(host, '.', &host);
        if (label.len == 0 || label.len > 63 || label.ptr[0] == '-')
            return false;
        for (size_t i = 0; i < label.len; i++) {
            if (!scan_is(label.ptr[i], SCAN_HOST))
                return false;
        }
    }
    return true;
}

static enum err parse_port(struct slice text, struct url *out, struct err_info *e)
{
    uint64_t port;

    if (text.len > 5 || !slice_to_u64(text, &port) || port < 1 || port > 65535)
        return refuse(e, "the port is not a number from 1 to 65535");
    out->port = (unsigned)port;
    return ERR_NONE;
}

static enum err parse_host(struct slice text, struct url *out, struct err_info *e)
{
    size_t end = slice_find(text, ':');

    if (text.len && text.ptr[0] == '[') {
        end = slice_find(text, ']');
        if (end == SIZE_MAX || !is_ipv6(slice_sub(text, 1, end - 1)))
            return refuse(e, "what stands in brackets is not an IPv6 address");
        out->host = slice_sub(text, 1, end - 1);
        out->host_is_ipv6 = true;
        end++;
    } else {
        out->host = slice_sub(text, 0, end);
        if (!is_name(out->host))
            return refuse(e, "the host is missing or not a name");
        end = out->host.len;
    }
    if (end == text.len)
        return ERR_NONE;
    if (text.ptr[end] != ':')
        return refuse(e, "something other than a port follows the host");
    return parse_port(slice_after(text, end + 1), out, e);
}

static enum err parse_scheme(struct slice text, struct url *out, struct err_info *e)
{
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        if (!slice_eq(text, slice_str(schemes[i].name)))
            continue;
        out->scheme = text;
        out->port = schemes[i].port;
        out->is_tls = schemes[i].is_tls;
        return ERR_NONE;
    }
    return refuse(e, "it does not begin with http://, https:// or socks5://");
}

enum err url_parse(struct slice text, struct url *out, struct err_info *e)
{
    size_t colon = slice_find_slice(text, SLICE("://")), slash, at;
    struct slice authority;
    enum err err;

    *out = (struct url){0};
    err = parse_scheme(slice_sub(text, 0, colon == SIZE_MAX ? 0 : colon), out, e);
    if (err)
        return err;
    if (slice_find(text, '?') != SIZE_MAX || slice_find(text, '#') != SIZE_MAX)
        return refuse(e, "it has a query or a fragment");
    if (!has_only_url_bytes(text))
        return refuse(e, "it has a space or another byte that must be escaped");
    authority = slice_after(text, colon + 3);
    slash = slice_find(authority, '/');
    err = parse_path(slice_after(authority, slash), out, e);
    if (err)
        return err;
    authority = slice_sub(authority, 0, slash);
    at = slice_find_last(authority, '@');
    if (at != SIZE_MAX) {
        out->user = slice_cut(slice_sub(authority, 0, at), ':', &out->password);
        if (slice_find(slice_sub(authority, 0, at), '@') != SIZE_MAX || out->user.len == 0)
            return refuse(e, "the user before '@' is missing or has an '@'");
        authority = slice_after(authority, at + 1);
    }
    return parse_host(authority, out, e);
}

void url_write_authority(const struct url *u, struct buf *out)
{
    if (u->host_is_ipv6)
        buf_append_byte(out, '[');
    buf_append(out, u->host);
    if (u->host_is_ipv6)
        buf_append_byte(out, ']');
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        if (slice_eq(u->scheme, slice_str(schemes[i].name)) && u->port == schemes[i].port)
            return;
    }
    buf_append_byte(out, ':');
    buf_append_u64(out, u->port);
}

/* Compares what the name means: "%6bey" is "key" to whoever reads it next. */
static bool pair_is_named(struct slice pair, struct slice name)
{
    struct slice rest, written = slice_cut(pair, '=', &rest);
    size_t at = 0;

    while (written.len && at < name.len) {
        int byte = take_decoded(&written);
        if (byte != (unsigned char)name.ptr[at++])
            return false;
    }
    return written.len == 0 && at == name.len;
}

struct slice query_get(struct slice query, struct slice name)
{
    while (query.len) {
        struct slice value, pair = slice_cut(query, '&', &query);
        if (!pair.len || !pair_is_named(pair, name))
            continue;
        slice_cut(pair, '=', &value);
        return value;
    }
    return slice_of(NULL, 0);
}

void query_write_without(struct slice query, struct slice name, struct buf *out)
{
    bool first = true;

    while (query.len) {
        struct slice pair = slice_cut(query, '&', &query);
        if (!pair.len || pair_is_named(pair, name))
            continue;
        if (!first)
            buf_append_byte(out, '&');
        buf_append(out, pair);
        first = false;
    }
}

bool percent_decode(struct slice s, struct buf *out)
{
    size_t before = buf_len(out);

    buf_reserve(out, s.len);
    while (s.len) {
        int byte = take_decoded(&s);
        if (byte <= 0) {
            out->end = out->start + before;
            return false;
        }
        buf_append_byte(out, (char)byte);
    }
    return true;
}

void percent_encode(struct slice s, const char *keep, struct buf *out)
{
    static const char hex[] = "0123456789ABCDEF";

    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (scan_is(s.ptr[i], SCAN_UNRESERVED) || (c && strchr(keep, c))) {
            buf_append_byte(out, s.ptr[i]);
        } else {
            buf_append_byte(out, '%');
            buf_append_byte(out, hex[c >> 4]);
            buf_append_byte(out, hex[c & 15]);
        }
    }
}
