/* rules.h - what operators' rules make of a request, on its way in and on its way out. */
#ifndef EXCHANGE_RULES_H
#define EXCHANGE_RULES_H

#include "exchange/exchange.h"

/**
 * Applies those of `list` that are for the client's words, and notes what became of them in
 * `ruled`; x->body is another one then, and
 * what was found in the old one must be looked for again.  `model` becomes what they made of
 * the model's name, or stays; it is no part of x->body any longer.
 */
enum err rules_inbound(struct exchange *x, const struct rule_list *list, struct ruled *ruled,
                       struct slice *model);

/**
 * Applies those that are for upstream's words: at->body and at->edits, where the client's
 * bytes are passed on; x->foreign_body, where they were translated.
 */
enum err rules_outbound_native(struct exchange *x, struct attempt *at);
enum err rules_outbound_foreign(struct exchange *x, struct attempt *at);

/** The same where the body is no JSON: headers alone. */
enum err rules_outbound_headers(struct exchange *x, struct attempt *at);

/** Whether rules decide about the header of that name; a NULL pointer in `value`: it goes. */
bool rules_header(const struct attempt *at, struct slice name, struct slice *value);

/** Finds what is edited of a body on its way: the model and Chat's stream_options. */
void rules_find_spans(struct attempt *at);

#endif
