/* outline.h - JSON for people to read. */
#ifndef APP_OUTLINE_H
#define APP_OUTLINE_H

#include <stdbool.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/slice.h"

/** Writes valid JSON as indented lines, "key: value"; strings bare where they are one line. */
void outline_write(struct slice json, struct buf *out);

/** Onto a stream, in lines; or as it is, one line of JSON. */
void outline_print(struct slice json, bool as_json, FILE *out);

#endif
