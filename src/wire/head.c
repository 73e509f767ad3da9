/* head.c - heads of HTTP/1 requests and responses, read and checked in one pass. */
#include "wire/head.h"

#include "base/array.h"
#include "wire/scan.h"

#define LONGEST_LENGTH_DIGITS 18 // any number of them fits an int64_t

struct parser {
    const char *begin, *at, *end; // the last four bytes are CR LF CR LF: every run ends there
    struct head *out;
    struct err_info *e;
    bool is_request;
    bool has_close, has_keep_alive, has_upgrade; // named by Connection
};

typedef enum err field_fn(struct parser *p, struct slice value);

static enum err refuse_as(const struct parser *p, enum err code, const char *what)
{
    return err_set(p->e, p->is_request ? code : ERR_UPSTREAM_BROKEN, "%s head: %s (at byte %zu)",
                   p->is_request ? "request" : "response", what, (size_t)(p->at - p->begin));
}

static enum err refuse(const struct parser *p, const char *what)
{
    return refuse_as(p, ERR_BAD_REQUEST, what);
}

static struct slice read_token(struct parser *p)
{
    const char *from = p->at;

    p->at = scan_token(from, p->end);
    return slice_of(from, (size_t)(p->at - from));
}

static struct slice read_target(struct parser *p)
{
    const char *from = p->at;

    while (scan_is(*p->at, SCAN_TARGET))
        p->at++;
    return slice_of(from, (size_t)(p->at - from));
}

static bool read_byte(struct parser *p, char byte)
{
    if (*p->at != byte)
        return false;
    p->at++;
    return true;
}

static bool read_line_end(struct parser *p)
{
    if (p->at[0] != '\r' || p->at[1] != '\n')
        return false;
    p->at += 2;
    return true;
}

static bool is_token(struct slice s)
{
    return s.len && scan_token(s.ptr, s.ptr + s.len) == s.ptr + s.len;
}

/* "HTTP/1.1"; the version is digit for digit, and its case counts (RFC 9112, 2.3). */
static enum err read_version(struct parser *p)
{
    const char *v = p->at;
    struct slice rest = slice_of(p->at, (size_t)(p->end - p->at));

    if (!slice_starts(rest, SLICE("HTTP/")) || rest.len < 10 || v[5] < '0' || v[5] > '9' ||
        v[6] != '.' || v[7] < '0' || v[7] > '9')
        return refuse(p, "no HTTP version where one belongs");
    if (v[5] != '1' || v[7] > '1')
        return refuse_as(p, ERR_HTTP_VERSION, "this HTTP version is not spoken here");
    p->out->minor_version = (unsigned)(v[7] - '0');
    p->at += 8;
    return ERR_NONE;
}

/* A host with an optional port (RFC 9110, 7.2), never empty, without user information. */
static bool is_authority(struct slice s)
{
    size_t host = 0, port;
    uint64_t number;

    if (s.len && s.ptr[0] == '[') {
        for (host = 1; host < s.len && s.ptr[host] != ']'; host++) {
            if (!scan_is(s.ptr[host], SCAN_HEX) && s.ptr[host] != ':' && s.ptr[host] != '.')
                return false;
        }
        if (host < 3 || host++ == s.len)
            return false;
    } else {
        while (host < s.len && scan_is(s.ptr[host], SCAN_HOST))
            host++;
    }
    if (host == 0 || host == s.len)
        return host != 0;
    port = s.len - host - 1;
    return s.ptr[host] == ':' && port >= 1 && port <= 5 &&
           slice_to_u64(slice_after(s, host + 1), &number) && number <= 65535;
}

static void split_target(struct head *out, struct slice target)
{
    out->path = slice_cut(target, '?', &out->query);
    if (out->path.len == 0)
        out->path = SLICE("/"); // "http://host?x" asks for "/"
}

/*
 * The forms of RFC 9112, 3.2.  Where an absolute one and Host disagree, the RFC
 * tells us to ignore Host; a client that means both is not known, so it is refused.
 */
static enum err check_target(struct parser *p)
{
    struct slice target = p->out->target, host = head_value(p->out, HEAD_HOST), authority, rest;
    size_t scheme = 0;

    if (slice_eq(p->out->method, SLICE("CONNECT")))
        return refuse_as(p, ERR_METHOD, "CONNECT is not served here");
    if (target.ptr[0] == '/' ||
        (slice_eq(target, SLICE("*")) && slice_eq(p->out->method, SLICE("OPTIONS")))) {
        split_target(p->out, target);
        return ERR_NONE;
    }
    if (slice_starts_nocase(target, SLICE("http://")))
        scheme = 7;
    else if (slice_starts_nocase(target, SLICE("https://")))
        scheme = 8;
    else
        return refuse(p, "a target that is neither a path nor a URL");
    rest = slice_after(target, scheme);
    for (authority = rest, authority.len = 0; authority.len < rest.len; authority.len++) {
        if (rest.ptr[authority.len] == '/' || rest.ptr[authority.len] == '?')
            break;
    }
    if (!is_authority(authority) || (host.ptr && !slice_eq_nocase(host, authority)))
        return refuse(p, "a target whose host is not valid or not that of Host");
    split_target(p->out, slice_after(rest, authority.len));
    return ERR_NONE;
}

static enum err read_request_line(struct parser *p)
{
    enum err err;

    p->out->method = read_token(p);
    if (p->out->method.len == 0 || !read_byte(p, ' '))
        return refuse(p, "the method is not a token followed by one space");
    p->out->target = read_target(p);
    if (p->out->target.len == 0 || !read_byte(p, ' '))
        return refuse(p, "the target is not followed by one space, or has a byte it may not have");
    err = read_version(p);
    if (err)
        return err;
    return read_line_end(p) ? ERR_NONE : refuse(p, "the version is not followed by CR LF");
}

/* "HTTP/1.1 200 OK"; many leave out the phrase, some its space too. */
static enum err read_status_line(struct parser *p)
{
    const char *status;
    enum err err = read_version(p);

    if (err)
        return err;
    if (!read_byte(p, ' '))
        return refuse(p, "the version is not followed by one space");
    for (status = p->at; p->at < status + 3; p->at++) {
        if (*p->at < (p->at == status ? '1' : '0') || *p->at > '9')
            return refuse(p, "the status is not a number from 100 to 999");
    }
    p->out->status = (status[0] - '0') * 100 + (status[1] - '0') * 10 + (status[2] - '0');
    if (read_byte(p, ' ')) {
        const char *from = p->at;
        p->at = scan_control(from, p->end);
        p->out->reason = slice_of(from, (size_t)(p->at - from));
    }
    return read_line_end(p) ? ERR_NONE : refuse(p, "the status line does not end in CR LF");
}

static enum err on_host(struct parser *p, struct slice value)
{
    if (p->is_request && !is_authority(value))
        return refuse(p, "Host is not a host with an optional port");
    return ERR_NONE;
}

static enum err on_content_length(struct parser *p, struct slice value)
{
    uint64_t length;

    if (value.len > LONGEST_LENGTH_DIGITS || !slice_to_u64(value, &length))
        return refuse(p, "Content-Length is not a number");
    p->out->content_length = (int64_t)length;
    return ERR_NONE;
}

/* Tokens between commas, `chunked` at most once and last: a coding that HTTP knows, not we. */
static bool is_coding_list(struct slice value)
{
    struct slice rest = value;

    while (rest.len) {
        struct slice coding = slice_trim(slice_cut(rest, ',', &rest));
        if (!is_token(coding) || (rest.len && slice_eq_nocase(coding, SLICE("chunked"))))
            return false;
    }
    return value.len && value.ptr[value.len - 1] != ',';
}

static enum err on_transfer_encoding(struct parser *p, struct slice value)
{
    if (slice_eq_nocase(value, SLICE("chunked"))) {
        p->out->chunked = true;
        return ERR_NONE;
    }
    if (is_coding_list(value))
        return refuse(p, "only the transfer coding chunked is served here");
    return refuse(p, "Transfer-Encoding is not valid");
}

static enum err on_connection(struct parser *p, struct slice value)
{
    while (value.len) {
        struct slice option = slice_trim(slice_cut(value, ',', &value));
        switch ((int)head_name_find(option)) {
        case HEAD_CLOSE: p->has_close = true; break;
        case HEAD_KEEP_ALIVE: p->has_keep_alive = true; break;
        case HEAD_UPGRADE: p->has_upgrade = true; break;
        default:
            if (option.len && !is_token(option))
                return refuse(p, "Connection is not a list of tokens");
        }
    }
    return ERR_NONE;
}

/* An HTTP/1.0 client waits for nothing (RFC 9110, 10.1.1). */
static enum err on_expect(struct parser *p, struct slice value)
{
    if (!p->is_request)
        return ERR_NONE;
    if (!slice_eq_nocase(value, SLICE("100-continue")))
        return refuse_as(p, ERR_EXPECTATION, "only 100-continue can be expected");
    p->out->expect_continue = p->out->minor_version == 1;
    return ERR_NONE;
}

/* The fields that say where the message ends, and to whom it goes. */
static field_fn *const field_rules[HEAD_NAME_COUNT] = {
    [HEAD_HOST] = on_host,
    [HEAD_CONTENT_LENGTH] = on_content_length,
    [HEAD_TRANSFER_ENCODING] = on_transfer_encoding,
    [HEAD_CONNECTION] = on_connection,
    [HEAD_EXPECT] = on_expect,
};

/* Remembers a field, and hears what it says about the framing. */
static enum err add_field(struct parser *p, struct slice name, struct slice value)
{
    struct head *out = p->out;
    enum head_name known = head_name_find(name);

    if (out->count == HEAD_MAX_FIELDS)
        return refuse_as(p, ERR_HEAD_TOO_LARGE, "too many header fields");
    out->fields[out->count++] = (struct head_field){name, value, known};
    if (known == HEAD_OTHER)
        return ERR_NONE;
    if (!out->at[known])
        out->at[known] = (uint8_t)out->count;
    else if (head_name_is_once(known))
        return refuse(p, "a header field that may stand once stands twice");
    return field_rules[known] ? field_rules[known](p, value) : ERR_NONE;
}

/* The places are kept out of `p`: as memory they would be the slowest part of the loop. */
static enum err read_field(struct parser *p)
{
    const char *name = p->at, *colon = scan_token(name, p->end), *value = colon + 1, *to, *cr;

    if (colon == name || *colon != ':') {
        p->at = colon;
        return refuse(p, "a header field's name is not a token followed by a colon");
    }
    while (*value == ' ' || *value == '\t')
        value++;
    cr = to = scan_control(value, p->end);
    while (to > value && (to[-1] == ' ' || to[-1] == '\t'))
        to--;
    if (cr[0] != '\r' || cr[1] != '\n') {
        p->at = cr;
        return refuse(p, "a header field has a control byte or does not end in CR LF");
    }
    p->at = cr + 2;
    return add_field(p, slice_of(name, (size_t)(colon - name)),
                     slice_of(value, (size_t)(to - value)));
}

/* What no field can tell alone. */
static enum err check_framing(struct parser *p)
{
    struct head *out = p->out;

    if (out->chunked && out->content_length >= 0)
        return refuse(p, "Content-Length next to Transfer-Encoding");
    if (out->chunked && out->minor_version == 0)
        return refuse(p, "Transfer-Encoding in HTTP/1.0");
    if (p->is_request && out->minor_version == 1 && !out->at[HEAD_HOST])
        return refuse(p, "Host is missing");
    out->keep_alive = !p->has_close && (out->minor_version == 1 || p->has_keep_alive);
    out->upgrade = p->has_upgrade && out->at[HEAD_UPGRADE] && out->minor_version == 1;
    return ERR_NONE;
}

static enum err parse(struct parser *p, struct slice head,
                      enum err (*read_first_line)(struct parser *))
{
    struct head *out = p->out;
    enum err err;

    memset(out, 0, offsetof(struct head, fields));
    out->content_length = -1;
    if (head.len == 0 || !slice_ends(head, SLICE("\r\n\r\n"))) {
        p->begin = p->at = "";
        return refuse(p, "it does not end in an empty line");
    }
    p->begin = p->at = head.ptr;
    p->end = head.ptr + head.len;
    err = read_first_line(p);
    while (!err && *p->at != '\r')
        err = read_field(p);
    if (err)
        return err;
    if (p->end - p->at != 2)
        return refuse(p, "a CR inside, or an empty line before the end");
    return check_framing(p);
}

enum err head_parse_request(struct slice head, struct head *out, struct err_info *e)
{
    struct parser p = {.out = out, .e = e, .is_request = true};
    enum err err = parse(&p, head, read_request_line);

    return err ? err : check_target(&p);
}

enum err head_parse_response(struct slice head, struct head *out, struct err_info *e)
{
    struct parser p = {.out = out, .e = e, .is_request = false};

    return parse(&p, head, read_status_line);
}

size_t head_skip_blank(struct slice bytes)
{
    return slice_starts(bytes, SLICE("\r\n")) ? 2 : 0;
}

size_t head_end(struct slice bytes, size_t from)
{
    const char *at, *end;

    if (bytes.len == 0)
        return SIZE_MAX;
    end = bytes.ptr + bytes.len;
    for (at = bytes.ptr + (from < 3 ? 0 : from - 3);; at++) { // it may have begun three bytes ago
        at = scan_line_end_twice(at, end);
        if (at == end)
            return SIZE_MAX;
        if (at[1] == '\n')
            return (size_t)(at - bytes.ptr) + 2;
        if (end - at >= 3 && at[2] == '\n')
            return (size_t)(at - bytes.ptr) + 3;
    }
}

bool head_is_hopeless(struct slice bytes, size_t from)
{
    for (size_t i = from ? from - 1 : 0; i < bytes.len; i++) {
        unsigned char c = (unsigned char)bytes.ptr[i];
        if (c == '\r' && i + 1 < bytes.len && bytes.ptr[i + 1] != '\n')
            return true;
        if (c < 0x20 && c != '\r' && c != '\n' && c != '\t')
            return true;
    }
    return false;
}

enum head_body head_request_body(const struct head *h)
{
    if (h->chunked)
        return HEAD_BODY_CHUNKED;
    return h->content_length >= 0 ? HEAD_BODY_LENGTH : HEAD_BODY_NONE;
}

/* RFC 9112, 6.3. */
enum head_body head_response_body(const struct head *h, bool answers_head_method)
{
    if (answers_head_method || h->status < 200 || h->status == 204 || h->status == 304)
        return HEAD_BODY_NONE;
    if (h->chunked)
        return HEAD_BODY_CHUNKED;
    return h->content_length >= 0 ? HEAD_BODY_LENGTH : HEAD_BODY_UNTIL_CLOSE;
}

const struct head_field *head_get(const struct head *h, enum head_name name)
{
    return h->at[name] ? &h->fields[h->at[name] - 1] : NULL;
}

struct slice head_value(const struct head *h, enum head_name name)
{
    const struct head_field *f = head_get(h, name);

    return f ? f->value : slice_of(NULL, 0);
}

struct slice head_value_other(const struct head *h, struct slice name)
{
    for (size_t i = 0; i < h->count; i++) {
        if (slice_eq_nocase(h->fields[i].name, name))
            return h->fields[i].value;
    }
    return slice_of(NULL, 0);
}

bool head_field_is_hop(const struct head *h, const struct head_field *field)
{
    if (head_name_is_hop(field->known))
        return true;
    for (size_t i = h->at[HEAD_CONNECTION]; i && i <= h->count; i++) {
        struct slice options = h->fields[i - 1].value;
        if (h->fields[i - 1].known != HEAD_CONNECTION)
            continue;
        while (options.len) {
            if (slice_eq_nocase(slice_trim(slice_cut(options, ',', &options)), field->name))
                return true;
        }
    }
    return false;
}
