/* url_fuzz.c - what is read as a URL, written again, is read the same; so are queries and escapes. */
#include <assert.h>

#include "wire/url.h"

static void check_url(struct slice text)
{
    struct url u, again;
    struct err_info e = {0};
    struct buf out = {0};
    enum err err = url_parse(text, &u, &e);

    if (err) {
        assert(e.code == err && e.text[0]);
        return;
    }
    assert(u.host.len > 0 && u.port >= 1 && u.port <= 65535);
    assert(u.path.len == 0 || (u.path.ptr[0] == '/' && !slice_ends(u.path, SLICE("/"))));
    assert(slice_find_slice(u.path, SLICE("/../")) == SIZE_MAX);
    for (size_t i = 0; i < text.len; i++)
        assert(text.ptr[i] > ' ' && text.ptr[i] < 0x7f);
    buf_append(&out, u.scheme);
    buf_append_str(&out, "://");
    if (u.user.ptr) {
        buf_append(&out, u.user);
        buf_append_byte(&out, ':');
        buf_append(&out, u.password);
        buf_append_byte(&out, '@');
    }
    url_write_authority(&u, &out);
    buf_append(&out, u.path);
    err = url_parse(buf_peek(&out), &again, &e);
    assert(err == ERR_NONE);
    assert(slice_eq(u.scheme, again.scheme) && slice_eq(u.host, again.host));
    assert(slice_eq(u.user, again.user) && slice_eq(u.password, again.password));
    assert(slice_eq(u.path, again.path) && u.port == again.port && u.is_tls == again.is_tls);
    assert(u.host_is_ipv6 == again.host_is_ipv6);
    buf_release(&out);
}

static void check_query(struct slice query)
{
    struct buf out = {0};

    query_write_without(query, SLICE("key"), &out);
    assert(buf_len(&out) <= query.len);
    assert(!query_get(buf_peek(&out), SLICE("key")).ptr);
    buf_release(&out);
}

static void check_percent(struct slice bytes)
{
    struct buf text = {0}, back = {0};

    percent_encode(bytes, "/", &text);
    if (percent_decode(buf_peek(&text), &back))
        assert(slice_eq(buf_peek(&back), bytes));
    else
        assert(slice_find(bytes, '\0') != SIZE_MAX && buf_len(&back) == 0);
    buf_clear(&back);
    if (percent_decode(bytes, &back))
        assert(buf_len(&back) <= bytes.len && slice_find(buf_peek(&back), '\0') == SIZE_MAX);
    buf_release(&text);
    buf_release(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_of((const char *)data, size);

    check_url(text);
    check_query(text);
    check_percent(text);
    return 0;
}
