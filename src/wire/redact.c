/* redact.c - what may be written down of heads, addresses and bodies. */
#include "wire/redact.h"

#include <strings.h>

#include "base/array.h"

#define MARK           SLICE("***")
#define LEAST_OWN      6  // shorter ones would be found in any text
#define LEAST_CUT      4  // of an own secret that the text's end has cut
#define LEAST_NAMED    12 // of a value that a secret's name stands before
#define LEAST_SCHEME   8  // of what follows "Bearer"
#define LEAST_LONG     20 // then it is no word, whatever it is made of
#define NAME_MAX_BYTES 64

/* ---- names ---- */

/* Parts of names; what counts tokens is not among them. */
static const struct slice secret_parts[] = {
    SLICE_INIT("auth"),   SLICE_INIT("cookie"), SLICE_INIT("credential"), SLICE_INIT("insecure"),
    SLICE_INIT("key"),    SLICE_INIT("passw"),  SLICE_INIT("secret"),     SLICE_INIT("session"),
    SLICE_INIT("signat"), SLICE_INIT("token"),
};

static const struct slice harmless_parts[] = {SLICE_INIT("ratelimit"), SLICE_INIT("rate-limit"),
                                              SLICE_INIT("tokens")};

static bool has_part(struct slice lower, const struct slice *parts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_find_slice(lower, parts[i]) != SIZE_MAX)
            return true;
    }
    return false;
}

static char lower_of(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

bool redact_is_secret_name(struct slice name)
{
    char lower[NAME_MAX_BYTES];
    struct slice s = slice_sub(name, 0, sizeof(lower));

    if (name.len > sizeof(lower)) // nobody's known header
        return true;
    for (size_t i = 0; i < s.len; i++)
        lower[i] = lower_of(s.ptr[i]);
    s.ptr = lower;
    if (slice_eq(s, SLICE("sec-websocket-protocol"))) // browsers' way to send a key
        return true;
    return has_part(s, secret_parts, ARRAY_LEN(secret_parts)) &&
           !has_part(s, harmless_parts, ARRAY_LEN(harmless_parts));
}

/* ---- shapes ---- */

static bool is_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
           c == '_' || c == '.';
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
}

static bool is_base64(char c)
{
    return is_word(c) || c == '+' || c == '/' || c == '=' || c == '~';
}

static size_t word_len(struct slice s, bool (*is_part)(char))
{
    size_t len = 0;

    while (len < s.len && is_part(s.ptr[len]))
        len++;
    return len;
}

/* At the beginning of a word; `least` bytes must follow, or it is a word like others. */
static const struct {
    struct slice prefix;
    size_t least;
} shapes[] = {
    {SLICE_INIT("sk-"),         6 },
    {SLICE_INIT("sk_"),         6 },
    {SLICE_INIT("rk_"),         12},
    {SLICE_INIT("pk_"),         12},
    {SLICE_INIT("gp-"),         12},
    {SLICE_INIT("AIza"),        6 },
    {SLICE_INIT("ya29."),       6 },
    {SLICE_INIT("1//"),         20},
    {SLICE_INIT("GOCSPX-"),     6 },
    {SLICE_INIT("gsk_"),        6 },
    {SLICE_INIT("xai-"),        6 },
    {SLICE_INIT("nvapi-"),      6 },
    {SLICE_INIT("hf_"),         12},
    {SLICE_INIT("r8_"),         12},
    {SLICE_INIT("pplx-"),       12},
    {SLICE_INIT("fw_"),         12},
    {SLICE_INIT("ghp_"),        12},
    {SLICE_INIT("gho_"),        12},
    {SLICE_INIT("ghs_"),        12},
    {SLICE_INIT("ghu_"),        12},
    {SLICE_INIT("ghr_"),        12},
    {SLICE_INIT("github_pat_"), 12},
    {SLICE_INIT("glpat-"),      12},
    {SLICE_INIT("npm_"),        20},
    {SLICE_INIT("xoxb-"),       8 },
    {SLICE_INIT("xoxp-"),       8 },
    {SLICE_INIT("AKIA"),        12},
    {SLICE_INIT("ASIA"),        12},
};

/* "eyJ...": a JSON object in base64; with two dots in it, a token and its signature. */
static size_t jwt_len(struct slice s)
{
    size_t len = word_len(s, is_word), dots = 0;

    if (!slice_starts(s, SLICE("eyJ")))
        return 0;
    for (size_t i = 0; i < len; i++)
        dots += s.ptr[i] == '.';
    return dots >= 1 && len >= 20 ? len : 0;
}

/* No word of a language: a digit, or a capital behind a small letter. */
static bool looks_random(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] >= '0' && s.ptr[i] <= '9')
            return true;
        if (i && s.ptr[i] >= 'A' && s.ptr[i] <= 'Z' && s.ptr[i - 1] >= 'a' && s.ptr[i - 1] <= 'z')
            return true;
    }
    return s.len >= LEAST_LONG;
}

/* The scheme stays, what follows it goes; `keep`: how much stays. */
static size_t scheme_len(struct slice s, size_t *keep)
{
    static const struct slice schemes[] = {SLICE_INIT("bearer "), SLICE_INIT("basic ")};

    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        size_t len;
        if (!slice_starts_nocase(s, schemes[i]))
            continue;
        len = word_len(slice_after(s, schemes[i].len), is_base64);
        *keep = schemes[i].len;
        return len >= LEAST_SCHEME && looks_random(slice_sub(s, schemes[i].len, len))
                   ? schemes[i].len + len
                   : 0;
    }
    return 0;
}

/* Up to its last line, or the end of the string that it stands in. */
static size_t private_key_len(struct slice s)
{
    size_t end, quote;

    if (!slice_starts(s, SLICE("-----BEGIN ")) ||
        slice_find_slice(slice_sub(s, 0, 60), SLICE("PRIVATE KEY-----")) == SIZE_MAX)
        return 0;
    end = slice_find_slice(s, SLICE("-----END "));
    quote = slice_find(slice_sub(s, 0, end), '"');
    if (quote == SIZE_MAX)
        return end == SIZE_MAX ? s.len : end;
    while (quote && s.ptr[quote - 1] == '\\')
        quote--;
    return quote;
}

static size_t shape_len(struct slice s, size_t *keep)
{
    size_t len;

    *keep = 0;
    switch (s.ptr[0]) { // most words are none of these
    case 'B':
    case 'b': return scheme_len(s, keep);
    case 'e': return jwt_len(s);
    case '-': return private_key_len(s);
    default: break;
    }
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        if (!slice_starts(s, shapes[i].prefix))
            continue;
        len = word_len(slice_after(s, shapes[i].prefix.len), is_word);
        if (len >= shapes[i].least)
            return shapes[i].prefix.len + len;
    }
    return 0;
}

/* ---- values with a name before them ---- */

static bool ends_nocase(struct slice s, struct slice end)
{
    return s.len >= end.len && slice_eq_nocase(slice_after(s, s.len - end.len), end);
}

static bool names_secret(struct slice word)
{
    static const struct slice ends[] = {
        SLICE_INIT("key"),        SLICE_INIT("token"),         SLICE_INIT("secret"),
        SLICE_INIT("password"),   SLICE_INIT("passwd"),        SLICE_INIT("passphrase"),
        SLICE_INIT("credential"), SLICE_INIT("authorization"), SLICE_INIT("cookie"),
    };

    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        if (ends_nocase(word, ends[i]))
            return true;
    }
    return false;
}

static size_t skip(struct slice s, size_t at, const char *any)
{
    while (at < s.len && s.ptr[at] && strchr(any, s.ptr[at]))
        at++;
    return at;
}

/* Quotes, also those of a string inside a string; no other escape. */
static size_t skip_quotes(struct slice s, size_t at)
{
    for (; at < s.len; at++) {
        char next = at + 1 < s.len ? s.ptr[at + 1] : '\0';
        if (s.ptr[at] == '\\' && (next == '"' || next == '\'' || next == '\\'))
            continue;
        if (s.ptr[at] != '"' && s.ptr[at] != '\'')
            break;
    }
    return at;
}

/*
 * What follows a secret's name: "": "...", also inside another string, or =....  Answers where the
 * value begins; `len`: how long it is, 0 where it does not look like a secret.
 */
static size_t named_value(struct slice rest, size_t *len)
{
    size_t name_end = skip_quotes(rest, 0), sign = skip(rest, name_end, " \t"), value, at;

    *len = 0;
    at = skip(rest, sign, ":=");
    if (at == sign || at > sign + 2)
        return 0;
    value = skip(rest, at, " \t");
    at = skip_quotes(rest, value);
    if (name_end && at == value)
        return 0; // a JSON number, or a word of JSON's own
    *len = word_len(slice_after(rest, at), is_base64);
    if (*len < LEAST_NAMED || !looks_random(slice_sub(rest, at, *len)))
        *len = 0;
    return at;
}

/* ---- own ones ---- */

static size_t own_len(struct slice s, struct redact_own own)
{
    for (size_t i = 0; i < own.count; i++) {
        struct slice secret = secret_reveal(own.list[i]);
        if (secret.len < LEAST_OWN)
            continue;
        if (slice_starts(s, secret))
            return secret.len;
        if (s.len >= LEAST_CUT && s.len < secret.len && slice_starts(secret, s))
            return s.len;
    }
    return 0;
}

/* ---- text ---- */

struct redaction {
    struct redact_own own;
    struct buf *out;
    struct slice text;
    size_t at, done; // looked at, written
    size_t word;     // where the word that `at` stands in began
    bool in_word;
    bool first[256]; // of an own secret
};

static void hide(struct redaction *r, size_t from, size_t len)
{
    buf_append(r->out, slice_sub(r->text, r->done, from - r->done));
    buf_append(r->out, MARK);
    r->at = r->done = from + len;
    r->in_word = false;
}

/* "scheme://user:password@host": between the slashes and the last '@' before the next one. */
static bool hide_userinfo(struct redaction *r)
{
    struct slice rest = slice_after(r->text, r->at);
    size_t end = SIZE_MAX;

    if (!slice_starts(rest, SLICE("://")))
        return false;
    for (size_t i = 3; i < rest.len && rest.ptr[i] > ' ' && !strchr("/\"?#\\", rest.ptr[i]); i++)
        end = rest.ptr[i] == '@' ? i : end;
    if (end == SIZE_MAX)
        return false;
    hide(r, r->at + 3, end - 3);
    return true;
}

static void end_word(struct redaction *r)
{
    struct slice word = slice_sub(r->text, r->word, r->at - r->word);
    size_t value, len;

    r->in_word = false;
    if (!names_secret(word))
        return;
    value = named_value(slice_after(r->text, r->at), &len);
    if (len)
        hide(r, r->at + value, len);
}

/*
 * A JSON escape is one thing: "\nsk-..." begins a word behind the 'n'.  Answers whether `at`
 * moved over one.
 */
static bool skip_escape(struct redaction *r)
{
    struct slice rest = slice_after(r->text, r->at + 1);
    size_t digits = 1;

    if (r->text.ptr[r->at] != '\\' || !rest.len)
        return false;
    while (digits < 5 && digits < rest.len && is_hex(rest.ptr[digits]))
        digits++;
    if (rest.ptr[0] == 'u' && digits == 5)
        r->at += 6;
    else if (rest.ptr[0] && strchr("/bfnrt", rest.ptr[0]))
        r->at += 2;
    else
        return false;
    return true;
}

static void look(struct redaction *r)
{
    struct slice rest = slice_after(r->text, r->at);
    char c = rest.ptr[0];
    size_t len, keep;

    if (r->first[(unsigned char)c] && (len = own_len(rest, r->own))) {
        hide(r, r->at, len);
        return;
    }
    if (is_word(c)) {
        if (!r->in_word && (len = shape_len(rest, &keep))) {
            hide(r, r->at + keep, len - keep);
            return;
        }
        if (!r->in_word)
            r->word = r->at;
        r->in_word = true;
        r->at++;
        return;
    }
    if (r->in_word) {
        end_word(r);
        return; // once more, here or behind what was hidden
    }
    if ((c == ':' && hide_userinfo(r)) || skip_escape(r))
        return;
    r->at++;
}

static void redact_into(struct redaction *r, struct slice text)
{
    r->text = text;
    r->at = r->done = r->word = 0;
    r->in_word = false;
    while (r->at < text.len)
        look(r);
    buf_append(r->out, slice_after(text, r->done));
}

void redact_text(struct slice text, struct redact_own own, struct buf *out)
{
    struct redaction r = {.own = own, .out = out};

    for (size_t i = 0; i < own.count; i++) {
        struct slice secret = secret_reveal(own.list[i]);
        if (secret.len)
            r.first[(unsigned char)secret.ptr[0]] = true;
    }
    redact_into(&r, text);
}

/* ---- heads and addresses ---- */

static void put_header(struct slice name, struct slice value, struct redact_own own,
                       struct buf *out)
{
    redact_text(name, own, out);
    buf_append(out, SLICE(": "));
    if (redact_is_secret_name(name))
        buf_append(out, MARK);
    else
        redact_text(value, own, out);
    buf_append_byte(out, '\n');
}

void redact_lines(struct slice lines, struct redact_own own, struct buf *out)
{
    while (lines.len) {
        struct slice line = slice_cut(lines, '\n', &lines), value;
        struct slice name;

        if (line.len && line.ptr[line.len - 1] == '\r')
            line.len--;
        if (!line.len)
            continue;
        name = slice_cut(line, ':', &value);
        if (name.len == line.len || slice_find(name, ' ') != SIZE_MAX) {
            redact_target(line, own, out);
            buf_append_byte(out, '\n');
        } else {
            put_header(name, slice_trim(value), own, out);
        }
    }
}

/* Of a query that has lost what can be told by its owner or shape. */
static void hide_parameters(struct slice query, struct buf *out)
{
    while (query.len) {
        struct slice part = slice_cut(query, '&', &query), value;
        struct slice name = slice_cut(part, '=', &value);

        if (redact_is_secret_name(name)) {
            buf_append(out, name);
            buf_append_byte(out, '=');
            buf_append(out, MARK);
        } else {
            buf_append(out, part);
        }
        if (query.len)
            buf_append_byte(out, '&');
    }
}

void redact_target(struct slice target, struct redact_own own, struct buf *out)
{
    struct buf clean = {0};
    size_t mark;

    redact_text(target, own, &clean);
    mark = slice_find(buf_peek(&clean), '?');
    buf_append(out, slice_sub(buf_peek(&clean), 0, mark));
    if (mark != SIZE_MAX) {
        buf_append_byte(out, '?');
        hide_parameters(slice_after(buf_peek(&clean), mark + 1), out);
    }
    buf_release(&clean);
}
