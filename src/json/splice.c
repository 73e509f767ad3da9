/* splice.c - small changes to a JSON text, without building it anew. */
#include "json/splice.h"

#include <assert.h>
#include <stdint.h>

#include "json/extent.h"
#include "json/walk.h"
#include "json/write.h"

static struct json_edit *edits_of(struct json_splice *s)
{
    return s->many ? s->many : s->few;
}

const struct json_edit *json_splice_edits(const struct json_splice *s)
{
    return s->many ? s->many : s->few;
}

void json_splice_init(struct json_splice *s, struct arena *arena, struct slice text)
{
    s->text = text;
    s->count = 0;
    s->arena = arena;
    s->many = NULL;
    s->cap = JSON_SPLICE_FEW;
}

static void edit_insert(struct json_splice *s, size_t i, struct json_edit edit)
{
    struct json_edit *edits = edits_of(s);

    if (s->count == s->cap) {
        struct json_edit *more = arena_array(s->arena, struct json_edit, s->cap * 2);

        memcpy(more, edits, s->count * sizeof(*edits));
        s->many = edits = more;
        s->cap *= 2;
    }
    memmove(edits + i + 1, edits + i, (s->count - i) * sizeof(*edits));
    edits[i] = edit;
    s->count++;
}

static void edits_forget(struct json_splice *s, size_t from, size_t to)
{
    struct json_edit *edits = edits_of(s);

    memmove(edits + from, edits + to, (s->count - to) * sizeof(*edits));
    s->count -= to - from;
}

/* The first edit that ends behind `at`, or `count`.  Ends are in order, as starts are. */
static size_t edit_ending_after(const struct json_splice *s, size_t at)
{
    const struct json_edit *edits = json_splice_edits(s);
    size_t low = 0, high = s->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (edits[middle].at + edits[middle].len > at)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static void edit_add(struct json_splice *s, struct json_edit edit)
{
    const struct json_edit *edits = json_splice_edits(s);
    size_t end = edit.at + edit.len, from = edit_ending_after(s, edit.at), to;

    assert(edit.at <= s->text.len && edit.len <= s->text.len - edit.at);
    if (from < s->count && edits[from].len > edit.len && edits[from].at <= edit.at &&
        edits[from].at + edits[from].len >= end && (edits[from].at < edit.at || edit.len))
        return; // within what is gone
    for (to = from; to < s->count && edits[to].at < end; to++)
        assert(edits[to].at >= edit.at && edits[to].at + edits[to].len <= end);
    edits_forget(s, from, to);
    edit_insert(s, from, edit);
}

void json_splice_add(struct json_splice *s, size_t at, size_t len, struct slice by)
{
    edit_add(s, (struct json_edit){.at = at, .len = len, .by = by});
}

/* The edit that takes the byte at `at` away; NULL when it stays. */
static const struct json_edit *edit_over(const struct json_splice *s, size_t at)
{
    const struct json_edit *edits = json_splice_edits(s);
    size_t i = edit_ending_after(s, at);

    return i < s->count && edits[i].at <= at ? &edits[i] : NULL;
}

/*
 * The nearest byte before `at` (or from `at` on) that stays and is not whitespace, or
 * VALUE for one that was replaced.  Stops at the text's ends, which no valid use reaches.
 */
#define VALUE '0'

static char kept_before(const struct json_splice *s, size_t at, size_t *where)
{
    while (at > 0) {
        const struct json_edit *edit = edit_over(s, at - 1);

        if (edit && edit->by.len)
            return VALUE;
        if (edit) {
            at = edit->at;
        } else if (json_is_blank(s->text.ptr[at - 1])) {
            at--;
        } else {
            *where = at - 1;
            return s->text.ptr[at - 1];
        }
    }
    return '\0';
}

static char kept_from(const struct json_splice *s, size_t at, size_t *where)
{
    while (at < s->text.len) {
        const struct json_edit *edit = edit_over(s, at);

        if (edit && edit->by.len)
            return VALUE;
        if (edit) {
            at = edit->at + edit->len;
        } else if (json_is_blank(s->text.ptr[at])) {
            at++;
        } else {
            *where = at;
            return s->text.ptr[at];
        }
    }
    return '\0';
}

/* The first new member (of that name, if given) put before the bracket at `end`; or `count`. */
static size_t new_member_find(const struct json_splice *s, size_t end, const struct slice *key)
{
    const struct json_edit *edits = json_splice_edits(s);

    for (size_t i = edit_ending_after(s, end - 1); i < s->count && edits[i].at <= end; i++) {
        if (edits[i].at == end && edits[i].key.ptr && (!key || slice_eq(edits[i].key, *key)))
            return i;
    }
    return s->count;
}

/* The first new member of an object that has no other begins without a comma. */
static void comma_strip(struct json_splice *s, size_t end)
{
    size_t i = new_member_find(s, end, NULL);

    if (i < s->count && slice_starts(edits_of(s)[i].by, SLICE(",")))
        edits_of(s)[i].by = slice_after(edits_of(s)[i].by, 1);
}

/* The place of the object's closing bracket; 0 when it is no object. */
static size_t object_end(const struct json_splice *s, struct json_span object)
{
    size_t end = object.end;

    while (end > object.start && json_is_blank(s->text.ptr[end - 1]))
        end--;
    return end > object.start && s->text.ptr[end - 1] == '}' ? end - 1 : 0;
}

static struct slice member_text(struct json_splice *s, bool comma, struct slice key,
                                struct slice raw)
{
    struct buf text = {0};
    struct slice copy;

    if (comma)
        buf_append_byte(&text, ',');
    json_write_string(&text, key);
    buf_append_byte(&text, ':');
    buf_append(&text, raw);
    copy = arena_dup(s->arena, buf_peek(&text));
    buf_release(&text);
    return copy;
}

bool json_splice_put(struct json_splice *s, struct json_span object, struct json_span value,
                     struct slice key, struct slice raw)
{
    const struct json_edit *over = value.end ? edit_over(s, value.start) : NULL;
    size_t end = object_end(s, object), i, where;
    struct json_edit edit = {.at = end, .key = key};
    bool comma;

    if (!end)
        return false;
    if (value.end && (!over || over->by.len)) {
        json_splice_add(s, value.start, value.end - value.start, raw);
        return true;
    }
    i = new_member_find(s, end, &key);
    if (i < s->count) {
        struct json_edit *old = &edits_of(s)[i];

        old->by = member_text(s, old->by.ptr[0] == ',', key, raw);
        return true;
    }
    comma = new_member_find(s, end, NULL) < s->count || kept_before(s, end, &where) != '{';
    edit.by = member_text(s, comma, key, raw);
    edit.key = arena_dup(s->arena, key);
    edit_add(s, edit);
    return true;
}

/* Where the key of the member with this value starts: back over blanks, colon, blanks, string. */
static size_t member_start(struct slice text, size_t at)
{
    const char *p = text.ptr;

    while (at > 0 && p[at - 1] != '"')
        at--;
    at -= at > 0;
    while (at > 0) {
        size_t from = --at;

        if (p[at] != '"')
            continue;
        while (from > 0 && p[from - 1] == '\\')
            from--;
        if ((at - from) % 2 == 0)
            break; // the only quote of a string that is not escaped, but for its last
    }
    return at;
}

void json_splice_drop(struct json_splice *s, struct json_span value)
{
    size_t start = member_start(s->text, value.start), at = start, end = value.end;
    size_t after = value.end;
    char c;

    if (!value.end)
        return;
    if (edit_over(s, start))
        return; // gone already
    if (kept_before(s, start, &at) == ',') {
        json_splice_add(s, at, end - at, slice_of(NULL, 0));
        return;
    }
    c = kept_from(s, value.end, &after);
    if (c == ',')
        end = after + 1;
    json_splice_add(s, start, end - start, slice_of(NULL, 0));
    if (c != ',')
        comma_strip(s, after);
}

/*
 * The last member of that name.  Others before it are dropped, so that whoever reads the
 * result, by whatever rule for duplicates, reads the same.
 */
static struct json_span member_settle(struct json_splice *s, struct json_span object,
                                      struct slice key)
{
    struct json_span found = {0, 0};
    size_t opened_at = 0;
    bool wanted = false;
    enum json_token token;
    struct json_walk w;

    json_walk_init(&w, json_span_slice(s->text, object));
    while ((token = json_walk_next(&w)) < JSON_TOKEN_END) {
        if (token == JSON_TOKEN_OPEN && w.depth == 2)
            opened_at = w.start;
        if (w.depth != 1 || token == JSON_TOKEN_OPEN)
            continue;
        if (token == JSON_TOKEN_KEY) {
            wanted = json_string_eq(slice_sub(w.text, w.start, w.end - w.start), key);
        } else if (wanted) {
            json_splice_drop(s, found);
            found.start = object.start + (token == JSON_TOKEN_CLOSE ? opened_at : w.start);
            found.end = object.start + w.end;
            wanted = false;
        }
    }
    return found;
}

bool json_splice_set(struct json_splice *s, struct json_span object, struct slice key,
                     struct slice raw)
{
    return json_splice_put(s, object, member_settle(s, object, key), key, raw);
}

bool json_splice_remove(struct json_splice *s, struct json_span object, struct slice key)
{
    struct json_span value = member_settle(s, object, key);
    size_t end = object_end(s, object), i;
    bool found;

    if (!end)
        return false;
    i = new_member_find(s, end, &key);
    found = i < s->count;
    if (found) {
        bool first = edits_of(s)[i].by.ptr[0] != ',';

        edits_forget(s, i, i + 1);
        if (first)
            comma_strip(s, end);
    }
    if (value.end && !edit_over(s, member_start(s->text, value.start))) {
        json_splice_drop(s, value);
        found = true;
    }
    return found;
}

struct json_span json_splice_top(const struct json_splice *s)
{
    return (struct json_span){0, s->text.len};
}

struct json_span json_splice_span(const struct json_splice *s, struct slice value)
{
    struct json_span span = {0, 0};

    if (value.ptr) {
        assert(value.ptr >= s->text.ptr && value.ptr + value.len <= s->text.ptr + s->text.len);
        span.start = (size_t)(value.ptr - s->text.ptr);
        span.end = span.start + value.len;
    }
    return span;
}

size_t json_splice_len(const struct json_splice *s)
{
    const struct json_edit *edits = json_splice_edits(s);
    size_t len = s->text.len;

    for (size_t i = 0; i < s->count; i++)
        len += edits[i].by.len - edits[i].len;
    return len;
}

void json_splice_to_buf(const struct json_splice *s, struct buf *out)
{
    const struct json_edit *edits = json_splice_edits(s);
    size_t at = 0;

    buf_reserve(out, json_splice_len(s));
    for (size_t i = 0; i < s->count; i++) {
        buf_append(out, slice_sub(s->text, at, edits[i].at - at));
        buf_append(out, edits[i].by);
        at = edits[i].at + edits[i].len;
    }
    buf_append(out, slice_after(s->text, at));
}

static bool iovec_add(struct iovec *iov, int *count, int max, struct slice piece)
{
    if (!piece.len)
        return true;
    if (*count == max)
        return false;
    // NOLINTNEXTLINE(performance-no-int-to-ptr): writev() only reads, but iov_base is not const
    iov[*count].iov_base = (void *)(uintptr_t)piece.ptr;
    iov[(*count)++].iov_len = piece.len;
    return true;
}

int json_splice_to_iovec(const struct json_splice *s, struct iovec *iov, int max)
{
    const struct json_edit *edits = json_splice_edits(s);
    size_t at = 0;
    int count = 0;

    for (size_t i = 0; i < s->count; i++) {
        if (!iovec_add(iov, &count, max, slice_sub(s->text, at, edits[i].at - at)) ||
            !iovec_add(iov, &count, max, edits[i].by))
            return -1;
        at = edits[i].at + edits[i].len;
    }
    return iovec_add(iov, &count, max, slice_after(s->text, at)) ? count : -1;
}
