/* unwrap.h - the one value inside a JSON object, while the object still comes in pieces. */
#ifndef CHAT_UNWRAP_H
#define CHAT_UNWRAP_H

#include <stdbool.h>

#include "base/buf.h"
#include "chat/text.h"
#include "json/extent.h"

/*
 * A tool that upstream cannot take as it is goes inside an object: free text as
 * {"input": "..."}, other than objects as {"value": ...}.  What comes back in pieces is
 * unwrapped piece by piece, wherever it is cut.  An object that begins otherwise (models
 * sometimes do not keep to a schema) is held and looked at as a whole at its end; what has
 * no such member then passes as it is.
 */
enum unwrap_kind {
    UNWRAP_TEXT, // of {"input": "..."}: what the string says
    UNWRAP_VALUE // of {"value": ...}: the value as it is written
};

enum unwrap_state {
    UNWRAP_HEAD,   // what came so far is the beginning of the wrapping
    UNWRAP_INSIDE, // in the value
    UNWRAP_TAIL,   // behind it: nothing more comes
    UNWRAP_HELD,   // begins otherwise
};

struct unwrap {
    /* private */
    enum unwrap_kind kind;
    enum unwrap_state state;
    unsigned matched;          // HEAD: bytes of the wrapping, blanks not counted
    struct json_extent extent; // INSIDE of VALUE
    struct buf held;           // HEAD, HELD: all that came
    struct buf plain;          // the JSON text of one fragment
    struct buf joined;         // two fragments whose cut went through a surrogate pair
    char escape[6], half[6];   // a beginning of an escape within the text, and around it
    size_t escape_len, half_len;
};

/* Of what is held; such an object has no business to be larger. */
#define UNWRAP_LIMIT ((size_t)16 * 1024 * 1024)

void unwrap_init(struct unwrap *u, enum unwrap_kind kind);
void unwrap_release(struct unwrap *u);

/** What of the value stands in `fragment`, perhaps nothing; borrowed until the next call. */
struct chat_text unwrap_feed(struct unwrap *u, struct chat_text fragment);

/** The object has ended: what was held back. */
struct chat_text unwrap_end(struct unwrap *u);

/** More is held than UNWRAP_LIMIT: give up. */
bool unwrap_overflows(const struct unwrap *u);

#endif
