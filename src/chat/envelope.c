/* envelope.c - a vendor's secret on its way through a client of another dialect. */
#include "chat/envelope.h"

#include "crypto/random.h"
#include "wire/base64.h"
#include "json/write.h"

#define PREFIX    "pxs1."
#define MAC_BYTES 8 // of the digest; 16 hex digits

static const char *const vendors[] = {
    [VENDOR_NONE] = "",
    [VENDOR_OPENAI] = "openai",
    [VENDOR_ANTHROPIC] = "anthropic",
    [VENDOR_GEMINI] = "gemini",
};

static const char *kind_of(const struct chat_reasoning *r)
{
    switch (r->vendor) {
    case VENDOR_OPENAI: return "enc";
    case VENDOR_GEMINI: return "tsig";
    case VENDOR_ANTHROPIC:
    case VENDOR_NONE: break;
    }
    return r->kind == REASONING_REDACTED ? "redacted" : "sig";
}

/* Over the tenant too: an envelope is good for who got it. */
static void write_mac(const struct chat_seal *seal, struct slice text, char out[2 * MAC_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[KEY_DIGEST_BYTES];
    struct buf over = {0};

    buf_append(&over, seal->tenant);
    buf_append_byte(&over, '\0');
    buf_append(&over, text);
    key_digest(seal->hasher, buf_peek(&over), digest);
    buf_release(&over);
    for (size_t i = 0; i < MAC_BYTES; i++) {
        out[2 * i] = digits[digest[i] >> 4];
        out[2 * i + 1] = digits[digest[i] & 15];
    }
}

static void member(struct json_writer *w, struct slice key, struct slice value)
{
    if (!value.len)
        return;
    json_key(w, key);
    json_value_string(w, value);
}

void envelope_seal(const struct chat_seal *seal, struct slice prefix, struct slice plain,
                   struct buf *out)
{
    struct buf text = {0};
    char mac[2 * MAC_BYTES];

    buf_append(&text, prefix);
    base64_encode(plain, BASE64_URL, BASE64_BARE, &text);
    write_mac(seal, buf_peek(&text), mac);
    buf_append(out, buf_peek(&text));
    buf_append_byte(out, '.');
    buf_append(out, slice_of(mac, sizeof(mac)));
    buf_release(&text);
}

bool envelope_unseal(const struct chat_seal *seal, struct slice prefix, struct slice text,
                     struct buf *plain)
{
    size_t dot = slice_find_last(text, '.');
    char mac[2 * MAC_BYTES];

    if (!slice_starts(text, prefix) || dot < prefix.len || text.len - dot - 1 != sizeof(mac))
        return false;
    write_mac(seal, slice_sub(text, 0, dot), mac);
    return crypto_equal(mac, text.ptr + dot + 1, sizeof(mac)) &&
           base64_decode(slice_sub(text, prefix.len, dot - prefix.len), BASE64_URL, BASE64_BARE,
                         plain);
}

void envelope_write(const struct chat_seal *seal, const struct chat_reasoning *r, struct buf *out)
{
    struct buf json = {0};
    struct json_writer w = {.out = &json};

    json_open_object(&w);
    member(&w, SLICE("p"), slice_str(vendors[r->vendor]));
    member(&w, SLICE("k"), slice_str(kind_of(r)));
    member(&w, SLICE("m"), r->model);
    member(&w, SLICE("i"), r->id);
    member(&w, SLICE("s"), r->secret);
    json_close_object(&w);
    envelope_seal(seal, SLICE(PREFIX), buf_peek(&json), out);
    buf_release(&json);
}

bool envelope_is(struct slice text)
{
    return slice_starts(text, SLICE(PREFIX));
}

/* The MAC is right: what is in it was written here. */
static bool read_json(struct slice json, struct arena *a, struct chat_reasoning *out)
{
    struct chat_reasoning read = *out;
    struct err_info ignored = {0};
    struct slice vendor;
    struct json *v;

    if (json_parse(a, json, &v, &ignored) != ERR_NONE)
        return false;
    vendor = json_str(a, json_member(v, SLICE("p")));
    for (size_t i = VENDOR_OPENAI; i <= VENDOR_GEMINI; i++) {
        if (slice_eq(vendor, slice_str(vendors[i])))
            read.vendor = (enum chat_vendor)i;
    }
    if (slice_eq(json_str(a, json_member(v, SLICE("k"))), SLICE("redacted")))
        read.kind = REASONING_REDACTED;
    read.model = json_str(a, json_member(v, SLICE("m")));
    read.id = json_str(a, json_member(v, SLICE("i")));
    read.secret = json_str(a, json_member(v, SLICE("s")));
    if (!read.vendor || !read.secret.len)
        return false;
    *out = read;
    return true;
}

bool envelope_open(const struct chat_seal *seal, struct slice text, struct arena *a,
                   struct chat_reasoning *out)
{
    struct buf json = {0};
    bool ok = envelope_unseal(seal, SLICE(PREFIX), text, &json) &&
              read_json(arena_dup(a, buf_peek(&json)), a, out);

    buf_release(&json);
    return ok;
}

void envelope_write_base64(const struct chat_seal *seal, const struct chat_reasoning *r,
                           struct buf *out)
{
    struct buf text = {0};

    envelope_write(seal, r, &text);
    base64_encode(buf_peek(&text), BASE64_STANDARD, BASE64_PADDED, out);
    buf_release(&text);
}

bool envelope_open_base64(const struct chat_seal *seal, struct slice base64, struct arena *a,
                          struct chat_reasoning *out)
{
    struct buf text = {0};
    bool ok = base64_decode(base64, BASE64_STANDARD, BASE64_EITHER, &text) ||
              base64_decode(base64, BASE64_URL, BASE64_EITHER, &text);

    ok = ok && envelope_open(seal, buf_peek(&text), a, out);
    buf_release(&text);
    return ok;
}
