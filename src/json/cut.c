/* cut.c - the elements of a top-level array, as they come. */
#include "json/cut.h"

#include <assert.h>

/*
 *     BEFORE --[--> FIRST --value--> IN --its end--> AFTER --,--> NEXT --value--> IN
 *     FIRST, AFTER --]--> CLOSED        any --something else--> BROKEN
 *
 * True when `c` is used up; an element's first byte is left for the extent.
 */
static bool byte_step(struct json_cut *cut, char c)
{
    switch (cut->state) {
    case CUT_BEFORE: cut->state = c == '[' ? CUT_FIRST : CUT_BROKEN; return true;
    case CUT_AFTER:
        cut->state = c == ',' ? CUT_NEXT : c == ']' ? CUT_CLOSED : CUT_BROKEN;
        return true;
    case CUT_FIRST:
        if (c == ']') {
            cut->state = CUT_CLOSED;
            return true;
        }
        break;
    case CUT_NEXT: break;
    case CUT_IN:
    case CUT_CLOSED:
    case CUT_BROKEN: return true;
    }
    cut->state = c == ',' || c == ']' || c == '}' || c == ':' ? CUT_BROKEN : CUT_IN;
    return cut->state == CUT_BROKEN;
}

/* Over what stands between elements, to the start of one or to where there is nothing to cut. */
static size_t gap_skip(struct json_cut *c, struct slice unread)
{
    size_t at = 0;

    while (at < unread.len && c->state != CUT_IN && c->state != CUT_CLOSED &&
           c->state != CUT_BROKEN) {
        if (json_is_blank(unread.ptr[at]) || byte_step(c, unread.ptr[at]))
            at++;
    }
    return at;
}

enum json_cut_result json_cut_next(struct json_cut *c, struct slice unread, size_t *consumed,
                                   struct slice *element)
{
    size_t at, len;

    assert(unread.len >= c->scanned);
    *element = slice_of(NULL, 0);
    at = gap_skip(c, unread); // 0 within an element
    c->offset += at;
    *consumed = at;
    if (c->state == CUT_CLOSED)
        return JSON_CUT_CLOSED;
    if (c->state == CUT_BROKEN)
        return JSON_CUT_BROKEN;
    if (c->state != CUT_IN)
        return JSON_CUT_MORE;
    if (!json_extent_feed(&c->extent, slice_after(unread, at + c->scanned), &len)) {
        c->scanned += len;
        return JSON_CUT_MORE;
    }
    len += c->scanned;
    c->scanned = 0;
    c->state = CUT_AFTER;
    *element = slice_sub(unread, at, len);
    *consumed = at + len;
    c->offset += len;
    return JSON_CUT_ELEMENT;
}
