/* field.h - reading, writing and checking what a descriptor describes. */
#ifndef POLICY_FIELD_H
#define POLICY_FIELD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "policy/row.h"
#include "json/tree.h"

/*
 * A record is a row, or any other struct that has a table of fields: settings, timeouts,
 * prices.  What a reading function stores stands in `a`.  Errors are ERR_BAD_REQUEST and
 * begin with the field's key; `within` goes before it ("settings."), for what is nested.
 *
 * As text (YAML scalars, forms, the shell): whole numbers in decimal, true or false, money
 * as a decimal string, times in RFC 3339, JSON as JSON.  References are the caller's, who
 * knows the names; bytes have no text.
 */
enum err field_read_text(const struct field *f, void *record, struct slice text, struct arena *a,
                         struct err_info *e);

/** Null writes nothing.  A secret is not written: that is a bug of the caller's. */
void field_write_text(const struct field *f, const void *record, struct buf *out);

/** From a JSON value: as above, but numbers, true and false as such; null where it may be. */
enum err field_read_json(const struct field *f, void *record, const struct json *value,
                         const char *within, struct arena *a, struct err_info *e);

/** As a JSON value; references as numbers, times and money as strings. */
void field_write_json(const struct field *f, const void *record, struct buf *out);

/** Required, within bounds, text that is UTF-8 without control characters. */
enum err field_check(const struct field *f, const void *record, const char *within,
                     struct err_info *e);

/** Gives every field its initial value, or null. */
void fields_set_defaults(const struct field *fields, size_t count, void *record);

/**
 * Reads a JSON object into the fields that it names and checks all of them.  A key that is no
 * field, or that comes twice, is an error.  At most 64 fields.
 */
enum err fields_read_object(const struct field *fields, size_t count, void *record,
                            const struct json *object, const char *within, struct arena *a,
                            struct err_info *e);

/** The same from text; `what` names it where it is no JSON object: "settings". */
enum err fields_read_text(const struct field *fields, size_t count, void *record, struct slice json,
                          const char *what, const char *within, struct arena *a,
                          struct err_info *e);

#endif
