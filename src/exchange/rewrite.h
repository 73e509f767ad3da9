/* rewrite.h - what is asked of an upstream of another dialect, generating aside. */
#ifndef EXCHANGE_REWRITE_H
#define EXCHANGE_REWRITE_H

#include "exchange/exchange.h"

/*
 * One translated operation whose answer is a document that is gathered whole and written anew.
 * What `build` found out about the request and `answer` must know stands in the attempt.
 */
struct rewrite {
    /** Writes x->foreign_body for at->dialect.  ERR_BAD_REQUEST: this target cannot carry it. */
    enum err (*build)(struct exchange *x, struct attempt *at);

    /**
     * Appends the client's answer.  The listener has heard `body`, which is no error; what it
     * cannot hear of usage is put into it here.
     */
    enum err (*answer)(struct exchange *x, struct slice body, struct buf *out, struct err_info *e);
};

/** NULL for what is translated event by event: generating. */
const struct rewrite *rewrite_find(enum operation op);

#endif
