/* head.h - heads of HTTP/1 requests and responses: read, checked, written. */
#ifndef WIRE_HEAD_H
#define WIRE_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "wire/head_name.h"

#define HEAD_MAX_FIELDS 100

/*
 * This is the boundary against request smuggling (hardening.md T8): one pass,
 * nothing repaired, nothing guessed.  What RFC 9112 lets a server be lenient
 * about is refused: bare CR or LF, folded lines, a space before the colon,
 * control bytes, Content-Length next to Transfer-Encoding or more than once,
 * any transfer coding but `chunked`, a missing or second Host.  After a refusal
 * the connection is closed, since nobody knows where the next message begins.
 */
struct head_field {
    struct slice name, value; // value: without the white space around it, may be empty
    enum head_name known;
};

/* Slices borrow from the bytes that were parsed. */
struct head {
    struct slice method, target; // request; the target as it stood
    struct slice path, query;    // of the target, neither decoded nor normalised; query without '?'
    struct slice reason;         // response, may be empty
    int status;                  // response: 100 to 999
    unsigned minor_version;      // HTTP/1.x: 0 or 1
    int64_t content_length;      // -1: none
    bool chunked;
    bool keep_alive;      // from the version and Connection
    bool expect_continue; // Expect: 100-continue
    bool upgrade;         // Connection names Upgrade, and Upgrade is there
    size_t count;
    uint8_t at[HEAD_NAME_COUNT]; // where each known name stands first, plus one; 0: absent
    struct head_field fields[HEAD_MAX_FIELDS]; // [count], the others are not touched
};

/* What follows a head. */
enum head_body {
    HEAD_BODY_NONE,
    HEAD_BODY_LENGTH,     // content_length bytes, maybe 0
    HEAD_BODY_CHUNKED,    // wire/chunk.h
    HEAD_BODY_UNTIL_CLOSE // responses only: the connection cannot be used again
};

/** 2 when a CRLF stands before a request line, else 0: one is forgiven (RFC 9112, 2.2). */
size_t head_skip_blank(struct slice bytes);

/**
 * Where the head ends, its empty line included; SIZE_MAX when it is not all
 * there.  `from`: how many bytes the last call has seen without finding the end.
 * An end made with bare LFs is found too, so that it is refused and not waited for.
 */
size_t head_end(struct slice bytes, size_t from);

/**
 * Whether a head that is not all there will be refused whatever follows: it has a control
 * byte, or a CR without its LF.  Nobody needs to wait for the rest.  `from` as above.
 */
bool head_is_hopeless(struct slice bytes, size_t from);

/**
 * `head` ends with its empty line.  Refusals: ERR_BAD_REQUEST, ERR_METHOD (CONNECT),
 * ERR_HTTP_VERSION, ERR_EXPECTATION,
 * ERR_HEAD_TOO_LARGE (too many fields).
 */
enum err head_parse_request(struct slice head, struct head *out, struct err_info *e);

/** The same strictness; every refusal is ERR_UPSTREAM_BROKEN.  A reason phrase is optional. */
enum err head_parse_response(struct slice head, struct head *out, struct err_info *e);

enum head_body head_request_body(const struct head *h);
enum head_body head_response_body(const struct head *h, bool answers_head_method);

/** The first field of that name, NULL when there is none. */
const struct head_field *head_get(const struct head *h, enum head_name name);

/** Its value; a NULL pointer when there is none. */
struct slice head_value(const struct head *h, enum head_name name);

/** The same for a name that head_name.def does not have; case is ignored. */
struct slice head_value_other(const struct head *h, struct slice name);

/** Hop-by-hop by its name, or because Connection names it: not to be forwarded. */
bool head_field_is_hop(const struct head *h, const struct head_field *field);

/** "POST /v1/messages HTTP/1.1" and CRLF; false and nothing written when a byte is not allowed. */
bool head_write_request(struct buf *out, struct slice method, struct slice target);

/** "HTTP/1.1 200 OK" and CRLF. */
void head_write_status(struct buf *out, int status);

/** "name: value" and CRLF; false and nothing written when a byte is not allowed. */
bool head_write_field(struct buf *out, struct slice name, struct slice value);
bool head_write_known(struct buf *out, enum head_name name, struct slice value);

/** The empty line that ends a head. */
void head_write_end(struct buf *out);

/** "Not Found"; empty for a status nobody has named. */
struct slice head_reason(int status);

#endif
