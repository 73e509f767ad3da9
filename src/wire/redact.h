/* redact.h - what may be written down of heads, addresses and bodies. */
#ifndef WIRE_REDACT_H
#define WIRE_REDACT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/secret.h"
#include "base/slice.h"

/*
 * Everything that a log keeps of an exchange goes through one of these.  Each writes a copy of
 * its text in which secrets are "***"; JSON stays JSON.  Secret is
 *
 *   - by its name: the value of a header or query parameter whose name says so,
 *   - by its owner: each of `own`, wherever it stands, and a beginning of it at the text's end,
 *     where a body may have been cut off,
 *   - by its shape: vendors' keys (sk-..., AIza..., ghp_..., gp-...), bearer and basic
 *     credentials, JSON web tokens, private keys, URLs' user:password@, and long values that a
 *     name like "api_key" or "password" stands before.
 *
 * A secret that is spelled out over several pieces of a stream cannot be seen.
 */
struct redact_own {
    const struct secret *list; // those of under 6 bytes are not looked for
    size_t count;
};

/** Whether a header or parameter of that name holds a secret: authorization, x-api-key, cookie... */
bool redact_is_secret_name(struct slice name);

void redact_text(struct slice text, struct redact_own own, struct buf *out);

/** "name: value\r\n" lines, as a head has them; the first may be a request or status line. */
void redact_lines(struct slice lines, struct redact_own own, struct buf *out);

/** A path or URL, with its query if it has one. */
void redact_target(struct slice target, struct redact_own own, struct buf *out);

#endif
