/* usage_read.h - the usage objects of each dialect as tokens by kind (protocols/mapping.md, 4). */
#ifndef CHAT_USAGE_READ_H
#define CHAT_USAGE_READ_H

#include <stdbool.h>

#include "base/slice.h"
#include "chat/usage.h"

/*
 * Each takes a raw JSON object out of an answer.  Figures that make no sense are
 * bent until they do: nothing is negative, nothing above 2^53, a part never more
 * than its whole.  False, and `usage` is as it was, when there is no figure in it.
 */

/** `usage` of Chat, Responses, embeddings and those who copy them; replaces what was there. */
bool usage_read_openai(struct slice object, struct chat_usage *usage);

/** The same of endpoints that make pictures: what is made is of pictures unless it is said. */
bool usage_read_images(struct slice object, struct chat_usage *usage);

/** `usage` of Messages; replaces only what it names: its end repeats a part of its start. */
bool usage_read_anthropic(struct slice object, struct chat_usage *usage);

/** `usageMetadata` of Gemini; replaces what was there. */
bool usage_read_gemini(struct slice object, struct chat_usage *usage);

/**
 * How it was served, by what the vendor names it ("flex", "PRIORITY", "ON_DEMAND", ...); false,
 * and `tier` is as it was, where that is not said.
 */
bool usage_read_tier(struct slice literal, enum service_tier *tier);

/** Of Anthropic's usage: its speed counts before its tier, and stays. */
void usage_read_anthropic_tier(struct slice object, enum service_tier *tier);

/** Is this item of Responses' output a web search?  To open a page that one found costs nothing. */
bool usage_is_search(struct slice item);

/**
 * How many searches Google bills for so many queries of one answer: up to Gemini 2.5 it bills
 * prompts, whatever they made it look for; since then each query.
 */
int64_t usage_gemini_searches(struct slice model, int64_t queries);

#endif
