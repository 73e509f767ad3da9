/* sse.h - server-sent events (WHATWG HTML, 9.2): cut out of a stream, and written. */
#ifndef WIRE_SSE_H
#define WIRE_SSE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/slice.h"

#define SSE_MAX_EVENT ((size_t)16 << 20) // bytes of one event, everything counted

enum sse_result {
    SSE_EVENT,     // `out` is filled; its raw bytes leave `unread` before the next call
    SSE_MORE,      // no event ends in there
    SSE_TOO_LARGE, // for good
};

struct sse_event {
    struct slice raw;  // the event as it came, its empty line included: starts at unread.ptr
    struct slice name; // of the last "event:" line, empty when there is none
    struct slice data; // points into raw, or into the cutter when several lines were joined
    bool has_data;     // at least one data line; browsers ignore events without
    bool has_fields;   // at least one line that is not a comment: false for keep-alives
};

/*
 * Zeroed storage is a cutter at the start of a stream.  Every byte belongs to
 * exactly one raw, in order.  An event is reported as soon as its empty line
 * has ended, be it with a lone CR: an LF that comes later opens the next raw,
 * where it means nothing.  What is unread when the stream ends is no event.
 */
struct sse_cutter {
    /* private */
    size_t scanned;           // bytes of `unread` that were looked at
    size_t line_at;           // where the line begins that has not ended
    size_t name_at, name_len; // in `unread`
    size_t data_at, data_len; // in `unread`, while there is one data line
    unsigned data_lines;
    bool has_fields, begun, after_cr;
    struct buf joined; // two data lines or more
};

void sse_cutter_release(struct sse_cutter *c);

/**
 * `unread` starts at the first byte that is in no raw yet.  After SSE_MORE the
 * same bytes come again with more behind them, and are not scanned again.
 * `out` is valid until the next call and while the bytes of `unread` are.
 */
enum sse_result sse_next(struct sse_cutter *c, struct slice unread, struct sse_event *out);

/**
 * One event.  `name` may be empty; a CR or LF in it is left out.  `data` becomes one
 * line per CR, LF or CRLF in it, so that no text can begin a field or an event.
 */
void sse_write(struct buf *out, struct slice name, struct slice data);

/** A comment line and an empty one: something for idle proxies to see. */
void sse_write_keep_alive(struct buf *out);

#endif
