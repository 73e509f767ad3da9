/* write.h - JSON onto a buffer. */
#ifndef JSON_WRITE_H
#define JSON_WRITE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

struct json;

/**
 * A string literal with its quotes.  '"', '\' and control characters are escaped and
 * nothing else; bytes that are not UTF-8 become U+FFFD, one for each.
 */
void json_write_string(struct buf *out, struct slice s);

/** The same without quotes, for a literal written in pieces; none ends within a rune. */
void json_write_escaped(struct buf *out, struct slice s);

/** What was not changed byte for byte, the rest without whitespace. */
void json_write_tree(struct buf *out, const struct json *v);

/*
 * Puts the commas; that opening and closing match, and that every value in an
 * object has a key, is the caller's affair.  No whitespace is written.
 *
 *     struct json_writer w = {.out = &body};
 *
 *     json_open_object(&w);
 *     json_key(&w, SLICE("model"));
 *     json_value_string(&w, model);
 *     json_close_object(&w);
 */
struct json_writer {
    struct buf *out;
    bool comma; // before the next key or value
};

void json_open_object(struct json_writer *w);
void json_close_object(struct json_writer *w);
void json_open_array(struct json_writer *w);
void json_close_array(struct json_writer *w);
void json_key(struct json_writer *w, struct slice key);

void json_value_string(struct json_writer *w, struct slice s);
void json_value_int(struct json_writer *w, int64_t value);
void json_value_double(struct json_writer *w, double value); // what JSON cannot say is null
void json_value_bool(struct json_writer *w, bool value);
void json_value_null(struct json_writer *w);

/** Something that is JSON already. */
void json_value_raw(struct json_writer *w, struct slice raw);
void json_value_tree(struct json_writer *w, const struct json *v);

/* A key and its value at once. */
void json_put_string(struct json_writer *w, const char *key, struct slice value);
void json_put_int(struct json_writer *w, const char *key, int64_t value);
void json_put_bool(struct json_writer *w, const char *key, bool value);
void json_put_usd(struct json_writer *w, const char *key, int64_t nusd);     // "0.75"
void json_put_time(struct json_writer *w, const char *key, int64_t unix_ms); // base/clock.h

#endif
