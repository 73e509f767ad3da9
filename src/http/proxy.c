/* proxy.c - a proxy, from its URL. */
#include "http/proxy.h"

#include "base/secret.h"
#include "wire/base64.h"
#include "wire/url.h"

#define SOCKS_NAME_BYTES 255 // RFC 1929: lengths are one byte

static bool decode(struct slice text, struct arena *a, struct slice *out)
{
    struct buf decoded = {0};
    bool ok = percent_decode(text, &decoded);

    if (ok)
        *out = arena_dup(a, buf_peek(&decoded));
    if (decoded.data)
        secret_wipe(decoded.data, decoded.cap);
    buf_release(&decoded);
    return ok;
}

static void write_basic(struct arena *a, struct http_proxy *p)
{
    struct slice pair = arena_printf(a, "%.*s:%.*s", SLICE_ARG(p->user), SLICE_ARG(p->password));
    struct buf text = {0};

    buf_append(&text, SLICE("Basic "));
    base64_encode(pair, BASE64_STANDARD, BASE64_PADDED, &text);
    p->authorization = arena_dup(a, buf_peek(&text));
    secret_wipe(text.data, text.cap);
    buf_release(&text);
}

enum err http_proxy_parse(struct slice text, struct tls_client *tls, struct arena *a,
                          struct http_proxy *out, struct err_info *e)
{
    struct url url;

    if (url_parse(text, &url, e) != ERR_NONE)
        return e->code;
    *out =
        (struct http_proxy){.scheme = url.scheme, .host = url.host, .port = url.port, .tls = tls};
    if (!decode(url.user, a, &out->user) || !decode(url.password, a, &out->password))
        return err_set(e, ERR_BAD_REQUEST, "the proxy's user or password is not valid");
    if (slice_eq(url.scheme, SLICE("socks5"))) {
        if (out->user.len > SOCKS_NAME_BYTES || out->password.len > SOCKS_NAME_BYTES)
            return err_set(e, ERR_BAD_REQUEST, "the proxy's user or password is too long");
    } else if (out->user.len) {
        write_basic(a, out);
    }
    return ERR_NONE;
}
