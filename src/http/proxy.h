/* proxy.h - a proxy, from its URL. */
#ifndef HTTP_PROXY_H
#define HTTP_PROXY_H

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"
#include "http/client.h"

/**
 * "http://user:password@host:port", "https://...", "socks5://...".  `tls` is for https
 * proxies.  Decoded parts stand in the arena; the rest borrows from `url`.
 */
enum err http_proxy_parse(struct slice url, struct tls_client *tls, struct arena *a,
                          struct http_proxy *out, struct err_info *e);

#endif
