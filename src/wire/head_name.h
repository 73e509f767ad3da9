/* head_name.h - header names as small numbers. */
#ifndef WIRE_HEAD_NAME_H
#define WIRE_HEAD_NAME_H

#include <stdbool.h>

#include "base/slice.h"

/*
 * HEAD_CONTENT_TYPE is "content-type"; head_name.def has them all.  Whatever
 * is not in there is HEAD_OTHER, and its name is looked at.
 */
enum head_name {
    HEAD_OTHER,
#define HEAD(name, text, traits) HEAD_##name,
#include "wire/head_name.def"
#undef HEAD
    HEAD_NAME_COUNT
};

/** Case is ignored; any bytes may be asked for. */
enum head_name head_name_find(struct slice name);

/** In lower case; empty for HEAD_OTHER. */
struct slice head_name_text(enum head_name name);

/** Hop-by-hop: about one connection, never forwarded (RFC 9110, 7.6.1). */
bool head_name_is_hop(enum head_name name);

/** A head that has it twice is refused. */
bool head_name_is_once(enum head_name name);

#endif
