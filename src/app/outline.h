/* outline.h - JSON for people to read. */
#ifndef APP_OUTLINE_H
#define APP_OUTLINE_H

#include "base/buf.h"
#include "base/slice.h"

/** Writes valid JSON as indented lines, "key: value"; strings bare where they are one line. */
void outline_write(struct slice json, struct buf *out);

#endif
