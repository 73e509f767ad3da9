/* openai_shared.h - what Chat Completions and Responses have in common. */
#ifndef CHAT_OPENAI_SHARED_H
#define CHAT_OPENAI_SHARED_H

#include "base/buf.h"
#include "base/err.h"
#include "chat/request.h"
#include "chat/usage.h"
#include "json/tree.h"
#include "json/write.h"

/*
 * Usage objects are read by usage_read_openai(); these write them (mapping.md 4).  Both are
 * whole values: {"prompt_tokens":...} and {"input_tokens":...}.
 */
void openai_chat_usage_write(struct json_writer *w, const struct chat_usage *usage);
void openai_responses_usage_write(struct json_writer *w, const struct chat_usage *usage);

/** TIER_UNSET for names that nobody knows; NULL for TIER_UNSET. */
enum chat_tier openai_tier_parse(struct slice name);
const char *openai_tier_name(enum chat_tier tier);

/**
 * What stands at `prompt_cache_breakpoint`, or at `cache_control` with hosts that take
 * Anthropic's: CACHE_NONE when it marks nothing, or is no mark at all.
 */
enum chat_cache openai_breakpoint_read(const struct json *mark);
enum chat_cache openai_cache_control_read(const struct json *mark);

/** The member `prompt_cache_breakpoint` with its key; nothing for CACHE_NONE. */
void openai_breakpoint_write(struct json_writer *w, enum chat_cache cache);

/**
 * What an upstream says at `error` of an answer that began well: an object
 * {message, type, code}, or a string alone.  Appends its message as UTF-8.
 */
enum err openai_error_read(struct slice error, struct buf *message);

/** Whether an `error` is there only to say that there is none: absent, null, false, "". */
bool openai_error_is_none(struct slice error);

/** `data` as a data URL, or the URL that it is. */
void openai_url_write(struct json_writer *w, const struct chat_media *media);

#endif
