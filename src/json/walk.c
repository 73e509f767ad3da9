/* walk.c - a JSON text as a sequence of tokens, held against the grammar. */
#include "json/walk.h"

#include "json/text.h"

void json_walk_init(struct json_walk *w, struct slice text)
{
    size_t fault = json_utf8_fault(text);

    w->text = text;
    w->start = w->end = 0;
    w->depth = 0;
    w->trouble = NULL;
    w->expect = JSON_EXPECT_VALUE;
    w->level[0].is_object = false;
    w->level[0].keys = 0;
    json_index_init(&w->index, text);
    if (fault != SIZE_MAX) {
        w->start = fault;
        w->trouble = "expected UTF-8";
    } else if (slice_starts(text, SLICE("\xEF\xBB\xBF"))) {
        w->trouble = "expected a value, not a byte order mark";
    }
}

enum json_token json_walk_fail(struct json_walk *w, const char *trouble)
{
    const struct json_index *x = &w->index;

    /* A list that ended too early ended at its fault, which is the better reason. */
    if (x->fault != JSON_FAULT_NONE && w->start == x->fault_at) {
        switch (x->fault) {
        case JSON_FAULT_NONE: break;
        case JSON_FAULT_CONTROL: trouble = "expected control characters to be escaped"; break;
        case JSON_FAULT_ESCAPE: trouble = "expected a known escape after '\\'"; break;
        case JSON_FAULT_UNTERMINATED: trouble = "expected the end of the string"; break;
        }
    }
    w->trouble = trouble;
    return JSON_TOKEN_FAIL;
}

enum err json_walk_error(const struct json_walk *w, struct err_info *e)
{
    bool ended = w->start >= w->text.len;

    return err_set(e, ERR_BAD_REQUEST, "invalid JSON at byte %zu: %s%s", w->start, w->trouble,
                   ended ? ", found the end" : "");
}

static size_t skip_digits(struct slice text, size_t at)
{
    while (at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9')
        at++;
    return at;
}

/* RFC 8259, 6; 0 when it is no number. */
static size_t number_end(struct slice text, size_t at)
{
    size_t digits;

    if (text.ptr[at] == '-')
        at++;
    digits = at;
    at = skip_digits(text, at);
    if (at == digits || (text.ptr[digits] == '0' && at > digits + 1))
        return 0;
    if (at < text.len && text.ptr[at] == '.') {
        digits = ++at;
        at = skip_digits(text, at);
        if (at == digits)
            return 0;
    }
    if (at < text.len && (text.ptr[at] | 0x20) == 'e') {
        at++;
        if (at < text.len && (text.ptr[at] == '+' || text.ptr[at] == '-'))
            at++;
        digits = at;
        at = skip_digits(text, at);
        if (at == digits)
            return 0;
    }
    return at;
}

static bool ends_scalar(char c)
{
    switch (c) {
    case ' ':
    case '\t':
    case '\n':
    case '\r':
    case ',':
    case ']':
    case '}': return true;
    default: return false;
    }
}

size_t json_walk_scalar_end(struct slice text, size_t at)
{
    struct slice rest = slice_after(text, at);
    size_t end;

    switch (text.ptr[at]) {
    case 't': end = slice_starts(rest, SLICE("true")) ? at + 4 : 0; break;
    case 'f': end = slice_starts(rest, SLICE("false")) ? at + 5 : 0; break;
    case 'n': end = slice_starts(rest, SLICE("null")) ? at + 4 : 0; break;
    default: end = number_end(text, at); break;
    }
    return end == text.len || (end && ends_scalar(text.ptr[end])) ? end : 0;
}
