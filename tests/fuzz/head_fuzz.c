/* head_fuzz.c - what is read as a head, written again, is read the same. */
#include <assert.h>

#include "wire/head.h"

static void check_same(const struct head *a, const struct head *b)
{
    assert(a->count == b->count && a->content_length == b->content_length);
    assert(a->chunked == b->chunked && a->keep_alive == b->keep_alive && a->upgrade == b->upgrade);
    assert(slice_eq(a->method, b->method) && slice_eq(a->target, b->target));
    assert(a->status == b->status);
    for (size_t i = 0; i < a->count; i++) {
        assert(slice_eq(a->fields[i].name, b->fields[i].name));
        assert(slice_eq(a->fields[i].value, b->fields[i].value));
        assert(a->fields[i].known == b->fields[i].known);
    }
}

/* What must hold of every head that was let through. */
static void check_head(const struct head *h, struct slice head)
{
    assert(!(h->chunked && h->content_length >= 0));
    assert(!h->chunked || (h->minor_version == 1 && h->at[HEAD_TRANSFER_ENCODING]));
    assert(h->content_length >= -1 && (h->content_length == -1) == !h->at[HEAD_CONTENT_LENGTH]);
    assert(h->count <= HEAD_MAX_FIELDS);
    for (size_t i = 0; i < h->count; i++) {
        struct slice name = h->fields[i].name, value = h->fields[i].value;
        assert(name.len > 0 && name.ptr >= head.ptr && value.ptr + value.len < head.ptr + head.len);
        assert(slice_eq(slice_trim(value), value));
        assert(slice_find(value, '\n') == SIZE_MAX && slice_find(value, '\r') == SIZE_MAX);
        assert(slice_find(value, '\0') == SIZE_MAX && slice_find(name, ' ') == SIZE_MAX);
    }
}

static void check_written_again(const struct head *h, bool is_request)
{
    static struct head again;
    struct err_info e = {0};
    struct buf out = {0};
    bool is_fine = true;

    if (is_request)
        is_fine = head_write_request(&out, h->method, h->target);
    else
        head_write_status(&out, h->status);
    assert(is_fine);
    for (size_t i = 0; i < h->count; i++) {
        is_fine = head_write_field(&out, h->fields[i].name, h->fields[i].value);
        assert(is_fine);
    }
    head_write_end(&out);
    if (h->minor_version == 1) { // what is written is HTTP/1.1: another meaning than in 1.0
        enum err err = is_request ? head_parse_request(buf_peek(&out), &again, &e)
                                  : head_parse_response(buf_peek(&out), &again, &e);
        assert(err == ERR_NONE);
        check_same(h, &again);
    }
    buf_release(&out);
}

/* The end is the same however the bytes come. */
static size_t check_end(struct slice bytes)
{
    size_t end = head_end(bytes, 0);

    for (size_t seen = 0, len = 0; len <= bytes.len && len < 300; seen = len++) {
        size_t found = head_end(slice_sub(bytes, 0, len), seen);
        assert(found == (end <= len ? end : SIZE_MAX));
        if (found != SIZE_MAX)
            break;
    }
    return end;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct head h;
    struct slice bytes = slice_of((const char *)data, size);
    size_t end = check_end(bytes);
    struct slice head = slice_sub(bytes, 0, end);
    struct err_info request = {0}, response = {0};

    if (head_parse_request(head, &h, &request) == ERR_NONE) {
        assert(end == head.len);
        check_head(&h, head);
        check_written_again(&h, true);
    }
    if (head_parse_response(head, &h, &response) == ERR_NONE) {
        assert(end == head.len && request.code != ERR_NONE);
        check_head(&h, head);
        check_written_again(&h, false);
    } else {
        assert(response.code == ERR_UPSTREAM_BROKEN);
    }
    return 0;
}
